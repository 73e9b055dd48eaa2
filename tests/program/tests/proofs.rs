//! The proof of a conversion: the attestor's signature or voucher; and the referee's
//! credential. Numbers in brackets refer to docs/INVARIANTS.md.

use solana_sdk::{
    account::Account,
    instruction::{AccountMeta, Instruction, InstructionError},
    message::Message,
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer as _},
};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{
        AccountType as _, Action, Funding, Proof, RevokedVoucher, Settings, Terms, Uniqueness,
    },
    instructions::{
        self, Convert, Evidence, Purchase, Sale,
        raw::{ConvertAccounts, PurchaseAccounts, RevokeVoucherAccounts},
    },
    pda, token,
    voucher::{self, CLOCK_SKEW, MAX_LIFE, MESSAGE_LEN, Statement},
};
use vouch_program_tests::{
    REWARD, World, attested, credential, other, signed, token_account, vouched_by,
};

const CODE: &str = "STARTER7";
const NOW: i64 = 1_800_000_000;
const INSTRUCTIONS: Pubkey = Pubkey::from_str_const("Sysvar1nstructions1111111111111111111111111");
/// Offsets of a voucher's key, signature and message, as the builder writes them.
const KEY_AT: usize = 16;
const SIGNATURE_AT: usize = 48;
const MESSAGE_AT: usize = 112;
/// Bytes of a voucher's data.
const VOUCHER_LEN: usize = MESSAGE_AT + MESSAGE_LEN;
/// Bytes of a voucher's two times, which come last.
const TIMES_LEN: usize = 16;

/// Whether the runtime starts a transaction with these instructions: every signature of
/// every Ed25519 instruction must be valid for the key and the message at its offsets.
/// Follows <https://docs.rs/agave-precompiles/4>.
fn runtime_accepts(instructions: &[Instruction]) -> bool {
    instructions
        .iter()
        .filter(|instruction| instruction.program_id == voucher::ED25519_PROGRAM_ID)
        .all(|instruction| signatures_hold(instruction, instructions).is_some())
}

fn signatures_hold(own: &Instruction, all: &[Instruction]) -> Option<()> {
    let count = usize::from(*own.data.first()?);
    if count == 0 {
        return (own.data.len() == 2).then_some(());
    }
    for i in 0..count {
        let offsets = own.data.get(2 + i * 14..2 + (i + 1) * 14)?;
        let number = |i: usize| u16::from_le_bytes([offsets[2 * i], offsets[2 * i + 1]]);
        let part = |instruction: u16, at: u16, length: usize| {
            let data = match instruction {
                u16::MAX => &own.data,
                index => &all.get(usize::from(index))?.data,
            };
            data.get(usize::from(at)..usize::from(at) + length)
        };
        let signature = Signature::try_from(part(number(1), number(0), 64)?).ok()?;
        let key = part(number(3), number(2), 32)?;
        let message = part(number(6), number(4), usize::from(number(5)))?;
        signature.verify(key, message).then_some(())?;
    }
    Some(())
}

struct Scene {
    world: World,
    attestor: Keypair,
    alice: Keypair,
    bob: Keypair,
}

fn scene_of(uniqueness: Uniqueness) -> Scene {
    let mut world = World::new();
    world.set_time(NOW);
    let terms = Terms {
        uniqueness,
        ..Terms::default()
    };
    let attestor = world.open_attested(terms, Settings::fixed(REWARD));
    let alice = world.referrer(CODE);
    let bob = world.wallet();
    Scene {
        world,
        attestor,
        alice,
        bob,
    }
}

fn scene() -> Scene {
    scene_of(Uniqueness::Wallet)
}

impl Scene {
    /// Bob's conversion, with the evidence of [`Self::voucher`].
    fn args(&self) -> Convert {
        let args = Convert {
            action: Action::Booking,
            amount: 0x0102_0304_0506_0708,
            reference: [7; 32],
            ..Convert::signup(&self.bob.pubkey())
        };
        self.vouched(&args)
    }

    /// `args` with the evidence of its own voucher.
    fn vouched(&self, args: &Convert) -> Convert {
        Convert {
            evidence: vouched_by(&self.statement(args)),
            ..*args
        }
    }

    fn convert(&self, args: &Convert) -> Instruction {
        self.world.convert(&self.alice.pubkey(), CODE, args)
    }

    /// The attestor's statement about `args`, valid for a minute.
    fn statement(&self, args: &Convert) -> Statement {
        self.world.statement(CODE, args, NOW + 60)
    }

