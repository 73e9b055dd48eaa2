//! `./dev schemathesis`: the API against its OpenAPI document. `tests/product/src/documented.rs` does it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use vouch_localnet::{
    ProcessSpec, built_binary, cached_schemathesis_root, finish, schemathesis_folder,
};

use crate::{build, product};

/// Sends valid and invalid requests to every route of the OpenAPI document, and compares the answers with
/// it. `./dev test` runs a short form.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The same number gives the same requests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Most random requests for each operation of the document.
    #[arg(long, default_value_t = 200)]
    examples: u32,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    prepare().await?;
    product::build().await?;
    let schemathesis = ProcessSpec::new("vouch-schemathesis", built_binary("vouch-schemathesis")?)
        .args(["--seed", &args.seed.to_string()])
        .args(["--examples", &args.examples.to_string()]);
    finish(schemathesis).await?;
    Ok(ExitCode::SUCCESS)
}

/// Installs schemathesis from PyPI, unless it is in the cache. Every package has the version and the hash of
/// `tests/schemathesis/requirements.txt`.
pub(crate) async fn prepare() -> Result<()> {
    let root = cached_schemathesis_root()?;
    let what = "installing schemathesis, which tests the API";
    build::once(&root, what, async |new, work| {
        let python = |program: PathBuf, args: &[&OsStr]| {
            finish(ProcessSpec::new("python", program).args(args))
        };
        let environment = work.join("venv");
        let make = ["-m", "venv"].map(OsStr::new);
        let make = [&make[..], &[environment.as_os_str()]].concat();
        python("python3".into(), &make).await?;
        let list = schemathesis_folder().join("requirements.txt");
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ];
        let checked = ["--no-deps", "--require-hashes", "--only-binary", ":all:"];
        let install = install.into_iter().chain(checked).map(OsStr::new);
        let files = [
            "--requirement".as_ref(),
            list.as_os_str(),
            "--target".as_ref(),
            new.as_os_str(),
        ];
        let install: Vec<_> = install.chain(files).collect();
        python(environment.join("bin/python"), &install).await
    })
    .await
}
