//! Token-2022's extensions: allowed ones work from end to end, the others are refused.
//! Numbers in brackets refer to docs/INVARIANTS.md.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use solana_sdk::{
    instruction::{AccountMeta, Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    ProgramError,
    accounts::{Funding, Proof, Settings, Status, Terms, Uniqueness},
    instructions::{self, CreateCampaign, Purchase},
    pda, token,
};
use vouch_program_tests::{TOKEN_2022, World, other};

const CODE: &str = "STARTER7";
const NONE: [u8; 32] = [0; 32];

/// An extension of a mint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extension {
    TransferFee,
    InterestBearing,
    MetadataPointer,
    Metadata,
    GroupPointer,
    Group,
    GroupMemberPointer,
    GroupMember,
    ScaledUi,
}

use Extension::*;

/// Every extension that does not change amounts.
const HARMLESS: [Extension; 8] = [
    InterestBearing,
    MetadataPointer,
    Metadata,
    GroupPointer,
    Group,
    GroupMemberPointer,
    GroupMember,
    ScaledUi,
];

/// Basis points of each transfer that are withheld, and the maximum in base units.
const FEE_BPS: u16 = 1_000;

impl Extension {
    /// Bytes of the extension without its header, if the mint has it before it is
    /// initialised.
    fn size(self) -> usize {
        match self {
            TransferFee => 108,
            InterestBearing => 52,
            MetadataPointer | GroupPointer | GroupMemberPointer => 64,
            ScaledUi => 56,
            Metadata | Group | GroupMember => 0,
        }
    }

    /// The instruction that adds it before the mint is initialised, if it is added then.
    fn before(self, mint: &Pubkey, authority: &Pubkey) -> Option<Instruction> {
        let own = [authority.as_ref(), mint.as_ref()].concat();
        let data = match self {
            TransferFee => [
                &[26, 0, 1][..],
                authority.as_ref(),
                &[1],
                authority.as_ref(),
                &FEE_BPS.to_le_bytes(),
                &u64::MAX.to_le_bytes(),
            ]
            .concat(),
            InterestBearing => [&[33, 0], authority.as_ref(), &500_i16.to_le_bytes()].concat(),
            MetadataPointer => [&[39, 0], own.as_slice()].concat(),
            GroupPointer => [&[40, 0], own.as_slice()].concat(),
            GroupMemberPointer => [&[41, 0], own.as_slice()].concat(),
            ScaledUi => [&[43, 0], authority.as_ref(), &2.5_f64.to_le_bytes()].concat(),
            Metadata | Group | GroupMember => return None,
        };
        Some(call(data, vec![AccountMeta::new(*mint, false)]))
    }

    /// The instruction that adds it after that, if it is added then. `group` is the group
    /// of a member.
    fn after(self, mint: &Pubkey, authority: &Pubkey, group: &Pubkey) -> Option<Instruction> {
        let signer = AccountMeta::new_readonly(*authority, true);
        let (written, read) = (
            AccountMeta::new(*mint, false),
            AccountMeta::new_readonly(*mint, false),
        );
        let name = |name: &str| Sha256::digest(name)[..8].to_vec();
        Some(match self {
            Metadata => {
                let mut data = name("spl_token_metadata_interface:initialize_account");
                for text in ["Vouch", "VCH", "https://example.com/token.json"] {
                    data.extend((text.len() as u32).to_le_bytes());
                    data.extend(text.as_bytes());
                }
                let authority = AccountMeta::new_readonly(*authority, false);
                call(data, vec![written, authority, read, signer])
            }
            Group => {
                let mut data = name("spl_token_group_interface:initialize_token_group");
                data.extend(authority.as_ref());
                data.extend(5_u64.to_le_bytes());
                call(data, vec![written, read, signer])
            }
            GroupMember => call(
                name("spl_token_group_interface:initialize_member"),
                vec![
                    written,
                    read,
                    signer.clone(),
                    AccountMeta::new(*group, false),
                    signer,
                ],
            ),
            _ => return None,
        })
    }

    /// The extension that it requires, if there is one.
    fn needs(self) -> Option<Self> {
        match self {
            Metadata => Some(MetadataPointer),
            Group => Some(GroupPointer),
            GroupMember => Some(GroupMemberPointer),
            _ => None,
        }
    }
}

