use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    open: OpenArgs,
}

fn args(args: &[&str]) -> CampaignArgs {
    let args = ["vouch"].iter().chain(args);
    Line::try_parse_from(args).expect("options").open.campaign
}

#[test]
fn a_name_stands_for_the_number_of_the_api() {
    // SHA-256 of "abc" begins with these bytes: FIPS 180-2, appendix B.1.
    assert_eq!(id_of("abc").ok(), Some(0xba78_16bf_8f01_cfea));
    for name in [String::new(), "x".repeat(101)] {
        assert_eq!(id_of(&name).expect_err("refused").code, "invalid_name");
    }
    assert_eq!(args(&["--id", "7"]).id().ok(), Some(7));
    assert_eq!(args(&[]).id().expect_err("refused").code, "missing_option");
    let failure = args(&["--id=-7"]).id().expect_err("refused");
    assert_eq!(failure.code, "invalid_number");
}

#[test]
fn terms_are_usual_unless_chosen() {
    assert_eq!(
        args(&[]).terms().ok(),
        Some(usual_terms(Funding::MintAuthority))
    );
    let split = args(&["--funding", "payment_split"])
        .terms()
        .expect("terms");
    assert_eq!(
        (split.proof, split.uniqueness),
        (Proof::Payment, Uniqueness::Order)
    );
    let chosen = args(&[
        "--funding",
        "vault",
        "--proof",
        "attested",
        "--uniqueness",
        "wallet_and_code",
        "--per-owner",
        "true",
        "--notice",
        "1d",
    ]);
    let expected = Terms {
        funding: Funding::Vault,
        proof: Proof::Attested,
        uniqueness: Uniqueness::WalletAndCode,
        per_owner: true,
        notice_seconds: 86_400,
    };
    assert_eq!(chosen.terms().ok(), Some(expected));
    let failure = args(&["--funding", "mint"]).terms().expect_err("refused");
    assert_eq!(failure.code, "invalid_choice");
    // And nobody gives the authority of a token away by default
    let failure = args(&["--mint", "x"]).terms().expect_err("refused");
    assert_eq!(failure.code, "missing_option");
}

#[test]
fn no_node_makes_rent_dearer() {
    // 82 bytes and 128 of overhead, at 3480 lamports a year for two years: 6960 for each.
    assert_eq!(mint_rent(&Rent::default(), 82), Some(1_461_600));
    let with = Rent::with_lamports_per_byte;
    assert_eq!(mint_rent(&with(696), 82), Some(146_160));
    assert_eq!(mint_rent(&with(6961), 82), None);
    assert_eq!(mint_rent(&with(u64::MAX / 1000), 82), None);
}

#[test]
fn a_percentage_has_a_proof_and_a_maximum() {
    let refusal = |proof, settings: Settings| {
        let checked = checked_percentage(proof, &settings);
        checked.err().map(|failure| failure.code.into_owned())
    };
    let (bounded, unbounded) = (Settings::percent(100, 5), Settings::percent(100, 0));
    assert_eq!(
        refusal(Proof::Open, bounded).as_deref(),
        Some("invalid_reward")
    );
    assert_eq!(refusal(Proof::Attested, bounded), None);
    assert_eq!(
        refusal(Proof::Attested, unbounded).as_deref(),
        Some("missing_option")
    );
    assert_eq!(refusal(Proof::Payment, unbounded), None);
    assert_eq!(refusal(Proof::Open, Settings::fixed(1)), None);
}

#[test]
fn a_file_has_both_tables_and_no_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("campaign.toml");
    let read = |text: &str| {
        fs::write(&path, text).expect("a file");
        read_file(&path).map_err(|failure| failure.code)
    };
    let file = read("[campaign]\nname = \"Spring\"\nnotice = \"14d\"\n[settings]\nreward = 5\n");
    let file = file.expect("a file");
    // Options win, and an id on the command line takes the place of a name in the file
    let merged = args(&["--id", "7"]).over(file.campaign);
    assert_eq!(merged.id().ok(), Some(7));
    assert_eq!(
        merged.terms().ok().map(|terms| terms.notice_seconds),
        Some(1_209_600)
    );
    for text in [
        "[campaign]\nnome = \"x\"\n",
        "[setings]\n",
        "reward = 5\n",
        "[campaign\n",
    ] {
        assert_eq!(
            read(text).err().as_deref(),
            Some("file_unreadable"),
            "{text}"
        );
    }
}
