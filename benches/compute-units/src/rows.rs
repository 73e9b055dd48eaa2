//! The rows of the table: instruction, campaign and floor.

use anyhow::Result;
use solana_sdk::{instruction::Instruction, pubkey::Pubkey, signature::Signer as _};
use vouch_client::{
    PROGRAM_ID, Share,
    accounts::{
        Action, Bonus, Funding, Proof, Referral, RewardKind, Settings, Terms, Tier, Uniqueness,
    },
    instructions::{
        self, Bind, Convert, Evidence, Purchase,
        raw::{ClaimAccounts, ConvertAccounts, PurchaseAccounts},
    },
    pda, voucher,
};

use crate::{
    chain::{Binaries, Case, Chain, NOW, TOKEN_2022, code, key, seed, wallet},
    report::HEADLINE,
    scene::{Plan, REWARD, Scene, prepare_campaign, signup},
};

const DAY: u32 = 86_400;
/// The price of a purchase, in lamports or base units.
const PRICE: u64 = 100_000_000;

/// Prepares the chain and the cases of a row.
type Prepare = fn(&Binaries, usize) -> Result<(Chain, Vec<Case>)>;

/// One row of the table.
pub(crate) struct Spec {
    pub(crate) instruction: &'static str,
    /// Empty if there is only one variant.
    pub(crate) variant: &'static str,
    /// Called with the number of wallets.
    pub(crate) prepare: Prepare,
}

impl Spec {
    pub(crate) fn name(&self) -> String {
        match self.variant {
            "" => self.instruction.to_owned(),
            variant => format!("{}, {variant}", self.instruction),
        }
    }
}

const fn spec(instruction: &'static str, variant: &'static str, prepare: Prepare) -> Spec {
    Spec {
        instruction,
        variant,
        prepare,
    }
}