    /// The attestor's voucher for `args`, valid for a minute.
    fn voucher(&self, args: &Convert) -> Instruction {
        signed(&self.attestor, &self.statement(args))
    }

    /// Bob's conversion, with the attestor's voucher of this statement before it.
    fn with(&self, statement: &Statement) -> [Instruction; 2] {
        let args = Convert {
            evidence: vouched_by(statement),
            ..self.args()
        };
        [signed(&self.attestor, statement), self.convert(&args)]
    }

    /// `attestor`'s voucher with this message.
    fn signed(attestor: &Keypair, message: &[u8; MESSAGE_LEN]) -> Instruction {
        let signature = attestor.sign_message(message);
        voucher::instruction(&attestor.pubkey(), signature.as_array(), message)
    }

    /// Sends these as Bob. The runtime accepts them, and the program refuses them.
    #[track_caller]
    fn refuses(&mut self, instructions: &[Instruction], expected: ProgramError) {
        assert!(runtime_accepts(instructions), "the runtime refuses it");
        let bob = self.bob.insecure_clone();
        self.world.refuse(instructions, &[&bob], expected);
        assert_eq!(self.world.supply(), 0);
    }

    #[track_caller]
    fn lands(&mut self, instructions: &[Instruction]) {
        assert!(runtime_accepts(instructions), "the runtime refuses it");
        let bob = self.bob.insecure_clone();
        self.world.land(instructions, &[&bob]);
    }

    /// Calls [`Self::lands`] or [`Self::refuses`].
    #[track_caller]
    fn meets(&mut self, instructions: &[Instruction], expected: Result<(), ProgramError>) {
        match expected {
            Ok(()) => self.lands(instructions),
            Err(error) => self.refuses(instructions, error),
        }
    }
}

fn message_of(voucher: &Instruction) -> [u8; MESSAGE_LEN] {
    voucher.data[MESSAGE_AT..].try_into().expect("a message")
}

#[test]
fn the_attestor_may_sign_itself() {
    // Given an attested campaign
    let mut scene = scene();
    let (bob, eve) = (scene.bob.insecure_clone(), scene.world.wallet());
    let attestor = scene.attestor.insecure_clone();
    let convert = |by: &Keypair| {
        let args = attested(&bob.pubkey(), &by.pubkey(), 1);
        scene.world.convert(&scene.alice.pubkey(), CODE, &args)
    };
    let (good, wrong) = (convert(&attestor), convert(&eve));
    let own = convert(&bob);

    // When Eve or Bob signs instead of the attestor, then it is refused (I3)
    let refused = ProgramError::WrongAttestor;
    scene.world.refuse(&[wrong], &[&bob, &eve], refused);
    scene.world.refuse(&[own], &[&bob], refused);
    // And naming the attestor without its signature is refused, too
    let mut unsigned = good.clone();
    for account in &mut unsigned.accounts {
        account.is_signer &= account.pubkey != attestor.pubkey();
    }
    let missing = other(0, InstructionError::MissingRequiredSignature);
    scene.world.refuse(&[unsigned], &[&bob], missing);
    // And a conversion without evidence is refused, too
    let nobody = Convert {
        evidence: Evidence::None,
        ..scene.args()
    };
    let nobody = scene.convert(&nobody);
    scene.refuses(&[nobody], ProgramError::AttestationRequired);

    // When the attestor signs, then Bob counts
    scene.world.land(&[good], &[&bob, &attestor]);
    assert_eq!(scene.world.rewards(&scene.alice.pubkey()), REWARD);
}

#[test]
fn a_new_attestor_replaces_the_old_one() {
    // Given a campaign that replaces its attestor
    let mut scene = scene();
    let (old, new) = (scene.attestor.insecure_clone(), Keypair::new());
    let args = scene.args();
    let (voucher, convert) = (scene.voucher(&args), scene.convert(&args));
    scene
        .world
        .update(|settings| settings.attestor = new.pubkey());

    // When the old one signs or has signed, then it is refused
    let refused = ProgramError::InvalidVoucher;
    scene.refuses(&[voucher, convert], refused);
    let bob = scene.bob.insecure_clone();
    let sale = scene.world.sale(CODE, &bob.pubkey(), &old.pubkey(), 1);
    let refused = ProgramError::WrongAttestor;
    scene.world.refuse(&[sale], &[&bob, &old], refused);

    // And the new one's voucher counts
    let voucher = scene.world.voucher(&new, CODE, &args, NOW + 60);
    let convert = scene.convert(&args);
    scene.lands(&[voucher, convert]);
}

