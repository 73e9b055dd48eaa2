//! The life of a code. Numbers in brackets refer to docs/INVARIANTS.md.

use solana_sdk::{
    instruction::{Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    ProgramError, Share,
    accounts::{AccountType as _, Closed, Referral, Settings, Terms},
    instructions::{self, CreateReferral},
    pda,
};
use vouch_program_tests::{REWARD, Refused, World, code, other};

const CODE: &str = "STARTER7";
const NONE: [u8; 32] = [0; 32];
const NOW: i64 = 1_800_000_000;
/// Seconds until a partnership ends after the owner ended it: 7 days.
const PARTNER_NOTICE: i64 = 7 * 24 * 60 * 60;

/// A share in basis points.
const fn bps(bps: u16) -> Share {
    Share { bps, fixed: 0 }
}

struct Scene {
    world: World,
    alice: Keypair,
}

/// A campaign with partners of up to 20%, and Alice's code.
fn scene() -> Scene {
    let mut world = World::new();
    world.set_time(NOW);
    world.open(
        Terms::default(),
        Settings {
            max_partner_share_bps: 2_000,
            ..Settings::fixed(REWARD)
        },
    );
    let alice = world.referrer(CODE);
    Scene { world, alice }
}

impl Scene {
    fn referral(&self) -> Pubkey {
        self.world.referral_address(CODE)
    }

    /// Lets a new wallet convert.
    fn convert(&mut self) -> Result<Keypair, Refused> {
        let bob = self.world.receiver();
        let owner = self.alice.pubkey();
        let convert = self.world.conversion(&bob.pubkey(), &owner, CODE);
        self.world.send(&[convert], &[&bob]).map(|_| bob)
    }

    #[track_caller]
    fn converts(&mut self, expected: Result<(), ProgramError>) {
        let outcome = self.convert().map(|_| ());
        assert_eq!(outcome, expected.map_err(Refused::Program));
    }

    fn update(&self, active: bool, usage_limit: u64, expires_at: i64) -> Instruction {
        let owner = self.alice.pubkey();
        instructions::update_referral(&owner, &self.referral(), active, usage_limit, expires_at)
    }
}

#[test]
fn an_owner_switches_the_code_off_and_on() {
    // Given Alice's code
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();

    for (active, expected) in [(false, Err(ProgramError::ReferralInactive)), (true, Ok(()))] {
        // When she switches it, then it earns if and only if it is on (I7)
        let update = scene.update(active, 0, 0);
        scene.world.land(&[update], &[&alice]);
        assert_eq!(scene.world.referral(CODE).active, active);
        scene.converts(expected);
    }
}

#[test]
fn a_usage_limit_is_not_below_what_was_used() {
    // Given a code with two conversions
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();
    scene.converts(Ok(()));
    scene.converts(Ok(()));

    // When its owner limits it to one, then it is refused; to two, then it is used up
    let update = scene.update(true, 1, 0);
    let refused = ProgramError::InvalidUsageLimit;
    scene.world.refuse(&[update], &[&alice], refused);
    let update = scene.update(true, 2, 0);
    scene.world.land(&[update], &[&alice]);
    scene.converts(Err(ProgramError::UsageLimitReached));

    // And with a limit of three, one more counts; without a limit, any number
    for (limit, expected) in [(3, Err(ProgramError::UsageLimitReached)), (0, Ok(()))] {
        let update = scene.update(true, limit, 0);
        scene.world.land(&[update], &[&alice]);
        scene.converts(Ok(()));
        scene.converts(expected);
    }
}

#[test]
fn a_cancelled_conversion_gives_its_use_back() {
    // Given a code for one use, used within a hold
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();
    scene.world.update(|settings| settings.hold_seconds = 60);
    let update = scene.update(true, 1, 0);
    scene.world.land(&[update], &[&alice]);
    let bob = scene.convert().expect("it counts");
    scene.converts(Err(ProgramError::UsageLimitReached));

    // When the conversion is cancelled, then the code can be used again
    let company = scene.world.company.insecure_clone();
    let cancel = scene.world.cancel(CODE, &bob.pubkey(), &NONE);
    scene.world.land(&[cancel], &[&company]);
    scene.converts(Ok(()));
}

#[test]
fn a_code_expires_and_may_be_renewed() {
    // Given a code whose owner set an expiry in a minute
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();
    let update = scene.update(true, 0, NOW + 60);
    scene.world.land(&[update], &[&alice]);

    // When it is a second before, then it earns; at the expiry, it does not
    scene.world.wait(59);
    scene.converts(Ok(()));
    scene.world.wait(1);
    scene.converts(Err(ProgramError::ReferralExpired));

    // And an expiry in the past may stay, but a new one must be in the future
    let update = scene.update(true, 7, NOW + 60);
    scene.world.land(&[update], &[&alice]);
    for past in [NOW + 59, 1, -1, i64::MIN] {
        let update = scene.update(true, 0, past);
        let refused = ProgramError::InvalidExpiry;
        scene.world.refuse(&[update], &[&alice], refused);
    }
    let update = scene.update(true, 0, NOW + 61);
    scene.world.land(&[update], &[&alice]);
    scene.converts(Ok(()));
}

#[test]
fn a_code_may_be_born_with_bounds() {
    // Given bounds that are valid, and some that are not
    let mut scene = scene();
    let dora = scene.world.wallet();
    let args = |limit, expires_at| CreateReferral {
        usage_limit: limit,
        expires_at,
        ..CreateReferral::new(
            &dora.pubkey(),
            &dora.pubkey(),
            &scene.world.campaign,
            &code("STARTER8"),
        )
    };
    let creations =
        [NOW, 1, -1, i64::MIN].map(|past| instructions::create_referral(&args(0, past)));
    let good = instructions::create_referral(&args(5, NOW + 1));

    // When she registers with them, then only the valid ones are accepted
    for create in creations {
        let refused = ProgramError::InvalidExpiry;
        scene.world.refuse(&[create], &[&dora], refused);
    }
    scene.world.land(&[good], &[&dora]);
    let referral = scene.world.referral("STARTER8");
    assert_eq!((referral.usage_limit, referral.expires_at), (5, NOW + 1));
}

#[test]
fn only_its_owner_changes_a_code() {
    // Given Alice's code, and others: its partner, the company, a stranger
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();
    let partner = scene.world.partner(&alice, CODE, 1_000);
    let (company, eve) = (scene.world.company.insecure_clone(), scene.world.wallet());
    let (referral, campaign) = (scene.referral(), scene.world.campaign);
    let before = scene.world.referral(CODE);

    for stranger in [&partner, &company, &eve] {
        // When they change it in their own name, then they are refused (I3)
        let own = stranger.pubkey();
        for change in [
            instructions::update_referral(&own, &referral, false, 0, 0),
            instructions::propose_owner(&own, &referral, Some(&own)),
            instructions::close_referral(&own, &referral, &own),
        ] {
            let refused = ProgramError::NotReferralOwner;
            scene.world.refuse(&[change], &[stranger], refused);
        }
        let friend = scene.world.wallet();
        let set = instructions::set_partner(&own, &friend.pubkey(), &campaign, &referral, bps(1));
        let refused = ProgramError::NotReferralOwner;
        scene.world.refuse(&[set], &[stranger, &friend], refused);
    }
    // And in Alice's name without her signature, they are refused, too
    let missing = other(0, InstructionError::MissingRequiredSignature);
    for mut change in [
        instructions::update_referral(&alice.pubkey(), &referral, false, 0, 0),
        instructions::propose_owner(&alice.pubkey(), &referral, Some(&eve.pubkey())),
        instructions::close_referral(&alice.pubkey(), &referral, &alice.pubkey()),
    ] {
        change.accounts[0].is_signer = false;
        scene.world.refuse(&[change], &[&eve], missing.clone());
    }
    assert_eq!(scene.world.referral(CODE), before);
}

#[test]
fn the_campaign_suspends_a_code_and_the_owner_cannot_undo_it() {
    // Given a code that the company suspends
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();
    let (company, eve) = (scene.world.company.insecure_clone(), scene.world.wallet());
    let (referral, campaign) = (scene.referral(), scene.world.campaign);
    let suspend =
        |who: &Keypair, on| instructions::set_suspended(&who.pubkey(), &campaign, &referral, on);
    scene.world.land(&[suspend(&company, true)], &[&company]);

    // When its owner switches it on, then it still does not earn
    let update = scene.update(true, 0, 0);
    scene.world.land(&[update], &[&alice]);
    scene.converts(Err(ProgramError::ReferralInactive));

    // And nobody else can lift the suspension
    for stranger in [&alice, &eve] {
        let refused = ProgramError::Unauthorized;
        scene
            .world
            .refuse(&[suspend(stranger, false)], &[stranger], refused);
    }
    // And the authority of another campaign cannot lift it, either
    let mut foreign = suspend(&company, false);
    foreign.accounts[1].pubkey = scene.world.open_campaign_of(7);
    let refused = ProgramError::WrongCampaign;
    scene.world.refuse(&[foreign], &[&company], refused);

    // And when the company lifts it, the code earns again
    scene.world.land(&[suspend(&company, false)], &[&company]);
    scene.converts(Ok(()));
}

#[test]
fn a_partner_consents_and_leaves() {
    // Given Alice and a partner
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();
    let (partner, eve) = (scene.world.receiver(), scene.world.receiver());
    let (campaign, referral) = (scene.world.campaign, scene.referral());
    let set_part = |partner: &Keypair, part| {
        let (owner, partner) = (alice.pubkey(), partner.pubkey());
        instructions::set_partner(&owner, &partner, &campaign, &referral, part)
    };
    let set = |partner: &Keypair, share| set_part(partner, bps(share));

    // When one of the two does not sign, then it is refused (I3)
    let missing = other(0, InstructionError::MissingRequiredSignature);
    for (index, signer) in [(0, &partner), (1, &alice)] {
        let mut unsigned = set(&partner, 2_000);
        unsigned.accounts[index].is_signer = false;
        scene.world.refuse(&[unsigned], &[signer], missing.clone());
    }

    // And a share of zero, or above the campaign's maximum, or Alice as her own partner
    // is refused
    for share in [0, 2_001, 10_000, u16::MAX] {
        let refused = ProgramError::InvalidPartner;
        scene
            .world
            .refuse(&[set(&partner, share)], &[&alice, &partner], refused);
    }
    // And a fixed part, which the campaign does not allow, or both kinds together are
    // refused
    for (bps, fixed) in [(0, 1), (1, 1), (2_000, u64::MAX)] {
        let part = Share { bps, fixed };
        let refused = ProgramError::InvalidPartner;
        scene
            .world
            .refuse(&[set_part(&partner, part)], &[&alice, &partner], refused);
    }
    let refused = ProgramError::InvalidPartner;
    scene.world.refuse(&[set(&alice, 1)], &[&alice], refused);

    // When both sign, then the partner earns
    scene
        .world
        .land(&[set(&partner, 2_000)], &[&alice, &partner]);
    scene.converts(Ok(()));
    assert_eq!(scene.world.rewards(&partner.pubkey()), REWARD / 5);

    // And another partner cannot replace this one, although both would sign
    let refused = ProgramError::PartnerExists;
    scene
        .world
        .refuse(&[set(&eve, 1_000)], &[&alice, &eve], refused);
    // But a new share for the partner needs both signatures again
    scene.world.land(&[set(&partner, 500)], &[&alice, &partner]);
    assert_eq!(scene.world.referral(CODE).partner_share_bps, 500);

    // And only the two can end it; the owner with a notice, which both together can
    // revoke
    let end = |party: &Keypair| instructions::end_partnership(&party.pubkey(), &referral);
    let refused = ProgramError::NotPartner;
    scene.world.refuse(&[end(&eve)], &[&eve], refused);
    scene.world.land(&[end(&alice)], &[&alice]);
    let ending = scene.world.referral(CODE);
    assert_eq!(
        (ending.partner, ending.partner_ends_at),
        (partner.pubkey(), NOW + PARTNER_NOTICE)
    );
    scene.world.land(&[set(&partner, 500)], &[&alice, &partner]);
    assert_eq!(scene.world.referral(CODE).partner_ends_at, 0);

    // But the partner can leave at once
    scene.world.land(&[end(&partner)], &[&partner]);
    let after = scene.world.referral(CODE);
    assert_eq!(
        (
            after.partner,
            after.partner_share_bps,
            after.partner_fixed,
            after.partner_ends_at,
            after.partner_account_bump
        ),
        (Pubkey::default(), 0, 0, 0, 0)
    );
    for party in [&partner, &alice] {
        let refused = ProgramError::NotPartner;
        scene.world.refuse(&[end(party)], &[party], refused);
    }

    // So Alice can have another partner
    scene.world.land(&[set(&eve, 1_000)], &[&alice, &eve]);
    scene.converts(Ok(()));
    assert_eq!(scene.world.rewards(&eve.pubkey()), REWARD / 10);
    assert_eq!(scene.world.rewards(&partner.pubkey()), REWARD / 5);
}

#[test]
fn a_partner_who_is_owed_stays_until_it_is_paid() {
    // Given a held reward with a partner's part
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();
    let partner = scene.world.partner(&alice, CODE, 2_000);
    scene.world.update(|settings| settings.hold_seconds = 60);
    let bob = scene.convert().expect("it counts");

    // When the partner leaves before it is paid, then it stays recorded, and earns no
    // more
    let end = instructions::end_partnership(&partner.pubkey(), &scene.referral());
    let end = std::slice::from_ref(&end);
    scene.world.land(end, &[&partner]);
    let carol = scene.convert().expect("it counts");
    let conversion = scene.world.converted(CODE, &carol.pubkey(), &NONE);
    assert_eq!(conversion.reward_partner, 0);
    let referral = scene.world.referral(CODE);
    assert_eq!(
        (
            referral.partner,
            referral.partner_ends_at,
            referral.partner_pending
        ),
        (partner.pubkey(), NOW, REWARD / 5)
    );
    let refused = ProgramError::RewardsPending;
    scene.world.refuse(end, &[&partner], refused);

    // And after that, it can leave
    scene.world.wait(60);
    let claim = scene.world.claim(CODE, &bob.pubkey(), &NONE);
    scene.world.land(&[claim], &[&bob]);
    assert_eq!(scene.world.rewards(&partner.pubkey()), REWARD / 5);
    scene.world.land(end, &[&partner]);
    assert_eq!(scene.world.referral(CODE).partner, Pubkey::default());
}

#[test]
fn an_owner_ends_a_partnership_with_a_notice() {
    // Given a partnership whose end Alice announces
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();
    let partner = scene.world.partner(&alice, CODE, 2_000);
    let (eve, campaign, referral) = (
        scene.world.receiver(),
        scene.world.campaign,
        scene.referral(),
    );
    let end = |party: &Keypair| instructions::end_partnership(&party.pubkey(), &referral);
    let replace = instructions::set_partner(
        &alice.pubkey(),
        &eve.pubkey(),
        &campaign,
        &referral,
        bps(1_000),
    );
    let replace = std::slice::from_ref(&replace);
    scene.world.land(&[end(&alice)], &[&alice]);

    // When she announces it again, then the first end stays
    scene.world.wait(100);
    scene.world.land(&[end(&alice)], &[&alice]);
    let ends_at = scene.world.referral(CODE).partner_ends_at;
    assert_eq!(ends_at, NOW + PARTNER_NOTICE);

    // And the partner earns until a second before it, and nobody can replace the partner
    scene.world.set_time(ends_at - 1);
    scene.converts(Ok(()));
    assert_eq!(scene.world.rewards(&partner.pubkey()), REWARD / 5);
    let refused = ProgramError::PartnerExists;
    scene.world.refuse(replace, &[&alice, &eve], refused);

    // And from the end on the partner earns nothing, and can be replaced at once
    scene.world.set_time(ends_at);
    scene.converts(Ok(()));
    assert_eq!(scene.world.rewards(&partner.pubkey()), REWARD / 5);
    scene.world.land(replace, &[&alice, &eve]);
    let refused = ProgramError::NotPartner;
    scene.world.refuse(&[end(&partner)], &[&partner], refused);
    scene.converts(Ok(()));
    assert_eq!(scene.world.rewards(&eve.pubkey()), REWARD / 10);
}

#[test]
fn a_code_changes_hands_in_two_steps() {
    // Given Alice, who offers her code to Dora
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();
    let (dora, eve) = (scene.world.receiver(), scene.world.receiver());
    let (campaign, referral) = (scene.world.campaign, scene.referral());
    let offer = |to: Option<&Pubkey>| instructions::propose_owner(&alice.pubkey(), &referral, to);
    let accept =
        |who: &Keypair| instructions::accept_owner(&who.pubkey(), &campaign, &referral, false);
    let not_offered = ProgramError::NotPendingOwner;
    scene.world.refuse(&[accept(&dora)], &[&dora], not_offered);
    scene.world.land(&[offer(Some(&dora.pubkey()))], &[&alice]);

    // Then Alice still owns it, and nobody else can accept
    scene.converts(Ok(()));
    assert_eq!(scene.world.rewards(&alice.pubkey()), REWARD);
    for stranger in [&eve, &alice] {
        scene
            .world
            .refuse(&[accept(stranger)], &[stranger], not_offered);
    }
    let mut unsigned = accept(&dora);
    unsigned.accounts[0].is_signer = false;
    let missing = other(0, InstructionError::MissingRequiredSignature);
    scene.world.refuse(&[unsigned], &[&eve], missing);

    // And Dora cannot accept it when the offer was withdrawn or made to Eve
    scene.world.land(&[offer(None)], &[&alice]);
    scene.world.refuse(&[accept(&dora)], &[&dora], not_offered);
    scene.world.land(&[offer(Some(&eve.pubkey()))], &[&alice]);
    scene.world.refuse(&[accept(&dora)], &[&dora], not_offered);
    scene.world.land(&[offer(Some(&dora.pubkey()))], &[&alice]);

    // And another campaign's account, whose token would become the reward's, is refused,
    // too
    let mut foreign = accept(&dora);
    foreign.accounts[1].pubkey = scene.world.open_campaign_of(7);
    let wrong = ProgramError::WrongCampaign;
    scene.world.refuse(&[foreign], &[&dora], wrong);

    // When she accepts, then she owns it; she can accept only once
    scene.world.land(&[accept(&dora)], &[&dora]);
    let after: Referral = scene.world.referral(CODE);
    assert_eq!(
        (after.owner, after.pending_owner, after.reward_account),
        (
            dora.pubkey(),
            Pubkey::default(),
            scene.world.reward_account(&dora.pubkey())
        )
    );
    scene.world.refuse(&[accept(&dora)], &[&dora], not_offered);
    let update = scene.update(false, 0, 0);
    let refused = ProgramError::NotReferralOwner;
    scene.world.refuse(&[update], &[&alice], refused);
    scene.converts(Ok(()));
    assert_eq!(scene.world.rewards(&dora.pubkey()), REWARD);

    // And Alice can now be referred with it, and Dora cannot (I2)
    let convert = scene.world.conversion(&dora.pubkey(), &dora.pubkey(), CODE);
    let refused = ProgramError::SelfReferral;
    scene.world.refuse(&[convert], &[&dora], refused);
    let convert = scene
        .world
        .conversion(&alice.pubkey(), &dora.pubkey(), CODE);
    scene.world.land(&[convert], &[&alice]);
}

#[test]
fn a_partner_does_not_become_the_owner() {
    // Given a code that is offered to its partner
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();
    let partner = scene.world.partner(&alice, CODE, 1_000);
    let (campaign, referral) = (scene.world.campaign, scene.referral());
    let offer = instructions::propose_owner(&alice.pubkey(), &referral, Some(&partner.pubkey()));
    scene.world.land(&[offer], &[&alice]);
    let accept = instructions::accept_owner(&partner.pubkey(), &campaign, &referral, false);

    // When the partner accepts, then it is refused until the partnership has ended
    let refused = ProgramError::InvalidPartner;
    scene
        .world
        .refuse(std::slice::from_ref(&accept), &[&partner], refused);
    let end = instructions::end_partnership(&partner.pubkey(), &referral);
    scene.world.land(&[end, accept], &[&partner]);
    assert_eq!(scene.world.referral(CODE).owner, partner.pubkey());
}

#[test]
fn a_closed_code_is_never_free_again() {
    // Given a code of Alice's whose rent a sponsor paid
    let mut scene = scene();
    let (alice, sponsor, eve) = (
        scene.alice.insecure_clone(),
        scene.world.wallet(),
        scene.world.wallet(),
    );
    let (campaign, name) = (scene.world.campaign, "STARTER9");
    let create = |payer: &Keypair, owner: &Keypair| {
        instructions::create_referral(&CreateReferral::new(
            &payer.pubkey(),
            &owner.pubkey(),
            &campaign,
            &code(name),
        ))
    };
    scene
        .world
        .land(&[create(&sponsor, &alice)], &[&sponsor, &alice]);
    let referral = pda::referral(&campaign, &code(name));
    let close = |rent_payer: &Keypair| {
        instructions::close_referral(&alice.pubkey(), &referral, &rent_payer.pubkey())
    };

    // When she closes it, then the sponsor gets the rent, except for the tombstone's
    let wrong = ProgramError::WrongRentPayer;
    for thief in [&alice, &eve] {
        scene.world.refuse(&[close(thief)], &[&alice], wrong);
    }
    let before = scene.world.lamports(&sponsor.pubkey());
    scene.world.land(&[close(&sponsor)], &[&alice]);
    let rent = |size| scene.world.svm.minimum_balance_for_rent_exemption(size);
    let (full, left) = (rent(Referral::SIZE), rent(Closed::SIZE));
    assert_eq!(
        scene.world.lamports(&sponsor.pubkey()) - before,
        full - left
    );
    assert_eq!(scene.world.lamports(&referral), left);
    let closed: Closed = scene.world.read(&referral);
    assert_eq!(
        closed,
        Closed {
            version: 1,
            campaign,
            rent_payer: sponsor.pubkey(),
            treasury: Pubkey::default(),
        }
    );

    // And nobody can register the code, not even Alice (I1)
    for owner in [&alice, &eve] {
        let taken = ProgramError::CodeTaken;
        scene.world.refuse(&[create(owner, owner)], &[owner], taken);
    }

    // And no instruction accepts the tombstone
    let gone = ProgramError::ReferralNotFound;
    let bob = scene.world.wallet();
    let mut convert = scene.world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
    convert.accounts[3].pubkey = referral;
    convert.data[8..20].copy_from_slice(&code(name).to_padded());
    scene.world.refuse(&[convert], &[&bob], gone);
    scene.world.refuse(&[close(&sponsor)], &[&alice], gone);
    let update = instructions::update_referral(&alice.pubkey(), &referral, true, 0, 0);
    scene.world.refuse(&[update], &[&alice], gone);

    // And the tombstone's rent is returned when the campaign is closed
    let reclaim = instructions::reclaim_referral(&campaign, &referral, &sponsor.pubkey());
    let reclaim = std::slice::from_ref(&reclaim);
    let open = ProgramError::CampaignNotClosed;
    scene.world.refuse(reclaim, &[&eve], open);
    scene.world.close();
    scene.world.land(reclaim, &[&eve]);
    assert_eq!(scene.world.lamports(&referral), 0);
    assert_eq!(scene.world.lamports(&sponsor.pubkey()) - before, full);
    // No code can be registered any more by then
    let closed = ProgramError::CampaignClosed;
    scene.world.refuse(&[create(&eve, &eve)], &[&eve], closed);
}

#[test]
fn a_code_with_pending_rewards_is_not_closed() {
    // Given a held reward
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();
    scene.world.update(|settings| settings.hold_seconds = 60);
    let bob = scene.convert().expect("it counts");

    // When Alice closes her code before it is paid, then it is refused
    let close = instructions::close_referral(&alice.pubkey(), &scene.referral(), &alice.pubkey());
    let close = std::slice::from_ref(&close);
    let refused = ProgramError::RewardsPending;
    scene.world.refuse(close, &[&alice], refused);

    // And after the payment, she can
    scene.world.wait(60);
    let claim = scene.world.claim(CODE, &bob.pubkey(), &NONE);
    scene.world.land(&[claim], &[&bob]);
    scene.world.land(close, &[&alice]);
}

#[test]
fn codes_may_need_the_attestors_word() {
    // Given a campaign whose codes need an attestor's signature
    let mut scene = scene();
    let (attestor, dora, eve) = (Keypair::new(), scene.world.wallet(), scene.world.wallet());
    scene.world.update(|settings| {
        settings.attested_codes = true;
        settings.attestor = attestor.pubkey();
    });
    let campaign = scene.world.campaign;
    let create = |signer: Option<&Keypair>| {
        instructions::create_referral(&CreateReferral {
            attestor: signer.map(Keypair::pubkey),
            ..CreateReferral::new(&dora.pubkey(), &dora.pubkey(), &campaign, &code("STARTER8"))
        })
    };

    // When Dora registers without it, or with another's, then she is refused
    let refused = ProgramError::AttestationRequired;
    scene.world.refuse(&[create(None)], &[&dora], refused);
    let refused = ProgramError::WrongAttestor;
    scene
        .world
        .refuse(&[create(Some(&eve))], &[&dora, &eve], refused);
    let mut unsigned = create(Some(&attestor));
    unsigned.accounts[4].is_signer = false;
    let missing = other(0, InstructionError::MissingRequiredSignature);
    scene.world.refuse(&[unsigned], &[&dora], missing);

    // And with it, she has her code; a conversion needs no attestor
    scene
        .world
        .land(&[create(Some(&attestor))], &[&dora, &attestor]);
    scene.converts(Ok(()));
}

#[test]
fn a_code_of_another_layout_is_left_alone() {
    // Given codes in whose bytes the version is another one, or more is pending than was ever earned
    let changes: [fn(&mut Referral); 2] = [
        |referral| referral.version += 1,
        |referral| referral.rewards_pending = 1,
    ];
    for change in changes {
        let Scene { mut world, .. } = scene();
        let company = world.company.insecure_clone();
        let address = world.referral_address(CODE);
        let mut strange = world.referral(CODE);
        change(&mut strange);
        world.write(&address, &strange);
        let before = world.svm.get_account(&address);

        // When the company suspends one, then that is refused
        let suspend =
            instructions::set_suspended(&company.pubkey(), &world.campaign, &address, true);
        let invalid = other(0, InstructionError::InvalidAccountData);
        world.refuse(&[suspend], &[&company], invalid);
        assert_eq!(world.svm.get_account(&address), before);
    }
}