/// Every row, in the order of the table.
pub(crate) const SPECS: &[Spec] = &[
    spec("convert", HEADLINE, |binaries, wallets| {
        converts(binaries, wallets, &Plan::default(), Floor::MINTED)
    }),
    spec("convert", "minted, Token-2022", |binaries, wallets| {
        let plan = Plan {
            token_program: Some(TOKEN_2022),
            ..Plan::default()
        };
        converts(binaries, wallets, &plan, Floor::MINTED)
    }),
    spec("convert", "minted, two-sided", |binaries, wallets| {
        let plan = settings(|settings| settings.referee_share_bps = 2_000);
        let floor = Floor {
            more: &[ConvertAccounts::REFEREE_ACCOUNT],
            ..Floor::MINTED
        };
        let ready = |scene: &mut Scene, _: &Pubkey, index| {
            scene.receives(&wallet("referee", index))?;
            Ok(())
        };
        converts_when(binaries, wallets, &plan, floor, ready)
    }),
    spec("convert", "minted, with a partner", |binaries, wallets| {
        let plan = settings(|settings| settings.max_partner_share_bps = 5_000);
        let floor = Floor {
            more: &[ConvertAccounts::PARTNER_ACCOUNT],
            ..Floor::MINTED
        };
        converts_when(binaries, wallets, &plan, floor, |scene, referral, index| {
            let (owner, partner) = (wallet("owner", index), wallet("partner", index));
            scene.receives(&partner)?;
            let address = scene.address;
            let share = Share {
                bps: 2_000,
                fixed: 0,
            };
            let set = instructions::set_partner(&owner, &partner, &address, referral, share);
            scene.sends(set)
        })
    }),
    spec(
        "convert",
        "minted, with tiers and bonuses",
        |binaries, wallets| {
            let plan = settings(|settings| (settings.tiers, settings.bonuses) = ladder());
            // The tenth conversion reaches the third tier and the second bonus.
            let ready = |scene: &mut Scene, referral: &Pubkey, _| {
                scene.chain.rewrite::<Referral>(referral, |referral| {
                    referral.conversions = 9;
                    referral.bonuses_paid = 0b0001;
                })
            };
            converts_when(binaries, wallets, &plan, Floor::MINTED, ready)
        },
    ),
    spec("convert", "minted, with a budget", |binaries, wallets| {
        let plan = settings(|settings| settings.budget = 1_000_000 * REWARD);
        converts(binaries, wallets, &plan, Floor::MINTED)
    }),
    spec(
        "convert",
        "minted, attested by a signer",
        |binaries, wallets| {
            attested(binaries, wallets, |attestor, _| {
                (None, Evidence::Attestor(attestor.pubkey()))
            })
        },
    ),
    spec(
        "convert",
        "minted, attested by a voucher",
        |binaries, wallets| {
            attested(binaries, wallets, |attestor, message| {
                let signature = attestor.sign_message(&message);
                let voucher =
                    voucher::instruction(&attestor.pubkey(), signature.as_array(), &message);
                let digest = voucher::digest(&message);
                (Some(voucher), Evidence::Voucher { digest })
            })
        },
    ),
    spec(
        "convert",
        "minted, with a first touch",
        |binaries, wallets| {
            let plan = settings(|settings| settings.attribution_window = 30 * DAY);
            converts_when(
                binaries,
                wallets,
                &plan,
                Floor::MINTED,
                |scene, _, index| {
                    let bind = bind(scene, index)?;
                    scene.chain.send(&wallet("referee", index), &[bind])
                },
            )
        },
    ),
    spec(
        "convert",
        "minted, each wallet with each code",
        |binaries, wallets| {
            let plan = Plan {
                terms: Terms {
                    uniqueness: Uniqueness::WalletAndCode,
                    ..Terms::default()
                },
                ..Plan::default()
            };
            let floor = Floor {
                key: &[Floor::HASH_OF_REFERRAL],
                ..Floor::MINTED
            };
            converts(binaries, wallets, &plan, floor)
        },
    ),
    spec("convert", "held", |binaries, wallets| {
        let plan = settings(|settings| settings.hold_seconds = 7 * DAY);
        converts(binaries, wallets, &plan, Floor::UNPAID)
    }),
    spec(
        "convert",
        "pending, token account missing",
        |binaries, wallets| {
            let mut scene = Scene::open(binaries, &Plan::default())?;
            let cases = (0..wallets)
                .map(|index| {
                    let referral = scene.register(index)?;
                    let referee = wallet("referee", index);
                    scene.chain.fund(&referee)?;
                    let convert = scene.convert(&referral, &signup(&referee))?;
                    Ok(Floor::UNPAID.beside(referee, vec![convert]))
                })
                .collect::<Result<_>>()?;
            Ok((scene.chain, cases))
        },
    ),
    spec("convert", "from the vault", |binaries, wallets| {
        let floor = Floor {
            more: &[ConvertAccounts::VAULT],
            ..Floor::VAULT
        };
        converts(binaries, wallets, &from_vault(), floor)
    }),
    spec("purchase", "split of SOL", |binaries, wallets| {
        let plan = Plan {
            token_program: None,
            ..split()
        };
        purchases(binaries, wallets, &plan, 8, &[])
    }),
    spec("purchase", "split of tokens", |binaries, wallets| {
        let plan = Plan {
            paid_in_token: true,
            ..split()
        };
        let more = [
            PurchaseAccounts::PAYMENT_MINT,
            PurchaseAccounts::PAYMENT_SOURCE,
            PurchaseAccounts::PAYMENT_TOKEN_PROGRAM,
        ];
        purchases(binaries, wallets, &plan, 9, &more)
    }),
    spec(
        "purchase",
        "paid in SOL, reward minted",
        |binaries, wallets| {
            let plan = Plan {
                terms: Terms {
                    funding: Funding::MintAuthority,
                    ..split().terms
                },
                // A fixed reward needs a minimum payment.
                ..settings(|settings| settings.min_amount = 1)
            };
            let more = [PurchaseAccounts::MINT, PurchaseAccounts::TOKEN_PROGRAM];
            purchases(binaries, wallets, &plan, 10, &more)
        },
    ),
    spec("claim", "minted", |binaries, wallets| {
        let plan = settings(|settings| settings.hold_seconds = 7 * DAY);
        claims(binaries, wallets, plan, 1, &[])
    }),
    spec("claim", "from the vault", |binaries, wallets| {
        let mut plan = from_vault();
        plan.settings.hold_seconds = 7 * DAY;
        claims(binaries, wallets, plan, 4, &[ClaimAccounts::VAULT])
    }),
    spec("cancel_conversion", "", |binaries, wallets| {
        let plan = settings(|settings| settings.hold_seconds = 7 * DAY);
        let mut scene = Scene::open(binaries, &plan)?;
        let mut cases = Vec::with_capacity(wallets);
        for index in 0..wallets {
            let referral = scene.pair(index)?;
            let (address, conversion) = scene.converted(&referral, index)?;
            let cancel = scene.with_offer(&referral, |offer| {
                instructions::cancel_conversion(offer, &address, &conversion)
            })?;
            cases.push(alone(scene.company, cancel));
        }
        Ok((scene.chain, cases))
    }),
    spec("bind", "", |binaries, wallets| {
        let plan = settings(|settings| settings.attribution_window = 30 * DAY);
        let mut scene = Scene::open(binaries, &plan)?;
        let mut cases = Vec::with_capacity(wallets);
        for index in 0..wallets {
            scene.register(index)?;
            let referee = wallet("referee", index);
            scene.chain.fund(&referee)?;
            cases.push(beside(referee, bind(&scene, index)?, &[7]));
        }
        Ok((scene.chain, cases))
    }),
    spec("create_campaign", "", |binaries, wallets| {
        let mut chain = Chain::new(binaries)?;
        let mut cases = Vec::with_capacity(wallets);
        for index in 0..wallets {
            let create = prepare_campaign(&mut chain, &Plan::default(), index)?;
            let floor = [&[5], crate::scene::ID.to_le_bytes().as_slice()].concat();
            cases.push(beside(wallet("company", index), create, &floor));
        }
        Ok((chain, cases))
    }),
    spec("update_campaign", "", |binaries, wallets| {
        let plan = settings(|settings| (settings.tiers, settings.bonuses) = ladder());
        campaigns(binaries, wallets, |company, campaign| {
            instructions::update_campaign(company, campaign, &plan.settings)
        })
    }),
    spec("set_paused", "", |binaries, wallets| {
        campaigns(binaries, wallets, |company, campaign| {
            instructions::set_paused(company, campaign, true)
        })
    }),
    spec("fund_vault", "", |binaries, wallets| {
        let mut scene = Scene::open(binaries, &from_vault())?;
        let mut cases = Vec::with_capacity(wallets);
        for index in 0..wallets {
            let funder = wallet("funder", index);
            scene.chain.fund(&funder)?;
            let source = scene.rich(&funder)?;
            let (address, campaign) = (&scene.address, &scene.campaign);
            let fund = instructions::fund_vault(&funder, address, campaign, &source, REWARD);
            cases.push(beside(funder, fund, &[11]));
        }
        Ok((scene.chain, cases))
    }),
    spec("withdraw_vault", "", |binaries, wallets| {
        let mut scene = Scene::open(binaries, &from_vault())?;
        let mut cases = Vec::with_capacity(wallets);
        for index in 0..wallets {
            let destination = scene.receives(&wallet("destination", index))?;
            let (address, campaign) = (&scene.address, &scene.campaign);
            let withdraw = instructions::withdraw_vault(address, campaign, &destination, REWARD);
            cases.push(beside(scene.company, withdraw, &[12]));
        }
        Ok((scene.chain, cases))
    }),
    spec("create_referral", "", |binaries, wallets| {
        let mut scene = Scene::open(binaries, &Plan::default())?;
        let mut cases = Vec::with_capacity(wallets);
        for index in 0..wallets {
            let owner = wallet("owner", index);
            scene.chain.fund(&owner)?;
            let floor = [&[6], code(index)?.as_bytes()].concat();
            cases.push(beside(owner, scene.create_referral(index)?, &floor));
        }
        Ok((scene.chain, cases))
    }),
    spec("close_referral", "", |binaries, wallets| {
        let mut scene = Scene::open(binaries, &Plan::default())?;
        let mut cases = Vec::with_capacity(wallets);
        for index in 0..wallets {
            let referral = scene.register(index)?;
            let owner = wallet("owner", index);
            let close = instructions::close_referral(&owner, &referral, &owner);
            cases.push(alone(owner, close));
        }
        Ok((scene.chain, cases))
    }),
    spec("reclaim_conversion", "", |binaries, wallets| {
        let mut scene = Scene::open(binaries, &Plan::default())?;
        let mut cases = Vec::with_capacity(wallets);
        for index in 0..wallets {
            let referral = scene.pair(index)?;
            let (_, conversion) = scene.converted(&referral, index)?;
            let (address, campaign) = (&scene.address, &scene.campaign);
            let referee = wallet("referee", index);
            let key = pda::conversion_key(campaign.terms(), &referee, &referral, &[0; 32]);
            let reclaim = instructions::reclaim_conversion(address, campaign, key, &conversion);
            cases.push(alone(referee, reclaim));
        }
        let close = instructions::close_campaign(&scene.company, &scene.address);
        scene.sends(close)?;
        scene.chain.set_time(NOW + i64::from(31 * DAY));
        Ok((scene.chain, cases))
    }),
];

