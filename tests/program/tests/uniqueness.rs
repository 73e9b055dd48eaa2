//! Uniqueness: the things that convert at most once. Numbers in brackets refer to
//! docs/INVARIANTS.md.

use solana_sdk::{
    instruction::{Instruction, InstructionError},
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    ProgramError,
    accounts::{Funding, Proof, Settings, Terms, Uniqueness},
    instructions::{Convert, Purchase},
    pda,
};
use vouch_program_tests::{World, attested, other};

const FIRST: &str = "STARTER7";
const SECOND: &str = "STARTER8";
/// Position of the conversion among the accounts.
const CONVERSION: usize = 4;
/// The System program's `AddressWithSeedMismatch`.
const WRONG_ADDRESS: InstructionError = InstructionError::Custom(5);

/// A campaign with this uniqueness, and two codes of two owners.
fn scene(proof: Proof, uniqueness: Uniqueness) -> (World, Keypair) {
    let mut world = World::new();
    let terms = Terms {
        funding: Funding::MintAuthority,
        proof,
        uniqueness,
        ..Terms::default()
    };
    // A fixed reward needs a minimum payment.
    let settings = Settings {
        min_amount: u64::from(proof == Proof::Payment),
        ..Settings::fixed(10)
    };
    let attestor = if proof == Proof::Attested {
        world.open_attested(terms, settings)
    } else {
        world.open(terms, settings);
        Keypair::new()
    };
    world.referrer(FIRST);
    world.referrer(SECOND);
    (world, attestor)
}

/// A conversion of the wallet with the code and this reference, in the form that the
/// campaign needs, and its signers.
fn convert(
    world: &World,
    attestor: &Keypair,
    text: &str,
    bob: &Keypair,
    reference: [u8; 32],
) -> (Instruction, Vec<Keypair>) {
    let none = solana_sdk::pubkey::Pubkey::default();
    let bob_signs = vec![bob.insecure_clone()];
    match world.campaign().proof {
        Proof::Open => {
            let args = Convert {
                reference,
                ..Convert::signup(&bob.pubkey())
            };
            (world.convert(&none, text, &args), bob_signs)
        }
        Proof::Attested => {
            let args = Convert {
                reference,
                ..attested(&bob.pubkey(), &attestor.pubkey(), 1)
            };
            let signers = vec![bob.insecure_clone(), attestor.insecure_clone()];
            (world.convert(&none, text, &args), signers)
        }
        Proof::Payment => {
            let args = Purchase::new(&bob.pubkey(), 1_000, reference);
            (world.purchase(&none, text, &args), bob_signs)
        }
    }
}

#[test]
fn each_campaign_counts_once_what_it_says() {
    /// Whether a second conversion counts, after one with the first code and the first
    /// reference. The second is the same again, has another reference, has another code,
    /// or is another wallet's with the same code and reference.
    type Row = (Proof, Uniqueness, [bool; 4]);
    let rows: [Row; 8] = [
        (Proof::Open, Uniqueness::Wallet, [false, false, false, true]),
        (
            Proof::Open,
            Uniqueness::WalletAndCode,
            [false, false, true, true],
        ),
        (
            Proof::Attested,
            Uniqueness::Wallet,
            [false, false, false, true],
        ),
        (
            Proof::Attested,
            Uniqueness::WalletAndCode,
            [false, false, true, true],
        ),
        // The attestor vouches for the order number, so it is unique in the whole
        // campaign.
        (
            Proof::Attested,
            Uniqueness::Order,
            [false, true, false, false],
        ),
        (
            Proof::Payment,
            Uniqueness::Wallet,
            [false, false, false, true],
        ),
        (
            Proof::Payment,
            Uniqueness::WalletAndCode,
            [false, false, true, true],
        ),
        // Each buyer has their own order numbers.
        (
            Proof::Payment,
            Uniqueness::Order,
            [false, true, false, true],
        ),
    ];
    for (proof, uniqueness, expected) in rows {
        for (case, counts) in expected.into_iter().enumerate() {
            // Given Bob, who converted with the first code and the first reference
            let (mut world, attestor) = scene(proof, uniqueness);
            let (bob, carol) = (world.receiver(), world.receiver());
            let (first, signers) = convert(&world, &attestor, FIRST, &bob, [1; 32]);
            world.land(&[first], &signers.iter().collect::<Vec<_>>());

            // When there is a second conversion
            let (text, wallet, reference) = match case {
                0 => (FIRST, &bob, [1; 32]),
                1 => (FIRST, &bob, [2; 32]),
                2 => (SECOND, &bob, [1; 32]),
                _ => (FIRST, &carol, [1; 32]),
            };
            let (second, signers) = convert(&world, &attestor, text, wallet, reference);
            let outcome = world.send(&[second], &signers.iter().collect::<Vec<_>>());

            // Then it counts if and only if the campaign allows it (I1)
            let expected = if counts {
                Ok(())
            } else {
                Err(ProgramError::AlreadyConverted.into())
            };
            assert_eq!(
                outcome.map(|_| ()),
                expected,
                "{proof:?} {uniqueness:?} {case}"
            );
            assert_eq!(world.supply(), if counts { 20 } else { 10 });
        }
    }
}

