//! Which code brought a wallet first. Numbers in brackets are those of
//! docs/INVARIANTS.md.

use solana_sdk::{
    instruction::InstructionError,
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{AccountType as _, Referee, Settings, Terms},
    instructions, pda,
};
use vouch_program_tests::{REWARD, World, code, other};

const FIRST: &str = "STARTER7";
const SECOND: &str = "STARTER8";
const NOW: i64 = 1_800_000_000;
const WINDOW: u32 = 1_000;
/// Position of the binding among the accounts of `convert`.
const BINDING: usize = 11;

/// A campaign where a first touch counts for 1,000 seconds, with a code of Alice and
/// one of Dora.
struct Scene {
    world: World,
    alice: Keypair,
    dora: Keypair,
    bob: Keypair,
}

fn scene() -> Scene {
    let mut world = World::new();
    world.set_time(NOW);
    let settings = Settings {
        attribution_window: WINDOW,
        ..Settings::fixed(REWARD)
    };
    world.open(Terms::default(), settings);
    let (alice, dora) = (world.referrer(FIRST), world.referrer(SECOND));
    let bob = world.wallet();
    Scene {
        world,
        alice,
        dora,
        bob,
    }
}

impl Scene {
    fn bind(&mut self, text: &str) {
        let (bind, bob) = (
            self.world.bind(&self.bob.pubkey(), text),
            self.bob.insecure_clone(),
        );
        self.world.land(&[bind], &[&bob]);
    }

    fn binding(&self) -> Pubkey {
        pda::referee(&self.world.campaign, &self.bob.pubkey()).0
    }

    fn convert(&mut self, text: &str, expected: Result<(), ProgramError>) {
        let bob = self.bob.insecure_clone();
        let convert = self.world.conversion(&bob.pubkey(), &bob.pubkey(), text);
        match expected {
            Ok(()) => self.world.land(&[convert], &[&bob]),
            Err(error) => self.world.refuse(&[convert], &[&bob], error),
        }
    }
}

#[test]
fn the_first_code_is_credited_and_no_other() {
    // Given Bob, whom Alice's code brought
    let mut scene = scene();
    scene.bind(FIRST);
    let binding: Referee = scene.world.read(&scene.binding());
    assert_eq!(
        binding,
        Referee {
            version: 1,
            bump: pda::referee(&scene.world.campaign, &scene.bob.pubkey()).1,
            campaign: scene.world.campaign,
            wallet: scene.bob.pubkey(),
            referral: scene.world.referral_address(FIRST),
            rent_payer: scene.bob.pubkey(),
            bound_at: NOW,
            expires_at: NOW + 1_000,
        }
    );

    // When he converts by Dora's, then he is refused; by Alice's, he counts
    scene.convert(SECOND, Err(ProgramError::NotFirstTouch));
    scene.convert(FIRST, Ok(()));
    assert_eq!(scene.world.rewards(&scene.alice.pubkey()), REWARD);
    assert_eq!(scene.world.rewards(&scene.dora.pubkey()), 0);
}