/// The floor of a conversion. `benches/floor` defines the numbers.
#[derive(Clone, Copy)]
struct Floor {
    tag: u8,
    /// How to derive the conversion's key; empty for the referee's address.
    key: &'static [u8],
    /// Positions of the accounts that it takes after the first nine.
    more: &'static [usize],
}

impl Floor {
    const MINTED: Self = Self::tagged(0);
    const UNPAID: Self = Self::tagged(2);
    const VAULT: Self = Self::tagged(3);
    const HASH_OF_REFERRAL: u8 = 1;
    const HASH_OF_REFERENCE: u8 = 2;

    const fn tagged(tag: u8) -> Self {
        Self {
            tag,
            key: &[],
            more: &[],
        }
    }

    /// A case of these instructions, the last of which is `convert`, with its floor.
    fn beside(self, payer: Pubkey, instructions: Vec<Instruction>) -> Case {
        let data = [&[self.tag], self.key].concat();
        let floor = instructions
            .last()
            .map(|convert| pick(convert, 9, self.more, data));
        Case {
            payer,
            instructions,
            floor,
        }
    }
}

/// A floor's instruction with the first accounts of `instruction` and those at `more`.
fn pick(instruction: &Instruction, first: usize, more: &[usize], data: Vec<u8>) -> Instruction {
    let places = (0..first).chain(more.iter().copied());
    Instruction {
        program_id: PROGRAM_ID,
        accounts: places
            .map(|place| instruction.accounts[place].clone())
            .collect(),
        data,
    }
}