fn call(data: Vec<u8>, accounts: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program_id: TOKEN_2022,
        accounts,
        data,
    }
}

/// Creates a mint of the company with these extensions, which becomes the world's mint.
fn mint_with(world: &mut World, extensions: &[Extension]) -> Pubkey {
    let mut all = extensions.to_vec();
    for extension in extensions {
        if let Some(needed) = extension.needs()
            && !all.contains(&needed)
        {
            all.push(needed);
        }
    }
    let group = if all.contains(&GroupMember) {
        mint_with(world, &[Group])
    } else {
        Pubkey::default()
    };
    let company = world.company.insecure_clone();
    world.mint = Keypair::new();
    let (mint, key) = (world.mint.pubkey(), world.mint.insecure_clone());
    let size: usize = all
        .iter()
        .filter(|extension| extension.size() > 0)
        .map(|extension| 4 + extension.size())
        .sum();
    let [mut create, mut initialize] = token::create_mint(
        &company.pubkey(),
        &mint,
        &company.pubkey(),
        6,
        1_000_000_000,
    );
    // The System program's `CreateAccount`: lamports, bytes, owner.
    let size = if size == 0 { 82 } else { 166 + size };
    create.data[12..20].copy_from_slice(&(size as u64).to_le_bytes());
    create.data[20..].copy_from_slice(TOKEN_2022.as_ref());
    initialize.program_id = TOKEN_2022;
    let own = company.pubkey();
    let mut steps = vec![create];
    steps.extend(all.iter().filter_map(|kind| kind.before(&mint, &own)));
    steps.push(initialize);
    steps.extend(
        all.iter()
            .filter_map(|kind| kind.after(&mint, &own, &group)),
    );
    world.land(&steps, &[&company, &key]);
    mint
}

/// The address of a campaign with these terms for `mint`, and the instructions that open
/// it. If the campaign mints, they transfer the company's mint authority. Its vault, if
/// it needs one, exists.
fn opening(
    world: &mut World,
    terms: Terms,
    settings: Settings,
    mint: Pubkey,
) -> (CreateCampaign, Vec<Instruction>) {
    world.token_program = TOKEN_2022;
    let key = world.mint.insecure_clone();
    let payment_mint = if terms.funding == Funding::PaymentSplit {
        mint
    } else {
        Pubkey::default()
    };
    let mut args = world.opening(terms, settings, payment_mint);
    (args.mint, args.token_program) = (mint, TOKEN_2022);
    world.mint = key;
    world.open_vault(&args);
    let mut steps = vec![];
    if terms.funding == Funding::MintAuthority {
        let (campaign, _) = pda::campaign(&args.authority, args.id);
        let mut hand_over = token::set_mint_authority(&mint, &args.authority, &campaign);
        hand_over.program_id = TOKEN_2022;
        steps.push(hand_over);
    }
    steps.push(instructions::create_campaign(&args));
    (args, steps)
}

fn open(world: &mut World, terms: Terms, settings: Settings, mint: Pubkey) {
    let (args, steps) = opening(world, terms, settings, mint);
    let company = world.company.insecure_clone();
    world.land(&steps, &[&company]);
    world.campaign = pda::campaign(&args.authority, args.id).0;
}

const MINTED: Terms = Terms {
    funding: Funding::MintAuthority,
    proof: Proof::Open,
    uniqueness: Uniqueness::Wallet,
    per_owner: false,
    notice_seconds: 0,
};
const VAULT: Terms = Terms {
    funding: Funding::Vault,
    ..MINTED
};
const SPLIT: Terms = Terms {
    funding: Funding::PaymentSplit,
    proof: Proof::Payment,
    ..MINTED
};

/// `units` per conversion. If the campaign takes payments, the minimum is the same
/// amount.
fn fixed(terms: Terms, units: u64) -> Settings {
    let paid = terms.proof == Proof::Payment;
    Settings {
        min_amount: if paid { units } else { 0 },
        ..Settings::fixed(units)
    }
}