#[test]
fn who_was_never_brought_does_not_count() {
    // Given Bob, who is not bound, and Eve, who is
    let mut scene = scene();
    let (bob, eve) = (scene.bob.insecure_clone(), scene.world.wallet());
    let bind = scene.world.bind(&eve.pubkey(), FIRST);
    scene.world.land(&[bind], &[&eve]);
    let eves = pda::referee(&scene.world.campaign, &eve.pubkey()).0;

    // When Bob converts without a binding, with Eve's, or with what is none
    let good = scene
        .world
        .conversion(&bob.pubkey(), &scene.alice.pubkey(), FIRST);
    for (binding, expected) in [
        (scene.binding(), ProgramError::BindingNotFound),
        (eves, ProgramError::NotBound),
        (PROGRAM_ID, ProgramError::MissingAccount),
        (Pubkey::new_unique(), ProgramError::BindingNotFound),
        (
            scene.world.referral_address(SECOND),
            ProgramError::BindingNotFound,
        ),
    ] {
        let mut convert = good.clone();
        convert.accounts[BINDING].pubkey = binding;
        // Then he is refused
        scene.world.refuse(&[convert], &[&bob], expected);
    }

    // Nor with a binding of his in another campaign
    let (first, mint) = (scene.world.campaign, scene.world.mint.insecure_clone());
    let settings = scene.world.campaign().settings();
    scene.world.open(Terms::default(), settings);
    scene.world.referrer(FIRST);
    scene.bind(FIRST);
    let foreign = scene.binding();
    (scene.world.campaign, scene.world.mint) = (first, mint);
    let mut convert = good.clone();
    convert.accounts[BINDING].pubkey = foreign;
    let refused = ProgramError::NotBound;
    scene.world.refuse(&[convert], &[&bob], refused);

    // Nor with bytes that another program wrote
    let forged = Pubkey::new_unique();
    let mut copy = scene.world.svm.get_account(&eves).expect("a binding");
    copy.owner = Pubkey::new_unique();
    copy.data[42..74].copy_from_slice(bob.pubkey().as_ref());
    scene.world.svm.set_account(forged, copy).expect("set");
    let mut convert = good;
    convert.accounts[BINDING].pubkey = forged;
    let refused = ProgramError::BindingNotFound;
    scene.world.refuse(&[convert], &[&bob], refused);
    assert_eq!(scene.world.supply(), 0);
}

#[test]
fn a_first_touch_lasts_its_window() {
    for (wait, bind_again, convert) in [
        (999, Err(ProgramError::AlreadyBound), Ok(())),
        (1_000, Ok(()), Err(ProgramError::BindingExpired)),
    ] {
        // Given Bob, bound to Alice's code some time ago
        let mut scene = scene();
        scene.bind(FIRST);
        scene.world.wait(wait);

        // When he converts by it, and when Dora's code brings him, then either the
        // first touch counts, or a new one may
        scene.convert(FIRST, convert);
        let bob = scene.bob.insecure_clone();
        let bind = scene.world.bind(&bob.pubkey(), SECOND);
        let outcome = scene.world.send(&[bind], &[&bob]);
        assert_eq!(
            outcome.map(|_| ()),
            bind_again.map_err(vouch_program_tests::Refused::Program)
        );
        if bind_again.is_ok() {
            let binding: Referee = scene.world.read(&scene.binding());
            assert_eq!(binding.referral, scene.world.referral_address(SECOND));
            assert_eq!(
                (binding.bound_at, binding.expires_at),
                (NOW + 1_000, NOW + 2_000)
            );
            scene.convert(SECOND, Ok(()));
        }
    }
}

#[test]
fn a_new_touch_keeps_who_paid_the_rent() {
    // Given a binding that a sponsor paid for, which has expired
    let mut scene = scene();
    let (sponsor, bob) = (scene.world.wallet(), scene.bob.insecure_clone());
    let campaign = scene.world.campaign;
    let bind = instructions::bind(&sponsor.pubkey(), &bob.pubkey(), &campaign, &code(FIRST));
    scene.world.land(&[bind], &[&sponsor, &bob]);
    scene.world.wait(1_000);

    // When Bob is bound anew at his own cost, then it costs no rent
    let before = scene.world.lamports(&bob.pubkey());
    scene.bind(SECOND);
    assert_eq!(before - scene.world.lamports(&bob.pubkey()), 5_000);

    // And the rent goes to the sponsor, once that has expired, whoever asks
    let eve = scene.world.wallet();
    let address = scene.binding();
    let reclaim = |to: &Pubkey| instructions::reclaim_referee(&campaign, &bob.pubkey(), to);
    let open = ProgramError::CampaignNotClosed;
    scene.world.wait(999);
    scene
        .world
        .refuse(&[reclaim(&sponsor.pubkey())], &[&eve], open);
    scene.world.wait(1);
    let wrong = ProgramError::WrongRentPayer;
    for thief in [&eve, &bob] {
        scene
            .world
            .refuse(&[reclaim(&thief.pubkey())], &[&eve], wrong);
    }
    let before = scene.world.lamports(&sponsor.pubkey());
    scene.world.land(&[reclaim(&sponsor.pubkey())], &[&eve]);
    let rent = scene
        .world
        .svm
        .minimum_balance_for_rent_exemption(Referee::SIZE);
    assert_eq!(scene.world.lamports(&sponsor.pubkey()) - before, rent);
    assert_eq!(scene.world.lamports(&address), 0);

    // And Bob may be bound again after that
    scene.bind(FIRST);
    scene.convert(FIRST, Ok(()));
}

