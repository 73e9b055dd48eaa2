//! Measures the compute units of each instruction in LiteSVM over many wallets, and
//! compares them with a floor program that does only the unavoidable work. Writes
//! `benches/compute-units.md` and `benches/compute-units.json`, or beside them
//! `compute-units-solana-tools.{md,json}` for a binary that another compiler made.

mod chain;
mod report;
mod rows;
mod scene;

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use sha2::{Digest, Sha256};
use vouch_client::accounts::{
    AccountType, Binding, Campaign, Closed, Conversion, Referral, Referrer, RevokedVoucher,
};

use chain::{Binaries, Chain, TOKEN_2022, TOKEN_PROGRAMS, root, token_program_name};
use report::{Rent, Report, Row, Sizes, TokenProgram};
use rows::SPECS;

/// Measures compute units, sizes and rent, and writes benches/compute-units.{json,md}.
#[derive(Parser)]
struct Args {
    /// Writes nothing; fails when a figure is worse than the committed one.
    #[arg(long)]
    check: bool,
    /// Writes nothing; prints the rows whose name contains this text.
    #[arg(long, conflicts_with = "check")]
    only: Option<String>,
    /// Number of wallets per row.
    #[arg(long, default_value_t = 1_000, requires = "only")]
    wallets: usize,
    /// The compiler of the programs, unless it is the one of toolchain/. Writes
    /// benches/compute-units-solana-tools.{json,md}, with this name in the text.
    #[arg(long, conflicts_with_all = ["check", "only"])]
    built_by: Option<String>,
}

const JSON: &str = "benches/compute-units.json";
const MARKDOWN: &str = "benches/compute-units.md";
/// The figures of the Solana tools' binary. They stand beside the others and are compared
/// with none.
const SOLANA_TOOLS: [&str; 2] = [
    "benches/compute-units-solana-tools.json",
    "benches/compute-units-solana-tools.md",
];

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let binaries = Binaries::read()?;
    let rows = measure(&binaries, args.wallets, args.only.as_deref())?;
    if args.only.is_some() {
        for row in rows {
            println!("{}", serde_json::to_string(&row)?);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let compiler = args.built_by.clone().unwrap_or_else(report::compiler);
    let report = report(&binaries, rows, args.wallets, compiler)?;
    let (json, markdown) = (report.json()?, report.markdown());
    let names = match args.built_by {
        Some(_) => SOLANA_TOOLS,
        None => [JSON, MARKDOWN],
    };
    let [json_file, markdown_file] = names.map(|name| root().join(name));
    if !args.check {
        std::fs::write(json_file, json)?;
        std::fs::write(markdown_file, markdown)?;
        println!("bench: {} and {} written", names[0], names[1]);
        return Ok(ExitCode::SUCCESS);
    }

    let committed = std::fs::read_to_string(&json_file).with_context(|| JSON)?;
    let mut worse = report.worse_than(&committed);
    // The figures are equal, so the text must be, too.
    if committed == json && std::fs::read_to_string(&markdown_file)? != markdown {
        worse.push(format!("{MARKDOWN}: not what would be written now"));
    }
    if worse.is_empty() {
        println!("bench: no figure is worse than in {JSON}");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "bench: worse than in {JSON}. If that has to be, run ./dev bench cu and commit what it writes:\n  {}",
        worse.join("\n  ")
    );
    Ok(ExitCode::FAILURE)
}

/// Measures the rows, in one thread per processor.
fn measure(binaries: &Binaries, wallets: usize, only: Option<&str>) -> Result<Vec<Row>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut rows = Vec::new();
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let Some(spec) = SPECS.get(at)
        {
            if only.is_none_or(|only| spec.name().contains(only)) {
                rows.push((at, row(spec, binaries, wallets)));
            }
        }
        rows
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut rows = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(|worker| match worker.join() {
            Ok(rows) => rows,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.flatten().collect::<Vec<_>>()
    });
    rows.sort_by_key(|(at, _)| *at);

    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (at, row) in rows {
        match row {
            Ok(row) => good.push(row),
            Err(error) => bad.push(format!("{}: {error:#}", SPECS[at].name())),
        }
    }
    ensure!(bad.is_empty(), "{}", bad.join("\n"));
    Ok(good)
}

fn row(spec: &rows::Spec, binaries: &Binaries, wallets: usize) -> Result<Row> {
    let (chain, cases) = (spec.prepare)(binaries, wallets)?;
    let (units, floor) = chain.measure(&cases)?;
    Ok(Row::new(spec.instruction, spec.variant, units, floor))
}

/// The complete report: rows, sizes, rents, and the programs that the figures depend on.
fn report(binaries: &Binaries, rows: Vec<Row>, wallets: usize, compiler: String) -> Result<Report> {
    let chain = Chain::new(binaries)?;
    let rents = [
        ("campaign", Campaign::SIZE),
        ("referral", Referral::SIZE),
        ("conversion", Conversion::SIZE),
        ("binding", Binding::SIZE),
        (
            "referrer, where a campaign counts per owner",
            Referrer::SIZE,
        ),
        ("revoked voucher", RevokedVoucher::SIZE),
        ("what is left of a campaign or a referral", Closed::SIZE),
        ("vault (token account)", 165),
        // An upgradeable program is a small account that points to the account of its
        // binary.
        ("the program", 36),
        ("the program's binary", 45 + binaries.program.len()),
    ];
    let token_programs = TOKEN_PROGRAMS
        .iter()
        .map(|address| {
            let (binary, upgradeable) = chain.loaded(address)?;
            let name = if *address == TOKEN_2022 {
                "Token-2022"
            } else {
                token_program_name(upgradeable)
            };
            let hash: [u8; 32] = Sha256::digest(&binary).into();
            Ok(TokenProgram {
                name: name.to_owned(),
                address: address.to_string(),
                bytes: binary.len(),
                sha256: hash.map(|byte| format!("{byte:02x}")).concat(),
            })
        })
        .collect::<Result<_>>()?;
    Ok(Report {
        rows,
        sizes: Sizes {
            binary_bytes: binaries.program.len(),
            conversion_account_bytes: Conversion::SIZE,
        },
        wallets,
        rents: rents
            .map(|(what, bytes)| Rent {
                what: what.to_owned(),
                bytes,
                lamports: chain.rent(bytes),
            })
            .into(),
        token_programs,
        compiler,
    })
}
