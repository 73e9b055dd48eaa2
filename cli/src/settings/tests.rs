use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: SettingsArgs,
}

const TOKENS: Tokens = Tokens {
    reward: Units {
        decimals: 6,
        raw: false,
    },
    payment: Units {
        decimals: 9,
        raw: false,
    },
};

fn line(args: &[&str]) -> SettingsArgs {
    let args = ["vouch"].iter().chain(args);
    Line::try_parse_from(args).expect("options").settings
}

fn apply(args: &[&str], base: Settings) -> Result<Settings, String> {
    let new = line(args).apply(base, TOKENS);
    new.map_err(|failure| format!("{}: {}", failure.code, failure.message))
}

#[test]
fn every_setting_has_an_option() {
    let wallet = Pubkey::new_from_array([7; 32]);
    let name = wallet.to_string();
    let mut expected = Settings {
        reward_kind: RewardKind::Percent,
        reward_bps: 250,
        reward_max: 1_500_000,
        min_amount: 2_000_000_000,
        referee_share_bps: 1000,
        max_partner_share_bps: 500,
        max_partner_fixed: 3,
        owner_limit: 12,
        hold_seconds: 1_209_600,
        attribution_window: 3600,
        starts_at: 1_801_396_800,
        ends_at: 1_801_396_801,
        gate_credential: wallet,
        gate_schema: wallet,
        budget: 1_000_000_000,
        attested_codes: true,
        attestor: wallet,
        treasury: wallet,
        ..Settings::default()
    };
    expected.tiers[0] = Tier {
        min_conversions: 10,
        multiplier_bps: 15_000,
    };
    expected.tiers[1] = Tier {
        min_conversions: 20,
        multiplier_bps: 20_001,
    };
    expected.bonuses[0] = Bonus {
        threshold: 3,
        amount: 50_000_000,
    };
    let args = [
        "--reward-percent",
        "2.5",
        "--reward-max",
        "1.5",
        "--min-amount",
        "2",
        "--referee-percent",
        "10%",
        "--partner-percent",
        "5",
        "--partner-fixed",
        "0.000003",
        "--owner-limit",
        "12",
        "--tier",
        "10:1.5",
        "--tier",
        "20:2.0001",
        "--bonus",
        "3:50",
        "--hold",
        "14d",
        "--window",
        "1h",
        "--starts-at",
        "2027-01-31T12:00:00Z",
        "--ends-at",
        "2027-01-31T12:00:01Z",
        "--gate-credential",
        &name,
        "--gate-schema",
        &name,
        "--budget",
        "1000",
        "--attested-codes",
        "true",
        "--attestor",
        &name,
        "--treasury",
        &name,
    ];
    assert_eq!(apply(&args, Settings::default()), Ok(expected));
    // And none of them changes what is not named
    assert_eq!(apply(&[], expected), Ok(expected));
    assert!(line(&[]).is_empty() && !line(&["--hold", "0"]).is_empty());

    // And what can be taken back is taken back by a word
    let back = [
        "--tier",
        "none",
        "--bonus",
        "none",
        "--budget",
        "none",
        "--owner-limit",
        "none",
        "--starts-at",
        "at_once",
        "--ends-at",
        "never",
        "--gate-credential",
        "none",
        "--gate-schema",
        "none",
        "--attestor",
        "none",
        "--treasury",
        "none",
        "--reward",
        "5",
        "--min-amount",
        "0",
        "--referee-fixed",
        "1",
        "--partner-percent",
        "0",
        "--partner-fixed",
        "0",
        "--hold",
        "0",
        "--window",
        "0",
        "--attested-codes",
        "false",
    ];
    let plain = Settings {
        referee_fixed: 1_000_000,
        ..Settings::fixed(5_000_000)
    };
    assert_eq!(apply(&back, expected), Ok(plain));
}