#[test]
fn nobody_is_bound_without_knowing() {
    // Given Eve, who wants Bob for her code
    let mut scene = scene();
    let (eve, bob) = (scene.world.wallet(), scene.bob.insecure_clone());
    let campaign = scene.world.campaign;
    let good = instructions::bind(&eve.pubkey(), &bob.pubkey(), &campaign, &code(FIRST));
    let missing = other(0, InstructionError::MissingRequiredSignature);

    // When she binds him without his signature, then she is refused (I3)
    let mut unsigned = good.clone();
    unsigned.accounts[1].is_signer = false;
    scene.world.refuse(&[unsigned], &[&eve], missing.clone());

    // Nor at his address in her own name
    let mut forged = good.clone();
    forged.accounts[1].pubkey = eve.pubkey();
    let seeds = other(0, InstructionError::InvalidSeeds);
    scene.world.refuse(&[forged], &[&eve], seeds);

    // Nor does Bob pay for it without his signature
    let mut unsigned = instructions::bind(&bob.pubkey(), &eve.pubkey(), &campaign, &code(FIRST));
    unsigned.accounts[0].is_signer = false;
    scene.world.refuse(&[unsigned], &[&eve], missing);
    assert_eq!(scene.world.lamports(&scene.binding()), 0);
}

#[test]
fn a_touch_is_by_the_code_that_was_signed_in_its_campaign() {
    // Given Bob's binding to Alice's code
    let mut scene = scene();
    let bob = scene.bob.insecure_clone();
    let good = scene.world.bind(&bob.pubkey(), FIRST);

    // When the account is swapped for Dora's and the signed code is not
    let mut swapped = good.clone();
    swapped.accounts[3].pubkey = scene.world.referral_address(SECOND);
    let mismatch = ProgramError::CodeMismatch;
    scene.world.refuse(&[swapped], &[&bob], mismatch);

    // Nor is it a code of another campaign, no campaign, or no code
    let elsewhere = scene.world.open_campaign_of(7);
    let mut foreign = good.clone();
    foreign.accounts[2].pubkey = elsewhere;
    foreign.accounts[4].pubkey = pda::referee(&elsewhere, &bob.pubkey()).0;
    let wrong = ProgramError::WrongCampaign;
    scene.world.refuse(&[foreign], &[&bob], wrong);
    let mut none = good.clone();
    none.accounts[3].pubkey = Pubkey::new_unique();
    let wrong = ProgramError::ReferralNotFound;
    scene.world.refuse(&[none], &[&bob], wrong);
    let mut none = good.clone();
    none.accounts[2].pubkey = Pubkey::new_unique();
    let wrong = ProgramError::CampaignNotFound;
    scene.world.refuse(&[none], &[&bob], wrong);
    scene.world.land(&[good], &[&bob]);
}

#[test]
fn owner_and_partner_bring_nobody_but_others() {
    // Given Alice's code with a partner
    let mut scene = scene();
    let mut settings = scene.world.campaign().settings();
    settings.max_partner_share_bps = 1_000;
    scene.world.update(|old| *old = settings);
    let alice = scene.alice.insecure_clone();
    let partner = scene.world.partner(&alice, FIRST, 1_000);

    // When either is bound to it, then they are refused (I2)
    for own in [&alice, &partner] {
        let bind = scene.world.bind(&own.pubkey(), FIRST);
        let refused = ProgramError::SelfReferral;
        scene.world.refuse(&[bind], &[own], refused);
    }
}