#[test]
fn a_voucher_counts_once_for_what_it_says() {
    for uniqueness in [
        Uniqueness::Wallet,
        Uniqueness::WalletAndCode,
        Uniqueness::Order,
    ] {
        // Given Bob's voucher
        let mut scene = scene_of(uniqueness);
        let args = scene.args();
        let (voucher, convert) = (scene.voucher(&args), scene.convert(&args));

        // When he uses it twice, in one transaction or in two
        let both = [
            voucher.clone(),
            convert.clone(),
            voucher.clone(),
            convert.clone(),
        ];
        scene.refuses(&both, ProgramError::AlreadyConverted);
        scene.lands(&[voucher.clone(), convert.clone()]);
        let bob = scene.bob.insecure_clone();
        let again = [voucher, convert];
        let refused = ProgramError::AlreadyConverted;
        scene.world.refuse(&again, &[&bob], refused);

        // Then it counted once (I1)
        let conversion = scene.world.converted(CODE, &bob.pubkey(), &[7; 32]);
        assert_eq!(conversion.referee, bob.pubkey());
        let sale = Sale {
            action: Action::Booking,
            amount: 0x0102_0304_0506_0708,
            reference: [7; 32],
        };
        assert_eq!(instructions::read_sale(&again[1].data), Some(sale));
        assert_eq!(scene.world.supply(), REWARD);
    }
}

#[test]
fn one_voucher_is_not_enough_for_two_conversions_in_a_row() {
    // Given a voucher, and a conversion of Bob's with another order right after it
    let mut scene = scene_of(Uniqueness::Order);
    let args = scene.args();
    let second = Convert {
        reference: [8; 32],
        ..args
    };
    let (voucher, first) = (scene.voucher(&args), scene.convert(&args));
    let second = scene.convert(&second);

    // When both are sent, then the instruction before the second is not a voucher
    let all = [voucher, first, second];
    scene.refuses(&all, ProgramError::AttestationRequired);
}

#[test]
fn a_voucher_is_for_its_conversion_alone() {
    // Given vouchers of the attestor that each differ in one field
    let mut scene = scene();
    let (args, eve) = (scene.args(), scene.world.wallet());
    scene.world.referrer("STARTER8");
    let other_code = scene
        .world
        .voucher(&scene.attestor, "STARTER8", &args, NOW + 60);
    let others = [
        Convert {
            referee: eve.pubkey(),
            ..args
        },
        Convert {
            action: Action::Loan,
            ..args
        },
        Convert {
            amount: args.amount + 1,
            ..args
        },
        Convert {
            reference: [8; 32],
            ..args
        },
    ];
    let convert = scene.convert(&args);
    for voucher in others
        .map(|args| scene.voucher(&args))
        .into_iter()
        .chain([other_code])
    {
        // When Bob uses one, then it is refused
        let refused = ProgramError::InvalidVoucher;
        scene.refuses(&[voucher, convert.clone()], refused);
    }

    // And a change of any byte except the times is refused: the domain, the program, or
    // the time when the campaign was created, which differs on another cluster
    let good = message_of(&scene.voucher(&args));
    for at in 0..MESSAGE_LEN - TIMES_LEN {
        let mut message = good;
        message[at] ^= 1;
        let voucher = Scene::signed(&scene.attestor, &message);
        let refused = ProgramError::InvalidVoucher;
        scene.refuses(&[voucher, convert.clone()], refused);
    }

    // And a voucher for another campaign with the same attestor is refused, too
    let (first, mint) = (scene.world.campaign, scene.world.mint.insecure_clone());
    let settings = scene.world.settings();
    let terms = scene.world.campaign().terms();
    scene.world.open(terms, settings);
    scene.world.referrer(CODE);
    let foreign = scene.voucher(&args);
    (scene.world.campaign, scene.world.mint) = (first, mint);
    let refused = ProgramError::InvalidVoucher;
    scene.refuses(&[foreign, convert.clone()], refused);

    // And a voucher that somebody else signed is refused, also if it is Bob or Alice
    for forger in [&eve, &scene.bob, &scene.alice].map(Keypair::insecure_clone) {
        let voucher = scene.world.voucher(&forger, CODE, &args, NOW + 60);
        scene.refuses(&[voucher, convert.clone()], refused);
    }
    let voucher = scene.voucher(&args);
    scene.lands(&[voucher, convert]);
}

