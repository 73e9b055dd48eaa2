//! Bindings: the first code that brought a wallet. Numbers in brackets refer to
//! docs/INVARIANTS.md.

use solana_sdk::{
    instruction::InstructionError,
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{AccountType as _, Binding, Settings, Terms},
    instructions::{self, Bind},
    pda,
};
use vouch_program_tests::{REWARD, World, other};

const FIRST: &str = "STARTER7";
const SECOND: &str = "STARTER8";
const THIRD: &str = "STARTER9";
const NOW: i64 = 1_800_000_000;
const WINDOW: u32 = 1_000;
/// The System program's error for an address that does not match base, seed and owner.
const ADDRESS_WITH_SEED_MISMATCH: u32 = 5;
/// Position of the binding among the accounts of `convert`.
const BINDING: usize = 12;
/// Position, among the accounts of `bind`, of the account of the bound referral's owner.
const BOUND_REFERRER: usize = 6;

/// A campaign in which a binding lasts 1,000 seconds, with a code of Alice and one of
/// Dora.
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
        self.world.binding_address(&self.bob.pubkey())
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
    // Given Bob, who is bound to Alice's code
    let mut scene = scene();
    scene.bind(FIRST);
    let binding: Binding = scene.world.read(&scene.binding());
    assert_eq!(
        binding,
        Binding {
            version: 1,
            campaign: scene.world.campaign,
            wallet: scene.bob.pubkey(),
            referral: scene.world.referral_address(FIRST),
            rent_payer: scene.bob.pubkey(),
            bound_at: NOW,
            expires_at: NOW + 1_000,
        }
    );

    // When he converts with Dora's code, then he is refused; with Alice's, he counts
    scene.convert(SECOND, Err(ProgramError::BoundElsewhere));
    scene.convert(FIRST, Ok(()));
    assert_eq!(scene.world.rewards(&scene.alice.pubkey()), REWARD);
    assert_eq!(scene.world.rewards(&scene.dora.pubkey()), 0);
}

/// The transaction that the API builds for an Action.
#[test]
fn a_wallet_is_bound_and_converts_in_one_transaction() {
    // Given Bob, who is not bound, and Carol, who is bound to Dora's code
    let mut scene = scene();
    let (bob, carol) = (scene.bob.insecure_clone(), scene.world.wallet());
    let bind = scene.world.bind(&carol.pubkey(), SECOND);
    scene.world.land(&[bind], &[&carol]);
    let join = |world: &World, wallet: &Keypair| {
        let wallet = wallet.pubkey();
        [
            world.bind(&wallet, FIRST),
            world.conversion(&wallet, &scene.alice.pubkey(), FIRST),
        ]
    };

    // When Bob joins by Alice's code in one transaction, then he is bound to it and counts
    let joining = join(&scene.world, &bob);
    scene.world.land(&joining, &[&bob]);
    let binding: Binding = scene
        .world
        .read(&scene.world.binding_address(&bob.pubkey()));
    assert_eq!(binding.referral, scene.world.referral_address(FIRST));
    assert_eq!(scene.world.rewards(&scene.alice.pubkey()), REWARD);

    // And Carol stays with the code that brought her
    let joining = join(&scene.world, &carol);
    scene
        .world
        .refuse(&joining, &[&carol], ProgramError::AlreadyBound);
    assert_eq!(scene.world.rewards(&scene.alice.pubkey()), REWARD);
}

