//! A campaign in which everybody is honest.

use solana_sdk::{pubkey::Pubkey, signature::Signer as _};
use vouch_client::{
    ProgramError,
    accounts::{
        AccountType as _, Action, Bonus, Campaign, Conversion, Funding, Proof, Referral,
        RewardKind, Settings, Status, Tier, Uniqueness,
    },
    instructions::{self, Convert, CreateReferral, Evidence},
    pda, token,
};
use vouch_program_tests::{REWARD, Refused, World, code};

#[test]
fn a_conversion_pays_the_referrer_in_the_same_transaction() {
    // Given a campaign and Alice's code
    let mut world = World::new();
    let alice = world.referrer("STARTER7");
    let bob = world.wallet();

    // When Bob converts
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), "STARTER7");
    world.send(&[convert], &[&bob]).expect("paid");

    // Then Alice has exactly five tokens
    assert_eq!(world.balance(&alice.pubkey()), 5_000_000);
}

#[test]
fn accounts_hold_every_fact() {
    // Given a campaign with a schedule, a code whose rent a sponsor paid
    let mut world = World::new();
    world.set_time(1_600_000_000);
    world.company = world.wallet();
    world.campaign = world.open_campaign(1, 1_700_000_000, 1_900_000_000);
    world.set_time(1_800_000_000);
    let (alice, bob, sponsor) = (world.wallet(), world.wallet(), world.wallet());
    let name = code("ABCDEF23456");
    let create = instructions::create_referral(&CreateReferral::new(
        &sponsor.pubkey(),
        &alice.pubkey(),
        &world.campaign,
        &name,
    ));
    let account = token::create_associated_token(
        &sponsor.pubkey(),
        &alice.pubkey(),
        &world.mint.pubkey(),
        &world.token_program,
    );
    world
        .send(&[create, account], &[&sponsor, &alice])
        .expect("a referral");

    // When Bob converts with every argument set, at the sponsor's cost
    let args = Convert {
        payer: sponsor.pubkey(),
        referee: bob.pubkey(),
        action: Action::Purchase,
        amount: u64::MAX,
        reference: [7; 32],
        evidence: Evidence::None,
    };
    let convert = world.convert(&alice.pubkey(), "ABCDEF23456", &args);
    let lamports = world.svm.get_balance(&bob.pubkey());
    world.send(&[convert], &[&sponsor, &bob]).expect("paid");

    // Then it cost Bob nothing
    assert_eq!(world.svm.get_balance(&bob.pubkey()), lamports);

    // And each account holds exactly these facts, and zeros in every other field (I9)
    let campaign: Campaign = world.read(&world.campaign);
    let none = Pubkey::default();
    assert_eq!(
        campaign,
        Campaign {
            version: 1,
            bump: pda::campaign(&world.company.pubkey(), 1).1,
            funding: Funding::MintAuthority,
            proof: Proof::Open,
            uniqueness: Uniqueness::Wallet,
            per_owner: false,
            paused: false,
            closed: false,
            mint_decimals: 6,
            notice_seconds: 0,
            creator: world.company.pubkey(),
            id: 1,
            authority: world.company.pubkey(),
            pending_authority: none,
            mint: world.mint.pubkey(),
            token_program: world.token_program,
            vault: none,
            payment_mint: none,
            rent_payer: world.company.pubkey(),
            created_at: 1_600_000_000,
            closed_at: 0,
            longest_hold: 0,
            least_margin: u64::MAX,
            committed: 0,
            owed: 0,
            settings: Settings {
                reward_kind: RewardKind::Fixed,
                reward_fixed: REWARD,
                reward_bps: 0,
                reward_max: 0,
                min_amount: 0,
                referee_share_bps: 0,
                referee_fixed: 0,
                max_partner_share_bps: 0,
                max_partner_fixed: 0,
                owner_limit: 0,
                tiers: [Tier {
                    min_conversions: 0,
                    multiplier_bps: 0
                }; 4],
                bonuses: [Bonus {
                    threshold: 0,
                    amount: 0
                }; 4],
                hold_seconds: 0,
                attribution_window: 0,
                starts_at: 1_700_000_000,
                ends_at: 1_900_000_000,
                gate_credential: none,
                gate_schema: none,
                budget: 0,
                attested_codes: false,
                attestor: none,
                treasury: none,
            },
            bonus_places: [0; 4],
            next_from: 0,
            next: Settings::default(),
            next_bonus_places: [0; 4],
            offered: [Bonus {
                threshold: 0,
                amount: 0
            }; 32],
            reserved: [0; 56],
        }
    );

    let referral_address = pda::referral(&world.campaign, &name);
    let referral: Referral = world.read(&referral_address);
    let (reward_account, _) =
        pda::associated_token(&alice.pubkey(), &world.mint.pubkey(), &world.token_program);
    assert_eq!(
        referral,
        Referral {
            version: 1,
            code_len: 11,
            active: true,
            suspended: false,
            partner_account_bump: 0,
            partner_share_bps: 0,
            partner_fixed: 0,
            partner_ends_at: 0,
            bonuses_paid: 0,
            code: *b"ABCDEF23456\0",
            campaign: world.campaign,
            owner: alice.pubkey(),
            pending_owner: Pubkey::default(),
            partner: Pubkey::default(),
            rent_payer: sponsor.pubkey(),
            reward_account,
            usage_limit: 0,
            conversions: 1,
            expires_at: 0,
            created_at: 1_800_000_000,
            rewards_total: REWARD,
            rewards_pending: 0,
            partner_pending: 0,
            open_conversions: 0,
            held_until: 0,
            reserved: [0; 8],
        }
    );

    let conversion_address = pda::conversion(&world.campaign, &bob.pubkey().to_bytes());
    let conversion: Conversion = world.read(&conversion_address);
    assert_eq!(
        conversion,
        Conversion {
            version: 1,
            status: Status::Paid,
            settled: 7,
            budgeted: false,
            bonuses: 0,
            referral: referral_address,
            referee: bob.pubkey(),
            rent_payer: sponsor.pubkey(),
            reward_referrer: REWARD,
            reward_referee: 0,
            reward_partner: 0,
            converted_at: 1_800_000_000,
            hold_seconds: 0,
        }
    );

    // And every stored byte belongs to a field
    for (address, size) in [
        (world.campaign, Campaign::SIZE),
        (referral_address, Referral::SIZE),
        (conversion_address, Conversion::SIZE),
    ] {
        let account = world.svm.get_account(&address).expect("an account");
        assert_eq!(account.data.len(), size);
        assert_eq!(
            account.lamports,
            world.svm.minimum_balance_for_rent_exemption(size)
        );
    }
}