#[test]
fn a_voucher_needs_the_referees_signature() {
    // Given Bob's voucher, which Eve has
    let mut scene = scene();
    let eve = scene.world.wallet();
    let args = Convert {
        payer: eve.pubkey(),
        ..scene.args()
    };
    let (voucher, mut convert) = (scene.voucher(&args), scene.convert(&args));
    convert.accounts[ConvertAccounts::REFEREE].is_signer = false;

    // When she sends it without him, then she is refused (I3)
    let missing = other(1, InstructionError::MissingRequiredSignature);
    scene.world.refuse(&[voucher, convert], &[&eve], missing);
}

#[test]
fn a_signature_that_is_none_does_not_reach_the_program() {
    // Given a voucher with a changed byte in key, signature or message
    let scene = scene();
    let args = scene.args();
    let (good, convert) = (scene.voucher(&args), scene.convert(&args));
    assert!(runtime_accepts(&[good.clone(), convert.clone()]));
    for at in [
        KEY_AT,
        SIGNATURE_AT,
        SIGNATURE_AT + 63,
        MESSAGE_AT,
        VOUCHER_LEN - 1,
    ] {
        let mut forged = good.clone();
        forged.data[at] ^= 1;
        // When it is sent, then the runtime refuses it
        assert!(!runtime_accepts(&[forged, convert.clone()]), "{at}");
    }
}