/// A case whose floor takes all accounts that are present.
fn beside(payer: Pubkey, instruction: Instruction, floor: &[u8]) -> Case {
    let mut floor = pick(
        &instruction,
        instruction.accounts.len(),
        &[],
        floor.to_vec(),
    );
    floor
        .accounts
        .retain(|account| account.pubkey != PROGRAM_ID);
    Case {
        payer,
        instructions: vec![instruction],
        floor: Some(floor),
    }
}

/// A case without a floor.
fn alone(payer: Pubkey, instruction: Instruction) -> Case {
    Case {
        payer,
        instructions: vec![instruction],
        floor: None,
    }
}

/// The default campaign with other settings.
fn settings(change: impl FnOnce(&mut Settings)) -> Plan {
    let mut plan = Plan::default();
    change(&mut plan.settings);
    plan
}

fn from_vault() -> Plan {
    Plan {
        terms: Terms {
            funding: Funding::Vault,
            ..Terms::default()
        },
        ..Plan::default()
    }
}

/// A plan that splits each payment: a tenth for the referrer.
fn split() -> Plan {
    Plan {
        terms: Terms {
            funding: Funding::PaymentSplit,
            proof: Proof::Payment,
            uniqueness: Uniqueness::Order,
            ..Terms::default()
        },
        settings: Settings {
            reward_kind: RewardKind::Percent,
            reward_bps: 1_000,
            reward_max: PRICE,
            ..Settings::default()
        },
        ..Plan::default()
    }
}

/// The most tiers and bonuses that a campaign can have.
fn ladder() -> ([Tier; 4], [Bonus; 4]) {
    let tier = |min_conversions, multiplier_bps| Tier {
        min_conversions,
        multiplier_bps,
    };
    let bonus = |threshold| Bonus {
        threshold,
        amount: 3 * REWARD,
    };
    (
        [
            tier(2, 11_000),
            tier(5, 12_000),
            tier(10, 15_000),
            tier(100, 20_000),
        ],
        [bonus(5), bonus(10), bonus(50), bonus(100)],
    )
}

fn converts(
    binaries: &Binaries,
    wallets: usize,
    plan: &Plan,
    floor: Floor,
) -> Result<(Chain, Vec<Case>)> {
    converts_when(binaries, wallets, plan, floor, |_, _, _| Ok(()))
}

/// Conversions; before each one, `ready` gets the scene, the referral and the wallet's
/// index.
fn converts_when(
    binaries: &Binaries,
    wallets: usize,
    plan: &Plan,
    floor: Floor,
    ready: impl Fn(&mut Scene, &Pubkey, usize) -> Result<()>,
) -> Result<(Chain, Vec<Case>)> {
    let mut scene = Scene::open(binaries, plan)?;
    let mut cases = Vec::with_capacity(wallets);
    for index in 0..wallets {
        let referral = scene.pair(index)?;
        ready(&mut scene, &referral, index)?;
        let referee = wallet("referee", index);
        let convert = scene.convert(&referral, &signup(&referee))?;
        cases.push(floor.beside(referee, vec![convert]));
    }
    Ok((scene.chain, cases))
}

