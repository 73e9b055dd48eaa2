//! Events, decoded from the log with the IDL.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use litesvm::types::TransactionMetadata;
use sha2::{Digest as _, Sha256};
use solana_sdk::signature::Signer as _;
use vouch_client::{
    accounts::{Settings, Terms},
    instructions::{self, CreateReferral},
};
use vouch_program_tests::{REWARD, World, code};

/// The bytes, after the discriminator, of the log's only event, which must be `name`.
#[track_caller]
fn event(landed: &TransactionMetadata, name: &str) -> Vec<u8> {
    let found: Vec<&str> = landed
        .logs
        .iter()
        .filter_map(|line| line.strip_prefix("Program data: "))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    let bytes = STANDARD.decode(found[0]).expect("base64");
    let (discriminator, body) = bytes.split_at(8);
    assert_eq!(discriminator, &Sha256::digest(format!("event:{name}"))[..8]);
    body.to_vec()
}

#[test]
fn instructions_say_what_happened() {
    let mut world = World::new();
    let company = world.company.insecure_clone();

    // When a campaign is opened
    let campaign = world.new_mint(2);
    let mint = world.mint.pubkey();
    let args = world.campaign_args(2);
    let landed = world
        .send(&[instructions::create_campaign(&args)], &[&company])
        .expect("a campaign");
    // Then its event names campaign, creator, mint, terms and settings
    let expected = [
        campaign.as_ref(),
        company.pubkey().as_ref(),
        mint.as_ref(),
        &borsh::to_vec(&(args.terms, args.settings)).expect("bytes"),
    ]
    .concat();
    assert_eq!(event(&landed, "CampaignCreated"), expected);

    // When a code is registered
    world.campaign = campaign;
    let alice = world.wallet();
    let name = code("STARTER7");
    let create = instructions::create_referral(&CreateReferral::new(
        &alice.pubkey(),
        &alice.pubkey(),
        &campaign,
        &name,
    ));
    let landed = world.send(&[create], &[&alice]).expect("a referral");
    // Then its event names referral, campaign, owner and code
    let referral = world.referral_address("STARTER7");
    let expected = [
        referral.as_ref(),
        campaign.as_ref(),
        alice.pubkey().as_ref(),
        b"STARTER7\0\0\0\0",
    ]
    .concat();
    assert_eq!(event(&landed, "ReferralCreated"), expected);

    // When a wallet converts
    let bob = world.wallet();
    let account = vouch_client::token::create_associated_token(
        &bob.pubkey(),
        &alice.pubkey(),
        &world.mint.pubkey(),
        &world.token_program,
    );
    world.send(&[account], &[&bob]).expect("a token account");
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), "STARTER7");
    let landed = world.send(&[convert], &[&bob]).expect("paid");
    // Then nothing is logged, because the conversion's account and instruction hold all
    // facts
    assert!(
        !landed
            .logs
            .iter()
            .any(|line| line.starts_with("Program data: "))
    );
    let conversion = world.converted("STARTER7", &bob.pubkey(), &[0; 32]);
    assert_eq!(conversion.reward_referrer, REWARD);

    // When the campaign is paused
    let pause = instructions::set_paused(&company.pubkey(), &campaign, true);
    let landed = world.send(&[pause], &[&company]).expect("paused");
    // Then its event names the campaign, the old value and the new one
    let expected = [campaign.as_ref(), &[0, 1]].concat();
    assert_eq!(event(&landed, "CampaignPauseChanged"), expected);
}

#[test]
fn a_change_says_from_when_it_holds() {
    // Given a campaign with a notice
    let mut world = World::new();
    world.set_time(1_800_000_000);
    let terms = Terms {
        notice_seconds: 1_000,
        ..Terms::default()
    };
    world.open(terms, Settings::fixed(REWARD));
    let company = world.company.insecure_clone();

    // When its reward is raised, then the raise applies at once, and a cut after the
    // notice
    for (reward, from) in [(REWARD + 1, 1_800_000_000_i64), (REWARD, 1_800_001_000)] {
        let old = world.settings();
        let update = world.updating(|settings| settings.reward_fixed = reward);
        let landed = world.send(&[update], &[&company]).expect("updated");
        let new = Settings {
            reward_fixed: reward,
            ..old
        };
        let expected = [
            world.campaign.as_ref(),
            &borsh::to_vec(&(old, new, from)).expect("bytes"),
        ]
        .concat();
        assert_eq!(event(&landed, "CampaignUpdated"), expected);
    }
}

#[test]
fn an_owner_and_a_revoked_voucher_are_logged() {
    // Given a campaign that counts per owner and has an attestor
    let mut world = World::new();
    world.set_time(1_800_000_000);
    let terms = Terms {
        per_owner: true,
        ..Terms::default()
    };
    let attestor = world.open_attested(terms, Settings::fixed(REWARD));
    let (campaign, alice) = (world.campaign, world.wallet());

    // When Alice registers, then the event names campaign, owner and time
    let owner = alice.pubkey();
    let register = instructions::register_referrer(&owner, &owner, &campaign);
    let landed = world.send(&[register], &[&alice]).expect("registered");
    let expected = [
        campaign.as_ref(),
        owner.as_ref(),
        &1_800_000_000_i64.to_le_bytes(),
    ]
    .concat();
    assert_eq!(event(&landed, "ReferrerRegistered"), expected);

    // When the attestor revokes a voucher, then the event names campaign, digest and the
    // time from which no such voucher can be valid
    let revoke = instructions::revoke_voucher(
        &owner,
        &attestor.pubkey(),
        &campaign,
        [7; 32],
        1_800_000_060,
    );
    let landed = world
        .send(&[revoke], &[&alice, &attestor])
        .expect("revoked");
    let kept_until = 1_800_000_000_i64 + 30 * 24 * 60 * 60 + 300;
    let expected = [campaign.as_ref(), &[7; 32], &kept_until.to_le_bytes()].concat();
    assert_eq!(event(&landed, "VoucherRevoked"), expected);
}