#[test]
fn only_what_earns_brings_anybody() {
    type Step = (fn(&mut World, &Keypair), ProgramError);
    let steps: [Step; 6] = [
        (|world, _| world.close(), ProgramError::CampaignClosed),
        (
            |world, _| {
                let company = world.company.insecure_clone();
                let pause = instructions::set_paused(&company.pubkey(), &world.campaign, true);
                world.land(&[pause], &[&company]);
            },
            ProgramError::CampaignPaused,
        ),
        (
            |world, _| world.update(|settings| settings.starts_at = NOW + 1),
            ProgramError::CampaignNotStarted,
        ),
        (
            |world, alice| {
                let referral = world.referral_address(FIRST);
                let off = instructions::update_referral(&alice.pubkey(), &referral, false, 0, 0);
                world.land(&[off], &[alice]);
            },
            ProgramError::ReferralInactive,
        ),
        (
            |world, _| {
                let company = world.company.insecure_clone();
                let (campaign, referral) = (world.campaign, world.referral_address(FIRST));
                let off =
                    instructions::set_suspended(&company.pubkey(), &campaign, &referral, true);
                world.land(&[off], &[&company]);
            },
            ProgramError::ReferralInactive,
        ),
        (
            |world, _| world.update(|settings| settings.attribution_window = 0),
            ProgramError::NoAttribution,
        ),
    ];
    for (step, expected) in steps {
        // Given a campaign or a code that does not earn, or counts no first touch
        let mut scene = scene();
        let (alice, bob) = (scene.alice.insecure_clone(), scene.bob.insecure_clone());
        step(&mut scene.world, &alice);

        // When Bob is bound, then he is told why (I7)
        let bind = scene.world.bind(&bob.pubkey(), FIRST);
        scene.world.refuse(&[bind], &[&bob], expected);
    }
}

#[test]
fn a_binding_keeps_the_window_that_it_had() {
    // Given Bob's binding, and a campaign that changes its window after it
    for later in [1, WINDOW * 10] {
        let mut scene = scene();
        scene.bind(FIRST);
        scene
            .world
            .update(|settings| settings.attribution_window = later);

        // When its own time is not yet over, then it counts
        scene.world.wait(999);
        scene.convert(FIRST, Ok(()));
    }

    // And without a window, no binding is asked for
    let mut scene = scene();
    scene
        .world
        .update(|settings| settings.attribution_window = 0);
    scene.convert(SECOND, Ok(()));
}

#[test]
fn the_rent_of_a_binding_comes_back_when_its_campaign_is_closed() {
    // Given a binding with time left, in a campaign that is closed
    let mut scene = scene();
    scene.bind(FIRST);
    let (bob, eve) = (scene.bob.insecure_clone(), scene.world.wallet());
    scene.world.close();

    // When Eve asks for it in another campaign's name, then she is refused
    let campaign = scene.world.campaign;
    let good = instructions::reclaim_referee(&campaign, &bob.pubkey(), &bob.pubkey());
    let mut wrong = good.clone();
    wrong.accounts[0].pubkey = scene.world.open_campaign_of(7);
    let refused = ProgramError::WrongCampaign;
    scene.world.refuse(&[wrong], &[&eve], refused);
    let mut wrong = good.clone();
    wrong.accounts[1].pubkey = scene.world.referral_address(FIRST);
    let refused = ProgramError::BindingNotFound;
    scene.world.refuse(&[wrong], &[&eve], refused);

    // While in its own, Bob gets his rent
    let before = scene.world.lamports(&bob.pubkey());
    scene.world.land(std::slice::from_ref(&good), &[&eve]);
    let rent = scene
        .world
        .svm
        .minimum_balance_for_rent_exemption(Referee::SIZE);
    assert_eq!(scene.world.lamports(&bob.pubkey()) - before, rent);
    let refused = ProgramError::BindingNotFound;
    scene.world.refuse(&[good], &[&eve], refused);
}
