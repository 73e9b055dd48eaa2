//! The short ways of `convert` and `claim`, held against the long ones. The declared accounts, and
//! fewer ignored ones than there are optional accounts, take the short way if nothing about them
//! is unusual. All optional accounts, each absent, force the long way.

use litesvm::LiteSVM;
use solana_sdk::{
    account::Account,
    instruction::{AccountMeta, Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
    transaction::{Transaction, TransactionError},
};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{Funding, Settings, Status, Uniqueness},
    instructions::{
        Convert,
        raw::{ClaimAccounts, ConvertAccounts},
    },
    pda, token,
};
use vouch_program_tests::{REWARD, World, tiers};

const CODE: &str = "STARTER7";
const NOW: i64 = 1_700_000_000;
/// Seconds that the rewards of claims are held.
const HOLD: u32 = 3_600;
/// Offsets of the code and of the action in the data.
const CODE_AT: usize = 8;
const ACTION_AT: usize = 20;

/// Numbers that look random, and are the same in every run.
struct Dice(u64);

impl Dice {
    /// One of these values.
    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let sides = u64::try_from(values.len()).expect("a length");
        let place = (mixed ^ (mixed >> 31)) % sides;
        values[usize::try_from(place).expect("a place")]
    }

    fn one_in_ten(&mut self) -> bool {
        self.of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) == 0
    }

    /// The usual value; once in ten times one of the others.
    fn mostly<T: Copy>(&mut self, usual: T, others: &[T]) -> T {
        if self.one_in_ten() {
            self.of(others)
        } else {
            usual
        }
    }
}

/// Alice has a code in a campaign that mints. Most are plain ones; some have something that is
/// refused, or needs the long way.
fn scene(dice: &mut Dice) -> (World, Keypair) {
    let mut world = World::new();
    world.set_time(NOW);
    let alice = world.referrer(CODE);

    let mut campaign = world.campaign();
    campaign.paused = dice.mostly(false, &[true, false]);
    campaign.closed = dice.mostly(false, &[true, false]);
    campaign.uniqueness = dice.of(&[Uniqueness::Wallet, Uniqueness::WalletAndCode]);
    campaign.settings.reward_fixed = dice.mostly(REWARD, &[0, 1, u64::MAX]);
    campaign.settings.hold_seconds = dice.of(&[0, 0, 0, 3_600]);
    campaign.settings.min_amount = dice.mostly(0, &[5]);
    campaign.settings.budget = dice.mostly(0, &[1, u64::MAX]);
    campaign.settings.starts_at = dice.mostly(0, &[NOW, NOW + 1]);
    campaign.settings.ends_at = dice.mostly(0, &[NOW, NOW + 1]);
    if dice.one_in_ten() {
        campaign.settings.tiers = tiers(&[(1, 20_000)]);
    }
    if dice.one_in_ten() {
        campaign.next_from = dice.of(&[NOW, NOW + 1]);
        campaign.next = Settings::fixed(7);
    }
    let address = world.campaign;
    world.write(&address, &campaign);

    let mut referral = world.referral(CODE);
    referral.active = dice.mostly(true, &[true, false]);
    referral.suspended = dice.mostly(false, &[true, false]);
    referral.conversions = dice.of(&[0, 1, 2]);
    referral.usage_limit = dice.mostly(0, &[2, 3]);
    referral.expires_at = dice.mostly(0, &[NOW, NOW + 1]);
    referral.rewards_total = dice.mostly(0, &[1, u64::MAX]);
    let address = world.referral_address(CODE);
    world.write(&address, &referral);

    spoil_money(dice, &mut world, &referral.reward_account);
    (world, alice)
}

