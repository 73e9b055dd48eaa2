//! Lengths of the largest transactions that the builders make. docs/api.md has them.

use vouch_client::{
    accounts::{
        Action, Bonus, Campaign, Conversion, Funding, Proof, Referral, RewardKind, Settings,
        Status, Tier, Uniqueness,
    },
    instructions::{self, Bind, Convert, Evidence, Offer, Purchase},
    opening::{Currency, Opening},
    token, voucher,
};

use super::*;

const CODE: &str = "STARTERSTAR7";
/// Bytes with a budget, as measured: they change with the program's interface alone.
const LONGEST_OPENING: usize = 1171;
const LONGEST_ATTESTED: usize = 1235;
const LONGEST_PURCHASE: usize = 993;
/// Claims without and with a new token account for each.
const MOST_CLAIMS: (usize, usize) = (9, 5);

fn address(number: u8) -> Pubkey {
    Pubkey::new_from_array([number; 32])
}

/// Bytes of a transaction with a budget.
fn length(payer: &Pubkey, steps: &[Instruction]) -> usize {
    let transaction = compile(payer, steps, Some((MOST_UNITS, 0)), &no_blockhash());
    serialized(&transaction.unwrap()).unwrap().len()
}

/// Settings with every part that adds an account or bytes.
fn all_settings() -> Settings {
    let (tier, bonus) = (Tier::default(), Bonus::default());
    Settings {
        referee_share_bps: 100,
        max_partner_share_bps: 100,
        tiers: [Tier {
            min_conversions: u64::MAX,
            ..tier
        }; 4],
        bonuses: [Bonus {
            amount: u64::MAX,
            ..bonus
        }; 4],
        attribution_window: 1,
        owner_limit: 7,
        gate_credential: address(40),
        gate_schema: address(41),
        attestor: address(42),
        treasury: address(43),
        reward_kind: RewardKind::Percent,
        ..Settings::fixed(u64::MAX)
    }
}

#[test]
fn every_opening_fits() {
    // Given each way to open a campaign, with settings that need all their bytes
    let mut longest = 0;
    let mut opening_count = 0;
    let program = token::TOKEN_2022_PROGRAM_ID;
    let token = |number| Currency::Token {
        mint: address(number),
        program,
    };
    let new = Currency::New {
        decimals: 6,
        rent: u64::MAX,
    };
    for funding in [
        Funding::MintAuthority,
        Funding::Vault,
        Funding::PaymentSplit,
    ] {
        for proof in [Proof::Open, Proof::Attested, Proof::Payment] {
            for rewards in [new, token(2), Currency::Sol] {
                let is_split = funding == Funding::PaymentSplit;
                let payments = [Currency::Sol, token(3)];
                for payments in payments {
                    let is_new = matches!(rewards, Currency::New { .. });
                    let is_sol = matches!(rewards, Currency::Sol);
                    if is_split && is_new || !is_split && is_sol {
                        continue;
                    }
                    opening_count += 1;
                    let mut opening =
                        Opening::new(&address(1), u64::MAX, funding, all_settings(), 1);
                    // The authority's own account of the payments' token is created, too.
                    opening.settings.treasury = Pubkey::default();
                    opening.settings.min_amount = u64::MAX;
                    opening.settings.reward_max = u64::MAX;
                    opening.payer = address(9);
                    opening.terms.proof = proof;
                    opening.rewards = rewards;
                    opening.payments = payments;
                    opening.hands_over = true;
                    opening.funds = if funding == Funding::Vault {
                        u64::MAX
                    } else {
                        0
                    };
                    let steps = opening.instructions().unwrap();
                    longest = longest.max(length(&address(9), &steps));
                }
            }
        }
    }
    // Then the longest leaves room
    assert_eq!((opening_count, longest), (36, LONGEST_OPENING));
    assert!(longest <= PACKET_DATA_SIZE);
}

/// A campaign with every part.
pub(crate) fn campaign(funding: Funding, proof: Proof) -> Campaign {
    let split = funding == Funding::PaymentSplit;
    let has_vault = funding != Funding::MintAuthority;
    Campaign {
        version: 1,
        bump: 255,
        funding,
        proof,
        uniqueness: if proof == Proof::Payment {
            Uniqueness::Order
        } else {
            Uniqueness::Wallet
        },
        per_owner: true,
        paused: false,
        closed: false,
        mint_decimals: 6,
        notice_seconds: 0,
        creator: address(1),
        id: 1,
        authority: address(1),
        pending_authority: Pubkey::default(),
        mint: address(2),
        token_program: token::TOKEN_2022_PROGRAM_ID,
        vault: if has_vault {
            address(4)
        } else {
            Pubkey::default()
        },
        payment_mint: if split { address(2) } else { address(3) },
        rent_payer: address(1),
        created_at: 1,
        closed_at: 0,
        longest_hold: 0,
        least_margin: 0,
        committed: 0,
        owed: 0,
        settings: all_settings(),
        bonus_places: [0; 4],
        next_from: 0,
        next: Settings::default(),
        next_bonus_places: [0; 4],
        offered: [Bonus::default(); 32],
        reserved: [0; 56],
    }
}

