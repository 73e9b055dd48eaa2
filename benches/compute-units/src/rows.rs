//! The rows of the table: instruction, campaign and floor.

use anyhow::Result;
use solana_sdk::{instruction::Instruction, pubkey::Pubkey, signature::Signer as _};
use vouch_client::{
    PROGRAM_ID,
    accounts::{
        AccountType, Action, Bonus, Campaign, Funding, Proof, Referral, RewardKind, Settings,
        Terms, Tier, Uniqueness,
    },
    instructions::{
        self, Bind, Convert, Evidence, Purchase,
        raw::{ClaimAccounts, ConvertAccounts, PurchaseAccounts},
    },
    voucher,
};

use crate::{
    chain::{Binaries, Case, Chain, NOW, TOKEN_2022, code, key, seed, wallet},
    report::HEADLINE,
    scene::{LAPSE, Plan, REWARD, Scene, prepare_campaign, signup},
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
        let plan = with_partners();
        let floor = Floor {
            more: &[ConvertAccounts::PARTNER_ACCOUNT],
            ..Floor::MINTED
        };
        converts_when(binaries, wallets, &plan, floor, |scene, referral, index| {
            scene.receives(&wallet("partner", index))?;
            scene.sends(scene.set_partner(referral, index))
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
    spec("convert", "minted, with a binding", |binaries, wallets| {
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
    }),
    spec("convert", "minted, with a gate", |binaries, wallets| {
        let plan = settings(|settings| {
            settings.gate_credential = wallet("issuer", 0);
            settings.gate_schema = wallet("schema", 0);
        });
        converts_when(
            binaries,
            wallets,
            &plan,
            Floor::MINTED,
            |scene, _, index| scene.certify(&wallet("referee", index)),
        )
    }),
    spec(
        "convert",
        "minted, counted per owner",
        |binaries, wallets| converts(binaries, wallets, &per_owner(), Floor::MINTED),
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
    spec("update_campaign", "at once", |binaries, wallets| {
        let plan = settings(|settings| (settings.tiers, settings.bonuses) = ladder());
        campaigns(binaries, wallets, |_, company, campaign| {
            let update = instructions::update_campaign(&company, &campaign, &plan.settings);
            Ok(alone(company, update))
        })
    }),
    spec("update_campaign", "announces a cut", |binaries, wallets| {
        let mut plan = settings(|settings| (settings.tiers, settings.bonuses) = ladder());
        plan.terms.notice_seconds = 7 * DAY;
        let cut = Settings {
            reward_fixed: REWARD - 1,
            ..plan.settings
        };
        campaigns_of(binaries, wallets, &plan, |_, company, campaign| {
            let update = instructions::update_campaign(&company, &campaign, &cut);
            Ok(alone(company, update))
        })
    }),
    spec("set_paused", "", |binaries, wallets| {
        campaigns(binaries, wallets, |_, company, campaign| {
            let pause = instructions::set_paused(&company, &campaign, true);
            Ok(alone(company, pause))
        })
    }),
    spec("propose_authority", "", |binaries, wallets| {
        campaigns(binaries, wallets, |_, company, campaign| {
            let new = wallet("authority", 0);
            let propose = instructions::propose_authority(&company, &campaign, Some(&new));
            Ok(alone(company, propose))
        })
    }),
    spec("accept_authority", "", |binaries, wallets| {
        campaigns(binaries, wallets, |chain, company, campaign| {
            let new = wallet("authority", 0);
            let propose = instructions::propose_authority(&company, &campaign, Some(&new));
            chain.send(&company, &[propose])?;
            let accept = instructions::accept_authority(&new, &campaign);
            Ok(alone(company, accept))
        })
    }),
    spec("close_campaign", "", |binaries, wallets| {
        campaigns(binaries, wallets, |_, company, campaign| {
            let close = instructions::close_campaign(&company, &campaign);
            Ok(alone(company, close))
        })
    }),
    spec("reclaim_campaign", "minted", |binaries, wallets| {
        let (mut chain, cases) = campaigns(binaries, wallets, |chain, company, address| {
            let close = instructions::close_campaign(&company, &address);
            chain.send(&company, &[close])?;
            let campaign = Campaign::decode(&chain.get(&address)?.data)?;
            let reclaim = instructions::reclaim_campaign(&address, &campaign, None);
            Ok(beside(company, reclaim, &[15]))
        })?;
        chain.set_time(NOW + LAPSE);
        Ok((chain, cases))
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
    spec("register_referrer", "", |binaries, wallets| {
        let mut scene = Scene::open(binaries, &per_owner())?;
        let mut cases = Vec::with_capacity(wallets);
        for index in 0..wallets {
            let owner = wallet("owner", index);
            scene.chain.fund(&owner)?;
            cases.push(beside(owner, scene.register_referrer(index), &[13]));
        }
        Ok((scene.chain, cases))
    }),
    spec("update_referral", "", |binaries, wallets| {
        codes(binaries, wallets, |_, referral, index| {
            let owner = wallet("owner", index);
            let expiry = NOW + i64::from(DAY);
            let update = instructions::update_referral(&owner, referral, true, 10, expiry);
            Ok(alone(owner, update))
        })
    }),
    spec("set_suspended", "", |binaries, wallets| {
        codes(binaries, wallets, |scene, referral, _| {
            let (company, address) = (scene.company, scene.address);
            let suspend = instructions::set_suspended(&company, &address, referral, true);
            Ok(alone(company, suspend))
        })
    }),
    spec("set_partner", "", |binaries, wallets| {
        codes_of(
            binaries,
            wallets,
            &with_partners(),
            |scene, referral, index| {
                let set = scene.set_partner(referral, index);
                Ok(alone(wallet("owner", index), set))
            },
        )
    }),
    spec("end_partnership", "by the owner", |binaries, wallets| {
        partnerships(binaries, wallets, "owner")
    }),
    spec("end_partnership", "by the partner", |binaries, wallets| {
        partnerships(binaries, wallets, "partner")
    }),
    spec("propose_owner", "", |binaries, wallets| {
        codes(binaries, wallets, |_, referral, index| {
            let (owner, new) = (wallet("owner", index), wallet("new owner", index));
            let propose = instructions::propose_owner(&owner, referral, Some(&new));
            Ok(alone(owner, propose))
        })
    }),
    spec("accept_owner", "", |binaries, wallets| {
        codes(binaries, wallets, |scene, referral, index| {
            let (owner, new) = (wallet("owner", index), wallet("new owner", index));
            let propose = instructions::propose_owner(&owner, referral, Some(&new));
            scene.chain.send(&owner, &[propose])?;
            let accept = instructions::accept_owner(&new, &scene.address, referral, false);
            Ok(alone(owner, accept))
        })
    }),
    spec("close_referral", "", |binaries, wallets| {
        codes(binaries, wallets, |_, referral, index| {
            let owner = wallet("owner", index);
            let close = instructions::close_referral(&owner, referral, &owner);
            Ok(alone(owner, close))
        })
    }),
    spec("revoke_voucher", "", |binaries, wallets| {
        let (scene, cases) = revocations(binaries, wallets)?;
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
            let key = campaign
                .terms()
                .conversion_key(&referee, &referral, &[0; 32]);
            let reclaim = instructions::reclaim_conversion(address, campaign, key, &conversion);
            cases.push(alone(referee, reclaim));
        }
        scene.lapse()?;
        Ok((scene.chain, cases))
    }),
    spec("reclaim_binding", "", |binaries, wallets| {
        let plan = settings(|settings| settings.attribution_window = 30 * DAY);
        let (mut chain, cases) = codes_of(binaries, wallets, &plan, |scene, _, index| {
            let referee = wallet("referee", index);
            scene.chain.fund(&referee)?;
            let bind = bind(scene, index)?;
            scene.chain.send(&referee, &[bind])?;
            let reclaim = instructions::reclaim_binding(&scene.address, &referee, &referee);
            Ok(alone(referee, reclaim))
        })?;
        chain.set_time(NOW + LAPSE);
        Ok((chain, cases))
    }),
    spec("reclaim_referral", "", |binaries, wallets| {
        let mut scene = Scene::open(binaries, &Plan::default())?;
        let mut cases = Vec::with_capacity(wallets);
        for index in 0..wallets {
            let referral = scene.register(index)?;
            let owner = wallet("owner", index);
            let reclaim = instructions::reclaim_referral(&scene.address, &referral, &owner);
            cases.push(alone(owner, reclaim));
        }
        scene.lapse()?;
        Ok((scene.chain, cases))
    }),
    spec("reclaim_referrer", "", |binaries, wallets| {
        let mut scene = Scene::open(binaries, &per_owner())?;
        let mut cases = Vec::with_capacity(wallets);
        for index in 0..wallets {
            scene.register(index)?;
            let owner = wallet("owner", index);
            let reclaim = instructions::reclaim_referrer(&scene.address, &owner, &owner);
            cases.push(alone(owner, reclaim));
        }
        scene.lapse()?;
        Ok((scene.chain, cases))
    }),
    spec("reclaim_voucher", "", |binaries, wallets| {
        let (mut scene, revocations) = revocations(binaries, wallets)?;
        let mut cases = Vec::with_capacity(wallets);
        for (index, revocation) in revocations.into_iter().enumerate() {
            scene
                .chain
                .send(&revocation.payer, &revocation.instructions)?;
            let (address, payer) = (&scene.address, &revocation.payer);
            let reclaim = instructions::reclaim_voucher(address, &seed("voucher", index), payer);
            cases.push(alone(*payer, reclaim));
        }
        scene.chain.set_time(NOW + LAPSE);
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

/// A plan that counts the conversions of all codes of an owner.
fn per_owner() -> Plan {
    Plan {
        terms: Terms {
            per_owner: true,
            ..Terms::default()
        },
        ..Plan::default()
    }
}

/// A plan that lets owners give half of each reward to a partner.
fn with_partners() -> Plan {
    settings(|settings| settings.max_partner_share_bps = 5_000)
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

/// [`codes_of`] the default campaign.
fn codes(
    binaries: &Binaries,
    wallets: usize,
    build: impl Fn(&mut Scene, &Pubkey, usize) -> Result<Case>,
) -> Result<(Chain, Vec<Case>)> {
    codes_of(binaries, wallets, &Plan::default(), build)
}

/// The case that `build` makes for each of many codes of one campaign, from the scene, the
/// referral and the wallet's index.
fn codes_of(
    binaries: &Binaries,
    wallets: usize,
    plan: &Plan,
    build: impl Fn(&mut Scene, &Pubkey, usize) -> Result<Case>,
) -> Result<(Chain, Vec<Case>)> {
    let mut scene = Scene::open(binaries, plan)?;
    let mut cases = Vec::with_capacity(wallets);
    for index in 0..wallets {
        let referral = scene.register(index)?;
        cases.push(build(&mut scene, &referral, index)?);
    }
    Ok((scene.chain, cases))
}

/// The ends of partnerships, by the wallet with this role.
fn partnerships(binaries: &Binaries, wallets: usize, party: &str) -> Result<(Chain, Vec<Case>)> {
    codes_of(
        binaries,
        wallets,
        &with_partners(),
        |scene, referral, index| {
            let owner = wallet("owner", index);
            let set = scene.set_partner(referral, index);
            scene.chain.send(&owner, &[set])?;
            let end = instructions::end_partnership(&wallet(party, index), referral);
            Ok(alone(owner, end))
        },
    )
}

/// Revocations of vouchers, each with the `voucher` seed of its index as the digest.
fn revocations(binaries: &Binaries, wallets: usize) -> Result<(Scene, Vec<Case>)> {
    let attestor = wallet("attestor", 0);
    let mut plan = settings(|settings| settings.attestor = attestor);
    plan.terms.proof = Proof::Attested;
    let scene = Scene::open(binaries, &plan)?;
    let revoke = |index| {
        let (company, campaign, digest) = (scene.company, scene.address, seed("voucher", index));
        let revoke = instructions::revoke_voucher(&company, &attestor, &campaign, digest, NOW + 60);
        beside(company, revoke, &[&[14], digest.as_slice()].concat())
    };
    let cases = (0..wallets).map(revoke).collect();
    Ok((scene, cases))
}

/// [`campaigns_of`] the default plan.
fn campaigns(
    binaries: &Binaries,
    wallets: usize,
    build: impl Fn(&mut Chain, Pubkey, Pubkey) -> Result<Case>,
) -> Result<(Chain, Vec<Case>)> {
    campaigns_of(binaries, wallets, &Plan::default(), build)
}

/// The case that `build` makes for each of many campaigns, from the chain, the company and
/// the campaign's address.
fn campaigns_of(
    binaries: &Binaries,
    wallets: usize,
    plan: &Plan,
    build: impl Fn(&mut Chain, Pubkey, Pubkey) -> Result<Case>,
) -> Result<(Chain, Vec<Case>)> {
    let mut chain = Chain::new(binaries)?;
    let mut cases = Vec::with_capacity(wallets);
    for index in 0..wallets {
        let create = prepare_campaign(&mut chain, plan, index)?;
        let (company, campaign) = (wallet("company", index), create.accounts[2].pubkey);
        chain.send(&company, &[create])?;
        cases.push(build(&mut chain, company, campaign)?);
    }
    Ok((chain, cases))
}
