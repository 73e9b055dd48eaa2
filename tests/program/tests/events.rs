//! Events, decoded from the log as a consumer of the IDL would.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use litesvm::types::TransactionMetadata;
use sha2::{Digest as _, Sha256};
use solana_sdk::signature::Signer as _;
use vouch_client::{
    accounts::Conversion,
    instructions::{self, CreateReferral},
    pda,
};
use vouch_program_tests::{REWARD, World, code};

/// The one event in the log, which must be called `name`: its bytes after the discriminator.
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
    let (referral, _) = pda::referral(&campaign, &name);
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
    // Then nothing is logged: the conversion's account says it all
    assert!(
        !landed
            .logs
            .iter()
            .any(|line| line.starts_with("Program data: "))
    );
    let conversion = world.read::<Conversion>(&pda::conversion(&campaign, &bob.pubkey()).0);
    assert_eq!(conversion.reward_referrer, REWARD);

    // When the campaign is paused
    let pause = instructions::set_paused(&company.pubkey(), &campaign, true);
    let landed = world.send(&[pause], &[&company]).expect("paused");
    // Then its event names the campaign, the old value and the new one
    let expected = [campaign.as_ref(), &[0, 1]].concat();
    assert_eq!(event(&landed, "CampaignPauseChanged"), expected);
}