/// Conversions that the attestor vouches for. `evidence` gets the attestor's key and the
/// bytes of a voucher.
fn attested(
    binaries: &Binaries,
    wallets: usize,
    evidence: impl Fn(
        &solana_sdk::signature::Keypair,
        [u8; voucher::MESSAGE_LEN],
    ) -> (Option<Instruction>, Evidence),
) -> Result<(Chain, Vec<Case>)> {
    let attestor = key("attestor", 0);
    let mut plan = settings(|settings| settings.attestor = attestor.pubkey());
    plan.terms.proof = Proof::Attested;
    let mut scene = Scene::open(binaries, &plan)?;
    let mut cases = Vec::with_capacity(wallets);
    for index in 0..wallets {
        let referral = scene.pair(index)?;
        let referee = wallet("referee", index);
        let message = voucher::message(&voucher::Statement {
            campaign: scene.address,
            campaign_created_at: scene.campaign.created_at,
            referral,
            referee,
            action: Action::Signup,
            amount: 0,
            reference: [0; 32],
            issued_at: NOW,
            expires_at: NOW + 60,
        });
        let (before, evidence) = evidence(&attestor, message);
        let args = Convert {
            evidence,
            ..signup(&referee)
        };
        let convert = scene.convert(&referral, &args)?;
        let instructions = before.into_iter().chain([convert]).collect();
        cases.push(Floor::MINTED.beside(referee, instructions));
    }
    Ok((scene.chain, cases))
}

/// Purchases, one order each. The floor takes the first eight accounts and `more`.
fn purchases(
    binaries: &Binaries,
    wallets: usize,
    plan: &Plan,
    tag: u8,
    more: &[usize],
) -> Result<(Chain, Vec<Case>)> {
    let mut scene = Scene::open(binaries, plan)?;
    let mut cases = Vec::with_capacity(wallets);
    for index in 0..wallets {
        let referral = scene.pair(index)?;
        let buyer = wallet("referee", index);
        if plan.paid_in_token {
            scene.rich(&buyer)?;
        }
        let order = seed("order", index);
        let args = Purchase::new(&buyer, PRICE, order);
        let purchase = scene.with_offer(&referral, |offer| instructions::purchase(offer, &args))?;
        let data = [&[tag, Floor::HASH_OF_REFERENCE], order.as_slice()].concat();
        cases.push(Case {
            payer: buyer,
            floor: Some(pick(&purchase, 8, more, data)),
            instructions: vec![purchase],
        });
    }
    Ok((scene.chain, cases))
}

/// Claims after the hold. The floor takes the first six accounts and `more`.
fn claims(
    binaries: &Binaries,
    wallets: usize,
    plan: Plan,
    tag: u8,
    more: &[usize],
) -> Result<(Chain, Vec<Case>)> {
    let mut scene = Scene::open(binaries, &plan)?;
    let mut cases = Vec::with_capacity(wallets);
    for index in 0..wallets {
        let referral = scene.pair(index)?;
        let (address, conversion) = scene.converted(&referral, index)?;
        let claim = scene.with_offer(&referral, |offer| {
            instructions::claim(offer, &address, &conversion)
        })?;
        cases.push(Case {
            payer: wallet("referee", index),
            floor: Some(pick(&claim, 6, more, vec![tag])),
            instructions: vec![claim],
        });
    }
    scene
        .chain
        .set_time(NOW + i64::from(plan.settings.hold_seconds));
    Ok((scene.chain, cases))
}

/// The binding of wallet `index` to its code.
fn bind(scene: &Scene, index: usize) -> Result<Instruction> {
    let referee = wallet("referee", index);
    Ok(instructions::bind(&Bind {
        payer: referee,
        wallet: referee,
        campaign: scene.address,
        code: code(index)?,
        bound: None,
    }))
}

/// One instruction on each of many campaigns.
fn campaigns(
    binaries: &Binaries,
    wallets: usize,
    build: impl Fn(&Pubkey, &Pubkey) -> Instruction,
) -> Result<(Chain, Vec<Case>)> {
    let mut chain = Chain::new(binaries)?;
    let mut cases = Vec::with_capacity(wallets);
    for index in 0..wallets {
        let create = prepare_campaign(&mut chain, &Plan::default(), index)?;
        let (company, campaign) = (wallet("company", index), create.accounts[2].pubkey);
        chain.send(&company, &[create])?;
        cases.push(alone(company, build(&company, &campaign)));
    }
    Ok((chain, cases))
}