/// Pays a reward of 1,000 in tokens of `mint`, a quarter for the referee: from a payment,
/// from a vault, and by minting.
fn pays_every_way(world: &mut World, mint: Pubkey, name: &str) {
    // Given a campaign that splits payments, one with a vault, and one that mints
    for terms in [SPLIT, VAULT, MINTED] {
        let settings = Settings {
            referee_share_bps: 2_500,
            ..fixed(terms, 1_000)
        };
        open(world, terms, settings, mint);
        let alice = world.referrer(CODE);
        let bob = world.receiver();
        if terms.funding == Funding::Vault {
            world.fund_vault(1_000);
        }

        // When Bob converts
        let step = if terms.funding == Funding::PaymentSplit {
            world.issue_of(&mint, &bob.pubkey(), 5_000);
            let args = Purchase {
                payment_token_program: TOKEN_2022,
                ..Purchase::new(&bob.pubkey(), 5_000, NONE)
            };
            world.purchase(&alice.pubkey(), CODE, &args)
        } else {
            world.conversion(&bob.pubkey(), &alice.pubkey(), CODE)
        };
        world.land(&[step], &[&bob]);

        // Then both have their parts
        assert_eq!(world.rewards(&alice.pubkey()), 750, "{name} {terms:?}");
        assert_eq!(world.rewards(&bob.pubkey()), 250, "{name} {terms:?}");
    }

    // And the mint authority is returned in the end
    let company = world.company.insecure_clone();
    world.close();
    world.wait(30 * 24 * 60 * 60);
    let end = instructions::reclaim_campaign(&world.campaign, &world.campaign(), None);
    world.land(&[end], &[&company]);
    world.issue_of(&mint, &company.pubkey(), 1);
}

#[test]
fn every_harmless_extension_works_from_end_to_end() {
    for extension in HARMLESS {
        let mut world = World::new();
        world.token_program = TOKEN_2022;
        let mint = mint_with(&mut world, &[extension]);
        pays_every_way(&mut world, mint, &format!("{extension:?}"));
    }
}

#[test]
fn all_harmless_extensions_together_work_from_end_to_end() {
    // Token-2022 lets a mint be either a group or a member, and have one extension that
    // changes displayed amounts.
    for together in [
        [InterestBearing, Metadata, GroupMember, GroupPointer],
        [ScaledUi, Metadata, Group, GroupMemberPointer],
    ] {
        let mut world = World::new();
        world.token_program = TOKEN_2022;
        let mint = mint_with(&mut world, &together);
        pays_every_way(&mut world, mint, &format!("{together:?}"));
    }
}

/// Replaces the data of the plain mint by its base, this account type, and `after`.
fn with_bytes(world: &mut World, mint: &Pubkey, plain: &[u8], kind: u8, after: &[u8]) {
    let rent = world.svm.minimum_balance_for_rent_exemption(1_000);
    world.change(mint, |account| {
        account.data = plain.to_vec();
        account.data.resize(165, 0);
        account.data.push(kind);
        account.data.extend(after);
        account.lamports = rent;
    });
}

fn tlv(kind: u16, length: u16) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), length.to_le_bytes()].concat();
    bytes.resize(4 + usize::from(length), 0);
    bytes
}