/// A referral with a partner, of the campaign at the address of twenties.
pub(crate) fn referral(owner: u8) -> Referral {
    let code: Code = CODE.parse().unwrap();
    Referral {
        version: 1,
        code_len: code.len(),
        active: true,
        suspended: false,
        partner_account_bump: 255,
        partner_share_bps: 100,
        partner_fixed: 0,
        partner_ends_at: 0,
        bonuses_paid: 0,
        code: code.to_padded(),
        campaign: address(20),
        owner: address(owner),
        pending_owner: Pubkey::default(),
        partner: address(22),
        rent_payer: address(21),
        reward_account: address(owner + 1),
        usage_limit: 0,
        conversions: 0,
        expires_at: 0,
        created_at: 0,
        rewards_total: 0,
        rewards_pending: 0,
        partner_pending: 0,
        open_conversions: 0,
        held_until: 0,
        reserved: [0; 8],
    }
}

/// A sponsored conversion of an attested campaign with every part: the credential, the binding, the
/// counters of the owner, and token accounts of three who are paid.
#[test]
fn a_conversion_with_every_part_fits() {
    let (campaign, referral) = (campaign(Funding::Vault, Proof::Attested), referral(30));
    let offer = Offer::at(address(20), &campaign, &referral, 7).unwrap();
    let args = Convert {
        payer: address(9),
        referee: address(8),
        action: Action::Custom,
        amount: u64::MAX,
        reference: [7; 32],
        evidence: Evidence::Voucher { digest: [6; 32] },
    };
    let voucher = voucher::instruction(&address(42), &[5; 64], &[4; voucher::MESSAGE_LEN]);
    let steps = vec![voucher, instructions::convert(&offer, &args)];
    assert_eq!(length(&address(9), &steps), LONGEST_ATTESTED);
    // It goes without a budget, whose 52 bytes do not fit.
    assert!(!fits(&address(9), &steps, true) && fits(&address(9), &steps, false));
    // And so does the token account of the referee.
    let (mint, program) = (&campaign.mint, &campaign.token_program);
    let create = token::create_associated_token(&address(9), &address(8), mint, program);
    let all = [vec![create.clone()], steps].concat();
    assert!(fits(&address(9), &all, false));
    // An Action binds and creates it, without a sponsor and without evidence.
    let signup = Convert::signup(&address(8));
    let bind = instructions::bind(&Bind {
        payer: address(8),
        wallet: address(8),
        campaign: address(20),
        code: CODE.parse().unwrap(),
        bound: Some((address(60), Some(address(61)))),
    });
    let all = [create, bind, instructions::convert(&offer, &signup)];
    assert!(fits(&address(8), &all, true));
}

#[test]
fn a_purchase_with_every_part_fits() {
    let mut longest = 0;
    for funding in [
        Funding::MintAuthority,
        Funding::Vault,
        Funding::PaymentSplit,
    ] {
        let (campaign, referral) = (campaign(funding, Proof::Payment), referral(30));
        let offer = Offer::at(address(20), &campaign, &referral, 7).unwrap();
        let args = Purchase {
            payer: address(9),
            payment_source: Some(address(50)),
            payment_token_program: token::TOKEN_PROGRAM_ID,
            ..Purchase::new(&address(8), u64::MAX, [7; 32])
        };
        let (mint, program) = (&campaign.mint, &campaign.token_program);
        let create = token::create_associated_token(&address(9), &address(8), mint, program);
        let steps = [create, instructions::purchase(&offer, &args)];
        longest = longest.max(length(&address(9), &steps));
    }
    assert_eq!(longest, LONGEST_PURCHASE);
    assert!(longest <= PACKET_DATA_SIZE);
}

/// Claims of one transaction, of codes of several owners, whose conversions have three parts.
#[test]
fn as_many_claims_fit_as_documented() {
    let campaign = campaign(Funding::Vault, Proof::Open);
    let claims = |creates: bool| {
        let mut steps = Vec::new();
        let mut count = 0;
        for number in 100.. {
            let referral = referral(30);
            let offer = Offer::at(address(20), &campaign, &referral, 7).unwrap();
            let conversion = Conversion {
                version: 1,
                status: Status::Pending,
                settled: 0,
                referral: offer.referral_address,
                referee: address(number),
                budgeted: false,
                bonuses: 0,
                rent_payer: address(21),
                reward_referrer: 1,
                reward_referee: 1,
                reward_partner: 1,
                converted_at: 0,
                hold_seconds: 0,
            };
            if creates {
                let (mint, program) = (&campaign.mint, &campaign.token_program);
                let owner = address(number);
                let create = token::create_associated_token(&address(9), &owner, mint, program);
                steps.push(create);
            }
            steps.push(instructions::claim(
                &offer,
                &address(number - 50),
                &conversion,
            ));
            if !fits(&address(9), &steps, true) {
                return count;
            }
            count += 1;
        }
        count
    };
    assert_eq!((claims(false), claims(true)), MOST_CLAIMS);
}