#[test]
fn many_conversions_add_up() {
    // Given two codes
    let mut world = World::new();
    let (alice, dora) = (world.referrer("STARTER7"), world.referrer("STARTER8"));

    // When five wallets convert with one code, and three with the other
    for i in 0..8 {
        let referee = world.wallet();
        let (owner, text) = if i < 5 {
            (&alice, "STARTER7")
        } else {
            (&dora, "STARTER8")
        };
        let convert = world.conversion(&referee.pubkey(), &owner.pubkey(), text);
        world.send(&[convert], &[&referee]).expect("paid");
    }

    // Then balances, totals and supply agree (I4)
    assert_eq!(world.balance(&alice.pubkey()), 5 * REWARD);
    assert_eq!(world.balance(&dora.pubkey()), 3 * REWARD);
    let referral: Referral = world.referral("STARTER7");
    assert_eq!(
        (referral.conversions, referral.rewards_total),
        (5, 5 * REWARD)
    );
    let mint = world
        .svm
        .get_account(&world.mint.pubkey())
        .expect("the mint");
    assert_eq!(mint.data[36..44], (8 * REWARD).to_le_bytes());
}

#[test]
fn a_pause_acts_from_the_next_transaction_and_ends_as_it_began() {
    // Given a paused campaign (I7)
    let mut world = World::new();
    let alice = world.referrer("STARTER7");
    let bob = world.wallet();
    let company = world.company.insecure_clone();
    let pause = instructions::set_paused(&company.pubkey(), &world.campaign, true);
    world.send(&[pause], &[&company]).expect("paused");

    // When Bob converts, then he is refused and nothing is written
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), "STARTER7");
    let refused = world.send(std::slice::from_ref(&convert), &[&bob]);
    assert_eq!(
        refused.unwrap_err(),
        Refused::Program(ProgramError::CampaignPaused)
    );
    assert_eq!(
        world
            .svm
            .get_account(&pda::conversion(&world.campaign, &bob.pubkey().to_bytes())),
        None
    );

    // And when it is resumed, the same conversion is paid
    let resume = instructions::set_paused(&company.pubkey(), &world.campaign, false);
    world.send(&[resume], &[&company]).expect("resumed");
    world.send(&[convert], &[&bob]).expect("paid");
    assert_eq!(world.balance(&alice.pubkey()), REWARD);
}

#[test]
fn a_schedule_includes_its_start_and_excludes_its_end() {
    // Given a campaign from 1,000,000 until 2,000,000 (I7)
    for (now, expected) in [
        (999_999, Err(ProgramError::CampaignNotStarted)),
        (1_000_000, Ok(())),
        (1_999_999, Ok(())),
        (2_000_000, Err(ProgramError::CampaignEnded)),
    ] {
        let mut world = World::with_schedule(1_000_000, 2_000_000);
        let alice = world.referrer("STARTER7");
        let bob = world.wallet();

        // When Bob converts at that moment
        world.set_time(now);
        let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), "STARTER7");
        let outcome = world.send(&[convert], &[&bob]);

        // Then it counts only within the schedule
        assert_eq!(
            outcome.map(|_| ()),
            expected.map_err(Refused::Program),
            "at {now}"
        );
    }
}
