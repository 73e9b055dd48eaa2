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