/// Bob has converted with Alice's code in a campaign that mints and holds rewards. Most can be
/// claimed; some have something that is refused, or needs the long way. Returns Bob, his claim and
/// another campaign.
fn owed(dice: &mut Dice) -> (World, Keypair, Instruction, Pubkey) {
    let mut world = World::new();
    world.set_time(NOW);
    let alice = world.referrer(CODE);
    let mut campaign = world.campaign();
    campaign.settings.hold_seconds = HOLD;
    let address = world.campaign;
    world.write(&address, &campaign);
    let bob = world.wallet();
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
    world.land(&[convert], &[&bob]);
    let claim = world.claim(CODE, &bob.pubkey(), &[0; 32]);
    world.wait(i64::from(HOLD) - dice.mostly(0, &[1]));
    let other_campaign = world.open_campaign_of(2);

    campaign.funding = dice.mostly(
        Funding::MintAuthority,
        &[Funding::Vault, Funding::PaymentSplit],
    );
    campaign.closed = dice.mostly(false, &[true, false]);
    world.write(&address, &campaign);

    let mut conversion = world.converted(CODE, &bob.pubkey(), &[0; 32]);
    conversion.status = dice.mostly(Status::Pending, &[Status::Paid, Status::Cancelled]);
    conversion.settled = dice.mostly(6, &[0, 1, 2, 4, 7]);
    conversion.reward_referrer = dice.mostly(REWARD, &[0, 1, u64::MAX]);
    conversion.hold_seconds = dice.mostly(HOLD, &[0, u32::MAX]);
    conversion.converted_at = dice.mostly(conversion.converted_at, &[0, i64::MAX]);
    let address = world.conversion_address(CODE, &bob.pubkey(), &[0; 32]);
    world.write(&address, &conversion);

    let mut referral = world.referral(CODE);
    referral.rewards_pending = dice.mostly(REWARD, &[0, 1, u64::MAX]);
    referral.open_conversions = dice.mostly(1, &[0, 2]);
    referral.usage_limit = dice.mostly(0, &[1]);
    referral.conversions = dice.mostly(1, &[2]);
    let address = world.referral_address(CODE);
    world.write(&address, &referral);

    spoil_money(dice, &mut world, &referral.reward_account);
    (world, bob, claim, other_campaign)
}

/// Spoils the account that receives the reward, or the mint, some of the time.
fn spoil_money(dice: &mut Dice, world: &mut World, reward_account: &Pubkey) {
    if dice.one_in_ten() {
        // Frozen.
        world.change(reward_account, |account| account.data[108] = 2);
    }
    if dice.one_in_ten() {
        world.change(reward_account, |account| {
            *account = Account::default();
        });
    }
    if dice.one_in_ten() {
        let mint = world.mint.pubkey();
        let supply = u64::MAX.to_le_bytes();
        world.change(&mint, |account| {
            account.data[36..44].copy_from_slice(&supply);
        });
    }
}

/// Spoils something of the instruction, most of the time.
fn spoil(dice: &mut Dice, instruction: &mut Instruction, others: &[Pubkey]) {
    match dice.of(&[0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 6, 7, 7, 7]) {
        1 => instruction.data[CODE_AT] = b'Z',
        2 => instruction.data[ACTION_AT] = 9,
        3 => {
            instruction.data.pop();
        }
        4 => instruction.data.push(0),
        5 => {
            instruction.accounts.pop();
        }
        6 => {
            let place = dice.of(&[2, 3, 4, 5, 6, 7, 8]);
            turn_writable(&mut instruction.accounts[place]);
        }
        7 => {
            let place = dice.of(&[2, 3, 4, 5, 6, 7, 8]);
            instruction.accounts[place].pubkey = dice.of(others);
        }
        _ => {}
    }
}

/// Spoils something of a claim, most of the time.
fn spoil_claim(dice: &mut Dice, instruction: &mut Instruction, others: &[Pubkey]) {
    let place = dice.of(&[0, 1, 2, 3, 4, 5]);
    match dice.of(&[0, 0, 0, 1, 2, 3, 4, 4, 4, 5, 5, 5]) {
        1 => {
            instruction.data.pop();
        }
        2 => instruction.data.push(0),
        3 => {
            instruction.accounts.pop();
        }
        4 => turn_writable(&mut instruction.accounts[place]),
        5 => instruction.accounts[place].pubkey = dice.of(others),
        _ => {}
    }
}

fn turn_writable(meta: &mut AccountMeta) {
    meta.is_writable = !meta.is_writable;
}

/// The result of a transaction, and the instruction's accounts after it.
type Outcome = (Result<u64, TransactionError>, Vec<Option<Account>>);

/// Sends the instruction on a copy of the chain. Returns its compute units or its error.
fn outcome(
    svm: &LiteSVM,
    instruction: &Instruction,
    named: &[Pubkey],
    signers: &[&Keypair],
) -> Outcome {
    let mut svm = svm.clone();
    let payer = signers[0].pubkey();
    let transaction = Transaction::new_signed_with_payer(
        std::slice::from_ref(instruction),
        Some(&payer),
        signers,
        svm.latest_blockhash(),
    );
    let sent = svm.send_transaction(transaction);
    let result = match sent {
        Ok(sent) => Ok(sent.compute_units_consumed),
        Err(failed) => Err(failed.err),
    };
    let accounts = named.iter().map(|address| svm.get_account(address));
    (result, accounts.collect())
}