#[test]
fn a_voucher_comes_right_before() {
    // Given a voucher, a conversion, and an instruction that does nothing
    let mut scene = scene();
    let args = scene.args();
    let (voucher, convert) = (scene.voucher(&args), scene.convert(&args));
    let nothing = no_transfer(&scene.bob.pubkey());

    // When they are in another order, then the voucher does not count
    for order in [
        vec![&convert],
        vec![&convert, &voucher],
        vec![&voucher, &nothing, &convert],
        vec![&nothing, &convert, &voucher],
        vec![&nothing, &convert],
    ] {
        let order: Vec<_> = order.into_iter().cloned().collect();
        scene.refuses(&order, ProgramError::AttestationRequired);
    }

    // And the same bytes for another program do not count, either
    let mut elsewhere = voucher.clone();
    elsewhere.program_id = Pubkey::from_str_const("11111111111111111111111111111111");
    elsewhere.data = vec![2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    elsewhere.accounts.clone_from(&nothing.accounts);
    let order = [elsewhere, convert.clone()];
    scene.refuses(&order, ProgramError::AttestationRequired);

    // But other instructions before and after them do not matter
    let order = [nothing.clone(), voucher, convert, nothing];
    scene.lands(&order);
}

/// A transfer of no lamports to oneself.
fn no_transfer(wallet: &Pubkey) -> Instruction {
    let mut data = vec![2, 0, 0, 0];
    data.extend([0; 8]);
    Instruction {
        program_id: Pubkey::default(),
        accounts: vec![
            AccountMeta::new(*wallet, true),
            AccountMeta::new(*wallet, false),
        ],
        data,
    }
}

#[test]
fn the_instructions_are_the_transactions_own() {
    // Given a copy of the sysvar's content in an account that Bob created
    let mut scene = scene();
    let args = scene.args();
    let (voucher, convert) = (scene.voucher(&args), scene.convert(&args));
    let fake = Pubkey::new_unique();
    let account = token_account(&scene.world.svm, &fake, &fake, 1);
    scene.world.svm.set_account(fake, account).expect("set");
    let at = ConvertAccounts::INSTRUCTIONS;
    assert_eq!(convert.accounts[at].pubkey, INSTRUCTIONS);

    // When that account, or none, replaces the sysvar, then the voucher does not count
    for wrong in [fake, scene.bob.pubkey(), PROGRAM_ID] {
        let mut convert = convert.clone();
        convert.accounts[at].pubkey = wrong;
        let order = [voucher.clone(), convert];
        scene.refuses(&order, ProgramError::AttestationRequired);
    }
}

#[test]
fn a_voucher_has_one_signature_and_everything_in_itself() {
    // Given Bob's conversion, the attestor's voucher for something else, and the message
    // that Bob wants signed
    let mut scene = scene();
    let (args, eve) = (scene.args(), scene.world.wallet());
    let convert = scene.convert(&args);
    let good = scene.voucher(&args);
    let wanted = message_of(&good);
    let cheap = scene.voucher(&Convert { amount: 1, ..args });
    let refused = ProgramError::InvalidVoucher;
    let offsets = |parts: [u16; 7]| {
        let mut header = vec![1, 0];
        parts
            .iter()
            .for_each(|part| header.extend(part.to_le_bytes()));
        header
    };
    const HERE: u16 = u16::MAX;
    const ALL: u16 = MESSAGE_LEN as u16;
    const NEXT: u16 = VOUCHER_LEN as u16;

    // When the wanted bytes are in place, but the offsets point to another signature:
    // Eve's, in the same instruction, over her own message
    let eves = Scene::signed(&eve, &wanted).data;
    let mut forged = good.clone();
    forged.data = offsets([NEXT + 48, HERE, NEXT + 16, HERE, NEXT + 112, ALL, HERE]);
    forged.data.extend(&good.data[16..48]);
    forged.data.extend([0; 64]);
    forged.data.extend(wanted);
    assert_eq!(forged.data.len(), VOUCHER_LEN);
    forged.data.extend(&eves);
    scene.refuses(&[forged, convert.clone()], refused);

    // Or to the attestor's over something else, in the instruction before
    let mut forged = good.clone();
    forged.data = offsets([48, 0, 16, 0, 112, ALL, 0]);
    forged.data.extend(&good.data[16..48]);
    forged.data.extend([0; 64]);
    forged.data.extend(wanted);
    let order = [cheap.clone(), forged, convert.clone()];
    scene.refuses(&order, refused);

    // Or only one offset points there: of the key, of the signature, or of the message
    for (signature, key, message) in [(0, HERE, HERE), (HERE, 0, HERE), (HERE, HERE, 0)] {
        let mut elsewhere = good.clone();
        elsewhere.data[..16].copy_from_slice(&offsets([48, signature, 16, key, 112, ALL, message]));
        let order = [good.clone(), elsewhere, convert.clone()];
        scene.refuses(&order, refused);
    }
    // Or the offsets name this instruction by its number
    let mut numbered = good.clone();
    numbered.data[..16].copy_from_slice(&offsets([48, 0, 16, 0, 112, ALL, 0]));
    scene.refuses(&[numbered, convert.clone()], refused);

    // Or the message is shorter, so that less is signed
    let mut cut = good.clone();
    let signature = scene.attestor.sign_message(&wanted[..MESSAGE_LEN - 1]);
    cut.data[SIGNATURE_AT..MESSAGE_AT].copy_from_slice(signature.as_ref());
    cut.data[..16].copy_from_slice(&offsets([48, HERE, 16, HERE, 112, ALL - 1, HERE]));
    scene.refuses(&[cut, convert.clone()], refused);

    // Or there are two signatures, or none
    let mut two = good.clone();
    let shift = |at: u16| at + 14;
    two.data = vec![2, 0];
    for _ in 0..2 {
        let one = offsets([shift(48), HERE, shift(16), HERE, shift(112), ALL, HERE]);
        two.data.extend(&one[2..]);
    }
    two.data.extend(&good.data[16..]);
    scene.refuses(&[two, convert.clone()], refused);
    let mut none = good.clone();
    none.data = vec![0, 0];
    scene.refuses(&[none, convert.clone()], refused);

    // Or bytes follow
    let mut longer = good.clone();
    longer.data.push(0);
    scene.refuses(&[longer, convert.clone()], refused);
    // Or the padding is not zero
    let mut padded = good.clone();
    padded.data[1] = 1;
    scene.refuses(&[padded, convert.clone()], refused);

    // But the voucher itself counts
    scene.lands(&[good, convert]);
}

#[test]
fn a_voucher_expires() {
    // Given vouchers with several expiries
    for (expires_at, expected) in [
        (NOW + 1, Ok(())),
        (NOW, Err(ProgramError::VoucherExpired)),
        (NOW - 1, Err(ProgramError::VoucherExpired)),
        (NOW - 60, Err(ProgramError::VoucherExpired)),
        // Before it was issued
        (NOW - 61, Err(ProgramError::InvalidVoucher)),
        (0, Err(ProgramError::InvalidVoucher)),
        (i64::MIN, Err(ProgramError::InvalidVoucher)),
    ] {
        let mut scene = scene();
        let all = scene.with(&Statement {
            issued_at: NOW - 60,
            expires_at,
            ..scene.statement(&scene.args())
        });

        // When Bob uses one now, then it counts before its expiry
        scene.meets(&all, expected);
    }
}

#[test]
fn a_voucher_lives_for_thirty_days_at_most() {
    assert_eq!((MAX_LIFE, CLOCK_SKEW), (30 * 24 * 60 * 60, 300));
    let invalid = Err(ProgramError::InvalidVoucher);
    // Given vouchers with several lives, some from an attestor whose clock is ahead
    for (issued_at, expires_at, expected) in [
        (NOW, NOW + MAX_LIFE, Ok(())),
        (NOW, NOW + MAX_LIFE + 1, invalid),
        (NOW + 1 - MAX_LIFE, NOW + 1, Ok(())),
        (NOW - MAX_LIFE, NOW + 1, invalid),
        (NOW + 300, NOW + 301, Ok(())),
        (NOW + 300, NOW + 300 + MAX_LIFE, Ok(())),
        (NOW + 301, NOW + 302, invalid),
        (NOW, i64::MAX, invalid),
        // A life that overflows
        (-1, i64::MAX, invalid),
        (i64::MIN, NOW + 1, invalid),
        (i64::MAX, i64::MIN, invalid),
        (i64::MAX, i64::MAX, invalid),
        (i64::MIN, i64::MIN, Err(ProgramError::VoucherExpired)),
        (-1, -1, Err(ProgramError::VoucherExpired)),
    ] {
        let mut scene = scene();
        let all = scene.with(&Statement {
            issued_at,
            expires_at,
            ..scene.statement(&scene.args())
        });

        // When Bob uses one now, then it counts if its life is short enough
        scene.meets(&all, expected);
    }
}

#[test]
fn an_attestor_takes_a_voucher_back() {
    // Given two vouchers with the same content for Bob, issued at different times
    let mut scene = scene();
    let (attestor, bob) = (scene.attestor.insecure_clone(), scene.bob.insecure_clone());
    let (company, eve) = (scene.world.company.insecure_clone(), scene.world.wallet());
    let first = scene.statement(&scene.args());
    let second = Statement {
        expires_at: NOW + 61,
        ..first
    };
    let (revoked, other_one) = (scene.with(&first), scene.with(&second));
    let campaign = scene.world.campaign;
    let digest = voucher::digest(&voucher::message(&first));
    let revoke = |attestor: &Keypair, expires_at| {
        let (payer, by) = (company.pubkey(), attestor.pubkey());
        instructions::revoke_voucher(&payer, &by, &campaign, digest, expires_at)
    };

    // When somebody else revokes the first, even the company, then it is refused
    let wrong = ProgramError::WrongAttestor;
    for stranger in [&eve, &bob] {
        let theirs = revoke(stranger, NOW + 60);
        scene.world.refuse(&[theirs], &[&company, stranger], wrong);
    }
    let own = revoke(&company, NOW + 60);
    scene.world.refuse(&[own], &[&company], wrong);
    let mut unsigned = revoke(&attestor, NOW + 60);
    unsigned.accounts[RevokeVoucherAccounts::ATTESTOR].is_signer = false;
    let missing = other(0, InstructionError::MissingRequiredSignature);
    scene.world.refuse(&[unsigned], &[&company], missing);
    // And an expired voucher, or another address, is refused, too
    let late = revoke(&attestor, NOW);
    let expired = ProgramError::VoucherExpired;
    scene.world.refuse(&[late], &[&company, &attestor], expired);
    let mut elsewhere = revoke(&attestor, NOW + 60);
    elsewhere.accounts[RevokeVoucherAccounts::REVOCATION].pubkey =
        pda::revocation(&campaign, &[8; 32]);
    let mismatch = other(0, InstructionError::Custom(5));
    scene
        .world
        .refuse(&[elsewhere], &[&company, &attestor], mismatch);

    // And when the attestor revokes it, which works once, then Bob cannot use it
    let good = revoke(&attestor, NOW + 60);
    let good = std::slice::from_ref(&good);
    scene.world.land(good, &[&company, &attestor]);
    let twice = ProgramError::VoucherRevoked;
    scene.world.refuse(good, &[&company, &attestor], twice);
    scene.refuses(&revoked, ProgramError::VoucherRevoked);

    // And hiding the revocation is refused, too
    let position = ConvertAccounts::REVOCATION;
    for (hidden, expected) in [
        (PROGRAM_ID, ProgramError::MissingAccount),
        (Pubkey::new_unique(), ProgramError::WrongRevocation),
        (
            other_one[1].accounts[position].pubkey,
            ProgramError::WrongRevocation,
        ),
    ] {
        let mut all = revoked.clone();
        all[1].accounts[position].pubkey = hidden;
        scene.refuses(&all, expected);
    }

    // But the other voucher counts
    scene.lands(&other_one);

    // And the rent is returned when no voucher of that time can be valid any more
    let address = pda::revocation(&campaign, &digest);
    let record: RevokedVoucher = scene.world.read(&address);
    assert_eq!(
        (record.campaign, record.rent_payer, record.expires_at),
        (campaign, company.pubkey(), NOW + MAX_LIFE + CLOCK_SKEW)
    );
    let back = instructions::reclaim_voucher(&campaign, &digest, &company.pubkey());
    let theft = instructions::reclaim_voucher(&campaign, &digest, &eve.pubkey());
    let back = std::slice::from_ref(&back);
    scene.world.wait(MAX_LIFE + CLOCK_SKEW - 1);
    let early = ProgramError::VoucherNotExpired;
    scene.world.refuse(back, &[&eve], early);
    scene.world.wait(1);
    let wrong = ProgramError::WrongRentPayer;
    scene.world.refuse(&[theft], &[&eve], wrong);
    let before = scene.world.lamports(&company.pubkey());
    scene.world.land(back, &[&eve]);
    let gain = scene.world.lamports(&company.pubkey()) - before;
    let rent = scene
        .world
        .svm
        .minimum_balance_for_rent_exemption(RevokedVoucher::SIZE);
    assert_eq!(gain, rent);
    assert_eq!(scene.world.lamports(&address), 0);
}

#[test]
fn lamports_at_its_address_do_not_revoke_a_voucher() {
    // Given a stranger's lamports at the address of the revocation of Bob's voucher
    let mut scene = scene();
    let all = scene.with(&scene.statement(&scene.args()));
    let address = all[1].accounts[ConvertAccounts::REVOCATION].pubkey;
    scene.world.fund(&address, 5_000_000_000);

    // When he uses it, then it counts
    scene.lands(&all);
    assert_eq!(scene.world.rewards(&scene.alice.pubkey()), REWARD);
}

#[test]
fn a_voucher_does_not_outweigh_a_wrong_signer() {
    // Given Bob's voucher, and Eve, who signs as the attestor in the same transaction
    let mut scene = scene();
    let eve = scene.world.wallet();
    let args = scene.args();
    let voucher = scene.voucher(&args);
    let convert = scene.convert(&Convert {
        evidence: Evidence::Attestor(eve.pubkey()),
        ..args
    });

    // When both are sent, then the program checks her signature
    let bob = scene.bob.insecure_clone();
    let refused = ProgramError::WrongAttestor;
    scene
        .world
        .refuse(&[voucher, convert], &[&bob, &eve], refused);
}

#[test]
fn the_attestors_word_does_not_replace_the_rules() {
    // Given a voucher for Alice herself, and one in a paused campaign
    let mut scene = scene();
    let alice = scene.alice.insecure_clone();
    let args = Convert {
        payer: alice.pubkey(),
        referee: alice.pubkey(),
        ..scene.args()
    };
    let (voucher, convert) = (scene.voucher(&args), scene.convert(&args));

    // When one is used, then it is refused (I2, I7)
    let refused = ProgramError::SelfReferral;
    scene.world.refuse(&[voucher, convert], &[&alice], refused);
    let company = scene.world.company.insecure_clone();
    let pause =
        vouch_client::instructions::set_paused(&company.pubkey(), &scene.world.campaign, true);
    scene.world.land(&[pause], &[&company]);
    let args = scene.args();
    let (voucher, convert) = (scene.voucher(&args), scene.convert(&args));
    scene.refuses(&[voucher, convert], ProgramError::CampaignPaused);
}

#[test]
fn a_gate_opens_with_a_credential_of_its_own() {
    // Given a campaign that requires a credential, for sign-ups or for payments
    for payment in [false, true] {
        let [issuer, schema] = [(); 2].map(|()| Pubkey::new_unique());
        let gate = |settings| Settings {
            gate_credential: issuer,
            gate_schema: schema,
            ..settings
        };
        let mut world = World::new();
        world.set_time(NOW);
        if payment {
            let terms = Terms {
                funding: Funding::PaymentSplit,
                proof: Proof::Payment,
                ..Terms::default()
            };
            world.open(terms, gate(Settings::percent(1_000, 100_000)));
        } else {
            world.open(Terms::default(), gate(Settings::fixed(REWARD)));
        }
        let alice = world.referrer(CODE);
        let (bob, eve) = (world.wallet(), world.wallet());
        let (good, position) = if payment {
            let args = Purchase::new(&bob.pubkey(), 1_000_000, [0; 32]);
            let purchase = world.purchase(&alice.pubkey(), CODE, &args);
            (purchase, PurchaseAccounts::CREDENTIAL)
        } else {
            let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
            (convert, ConvertAccounts::CREDENTIAL)
        };
        let step = std::slice::from_ref(&good);
        let address = pda::attestation(&issuer, &schema, &bob.pubkey());
        assert_eq!(good.accounts[position].pubkey, address);

        // When Bob has none, leaves it out, or passes Eve's, then he is refused
        let required = ProgramError::CredentialRequired;
        world.refuse(step, &[&bob], required);
        let eves = world.give_credential(&eve.pubkey(), 0);
        for wrong in [PROGRAM_ID, eves, bob.pubkey()] {
            let mut step = good.clone();
            step.accounts[position].pubkey = wrong;
            world.refuse(&[step], &[&bob], required);
        }
        if !payment {
            let mut short = good.clone();
            short.accounts.truncate(ConvertAccounts::ATTESTOR);
            world.refuse(&[short], &[&bob], required);
        }

        // And one of another program, kind, wallet, issuer or schema, or a short one, is
        // refused, too
        let spoils: [fn(&mut Account); 8] = [
            |account| account.owner = Pubkey::new_unique(),
            |account| account.data[0] = 1,
            |account| account.data[1] ^= 1,
            |account| account.data[33] ^= 1,
            |account| account.data[65] ^= 1,
            |account| account.data[97..101].fill(0xff),
            |account| account.data.truncate(148),
            |account| account.data.clear(),
        ];
        for spoil in spoils {
            let mut account = credential(&issuer, &schema, &bob.pubkey(), 0);
            spoil(&mut account);
            world.svm.set_account(address, account).expect("set");
            world.refuse(step, &[&bob], required);
        }

        // And an expired one is refused, too
        for expiry in [NOW, NOW - 1, 1, -1, i64::MIN] {
            world.give_credential(&bob.pubkey(), expiry);
            let expired = ProgramError::CredentialExpired;
            world.refuse(step, &[&bob], expired);
        }

        // But his own counts, until its last second
        world.give_credential(&bob.pubkey(), NOW + 1);
        world.land(step, &[&bob]);
        assert_eq!(world.referral(CODE).conversions, 1);
    }
}

#[test]
fn a_conversion_with_everything_fits_a_transaction() {
    // Given a campaign that needs everything: a voucher, a binding, a credential, an
    // account per owner, a budget, a vault, three parts and a sponsor
    let mut scene = scene();
    let attestor = scene.attestor.pubkey();
    scene.world.open(
        Terms {
            funding: Funding::Vault,
            proof: Proof::Attested,
            uniqueness: Uniqueness::Order,
            per_owner: true,
            notice_seconds: 0,
        },
        Settings {
            attestor,
            gate_credential: Pubkey::new_unique(),
            gate_schema: Pubkey::new_unique(),
            attribution_window: 1_000,
            budget: 1_000_000,
            referee_share_bps: 2_500,
            max_partner_share_bps: 2_500,
            ..Settings::percent(1_000, 1_000)
        },
    );
    scene.world.fund_vault(1_000);
    let alice = scene.world.referrer(CODE);
    let partner = scene.world.partner(&alice, CODE, 2_500);
    let (sponsor, bob) = (scene.world.wallet(), scene.bob.insecure_clone());
    let bind = scene.world.bind(&bob.pubkey(), CODE);
    scene.world.land(&[bind], &[&bob]);
    scene.world.give_credential(&bob.pubkey(), NOW + 1);
    let args = Convert {
        payer: sponsor.pubkey(),
        ..scene.args()
    };
    let account = token::create_associated_token(
        &sponsor.pubkey(),
        &bob.pubkey(),
        &scene.world.mint.pubkey(),
        &scene.world.token_program,
    );
    let all = [account, scene.voucher(&args), scene.convert(&args)];
    let absent = |account: &AccountMeta| account.pubkey == PROGRAM_ID;
    let attestor = &all[2].accounts[ConvertAccounts::ATTESTOR];
    assert!(absent(attestor), "a voucher takes its place");
    assert_eq!(all[2].accounts.iter().filter(|one| absent(one)).count(), 1);

    // When the sponsor sends it, together with the token account that Bob needs
    let message = Message::new(&all, Some(&sponsor.pubkey())).serialize();
    let bytes = 1 + 2 * 64 + message.len();

    // Then it fits into a packet, and all three are paid
    assert!(bytes <= 1_232, "{bytes} bytes");
    assert!(runtime_accepts(&all));
    scene.world.land(&all, &[&sponsor, &bob]);
    for (wallet, units) in [(&alice, 500), (&bob, 250), (&partner, 250)] {
        assert_eq!(scene.world.rewards(&wallet.pubkey()), units);
    }
}