#[test]
fn who_was_never_brought_does_not_count() {
    // Given Bob, who is not bound, and Eve, who is
    let mut scene = scene();
    let (bob, eve) = (scene.bob.insecure_clone(), scene.world.wallet());
    let bind = scene.world.bind(&eve.pubkey(), FIRST);
    scene.world.land(&[bind], &[&eve]);
    let eves = scene.world.binding_address(&eve.pubkey());

    // When Bob converts without a binding, with Eve's, or with another account
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

    // And his binding in another campaign is refused, too
    let (first, mint) = (scene.world.campaign, scene.world.mint.insecure_clone());
    let settings = scene.world.settings();
    scene.world.open(Terms::default(), settings);
    scene.world.referrer(FIRST);
    scene.bind(FIRST);
    let foreign = scene.binding();
    (scene.world.campaign, scene.world.mint) = (first, mint);
    let mut convert = good.clone();
    convert.accounts[BINDING].pubkey = foreign;
    let refused = ProgramError::NotBound;
    scene.world.refuse(&[convert], &[&bob], refused);

    // And bytes that another program wrote are refused, too
    let forged = Pubkey::new_unique();
    let mut copy = scene.world.svm.get_account(&eves).expect("a binding");
    copy.owner = Pubkey::new_unique();
    copy.data[41..73].copy_from_slice(bob.pubkey().as_ref());
    scene.world.svm.set_account(forged, copy).expect("set");
    let mut convert = good;
    convert.accounts[BINDING].pubkey = forged;
    let refused = ProgramError::BindingNotFound;
    scene.world.refuse(&[convert], &[&bob], refused);
    assert_eq!(scene.world.supply(), 0);
}

