//! Prints, as a Markdown table, what each instruction costs in LiteSVM over many
//! random wallets. Which wallet it is matters: finding an address tries one bump
//! after the other.

use std::collections::BTreeMap;

use solana_sdk::{pubkey::Pubkey, signature::Signer as _};
use vouch_client::{
    Code,
    instructions::{self, CreateReferral},
    token,
};
use vouch_program_tests::{TOKEN_2022, World, program_bytes};

/// Wallets that each figure is taken over.
const WALLETS: usize = 300;

fn main() {
    let mut units: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
    let mut token_loader = Pubkey::default();
    for (token_program, convert_row) in [
        (token::TOKEN_PROGRAM_ID, "convert"),
        (TOKEN_2022, "convert (Token-2022 mint)"),
    ] {
        for i in 0..WALLETS {
            let mut record = |row, used| units.entry(row).or_default().push(used);
            // A new world each time: new company, mint, campaign, code and wallets.
            let mut world = World::new();
            world.token_program = token_program;
            let (campaign, used) = world.open_campaign_measured(2);
            world.campaign = campaign;
            record("create_campaign", used);

            let owner = world.wallet();
            let text = CODES[i % CODES.len()];
            let code: Code = text.parse().expect("a code");
            let create = instructions::create_referral(&CreateReferral::new(
                &owner.pubkey(),
                &owner.pubkey(),
                &campaign,
                &code,
            ));
            let account = token::create_associated_token(
                &owner.pubkey(),
                &owner.pubkey(),
                &world.mint.pubkey(),
                &token_program,
            );
            record("create_referral", sent(&mut world, create, &owner));
            world.send(&[account], &[&owner]).expect("a token account");

            let referee = world.wallet();
            let convert = world.conversion(&referee.pubkey(), &owner.pubkey(), text);
            record(convert_row, sent(&mut world, convert, &referee));

            let company = world.company.insecure_clone();
            let pause = instructions::set_paused(&company.pubkey(), &campaign, true);
            record("set_paused", sent(&mut world, pause, &company));
            let program = world
                .svm
                .get_account(&token::TOKEN_PROGRAM_ID)
                .expect("the program");
            token_loader = program.owner;
        }
    }

    println!("| instruction | runs | least | median | most |");
    println!("|---|--:|--:|--:|--:|");
    for (row, mut all) in units {
        all.sort_unstable();
        let (least, median, most) = (all[0], all[all.len() / 2], all[all.len() - 1]);
        println!("| {row} | {} | {least} | {median} | {most} |", all.len());
    }
    println!();
    println!("Program: {} bytes.", program_bytes().len());
    println!(
        "Token program: LiteSVM's {}.",
        token_program_name(&token_loader)
    );
}

/// Codes of every length.
const CODES: [&str; 7] = [
    "ABCDEF",
    "ABCDEFG",
    "ABCDEFGH",
    "ABCDEFGHJ",
    "ABCDEFGHJK",
    "ABCDEFGHJKM",
    "ABCDEFGHJKMN",
];

const UPGRADEABLE_LOADER: Pubkey =
    Pubkey::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");

/// LiteSVM loads p-token with the upgradeable loader, SPL Token 3.5.0 with the older.
fn token_program_name(loader: &Pubkey) -> &'static str {
    if *loader == UPGRADEABLE_LOADER {
        "p-token (pinocchio_token_program.so)"
    } else {
        "SPL Token 3.5.0 (spl_token-3.5.0.so)"
    }
}

fn sent(
    world: &mut World,
    instruction: solana_sdk::instruction::Instruction,
    signer: &solana_sdk::signature::Keypair,
) -> u64 {
    let outcome = world.send(&[instruction], &[signer]);
    outcome
        .expect("the instruction succeeds")
        .compute_units_consumed
}