#[test]
fn a_file_has_the_same_settings_and_options_win() {
    let file: SettingsArgs = toml::from_str(
        "reward = 5\nreferee_percent = \"10\"\ntiers = [\"10:1.5\"]\nhold = \"7d\"\nattested_codes = true\n",
    )
    .expect("a file");
    let merged = line(&["--reward-percent", "2", "--hold", "1d"]).over(file);
    let new = merged.apply(Settings::default(), TOKENS).expect("settings");
    assert_eq!((new.reward_bps, new.reward_fixed), (200, 0));
    assert_eq!((new.hold_seconds, new.referee_share_bps), (86_400, 1000));
    assert_eq!(new.tiers[0].multiplier_bps, 15_000);
    assert!(new.attested_codes);
    // A float would lose digits, and a typo would change the meaning
    for text in ["reward = 5.1\n", "rewards = 5\n", "hold = [\"7d\"]\n"] {
        assert!(toml::from_str::<SettingsArgs>(text).is_err(), "{text}");
    }
}

#[test]
fn wrong_settings_name_their_option() {
    for (args, error) in [
        (
            ["--reward", "1.1234567"],
            "invalid_amount: --reward: 1.1234567 has 7 decimals, the token has 6",
        ),
        (
            ["--reward-percent", "2.555"],
            "invalid_percent: --reward-percent: \"2.555\" is no percentage",
        ),
        (
            ["--reward-percent", "100.01"],
            "invalid_percent: --reward-percent: \"100.01\" is no percentage",
        ),
        (
            ["--tier", "10"],
            "invalid_number: --tier: \"10\" is no such number",
        ),
        (
            ["--tier", "x:2"],
            "invalid_number: --tier: \"x:2\" is no such number",
        ),
        (
            ["--bonus", "1:x"],
            "invalid_amount: --bonus: \"x\" is no amount",
        ),
        (
            ["--hold", "7"],
            "invalid_duration: --hold: \"7\" is no span of time",
        ),
        (
            ["--ends-at", "soon"],
            "invalid_time: --ends-at: \"soon\" is no time",
        ),
        (
            ["--ends-at", "at_once"],
            "invalid_time: --ends-at: \"at_once\" is no time",
        ),
        (
            ["--starts-at", "never"],
            "invalid_time: --starts-at: \"never\" is no time",
        ),
        (
            ["--budget", "0.00"],
            "invalid_amount: --budget: a limit of 0 would allow nothing",
        ),
        (
            ["--owner-limit", "0"],
            "invalid_amount: --owner-limit: a limit of 0 would allow nothing",
        ),
        (
            ["--treasury", "x"],
            "invalid_address: --treasury: \"x\" is no address",
        ),
        (
            ["--reward-max", "5"],
            "conflicting_options: only a percentage has a --reward-max",
        ),
    ] {
        assert_eq!(apply(&args, Settings::fixed(1)), Err(error.to_owned()));
    }
    let five = [
        "--tier", "1:2", "--tier", "2:2", "--tier", "3:2", "--tier", "4:2", "--tier", "5:2",
    ];
    let error = "too_many_items: --tier can be given four times";
    assert_eq!(apply(&five, Settings::default()), Err(error.to_owned()));
}

#[test]
fn what_decides_over_money_and_stays_is_named() {
    let wallet = Pubkey::new_from_array([7; 32]);
    let before = Settings {
        treasury: wallet,
        budget: 1_500_000,
        ..Settings::fixed(1)
    };
    let names = |after: &Settings| kept(&before, after, TOKENS);
    let all = [
        format!("unchanged treasury {wallet}"),
        "unchanged attestor none".to_owned(),
        "unchanged budget 1.500000".to_owned(),
    ];
    assert_eq!(names(&before), all);
    let after = Settings {
        treasury: Pubkey::default(),
        budget: 0,
        ..before
    };
    assert_eq!(names(&after), all[1..2]);
    let percent = apply(
        &["--reward-percent", "1", "--reward-max", "0"],
        Settings::default(),
    );
    let error = "invalid_amount: --reward-max: 0 is no maximum";
    assert_eq!(percent, Err(error.to_owned()));
}

#[test]
fn changes_are_those_that_differ() {
    let before = Settings::fixed(5_000_000);
    let after = Settings {
        hold_seconds: 7,
        ..Settings::fixed(4_000_000)
    };
    let changes = changes(&before, &after, TOKENS);
    assert_eq!(
        changes,
        [
            json!({ "setting": "hold_seconds", "from": 0, "to": 7 }),
            json!({ "setting": "reward_fixed",
                "from": { "units": "5000000", "tokens": "5.000000" },
                "to": { "units": "4000000", "tokens": "4.000000" } }),
        ]
    );
}
