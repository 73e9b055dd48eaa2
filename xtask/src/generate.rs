//! The committed generated files: IDL, OpenAPI document, `.sqlx`, the parts of both clients that
//! follow from the IDL, and the patterns of machines' user agents.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use vouch_localnet::{
    Instance, ProcessSpec, built_binary, cargo, finish, prepare_queries, workspace_root,
};

use crate::{build, typescript};

const IDL: &str = "idl/referral.json";
const OPENAPI: &str = "api/openapi.json";
const QUERIES: &str = ".sqlx";
/// Output of `vouch-client-gen`, for the Rust client.
const RUST: &str = "crates/client/src/generated";
/// Output of Codama, for the TypeScript client.
const TYPESCRIPT: &str = "clients/ts/src/generated";
/// Patterns of user agents of machines, from the package isbot.
const MACHINES: &str = "api/src/clicks/agents/machines.txt";
/// Test vectors of the Rust client, for tests of both clients.
const VECTORS: &str = "clients/ts/test/vectors.json";

/// Contents by path below the root.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Writes the generated files.
pub(crate) async fn write() -> Result<()> {
    let root = workspace_root();
    let before = committed(&root)?;
    let instance = Instance::create("generate")?;
    // Write the Rust client first, because the programs that print the documents contain
    // it. It stays written if they do not compile with it.
    let mut fresh = contract(&instance).await?;
    put(&root, &fresh)?;
    let documents = documents(&instance).await?;
    put(&root, &documents)?;
    fresh.extend(documents);
    for path in before.keys().filter(|path| !fresh.contains_key(*path)) {
        fs::remove_file(root.join(path))?;
    }
    println!("generate: {} files written", fresh.len());
    Ok(())
}

fn put(root: &Path, files: &Files) -> Result<()> {
    for (path, content) in files {
        let file = root.join(path);
        fs::create_dir_all(file.parent().context("a file is in a folder")?)?;
        fs::write(file, content)?;
    }
    Ok(())
}

/// Fails when a committed file differs from what would be generated now.
pub(crate) async fn check() -> Result<()> {
    let committed = committed(&workspace_root())?;
    let instance = Instance::create("generate")?;
    let mut fresh = contract(&instance).await?;
    fresh.extend(documents(&instance).await?);
    let differ: Vec<String> = committed
        .keys()
        .chain(fresh.keys().filter(|path| !committed.contains_key(*path)))
        .filter_map(|path| {
            let how = match (committed.get(path), fresh.get(path)) {
                (Some(old), Some(new)) if old == new => return None,
                (Some(_), Some(_)) => "out of date",
                (Some(_), None) => "no longer generated",
                (None, _) => "missing",
            };
            Some(format!("{}: {how}", path.display()))
        })
        .collect();
    if !differ.is_empty() {
        bail!(
            "generated files differ: run ./dev generate and commit the result\n  {}",
            differ.join("\n  ")
        );
    }
    println!("generated: {} files are up to date", fresh.len());
    Ok(())
}

fn committed(root: &Path) -> Result<Files> {
    let mut files = Files::new();
    for path in [IDL, OPENAPI, VECTORS, MACHINES].map(PathBuf::from) {
        if let Some(content) = read(&root.join(&path))? {
            files.insert(path, content);
        }
    }
    for path in [QUERIES, RUST, TYPESCRIPT] {
        files.extend(below(root, Path::new(path))?);
    }
    Ok(files)
}

/// Files that must be there before anything is compiled: the IDL, the parts of both clients, and the
/// patterns of user agents.
async fn contract(instance: &Instance) -> Result<Files> {
    let mut files = Files::new();

    let idl = instance.dir().join("idl.json");
    let generator = cargo([
        "run",
        "--manifest-path",
        "programs/Cargo.toml",
        "-p",
        "idl-gen",
        "--",
    ]);
    finish(generator.args([&idl])).await?;
    files.insert(IDL.into(), fs::read(&idl).context("idl-gen wrote nothing")?);

    let rust = instance.dir().join(RUST);
    build::binaries().await?;
    let generator = ProcessSpec::new("vouch-client-gen", built_binary("vouch-client-gen")?);
    finish(generator.args([&idl, &rust])).await?;
    files.extend(below(instance.dir(), Path::new(RUST))?);

    let machines = instance.dir().join("machines.txt");
    typescript::machines(&machines).await?;
    files.insert(MACHINES.into(), fs::read(&machines)?);

    typescript::generate(&instance.dir().join("clients/ts"), &idl).await?;
    files.extend(below(instance.dir(), Path::new(TYPESCRIPT))?);
    Ok(files)
}

/// Files that the programs of this workspace print or compile.
async fn documents(instance: &Instance) -> Result<Files> {
    let mut files = Files::new();
    finish(cargo(["build", "--workspace", "--bins", "--examples"])).await?;
    for (path, program, args) in [
        (OPENAPI, "vouch-api", &["openapi"][..]),
        (VECTORS, "examples/vectors", &[]),
    ] {
        // Standard output is the document.
        let output = instance.dir().join("output");
        let mut document = ProcessSpec::new(program, built_binary(program)?).args(args);
        document.log = Some(output.clone());
        finish(document).await?;
        files.insert(path.into(), fs::read(&output)?);
        // Otherwise the next output would be appended.
        fs::remove_file(&output)?;
    }

    let queries = instance.dir().join(QUERIES);
    fs::create_dir(&queries)?;
    prepare_queries(&queries).await?;
    files.extend(below(instance.dir(), Path::new(QUERIES))?);
    Ok(files)
}

/// The files below `path` in `root`; empty if `path` does not exist.
fn below(root: &Path, path: &Path) -> Result<Files> {
    let mut files = Files::new();
    let dir = root.join(path);
    if dir.is_dir() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let path = path.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                files.extend(below(root, &path)?);
            } else {
                files.insert(path, fs::read(entry.path())?);
            }
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}
