//! Pending rewards: held, claimed, cancelled. Numbers in brackets refer to
//! docs/INVARIANTS.md.

use solana_sdk::{
    account::Account,
    instruction::{Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{Bonus, Conversion, Referral, Settings, Status, Terms, settled},
    instructions::{
        self,
        raw::{CancelConversionAccounts, ClaimAccounts},
    },
};
use vouch_program_tests::{World, other};

const CODE: &str = "STARTER7";
const NONE: [u8; 32] = [0; 32];
const HOLD: u32 = 1_000;
/// Seconds after a campaign's last hold in which rewards can still be claimed.
const CLAIM_PERIOD: i64 = 30 * 24 * 60 * 60;
/// Seconds of the longest possible hold.
const YEAR: u32 = 365 * 24 * 60 * 60;

/// Rewards of 1,000 base units, held, with shares for the referee and a partner.
fn held() -> Settings {
    Settings {
        hold_seconds: HOLD,
        referee_share_bps: 3_000,
        max_partner_share_bps: 2_000,
        ..Settings::fixed(1_000)
    }
}

struct Scene {
    world: World,
    alice: Keypair,
    partner: Keypair,
}

fn scene(settings: Settings) -> Scene {
    let mut world = World::new();
    world.set_time(1_800_000_000);
    world.open(Terms::default(), settings);
    let alice = world.referrer(CODE);
    let partner = world.partner(&alice, CODE, 2_000);
    Scene {
        world,
        alice,
        partner,
    }
}

impl Scene {
    /// Lets a new wallet convert.
    fn converted(&mut self) -> Keypair {
        let bob = self.world.receiver();
        let convert = self
            .world
            .conversion(&bob.pubkey(), &self.alice.pubkey(), CODE);
        self.world.land(&[convert], &[&bob]);
        bob
    }

    fn claim(&self, bob: &Keypair) -> Instruction {
        self.world.claim(CODE, &bob.pubkey(), &NONE)
    }

    fn conversion(&self, bob: &Keypair) -> Conversion {
        self.world.converted(CODE, &bob.pubkey(), &NONE)
    }

    fn balances(&self, bob: &Keypair) -> [u64; 3] {
        [&self.alice, bob, &self.partner].map(|wallet| self.world.rewards(&wallet.pubkey()))
    }

    /// Removes `owner`'s token account. Returns its address and its former content.
    fn without_account(&mut self, owner: &Keypair) -> (Pubkey, Account) {
        let address = self.world.reward_account(&owner.pubkey());
        let account = self.world.svm.get_account(&address).expect("an account");
        let gone = Account::default();
        self.world.svm.set_account(address, gone).expect("set");
        (address, account)
    }
}

#[test]
fn a_held_reward_is_paid_when_the_hold_is_over() {
    // Given a hold of 1,000 seconds, and Bob, who converted
    let mut scene = scene(held());
    let bob = scene.converted();
    let eve = scene.world.wallet();

    // Then everything is recorded, and nothing is paid
    assert_eq!(scene.balances(&bob), [0, 0, 0]);
    assert_eq!(scene.world.supply(), 0);
    let conversion = scene.conversion(&bob);
    assert_eq!(
        (
            conversion.status,
            conversion.settled,
            conversion.hold_seconds
        ),
        (Status::Pending, 0, HOLD)
    );
    let referral = scene.world.referral(CODE);
    assert_eq!(
        (
            referral.conversions,
            referral.rewards_total,
            referral.rewards_pending,
            referral.partner_pending,
            referral.open_conversions
        ),
        (1, 500, 500, 200, 1)
    );
    assert_eq!(referral.held_until, scene.world.time() + i64::from(HOLD));

    // When anybody claims within the hold, then it is refused
    let claim = scene.claim(&bob);
    let claim = std::slice::from_ref(&claim);
    for wait in [0, i64::from(HOLD) - 1] {
        scene.world.wait(wait);
        scene.world.refuse(claim, &[&eve], ProgramError::StillHeld);
    }

    // And after the hold, all three are paid, once
    scene.world.wait(1);
    scene.world.land(claim, &[&eve]);
    assert_eq!(scene.balances(&bob), [500, 300, 200]);
    let conversion = scene.conversion(&bob);
    assert_eq!((conversion.status, conversion.settled), (Status::Paid, 7));
    let referral = scene.world.referral(CODE);
    assert_eq!(
        (
            referral.conversions,
            referral.rewards_total,
            referral.rewards_pending,
            referral.partner_pending,
            referral.open_conversions
        ),
        (1, 500, 0, 0, 0)
    );
    scene.world.refuse(claim, &[&eve], ProgramError::NotPending);
}

#[test]
fn a_conversion_keeps_the_hold_that_it_had() {
    // Given a conversion, and a campaign that changes its hold afterwards
    for later in [0, HOLD * 2] {
        let mut scene = scene(held());
        let bob = scene.converted();
        scene.world.update(|settings| settings.hold_seconds = later);

        // When the conversion's own hold is over, then it is paid
        let claim = scene.claim(&bob);
        let claim = std::slice::from_ref(&claim);
        scene.world.wait(i64::from(HOLD) - 1);
        scene.world.refuse(claim, &[&bob], ProgramError::StillHeld);
        scene.world.wait(1);
        scene.world.land(claim, &[&bob]);
        assert_eq!(scene.world.campaign().longest_hold, HOLD.max(later));
    }
}

#[test]
fn several_claims_go_in_one_transaction_in_any_order() {
    // Given three conversions
    let mut scene = scene(held());
    let [bob, carol, dave] = [(); 3].map(|()| scene.converted());
    scene.world.wait(HOLD.into());

    // When they are claimed together, the last first, then all are paid
    let claims = [&dave, &bob, &carol].map(|wallet| scene.claim(wallet));
    scene.world.land(&claims, &[&bob]);
    assert_eq!(scene.balances(&bob), [1_500, 300, 600]);
    assert_eq!(scene.world.rewards(&dave.pubkey()), 300);
    assert_eq!(scene.world.referral(CODE).open_conversions, 0);

    // But none of them twice
    let eve = scene.converted();
    scene.world.wait(HOLD.into());
    let claim = scene.claim(&eve);
    let twice = [claim.clone(), claim.clone()];
    scene
        .world
        .refuse(&twice, &[&bob], ProgramError::NotPending);
    scene.world.land(&[claim], &[&bob]);
    assert_eq!(scene.world.supply(), 4_000);
}

#[test]
fn who_can_be_paid_is_paid_and_the_others_later() {
    // Given a held conversion whose referrer and referee lost their accounts
    let mut scene = scene(held());
    let bob = scene.converted();
    let eve = scene.world.wallet();
    let alice = scene.alice.insecure_clone();
    let (alices, alices_account) = scene.without_account(&alice);
    let (bobs, bobs_account) = scene.without_account(&bob);
    scene.world.wait(HOLD.into());

    // When Eve claims, then the partner is paid, once
    let claim = scene.claim(&bob);
    scene.world.land(&[claim], &[&eve]);
    assert_eq!(scene.balances(&bob), [0, 0, 200]);
    let conversion = scene.conversion(&bob);
    assert_eq!(
        (conversion.status, conversion.settled),
        (Status::Pending, settled::PARTNER)
    );
    let referral = scene.world.referral(CODE);
    assert_eq!(
        (
            referral.rewards_pending,
            referral.partner_pending,
            referral.open_conversions
        ),
        (500, 0, 1)
    );
    let claim = scene.claim(&bob);
    let nothing = ProgramError::NothingToClaim;
    scene.world.refuse(&[claim], &[&eve], nothing);

    // And the referee is paid once its account exists, and then the referrer
    for (address, account, expected, open) in [
        (bobs, bobs_account, [0, 300, 200], 1),
        (alices, alices_account, [500, 300, 200], 0),
    ] {
        scene.world.svm.set_account(address, account).expect("set");
        let claim = scene.claim(&bob);
        scene.world.land(&[claim], &[&eve]);
        assert_eq!(scene.balances(&bob), expected);
        assert_eq!(scene.world.referral(CODE).open_conversions, open);
    }
    assert_eq!(scene.conversion(&bob).status, Status::Paid);
}

#[test]
fn a_claim_goes_to_the_beneficiaries_alone() {
    // Given a conversion that can be claimed
    let mut scene = scene(held());
    let bob = scene.converted();
    let eve = scene.world.receiver();
    let theft = scene.world.reward_account(&eve.pubkey());
    scene.world.wait(HOLD.into());
    let good = scene.claim(&bob);

    // When Eve passes her account instead of a beneficiary's, then she is refused (I6)
    let mut written = vec![ClaimAccounts::MINT];
    for index in [
        ClaimAccounts::REFERRER_ACCOUNT,
        ClaimAccounts::REFEREE_ACCOUNT,
        ClaimAccounts::PARTNER_ACCOUNT,
    ] {
        let mut claim = good.clone();
        claim.accounts[index].pubkey = theft;
        let wrong = ProgramError::WrongBeneficiary;
        scene.world.refuse(&[claim], &[&eve], wrong);
        // And leaving the account out is refused, too
        if index != ClaimAccounts::REFERRER_ACCOUNT {
            let mut claim = good.clone();
            claim.accounts[index].pubkey = PROGRAM_ID;
            claim.accounts[index].is_writable = false;
            let missing = ProgramError::MissingAccount;
            scene.world.refuse(&[claim], &[&eve], missing);
        }
        written.push(index);
    }
    // And read-only accounts that are paid or minted are refused, too
    for index in written {
        let mut claim = good.clone();
        claim.accounts[index].is_writable = false;
        let read_only = other(0, InstructionError::Custom(2000));
        scene.world.refuse(&[claim], &[&eve], read_only);
    }

    // And another campaign, referral, conversion, mint or token program is refused, too
    let world = &mut scene.world;
    let second = world.open_campaign_of(7);
    let dora = world.referrer("STARTER8");
    let other_code = world.referral_address("STARTER8");
    let foreign_mint = {
        let mint = world.mint.insecure_clone();
        let foreign = world.issue_mint(&dora.pubkey());
        world.mint = mint;
        foreign
    };
    for (index, wrong, expected) in [
        (0, second, ProgramError::WrongCampaign),
        (0, other_code, ProgramError::CampaignNotFound),
        (1, other_code, ProgramError::WrongReferral),
        (1, world.campaign, ProgramError::ReferralNotFound),
        (2, Pubkey::new_unique(), ProgramError::ConversionNotFound),
        (2, other_code, ProgramError::ConversionNotFound),
        (4, foreign_mint, ProgramError::WrongMint),
        (
            5,
            vouch_program_tests::TOKEN_2022,
            ProgramError::WrongTokenProgram,
        ),
    ] {
        let mut claim = good.clone();
        claim.accounts[index].pubkey = wrong;
        // Otherwise, one account in two places would be refused first.
        if wrong == world.campaign {
            claim.accounts[0].pubkey = second;
        }
        world.refuse(&[claim], &[&eve], expected);
    }
    assert_eq!(world.supply(), 0);
    world.land(&[good], &[&eve]);
}

#[test]
fn a_cancellation_takes_back_everything_that_was_counted() {
    // Given a bonus at the second conversion, and two conversions
    let mut bonuses = [Bonus::default(); 4];
    bonuses[0] = Bonus {
        threshold: 2,
        amount: 50,
    };
    let mut scene = scene(Settings {
        bonuses,
        budget: 10_000,
        ..held()
    });
    let bob = scene.converted();
    let before = scene.world.referral(CODE);
    let carol = scene.converted();
    assert_eq!(scene.conversion(&carol).reward_referrer, 550);
    assert_eq!(scene.world.campaign().committed, 2_050);
    assert!(scene.conversion(&carol).budgeted);
    assert_eq!(scene.conversion(&carol).bonuses, 1);
    assert_eq!(scene.world.referral(CODE).bonuses_paid, 1);

    // When the company cancels the second, at the last moment
    let company = scene.world.company.insecure_clone();
    let cancel = scene.world.cancel(CODE, &carol.pubkey(), &NONE);
    scene.world.wait(i64::from(HOLD) - 1);
    scene.world.land(std::slice::from_ref(&cancel), &[&company]);

    // Then all counters are as before, and the bonus can be earned again
    assert_eq!(scene.world.referral(CODE), before);
    assert_eq!(scene.world.campaign().committed, 1_000);
    assert_eq!(scene.conversion(&carol).status, Status::Cancelled);
    let again = scene
        .world
        .conversion(&carol.pubkey(), &scene.alice.pubkey(), CODE);
    let taken = ProgramError::AlreadyConverted;
    scene.world.refuse(&[again], &[&carol], taken);
    let dave = scene.converted();
    assert_eq!(scene.conversion(&dave).reward_referrer, 550);

    // And after that, it can be neither claimed nor cancelled
    let claim = scene.claim(&carol);
    scene.world.wait(HOLD.into());
    let done = ProgramError::NotPending;
    scene.world.refuse(&[claim], &[&carol], done);
    scene.world.refuse(&[cancel], &[&company], done);
    let claim = scene.claim(&bob);
    scene.world.land(&[claim], &[&carol]);
}

#[test]
fn a_cancellation_is_taken_off_its_owner() {
    // Given a campaign that counts per owner, with a bonus for the second conversion, and
    // Alice, who has one conversion with each of two codes
    let mut settings = Settings {
        hold_seconds: HOLD,
        ..Settings::fixed(1_000)
    };
    settings.bonuses[0] = Bonus {
        threshold: 2,
        amount: 50,
    };
    let terms = Terms {
        per_owner: true,
        ..Terms::default()
    };
    let mut world = World::new();
    world.open(terms, settings);
    let alice = world.referrer(CODE);
    world.another_code(&alice, "STARTER8");
    let dora = world.referrer("STARTER9");
    let doras = world.referrer_address(&dora.pubkey());
    let convert = |world: &mut World, text: &str| {
        let wallet = world.receiver();
        let convert = world.conversion(&wallet.pubkey(), &Pubkey::default(), text);
        world.land(&[convert], &[&wallet]);
        let reward = world
            .converted(text, &wallet.pubkey(), &NONE)
            .reward_referrer;
        (wallet.pubkey(), reward)
    };
    assert_eq!(convert(&mut world, CODE).1, 1_000);
    let before = world.counted(&alice.pubkey());
    let (carol, reward) = convert(&mut world, "STARTER8");
    assert_eq!(reward, 1_050);
    let counted = world.counted(&alice.pubkey());
    assert_eq!((counted.conversions, counted.bonuses_paid), (2, 1));

    // When the company cancels the second, then only Alice's account is accepted
    let company = world.company.insecure_clone();
    let good = world.cancel("STARTER8", &carol, &NONE);
    let position = CancelConversionAccounts::REFERRER;
    for (wrong, expected) in [
        (PROGRAM_ID, ProgramError::MissingAccount),
        (doras, ProgramError::WrongReferrer),
        (Pubkey::new_unique(), ProgramError::ReferrerNotFound),
    ] {
        let mut cancel = good.clone();
        let account = &mut cancel.accounts[position];
        (account.pubkey, account.is_writable) = (wrong, wrong != PROGRAM_ID);
        world.refuse(&[cancel], &[&company], expected);
    }
    let mut read_only = good.clone();
    read_only.accounts[position].is_writable = false;
    let written = other(0, InstructionError::Custom(2000));
    world.refuse(&[read_only], &[&company], written);

    // Then her counters are as before, and she can earn the bonus with either code
    world.land(&[good], &[&company]);
    assert_eq!(world.counted(&alice.pubkey()), before);
    assert_eq!(world.referral("STARTER8").conversions, 0);
    assert_eq!(convert(&mut world, CODE).1, 1_050);
}

/// A code's counters: conversions, rewards in total, open conversions.
fn counters(referral: &Referral) -> (u64, u64, u64) {
    (
        referral.conversions,
        referral.rewards_total,
        referral.open_conversions,
    )
}

#[test]
fn what_is_worth_nothing_counts_for_nothing() {
    // Given a tenth of the amount, a bonus for the first conversion, a greater reward
    // from the second on, and a code with a limit of two uses
    let mut settings = Settings::percent(1_000, 1_000);
    settings.bonuses[0] = Bonus {
        threshold: 1,
        amount: 50,
    };
    (
        settings.tiers[0].min_conversions,
        settings.tiers[0].multiplier_bps,
    ) = (2, 20_000);
    let mut world = World::new();
    let attestor = world.open_attested(Terms::default(), settings);
    let alice = world.referrer(CODE);
    let referral = world.referral_address(CODE);
    let twice = instructions::update_referral(&alice.pubkey(), &referral, true, 2, 0);
    world.land(&[twice], &[&alice]);

    // When three sales are worth nothing, then they are paid at once and do not use the
    // code
    for _ in 0..3 {
        let bob = world.sell(CODE, &attestor, 9);
        let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
        assert_eq!((conversion.status, conversion.bonuses), (Status::Paid, 0));
    }
    assert_eq!(counters(&world.referral(CODE)), (0, 0, 0));

    // And the first sale with a worth is number one, the next number two
    for (amount, rewards) in [(10, 51), (10, 53)] {
        world.sell(CODE, &attestor, amount);
        assert_eq!(world.rewards(&alice.pubkey()), rewards);
    }
    let bob = world.receiver();
    let sale = world.sale(CODE, &bob.pubkey(), &attestor.pubkey(), 9);
    let used = ProgramError::UsageLimitReached;
    world.refuse(&[sale], &[&bob, &attestor], used);
}

#[test]
fn only_the_authority_cancels_and_only_within_the_hold() {
    // Given a held conversion
    let mut scene = scene(held());
    let bob = scene.converted();
    let company = scene.world.company.insecure_clone();
    let good = scene.world.cancel(CODE, &bob.pubkey(), &NONE);

    // When somebody else cancels it, in their own or in the company's name
    for stranger in [scene.alice.insecure_clone(), bob.insecure_clone()] {
        let mut cancel = good.clone();
        cancel.accounts[0].pubkey = stranger.pubkey();
        let wrong = ProgramError::Unauthorized;
        scene.world.refuse(&[cancel], &[&stranger], wrong);
    }
    let mut cancel = good.clone();
    cancel.accounts[0].is_signer = false;
    let missing = other(0, InstructionError::MissingRequiredSignature);
    // Then they are refused (I3)
    scene.world.refuse(&[cancel], &[&bob], missing);

    // And the authority cannot cancel it either after the hold
    scene.world.wait(HOLD.into());
    scene
        .world
        .refuse(&[good], &[&company], ProgramError::HoldOver);
    let claim = scene.claim(&bob);
    scene.world.land(&[claim], &[&bob]);

    // And it cannot cancel a conversion that was paid at once
    scene.world.update(|settings| settings.hold_seconds = 0);
    let carol = scene.converted();
    let cancel = scene.world.cancel(CODE, &carol.pubkey(), &NONE);
    let done = ProgramError::NotPending;
    scene.world.refuse(&[cancel], &[&company], done);

    // And it cannot cancel one that is pending but was never held
    let alice = scene.alice.insecure_clone();
    scene.without_account(&alice);
    let dave = scene.converted();
    let cancel = scene.world.cancel(CODE, &dave.pubkey(), &NONE);
    let over = ProgramError::HoldOver;
    scene.world.refuse(&[cancel], &[&company], over);
}

#[test]
fn what_was_earned_stays_claimable_whatever_happens_then() {
    type Step = (&'static str, fn(&mut Scene));
    let steps: [Step; 8] = [
        ("paused", |scene| {
            let company = scene.world.company.insecure_clone();
            let pause = instructions::set_paused(&company.pubkey(), &scene.world.campaign, true);
            scene.world.land(&[pause], &[&company]);
        }),
        ("closed", |scene| scene.world.close()),
        ("ended", |scene| {
            let ends_at = scene.world.time() + 1;
            scene.world.update(|settings| settings.ends_at = ends_at);
        }),
        ("suspended", |scene| {
            let company = scene.world.company.insecure_clone();
            let (campaign, referral) = (scene.world.campaign, scene.world.referral_address(CODE));
            let suspend =
                instructions::set_suspended(&company.pubkey(), &campaign, &referral, true);
            scene.world.land(&[suspend], &[&company]);
        }),
        ("switched off", |scene| {
            let referral = scene.world.referral_address(CODE);
            let off = instructions::update_referral(&scene.alice.pubkey(), &referral, false, 1, 0);
            let alice = scene.alice.insecure_clone();
            scene.world.land(&[off], &[&alice]);
        }),
        ("expired", |scene| {
            let referral = scene.world.referral_address(CODE);
            let soon = scene.world.time() + 1;
            let off =
                instructions::update_referral(&scene.alice.pubkey(), &referral, true, 0, soon);
            let alice = scene.alice.insecure_clone();
            scene.world.land(&[off], &[&alice]);
        }),
        ("without shares", |scene| {
            scene.world.update(|settings| {
                settings.referee_share_bps = 0;
                settings.max_partner_share_bps = 0;
            });
        }),
        ("cheaper, with the least budget", |scene| {
            scene.world.update(|settings| {
                settings.reward_fixed = 1;
                settings.budget = 1;
            });
        }),
    ];
    for (name, step) in steps {
        // Given a held conversion, when this step follows
        let mut scene = scene(held());
        let bob = scene.converted();
        step(&mut scene);

        // Then all three are paid after the hold, as promised (I7)
        scene.world.wait(HOLD.into());
        let (claim, eve) = (scene.claim(&bob), scene.world.wallet());
        scene.world.land(&[claim], &[&eve]);
        assert_eq!(scene.balances(&bob), [500, 300, 200], "{name}");
    }
}

#[test]
fn a_closed_campaign_pays_until_its_authority_takes_it_back() {
    // Given conversions in a closed campaign that once had the longest hold
    let mut scene = scene(Settings {
        hold_seconds: YEAR,
        ..held()
    });
    let bob = scene.converted();
    scene.world.update(|settings| settings.hold_seconds = HOLD);
    let carol = scene.converted();
    scene.world.close();
    let company = scene.world.company.insecure_clone();
    let (address, campaign) = (scene.world.campaign, scene.world.campaign());
    let reclaim = instructions::reclaim_campaign(&address, &campaign, None);
    let reclaim = std::slice::from_ref(&reclaim);

    // When less than that hold and 30 days have passed, then the campaign cannot be
    // reclaimed
    let open = ProgramError::ClaimPeriodOpen;
    let over = i64::from(YEAR) + CLAIM_PERIOD;
    for wait in [0, over - 1] {
        scene.world.wait(wait);
        scene.world.refuse(reclaim, &[&company], open);
    }
    let claim = scene.claim(&bob);
    scene.world.land(&[claim], &[&bob]);
    assert_eq!(scene.balances(&bob), [500, 300, 200]);
    let rent = scene.world.reclaim(CODE, &carol.pubkey(), &NONE);
    let pending = ProgramError::RewardsPending;
    scene.world.refuse(&[rent], &[&bob], pending);

    // And when the time is over and the campaign was reclaimed, then nothing can be
    // claimed
    let claim = scene.claim(&carol);
    scene.world.wait(1);
    scene.world.land(reclaim, &[&company]);
    let gone = ProgramError::CampaignNotFound;
    scene.world.refuse(&[claim], &[&carol], gone);
    assert_eq!(scene.world.supply(), 1_000);
}

#[test]
fn a_mint_that_is_given_back_must_be_passed_as_writable() {
    // Given a closed campaign whose claims are over
    let mut scene = scene(held());
    scene.world.close();
    scene.world.wait(i64::from(HOLD) + CLAIM_PERIOD);
    let company = scene.world.company.insecure_clone();
    let (address, campaign) = (scene.world.campaign, scene.world.campaign());
    let reclaim = instructions::reclaim_campaign(&address, &campaign, None);

    // When its mint is passed as read-only, then it is refused, and the mint stays as it was
    let mint = Pubkey::from(campaign.mint.to_bytes());
    let before = scene.world.svm.get_account(&mint);
    let mut read_only = reclaim.clone();
    let accounts = read_only.accounts.iter_mut();
    let mut mints = accounts.filter(|account| account.pubkey == mint);
    mints.next().expect("the mint").is_writable = false;
    let outcome = scene.world.send(&[read_only], &[&company]);
    let expected = other(0, InstructionError::Custom(2000));
    assert_eq!(outcome.map(|_| ()), Err(expected));
    assert_eq!(scene.world.svm.get_account(&mint), before);
    scene.world.land(&[reclaim], &[&company]);
    assert_ne!(scene.world.svm.get_account(&mint), before);
}

#[test]
fn a_claim_needs_no_new_permission_of_a_new_owner() {
    // Given a held conversion with a code that Alice gives to Dora
    let mut scene = scene(held());
    let bob = scene.converted();
    let (alice, dora) = (scene.alice.insecure_clone(), scene.world.receiver());
    let (campaign, referral) = (scene.world.campaign, scene.world.referral_address(CODE));
    let offer = instructions::propose_owner(&alice.pubkey(), &referral, Some(&dora.pubkey()));
    let accept = instructions::accept_owner(&dora.pubkey(), &campaign, &referral, false);
    scene.world.land(&[offer, accept], &[&alice, &dora]);
    scene.world.wait(HOLD.into());

    // When it is claimed, then Dora gets the pending reward
    let claim = scene.claim(&bob);
    let mut stale = claim.clone();
    stale.accounts[3].pubkey = scene.world.reward_account(&alice.pubkey());
    let wrong = ProgramError::WrongBeneficiary;
    scene.world.refuse(&[stale], &[&alice], wrong);
    scene.world.land(&[claim], &[&bob]);
    assert_eq!(scene.world.rewards(&dora.pubkey()), 500);
    assert_eq!(scene.balances(&bob), [0, 300, 200]);
}

#[test]
fn a_new_owner_may_be_the_referee_itself() {
    // Given a held conversion of Bob's with a code that he takes over later
    let mut scene = scene(held());
    let bob = scene.converted();
    let alice = scene.alice.insecure_clone();
    let (campaign, referral) = (scene.world.campaign, scene.world.referral_address(CODE));
    let offer = instructions::propose_owner(&alice.pubkey(), &referral, Some(&bob.pubkey()));
    let accept = instructions::accept_owner(&bob.pubkey(), &campaign, &referral, false);
    scene.world.land(&[offer, accept], &[&alice, &bob]);
    scene.world.wait(HOLD.into());

    // When it is claimed, then one account receives both parts
    let claim = scene.claim(&bob);
    scene.world.land(&[claim], &[&bob]);
    assert_eq!(scene.world.rewards(&bob.pubkey()), 800);
}
