//! The generated files that are committed: IDL, OpenAPI document, `.sqlx`, and what both
//! clients have of the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use vouch_localnet::{Instance, cargo, finish, prepare_queries, workspace_root};

use crate::typescript;

const IDL: &str = "idl/referral.json";
const OPENAPI: &str = "api/openapi.json";
const QUERIES: &str = ".sqlx";
/// What `vouch-client-gen` writes for the Rust client.
const RUST: &str = "crates/client/src/generated";
/// What Codama writes for the TypeScript client.
const TYPESCRIPT: &str = "clients/ts/src/generated";
/// What the Rust client does, for tests of both.
const VECTORS: &str = "clients/ts/test/vectors.json";

/// Path below the root, and content.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Writes them.
pub(crate) async fn write() -> Result<()> {
    let root = workspace_root();
    let before = committed(&root)?;
    let instance = Instance::create("generate")?;
    // The documents come from programs that contain the Rust client, so it is written
    // first. It stays written if they do not compile with it.
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

/// Fails when one of them is not what would be generated now.
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
    for path in [IDL, OPENAPI, VECTORS].map(PathBuf::from) {
        if let Some(content) = read(&root.join(&path))? {
            files.insert(path, content);
        }
    }
    for path in [QUERIES, RUST, TYPESCRIPT] {
        files.extend(below(root, Path::new(path))?);
    }
    Ok(files)
}

/// What follows from the program: the IDL, and what both clients have of it.
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
    let generator = cargo(["run", "-p", "vouch-client-gen", "--"]);
    finish(generator.args([&idl, &rust])).await?;
    files.extend(below(instance.dir(), Path::new(RUST))?);

    typescript::generate(&instance.dir().join("clients/ts"), &idl).await?;
    files.extend(below(instance.dir(), Path::new(TYPESCRIPT))?);
    Ok(files)
}

/// What the programs of this workspace say of themselves.
async fn documents(instance: &Instance) -> Result<Files> {
    let mut files = Files::new();
    // Their standard output is the document; cargo's own messages are not in it,
    // because the build comes first.
    for (path, program, args) in [
        (OPENAPI, &["-p", "vouch-api"][..], &["--", "openapi"][..]),
        (
            VECTORS,
            &["-p", "vouch-client", "--example", "vectors"],
            &[],
        ),
    ] {
        finish(cargo(["build"]).args(program)).await?;
        let output = instance.dir().join("output");
        let mut document = cargo(["run", "-q"]).args(program).args(args);
        document.log = Some(output.clone());
        finish(document).await?;
        files.insert(path.into(), fs::read(&output)?);
        // The next one would be appended.
        fs::remove_file(&output)?;
    }

    let queries = instance.dir().join(QUERIES);
    fs::create_dir(&queries)?;
    prepare_queries(&queries).await?;
    files.extend(below(instance.dir(), Path::new(QUERIES))?);
    Ok(files)
}

/// The files below `path` in `root`, which may be absent.
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