#[test]
fn a_binding_lasts_its_window() {
    for (wait, bind_again, convert) in [
        (999, Err(ProgramError::AlreadyBound), Ok(())),
        (1_000, Ok(()), Err(ProgramError::BindingExpired)),
    ] {
        // Given Bob, bound to Alice's code some time ago
        let mut scene = scene();
        scene.bind(FIRST);
        scene.world.wait(wait);

        // When he converts with it, and when he is bound to Dora's code, then either the
        // binding is still valid, or a new one is possible
        scene.convert(FIRST, convert);
        let bob = scene.bob.insecure_clone();
        let bind = scene.world.bind(&bob.pubkey(), SECOND);
        let outcome = scene.world.send(&[bind], &[&bob]);
        assert_eq!(
            outcome.map(|_| ()),
            bind_again.map_err(vouch_program_tests::Refused::Program)
        );
        if bind_again.is_ok() {
            let binding: Binding = scene.world.read(&scene.binding());
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
    // Given an expired binding whose rent a sponsor paid
    let mut scene = scene();
    let (sponsor, bob) = (scene.world.wallet(), scene.bob.insecure_clone());
    let campaign = scene.world.campaign;
    let bind = (scene.world).touch(&sponsor.pubkey(), &bob.pubkey(), FIRST);
    scene
        .world
        .land(&[instructions::bind(&bind)], &[&sponsor, &bob]);
    scene.world.wait(1_000);

    // When Bob is bound again, and pays himself, then it costs no rent
    let before = scene.world.lamports(&bob.pubkey());
    scene.bind(SECOND);
    assert_eq!(before - scene.world.lamports(&bob.pubkey()), 5_000);

    // And the rent goes to the sponsor after the new binding expires, even if somebody else reclaims it
    let eve = scene.world.wallet();
    let address = scene.binding();
    let reclaim = |to: &Pubkey| instructions::reclaim_binding(&campaign, &bob.pubkey(), to);
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
        .minimum_balance_for_rent_exemption(Binding::SIZE);
    assert_eq!(scene.world.lamports(&sponsor.pubkey()) - before, rent);
    assert_eq!(scene.world.lamports(&address), 0);

    // And Bob can be bound again after that
    scene.bind(FIRST);
    scene.convert(FIRST, Ok(()));
}

#[test]
fn nobody_is_bound_without_knowing() {
    // Given Eve, who wants Bob to be bound to her code
    let mut scene = scene();
    let (eve, bob) = (scene.world.wallet(), scene.bob.insecure_clone());
    let touch = (scene.world).touch(&eve.pubkey(), &bob.pubkey(), FIRST);
    let good = instructions::bind(&touch);
    let missing = other(0, InstructionError::MissingRequiredSignature);

    // When she binds him without his signature, then she is refused (I3)
    let mut unsigned = good.clone();
    unsigned.accounts[1].is_signer = false;
    scene.world.refuse(&[unsigned], &[&eve], missing.clone());

    // And in her own name at his address she is refused, too, because the address does
    // not match
    let mut forged = good.clone();
    forged.accounts[1].pubkey = eve.pubkey();
    let mismatch = other(0, InstructionError::Custom(ADDRESS_WITH_SEED_MISMATCH));
    let forged = std::slice::from_ref(&forged);
    scene.world.refuse(forged, &[&eve], mismatch.clone());
    // Also if somebody sent lamports to the address
    let address = scene.binding();
    scene.world.fund(&address, 1);
    scene.world.refuse(forged, &[&eve], mismatch);

    // And Bob does not pay for it without his signature
    let touch = (scene.world).touch(&bob.pubkey(), &eve.pubkey(), FIRST);
    let mut unsigned = instructions::bind(&touch);
    unsigned.accounts[0].is_signer = false;
    scene.world.refuse(&[unsigned], &[&eve], missing);
    assert_eq!(scene.world.lamports(&address), 1);

    // But his own binding succeeds, and the lamports are part of its rent
    let bind = scene.world.bind(&bob.pubkey(), FIRST);
    scene.world.land(&[bind], &[&bob]);
    let rent = (scene.world.svm).minimum_balance_for_rent_exemption(Binding::SIZE);
    assert_eq!(scene.world.lamports(&address), rent);
}

#[test]
fn nobody_takes_another_binding_for_his_own() {
    // Given Eve's binding
    let mut scene = scene();
    let (eve, bob) = (scene.world.wallet(), scene.bob.insecure_clone());
    let bind = scene.world.bind(&eve.pubkey(), FIRST);
    scene.world.land(&[bind], &[&eve]);
    scene.world.wait(i64::from(WINDOW));

    // When Bob is bound at its address, although it has expired, or at the address of
    // another account of the program
    let good = scene.world.bind(&bob.pubkey(), SECOND);
    for wrong in [
        scene.world.binding_address(&eve.pubkey()),
        scene.world.referral_address(FIRST),
    ] {
        let mut forged = good.clone();
        forged.accounts[4].pubkey = wrong;
        // Then he is refused
        let refused = ProgramError::BindingNotFound;
        scene.world.refuse(&[forged], &[&bob], refused);
    }
}

#[test]
fn a_touch_is_by_the_code_that_was_signed_in_its_campaign() {
    // Given Bob's binding to Alice's code
    let mut scene = scene();
    let bob = scene.bob.insecure_clone();
    let good = scene.world.bind(&bob.pubkey(), FIRST);

    // When Dora's account is passed with the signed code of Alice
    let mut swapped = good.clone();
    swapped.accounts[3].pubkey = scene.world.referral_address(SECOND);
    let mismatch = ProgramError::CodeMismatch;
    scene.world.refuse(&[swapped], &[&bob], mismatch);

    // And a code of another campaign, another account as campaign, or an invalid code is
    // refused, too
    let elsewhere = scene.world.open_campaign_of(7);
    let mut foreign = good.clone();
    foreign.accounts[2].pubkey = elsewhere;
    foreign.accounts[4].pubkey = pda::binding(&elsewhere, &bob.pubkey());
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
    (scene.world).update(|settings| settings.max_partner_share_bps = 1_000);
    let alice = scene.alice.insecure_clone();
    let partner = scene.world.partner(&alice, FIRST, 1_000);

    // When either is bound to it, then it is refused (I2)
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
            ProgramError::BindingNotNeeded,
        ),
    ];
    for (step, expected) in steps {
        // Given a campaign or a code that cannot earn, or a campaign without bindings
        let mut scene = scene();
        let (alice, bob) = (scene.alice.insecure_clone(), scene.bob.insecure_clone());
        step(&mut scene.world, &alice);

        // When Bob is bound, then the refusal names the reason (I7)
        let bind = scene.world.bind(&bob.pubkey(), FIRST);
        scene.world.refuse(&[bind], &[&bob], expected);
    }
}