#[test]
fn every_other_extension_is_refused_alone_and_in_company() {
    // Given a plain Token-2022 mint, and campaigns that mint it, hold it in a vault, and
    // take payments in it
    let mut world = World::new();
    world.token_program = TOKEN_2022;
    let company = world.company.insecure_clone();
    let allowed = [10, 18, 19, 20, 21, 22, 23, 25];
    for terms in [MINTED, VAULT, SPLIT] {
        let mint = world.issue_mint(&company.pubkey());
        let (args, steps) = opening(&mut world, terms, fixed(terms, 1_000), mint);
        if let [hand_over, _] = steps.as_slice() {
            world.land(std::slice::from_ref(hand_over), &[&company]);
        }
        let create = instructions::create_campaign(&args);
        let create = std::slice::from_ref(&create);
        let plain = world.svm.get_account(&mint).expect("a mint").data;
        assert_eq!(plain.len(), 82);

        for kind in (1..=64).chain([255, 256, 0x0a00, u16::MAX]) {
            if allowed.contains(&kind) || (kind == 1 && terms != SPLIT) {
                continue;
            }
            for extensions in [
                tlv(kind, 8),
                tlv(kind, 0),
                [tlv(18, 64), tlv(kind, 8)].concat(),
                [tlv(kind, 8), tlv(18, 64)].concat(),
                [tlv(10, 52), tlv(18, 64), tlv(kind, 108), tlv(25, 56)].concat(),
            ] {
                // When its mint has an extension that is not allowed, then it is refused
                // (I11)
                with_bytes(&mut world, &mint, &plain, 1, &extensions);
                world.refuse(create, &[&company], ProgramError::UnsupportedMint);
            }
        }

        // And bytes that cannot be parsed are refused, too
        let cut = &tlv(18, 64)[..67];
        let hidden = [vec![0; 4], tlv(12, 32)].concat();
        let no_type = [0, 0, 1, 0, 0].as_slice();
        for (kind, extensions) in [
            (1, cut),
            (1, hidden.as_slice()),
            (1, no_type),
            (0, tlv(18, 64).as_slice()),
            (2, tlv(18, 64).as_slice()),
            (2, &[]),
        ] {
            with_bytes(&mut world, &mint, &plain, kind, extensions);
            world.refuse(create, &[&company], ProgramError::UnsupportedMint);
        }
        // And bytes between the base and the extensions are refused, too
        with_bytes(&mut world, &mint, &plain, 1, &tlv(18, 64));
        world.change(&mint, |mint| mint.data[100] = 1);
        world.refuse(create, &[&company], ProgramError::UnsupportedMint);

        // But allowed extensions are accepted, padding included
        let extensions = [tlv(18, 64), tlv(25, 56), vec![0; 7]].concat();
        with_bytes(&mut world, &mint, &plain, 1, &extensions);
        world.land(create, &[&company]);
    }
}

#[test]
fn a_payment_in_a_mint_with_fees_is_refused() {
    // Given a mint that withholds a tenth of each transfer
    let mut world = World::new();
    world.token_program = TOKEN_2022;
    let mint = mint_with(&mut world, &[TransferFee]);
    let company = world.company.insecure_clone();

    // When a campaign takes payments in it, in a split or with minted rewards, then it is
    // refused, because a payment must arrive in full
    let (_, steps) = opening(&mut world, SPLIT, fixed(SPLIT, 1), mint);
    world.refuse(&steps, &[&company], ProgramError::UnsupportedMint);
    let terms = Terms {
        proof: Proof::Payment,
        ..MINTED
    };
    let mut args = world.opening(terms, fixed(terms, 1), Pubkey::default());
    args.payment_mint = mint;
    let create = instructions::create_campaign(&args);
    world.refuse(&[create], &[&company], ProgramError::UnsupportedMint);
}

#[test]
fn a_vault_counts_what_arrives_after_the_fee() {
    // Given such a mint, and a vault
    let mut world = World::new();
    world.token_program = TOKEN_2022;
    let mint = mint_with(&mut world, &[TransferFee]);
    open(&mut world, VAULT, Settings::fixed(1_000), mint);
    let company = world.company.insecure_clone();
    let source = world.issue_of(&mint, &company.pubkey(), 2_000);
    let (address, campaign) = (world.campaign, world.campaign());

    // When 2,000 base units are transferred to it
    let fund = instructions::fund_vault(&company.pubkey(), &address, &campaign, &source, 2_000);
    let landed = world.send(&[fund], &[&company]).expect("funded");

    // Then it holds 1,800, and the event says so
    assert_eq!(world.vault(), 1_800);
    let data = landed
        .logs
        .iter()
        .find_map(|line| line.strip_prefix("Program data: "))
        .expect("an event");
    let event = STANDARD.decode(data).expect("base64");
    assert_eq!(event[8 + 64..8 + 72], 1_800_u64.to_le_bytes());
    assert_eq!(event[8 + 72..], 1_800_u64.to_le_bytes());

    // And one reward can be paid from it, less its own fee, and no second one
    let alice = world.referrer(CODE);
    let (bob, carol) = (world.wallet(), world.wallet());
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
    world.land(&[convert], &[&bob]);
    assert_eq!((world.vault(), world.rewards(&alice.pubkey())), (800, 900));
    assert_eq!(world.referral(CODE).rewards_total, 1_000);
    let convert = world.conversion(&carol.pubkey(), &alice.pubkey(), CODE);
    world.refuse(&[convert], &[&carol], ProgramError::VaultExhausted);

    // And it can be reclaimed after its withheld fees are harvested, which anybody may do
    world.close();
    world.wait(30 * 24 * 60 * 60);
    let end = instructions::reclaim_campaign(&address, &world.campaign(), Some(&source));
    // The error of Token-2022 for an account with withheld fees
    let withheld = other(0, InstructionError::Custom(35));
    world.refuse(std::slice::from_ref(&end), &[&company], withheld);
    let harvest = call(
        vec![26, 4],
        vec![
            AccountMeta::new(mint, false),
            AccountMeta::new(campaign.vault, false),
        ],
    );
    world.land(&[harvest, end], &[&company]);
    assert_eq!(world.tokens(&source), 720);
}