#[test]
fn both_ways_of_a_conversion_come_to_the_same() {
    let mut dice = Dice(7);
    let (mut shorter, mut accepted, mut refused) = (0, 0, 0);
    for _ in 0..60 {
        // Given a campaign, and the accounts of another one
        let (mut world, alice) = scene(&mut dice);
        let (sponsor, bob) = (world.wallet(), world.wallet());
        let mint = world.mint.insecure_clone();
        let other_campaign = world.open_campaign_of(2);
        let others = [
            bob.pubkey(),
            sponsor.pubkey(),
            other_campaign,
            world.campaign,
            world.referral_address(CODE),
            world.conversion_address(CODE, &alice.pubkey(), &[0; 32]),
            pda::associated_token(&bob.pubkey(), &mint.pubkey(), &token::TOKEN_PROGRAM_ID).0,
            mint.pubkey(),
            token::TOKEN_PROGRAM_ID,
            Pubkey::default(),
            PROGRAM_ID,
        ];

        for _ in 0..10 {
            // When Bob or a sponsor sends a conversion, which may be spoiled, with and
            // without absent optional accounts
            let sponsored = dice.of(&[false, true]);
            let payer = if sponsored { &sponsor } else { &bob };
            let args = Convert {
                payer: payer.pubkey(),
                amount: dice.of(&[0, 5]),
                ..Convert::signup(&bob.pubkey())
            };
            let mut short = world.convert(&alice.pubkey(), CODE, &args);
            assert_eq!(short.accounts.len(), ConvertAccounts::SYSTEM_PROGRAM + 1);
            spoil(&mut dice, &mut short, &others);
            let named: Vec<_> = short.accounts.iter().map(|meta| meta.pubkey).collect();
            let mut long = short.clone();
            // A spoiled instruction that lacks an account must not get one.
            if long.accounts.len() > ConvertAccounts::SYSTEM_PROGRAM {
                let absent = AccountMeta::new_readonly(PROGRAM_ID, false);
                long.accounts.extend(vec![absent; 9]);
                let stranger = AccountMeta::new_readonly(Pubkey::new_unique(), false);
                let ignored = dice.of(&[0, 0, 1, 8]);
                short.accounts.extend(vec![stranger; ignored]);
            }
            let signers = if sponsored {
                vec![&sponsor, &bob]
            } else {
                vec![&bob]
            };
            let (short_result, short_after) = outcome(&world.svm, &short, &named, &signers);
            let (long_result, long_after) = outcome(&world.svm, &long, &named, &signers);

            // Then both do the same, or are refused for the same reason
            assert_eq!(short_after, long_after, "{short:?}");
            match (short_result, long_result) {
                (Ok(short_units), Ok(long_units)) => {
                    accepted += 1;
                    // The long way costs some 400 units more.
                    shorter += u32::from(short_units + 200 < long_units);
                }
                (short_result, long_result) => {
                    refused += 1;
                    assert_eq!(short_result, long_result, "{short:?}");
                }
            }
        }
    }
    // And enough took the short way, enough the long one, and enough were refused
    assert!(
        shorter >= 50 && accepted >= 50 && refused >= 50,
        "{shorter} of {accepted} accepted, {refused} refused"
    );
}

#[test]
fn plain_conversions_go_the_short_way_whoever_pays() {
    // Given a plain campaign
    let mut world = World::new();
    let alice = world.referrer(CODE);
    let (sponsor, bob) = (world.wallet(), world.wallet());
    for payer in [&bob, &sponsor] {
        // When Bob or a sponsor pays for Bob's conversion
        let args = Convert {
            payer: payer.pubkey(),
            ..Convert::signup(&bob.pubkey())
        };
        let short = world.convert(&alice.pubkey(), CODE, &args);
        let mut long = short.clone();
        let absent = AccountMeta::new_readonly(PROGRAM_ID, false);
        long.accounts.extend(vec![absent; 9]);
        let mut signers = vec![payer];
        if payer.pubkey() != bob.pubkey() {
            signers.push(&bob);
        }
        let units = |instruction| {
            let (result, _) = outcome(&world.svm, instruction, &[], &signers);
            result.expect("an accepted conversion")
        };
        // Then it costs less than by the long way
        let (short, long) = (units(&short), units(&long));
        assert!(short + 200 < long, "{short} and {long}");
    }
}

/// The record of an account in the input of a program, as the runtime writes it: header, data,
/// room to grow, padding, rent epoch.
fn record(address: &Pubkey, account: &Account, writable: bool) -> Vec<u8> {
    const ROOM: usize = 10_240;
    let mut record = vec![0xff, 0, u8::from(writable), u8::from(account.executable)];
    record.extend([0; 4]);
    record.extend(address.as_ref());
    record.extend(account.owner.as_ref());
    record.extend(account.lamports.to_le_bytes());
    record.extend((account.data.len() as u64).to_le_bytes());
    record.extend(&account.data);
    record.resize((record.len() + ROOM).next_multiple_of(8) + 8, 0);
    record
}