/// Ways to stop the code [`FIRST`] of Alice from earning.
const STOPS: [fn(&mut World, &Keypair); 5] = [
    |world, alice| {
        let referral = world.referral_address(FIRST);
        let off = instructions::update_referral(&alice.pubkey(), &referral, false, 0, 0);
        world.land(&[off], &[alice]);
    },
    |world, _| {
        let company = world.company.insecure_clone();
        let (campaign, referral) = (world.campaign, world.referral_address(FIRST));
        let off = instructions::set_suspended(&company.pubkey(), &campaign, &referral, true);
        world.land(&[off], &[&company]);
    },
    |world, alice| {
        let referral = world.referral_address(FIRST);
        let expire = instructions::update_referral(&alice.pubkey(), &referral, true, 0, NOW + 10);
        world.land(&[expire], &[alice]);
        world.set_time(NOW + 10);
    },
    |world, alice| {
        let (referral, carol) = (world.referral_address(FIRST), world.wallet());
        let limit = instructions::update_referral(&alice.pubkey(), &referral, true, 1, 0);
        let bind = world.bind(&carol.pubkey(), FIRST);
        let convert = world.conversion(&carol.pubkey(), &alice.pubkey(), FIRST);
        world.land(&[limit], &[alice]);
        world.land(&[bind, convert], &[&carol]);
    },
    |world, alice| {
        let (own, referral) = (alice.pubkey(), world.referral_address(FIRST));
        world.land(
            &[instructions::close_referral(&own, &referral, &own)],
            &[alice],
        );
    },
];

#[test]
fn a_code_that_cannot_earn_leaves_its_wallets_free() {
    for stop in STOPS {
        // Given Bob, bound to Alice's code, and two codes of Dora
        let mut scene = scene();
        scene.bind(FIRST);
        let (alice, dora) = (scene.alice.insecure_clone(), scene.dora.insecure_clone());
        let bob = scene.bob.insecure_clone();
        scene.world.another_code(&dora, THIRD);
        let anew = scene.world.bind_anew(&bob.pubkey(), FIRST, SECOND);
        let anew = std::slice::from_ref(&anew);

        // When Alice's code can earn, then Bob cannot be bound to Dora's
        let bound = ProgramError::AlreadyBound;
        scene.world.refuse(anew, &[&bob], bound);

        // When it cannot earn any more, then he can, if the instruction names the lost
        // code
        stop(&mut scene.world, &alice);
        let blind = scene.world.bind(&bob.pubkey(), SECOND);
        scene.world.refuse(&[blind], &[&bob], bound);
        let wrong = scene.world.bind_anew(&bob.pubkey(), THIRD, SECOND);
        scene
            .world
            .refuse(&[wrong], &[&bob], ProgramError::WrongReferral);
        scene.world.land(anew, &[&bob]);
        let binding: Binding = scene.world.read(&scene.binding());
        let now = scene.world.time();
        assert_eq!(
            (binding.referral, binding.bound_at, binding.expires_at),
            (scene.world.referral_address(SECOND), now, now + 1_000)
        );
        scene.convert(SECOND, Ok(()));
        assert_eq!(scene.world.rewards(&dora.pubkey()), REWARD);
    }
}