#[test]
fn minting_takes_no_fee() {
    // Given a campaign that mints such a token
    let mut world = World::new();
    world.token_program = TOKEN_2022;
    let mint = mint_with(&mut world, &[TransferFee]);
    open(&mut world, MINTED, Settings::fixed(1_000), mint);
    let alice = world.referrer(CODE);
    let bob = world.wallet();

    // When Bob converts, then Alice has the whole reward
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
    world.land(&[convert], &[&bob]);
    assert_eq!(world.rewards(&alice.pubkey()), 1_000);
}

/// Adds this extension to `account`, and sends this switch of the extension.
fn switch(owner: &Keypair, account: &Pubkey, kind: u16, data: [u8; 2]) -> [Instruction; 2] {
    let own = AccountMeta::new(owner.pubkey(), true);
    let system = AccountMeta::new_readonly(Pubkey::default(), false);
    let account = AccountMeta::new(*account, false);
    [
        call(
            [&[29], kind.to_le_bytes().as_slice()].concat(),
            vec![account.clone(), own.clone(), system, own.clone()],
        ),
        call(data.to_vec(), vec![account, own]),
    ]
}

#[test]
fn who_asks_for_a_memo_is_owed() {
    for terms in [VAULT, MINTED] {
        // Given a referrer whose account refuses transfers without a memo
        let mut world = World::new();
        world.token_program = TOKEN_2022;
        let mint = mint_with(&mut world, &[]);
        let settings = Settings {
            referee_share_bps: 2_500,
            ..Settings::fixed(1_000)
        };
        open(&mut world, terms, settings, mint);
        if terms.funding == Funding::Vault {
            world.fund_vault(1_000);
        }
        let alice = world.referrer(CODE);
        let account = world.reward_account(&alice.pubkey());
        world.land(&switch(&alice, &account, 8, [30, 0]), &[&alice]);
        let bob = world.receiver();

        // When Bob converts, then he is paid, and she is owed
        let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
        world.land(&[convert], &[&bob]);
        assert_eq!(world.rewards(&bob.pubkey()), 250);
        assert_eq!(world.rewards(&alice.pubkey()), 0);
        assert_eq!(world.referral(CODE).rewards_pending, 750);
        let claim = world.claim(CODE, &bob.pubkey(), &NONE);
        let claim = std::slice::from_ref(&claim);
        world.refuse(claim, &[&bob], ProgramError::NothingToClaim);

        // And she is paid once her account needs no memo
        let [_, off] = switch(&alice, &account, 8, [30, 1]);
        world.land(&[off], &[&alice]);
        world.land(claim, &[&bob]);
        assert_eq!(world.rewards(&alice.pubkey()), 750);
        let status = world.converted(CODE, &bob.pubkey(), &NONE).status;
        assert_eq!(status, Status::Paid);
    }
}

#[test]
fn a_guard_of_the_receivers_account_does_not_stop_rewards() {
    // Given a referrer whose account has the extension CPI Guard
    let mut world = World::new();
    world.token_program = TOKEN_2022;
    let mint = mint_with(&mut world, &[]);
    open(&mut world, VAULT, Settings::fixed(1_000), mint);
    world.fund_vault(1_000);
    let alice = world.referrer(CODE);
    let account = world.reward_account(&alice.pubkey());
    world.land(&switch(&alice, &account, 11, [34, 0]), &[&alice]);

    // When Bob converts, then she is paid
    let bob = world.wallet();
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
    world.land(&[convert], &[&bob]);
    assert_eq!(world.rewards(&alice.pubkey()), 1_000);
}