#[test]
fn an_order_has_a_reference() {
    for proof in [Proof::Attested, Proof::Payment] {
        // Given a campaign that counts orders
        let (mut world, attestor) = scene(proof, Uniqueness::Order);
        let bob = world.receiver();

        // When Bob converts without a reference, then he is refused
        let (nameless, signers) = convert(&world, &attestor, FIRST, &bob, [0; 32]);
        let signers: Vec<_> = signers.iter().collect();
        world.refuse(&[nameless], &signers, ProgramError::MissingReference);
    }
}

#[test]
fn a_conversion_is_nowhere_but_at_its_key() {
    for (proof, uniqueness) in [
        (Proof::Open, Uniqueness::Wallet),
        (Proof::Open, Uniqueness::WalletAndCode),
        (Proof::Attested, Uniqueness::Order),
        (Proof::Payment, Uniqueness::Order),
    ] {
        // Given the addresses that follow from the other keys
        let (mut world, attestor) = scene(proof, uniqueness);
        let (bob, carol) = (world.receiver(), world.receiver());
        let (good, signers) = convert(&world, &attestor, FIRST, &bob, [1; 32]);
        let signers: Vec<_> = signers.iter().collect();
        let referral = world.referral_address(FIRST);
        let every = [
            Uniqueness::Wallet,
            Uniqueness::WalletAndCode,
            Uniqueness::Order,
        ];
        let mut refused = 0;
        let own = world.campaign().terms();
        let keys = every.into_iter().flat_map(|uniqueness| {
            let terms = Terms { uniqueness, ..own };
            [&bob, &carol].map(|wallet| terms.conversion_key(&wallet.pubkey(), &referral, &[1; 32]))
        });
        for key in keys.collect::<Vec<_>>() {
            let address = pda::conversion(&world.campaign, &key);
            if address == good.accounts[CONVERSION].pubkey {
                continue;
            }
            // When Bob's conversion is sent with one of them, then the System program
            // refuses the address (I1)
            let mut elsewhere = good.clone();
            elsewhere.accounts[CONVERSION].pubkey = address;
            world.refuse(&[elsewhere], &signers, other(0, WRONG_ADDRESS));
            refused += 1;
        }
        assert!(refused >= 4, "{refused} keys differ");
        world.land(&[good], &signers);
    }
}

#[test]
fn orders_that_nobody_vouches_for_are_no_terms() {
    // Given terms that count orders without a proof
    let mut world = World::new();
    let terms = Terms {
        uniqueness: Uniqueness::Order,
        ..Terms::default()
    };
    let args = world.opening(terms, Settings::fixed(10), Default::default());
    let company = world.company.insecure_clone();

    // When a campaign is opened with them, then it is refused
    let create = vouch_client::instructions::create_campaign(&args);
    world.refuse(&[create], &[&company], ProgramError::InvalidTerms);
}

#[test]
fn one_transaction_may_count_two_orders() {
    // Given a campaign that counts orders, and a buyer with two
    let (mut world, attestor) = scene(Proof::Payment, Uniqueness::Order);
    let bob = world.receiver();
    let orders = [[1; 32], [2; 32]].map(|order| convert(&world, &attestor, FIRST, &bob, order).0);

    // When both are in one transaction, then both count; the same one twice does not
    let twice = [orders[0].clone(), orders[0].clone()];
    world.refuse(&twice, &[&bob], ProgramError::AlreadyConverted);
    world.land(&orders, &[&bob]);
    assert_eq!(world.referral(FIRST).conversions, 2);
}