#[test]
fn an_owner_at_the_limit_leaves_the_wallets_free() {
    // Given a limit of one conversion per owner, and two wallets bound to Alice's code
    let mut world = World::new();
    world.set_time(NOW);
    let terms = Terms {
        per_owner: true,
        ..Terms::default()
    };
    let settings = Settings {
        attribution_window: WINDOW,
        owner_limit: 1,
        ..Settings::fixed(REWARD)
    };
    world.open(terms, settings);
    let (alice, dora) = (world.referrer(FIRST), world.referrer(SECOND));
    let (bob, carol) = (world.wallet(), world.wallet());
    for wallet in [&bob, &carol] {
        let bind = world.bind(&wallet.pubkey(), FIRST);
        world.land(&[bind], &[wallet]);
    }
    let anew = world.bind_anew(&bob.pubkey(), FIRST, SECOND);
    let anew = std::slice::from_ref(&anew);
    let bound = ProgramError::AlreadyBound;
    world.refuse(anew, &[&bob], bound);

    // When Carol has used up the limit, then Bob can no longer convert with that code
    let convert = world.conversion(&carol.pubkey(), &alice.pubkey(), FIRST);
    world.land(&[convert], &[&carol]);
    assert_eq!(world.counted(&alice.pubkey()).conversions, 1);
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), FIRST);
    let full = ProgramError::OwnerLimitReached;
    world.refuse(&[convert], &[&bob], full);

    // And he can be bound to Dora's code, if Alice's account, and no other, proves the
    // limit
    let blind = instructions::bind(&Bind {
        bound: Some((world.referral_address(FIRST), None)),
        ..world.touch(&bob.pubkey(), &bob.pubkey(), SECOND)
    });
    world.refuse(&[blind], &[&bob], bound);
    for (wrong, expected) in [
        (world.referrer_address(&dora.pubkey()), bound),
        (
            world.binding_address(&carol.pubkey()),
            ProgramError::ReferrerNotFound,
        ),
    ] {
        let mut bind = anew[0].clone();
        bind.accounts[BOUND_REFERRER].pubkey = wrong;
        world.refuse(&[bind], &[&bob], expected);
    }
    world.land(anew, &[&bob]);
    let convert = world.conversion(&bob.pubkey(), &dora.pubkey(), SECOND);
    world.land(&[convert], &[&bob]);
    assert_eq!(world.rewards(&dora.pubkey()), REWARD);
}

#[test]
fn a_window_that_is_introduced_waits_for_the_notice() {
    // Given a campaign with a notice and without a window
    let mut world = World::new();
    world.set_time(NOW);
    let terms = Terms {
        notice_seconds: 100,
        ..Terms::default()
    };
    world.open(terms, Settings::fixed(REWARD));
    let alice = world.referrer(FIRST);
    let [bob, carol] = [(); 2].map(|()| world.wallet());

    // When it introduces a window, then wallets count without a binding until the notice
    // is over
    world.update(|settings| settings.attribution_window = WINDOW);
    let bind = world.bind(&carol.pubkey(), FIRST);
    let bind = std::slice::from_ref(&bind);
    world.set_time(NOW + 99);
    world.refuse(bind, &[&carol], ProgramError::BindingNotNeeded);
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), FIRST);
    world.land(&[convert], &[&bob]);

    // And they need one from then on
    world.set_time(NOW + 100);
    let convert = world.conversion(&carol.pubkey(), &alice.pubkey(), FIRST);
    let convert = std::slice::from_ref(&convert);
    world.refuse(convert, &[&carol], ProgramError::BindingNotFound);
    world.land(bind, &[&carol]);
    world.land(convert, &[&carol]);
    assert_eq!(world.rewards(&alice.pubkey()), 2 * REWARD);
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

        // When its own time is not over, then it counts
        scene.world.wait(999);
        scene.convert(FIRST, Ok(()));
    }

    // And without a window, no binding is needed
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

    // When Eve reclaims it in another campaign's name, then she is refused
    let campaign = scene.world.campaign;
    let good = instructions::reclaim_binding(&campaign, &bob.pubkey(), &bob.pubkey());
    let mut wrong = good.clone();
    wrong.accounts[0].pubkey = scene.world.open_campaign_of(7);
    let refused = ProgramError::WrongCampaign;
    scene.world.refuse(&[wrong], &[&eve], refused);
    let mut wrong = good.clone();
    wrong.accounts[1].pubkey = scene.world.referral_address(FIRST);
    let refused = ProgramError::BindingNotFound;
    scene.world.refuse(&[wrong], &[&eve], refused);

    // But in its own campaign's name, Bob gets his rent
    let before = scene.world.lamports(&bob.pubkey());
    scene.world.land(std::slice::from_ref(&good), &[&eve]);
    let rent = scene
        .world
        .svm
        .minimum_balance_for_rent_exemption(Binding::SIZE);
    assert_eq!(scene.world.lamports(&bob.pubkey()) - before, rent);
    let refused = ProgramError::BindingNotFound;
    scene.world.refuse(&[good], &[&eve], refused);
}