/// The short way knows where in the input the accounts are, because it knows their lengths.
#[test]
fn a_referee_cannot_forge_the_accounts_behind_it() {
    // Given a plain campaign, and its accounts as they are in the input of a conversion
    let mut world = World::new();
    let alice = world.referrer(CODE);
    let (sponsor, bob) = (world.wallet(), world.wallet());
    let args = Convert {
        payer: sponsor.pubkey(),
        ..Convert::signup(&bob.pubkey())
    };
    let mut instruction = world.convert(&alice.pubkey(), CODE, &args);
    let behind = &instruction.accounts[ConvertAccounts::CAMPAIGN..];
    let forged = behind.iter().flat_map(|meta| {
        let account = world.svm.get_account(&meta.pubkey).unwrap_or_default();
        record(&meta.pubkey, &account, meta.is_writable)
    });

    // When Bob's account holds them where they would be if it were empty, and its own
    // instruction names none of them
    let empty = record(&bob.pubkey(), &Account::default(), false).len();
    const HEADER: usize = 88;
    let mut data = vec![0; empty - HEADER];
    data.extend(forged);
    world
        .svm
        .set_account(
            bob.pubkey(),
            Account {
                lamports: 1_000_000_000_000,
                data,
                owner: Pubkey::new_unique(),
                ..Account::default()
            },
        )
        .expect("an account");
    for meta in &mut instruction.accounts[ConvertAccounts::CAMPAIGN..] {
        meta.pubkey = Pubkey::new_unique();
    }

    // Then the campaign that it names is looked for, and not the forged one
    let (result, _) = outcome(&world.svm, &instruction, &[], &[&sponsor, &bob]);
    let missing = ProgramError::CampaignNotFound.code();
    assert_eq!(
        result,
        Err(TransactionError::InstructionError(
            0,
            InstructionError::Custom(missing)
        ))
    );
}

#[test]
fn both_ways_of_a_claim_come_to_the_same() {
    let mut dice = Dice(8);
    let (mut shorter, mut accepted, mut refused) = (0, 0, 0);
    for _ in 0..60 {
        // Given a conversion that is owed, and the accounts of another campaign
        let (mut world, bob, claim, other_campaign) = owed(&mut dice);
        assert_eq!(claim.accounts.len(), ClaimAccounts::REFEREE_ACCOUNT);
        let eve = world.wallet();
        let mint = world.mint.pubkey();
        let own = claim.accounts.clone();
        let mut others = vec![
            bob.pubkey(),
            eve.pubkey(),
            other_campaign,
            pda::associated_token(&bob.pubkey(), &mint, &token::TOKEN_PROGRAM_ID).0,
            Pubkey::default(),
            PROGRAM_ID,
        ];
        others.extend(own.iter().map(|meta| meta.pubkey));

        for _ in 0..10 {
            // When Eve sends the claim, which may be spoiled, with and without absent optional
            // accounts
            let mut short = claim.clone();
            spoil_claim(&mut dice, &mut short, &others);
            let metas = own.iter().chain(&short.accounts);
            let named: Vec<_> = metas.map(|meta| meta.pubkey).collect();
            let mut long = short.clone();
            // A spoiled instruction that lacks an account must not get one.
            if long.accounts.len() == ClaimAccounts::REFEREE_ACCOUNT {
                let absent = AccountMeta::new_readonly(PROGRAM_ID, false);
                long.accounts.extend(vec![absent; 3]);
                let stranger = AccountMeta::new_readonly(Pubkey::new_unique(), false);
                let ignored = dice.of(&[0, 0, 1, 2]);
                short.accounts.extend(vec![stranger; ignored]);
            }
            let (short_result, short_after) = outcome(&world.svm, &short, &named, &[&eve]);
            let (long_result, long_after) = outcome(&world.svm, &long, &named, &[&eve]);

            // Then both do the same, or are refused for the same reason
            assert_eq!(short_after, long_after, "{short:?}");
            match (short_result, long_result) {
                (Ok(short_units), Ok(long_units)) => {
                    accepted += 1;
                    // The long way costs more than 300 units more.
                    shorter += u32::from(short_units + 200 < long_units);
                }
                (short_result, long_result) => {
                    refused += 1;
                    assert_eq!(short_result, long_result, "{short:?}");
                }
            }
        }
    }
    // And the test is one of the short way, of its success and of its refusals
    assert!(
        shorter >= 50 && accepted >= 50 && refused >= 50,
        "{shorter} of {accepted} accepted, {refused} refused"
    );
}
