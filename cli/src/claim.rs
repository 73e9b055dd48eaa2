//! `vouch claim`: what waits for a wallet, and its payment, several conversions in a transaction.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use solana_sdk::{instruction::Instruction, signature::Keypair, signature::Signer as _};
use vouch_client::{
    Pubkey,
    accounts::{Campaign, Conversion, Referral, Status, settled},
    instructions::{self, Offer},
    recipient::{Unpayable, Wallet, token_account_takes, wallet_takes},
    token,
};

use crate::{
    amount::Units,
    code::units,
    context::Context,
    error::{Failure, Outcome},
    node::{At, Seen},
    output, places,
    send::{Plan, fits},
    span,
};

/// The owners whose missing token accounts a claim creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Creates {
    /// The wallet's own.
    Payer,
    /// Those of everybody who is paid; they can close them and keep the rent.
    All,
}

/// Arguments of `vouch claim`.
#[derive(Debug, Args)]
pub(crate) struct ClaimArgs {
    /// Only what waits in this campaign
    #[arg(long, env = "VOUCH_CAMPAIGN")]
    campaign: Option<Pubkey>,
    /// The wallet that is owed something: as owner of a code, partner or referred wallet [default: the wallet that
    /// signs]
    #[arg(long, value_name = "ADDRESS")]
    wallet: Option<Pubkey>,
    /// The owners whose missing token accounts are created, at the cost of the wallet that signs
    #[arg(long, value_enum, default_value_t = Creates::Payer)]
    create_accounts: Creates,
    /// Only show what waits
    #[arg(long)]
    list: bool,
}

/// A conversion that is pending, with its referral.
struct Pending {
    address: Pubkey,
    conversion: Conversion,
    referral: Referral,
}

/// A part that is owed.
struct Part {
    bit: u8,
    name: &'static str,
    units: u64,
    owner: Pubkey,
    account: Pubkey,
}

impl Pending {
    /// The parts that are owed.
    fn parts(&self, campaign: &Campaign) -> Vec<Part> {
        let conversion = &self.conversion;
        let mut parts = vec![
            (
                settled::REFERRER,
                "referrer",
                conversion.reward_referrer,
                self.referral.owner,
            ),
            (
                settled::REFEREE,
                "referee",
                conversion.reward_referee,
                conversion.referee,
            ),
        ];
        let partner = self.referral.partner();
        parts.extend(partner.map(|owner| {
            (
                settled::PARTNER,
                "partner",
                conversion.reward_partner,
                owner,
            )
        }));
        let owed = parts
            .into_iter()
            .filter(|(bit, ..)| !conversion.is_settled(*bit));
        owed.map(|(bit, name, units, owner)| Part {
            bit,
            name,
            units,
            owner,
            account: campaign.reward_account(&owner),
        })
        .collect()
    }

    /// Base units that are owed to this wallet.
    fn owed_to(&self, wallet: &Pubkey, campaign: &Campaign) -> u64 {
        let parts = self.parts(campaign);
        let own = parts.iter().filter(|part| part.owner == *wallet);
        own.fold(0, |sum, part| sum.saturating_add(part.units))
    }
}

/// Pays what is due, unless it is only to be shown.
///
/// # Errors
/// `nothing_to_claim` if nothing can be paid now, besides those of every command.
pub(crate) async fn run(context: &Context, args: ClaimArgs) -> Outcome<Value> {
    let wallet = context.wallet(args.wallet)?;
    let mut by_campaign: BTreeMap<Pubkey, Vec<Pending>> = BTreeMap::new();
    for pending in pending(context, &wallet, args.campaign).await? {
        by_campaign
            .entry(pending.referral.campaign)
            .or_default()
            .push(pending);
    }
    let key = if args.list {
        None
    } else {
        Some(context.key()?)
    };
    let mut campaigns = Vec::new();
    let mut is_any = false;
    for (at, pending) in by_campaign {
        let (campaign, seen) = context.node.campaign(&at, &[]).await?;
        let units = units(context, &campaign);
        let (due, held): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .partition(|it| it.conversion.claimable_from() <= seen.now);
        let first = held.iter().map(|it| it.conversion.claimable_from()).min();
        let mut shown = json!({
            "campaign": at.to_string(),
            "mint": campaign.reward_mint().map(|mint| mint.to_string()),
            "due": sum(&due, &wallet, &campaign, units),
            "held": sum(&held, &wallet, &campaign, units),
            "next_due_at": first.and_then(span::shown),
        });
        if let Some(key) = &key {
            let payment = Payment {
                context,
                at,
                campaign: &campaign,
                key,
                creates: args.create_accounts,
                units,
            };
            let (transactions, blocked) = payment.pay(due).await?;
            is_any |= !transactions.is_empty();
            shown["transactions"] = transactions.into();
            shown["blocked"] = blocked.into();
        }
        campaigns.push(shown);
    }
    if key.is_some() && !is_any {
        let next = campaigns
            .iter()
            .filter_map(|it| it["next_due_at"].as_str())
            .min();
        let advice = match next {
            Some(next) => format!("come back at {next}, when the first hold is over"),
            None => "see `vouch claim --list`".to_owned(),
        };
        let mut obstacles = campaigns
            .iter()
            .filter_map(|it| it["blocked"][0]["reason"].as_str());
        let message = match obstacles.next() {
            Some(reason) => format!("nothing can be paid to {wallet} now: {reason}"),
            None => format!("nothing can be paid to {wallet} now"),
        };
        return Err(Failure::refused("nothing_to_claim", message, advice));
    }
    Ok(json!({ "wallet": wallet.to_string(), "campaigns": campaigns }))
}

fn sum(list: &[Pending], wallet: &Pubkey, campaign: &Campaign, units: Units) -> Value {
    let owed = list
        .iter()
        .map(|it| u128::from(it.owed_to(wallet, campaign)));
    let owed = i128::try_from(owed.sum::<u128>()).unwrap_or(i128::MAX);
    json!({ "conversions": list.len(), "amount": units.json(owed) })
}

/// The conversions of which something is owed to this wallet, the oldest first.
async fn pending(
    context: &Context,
    wallet: &Pubkey,
    campaign: Option<Pubkey>,
) -> Outcome<Vec<Pending>> {
    let node = &context.node;
    let (wallet_bytes, pending) = (wallet.to_bytes(), [Status::Pending as u8]);
    let campaign_bytes = campaign.map(|campaign| campaign.to_bytes());
    let mut referrals: BTreeMap<Pubkey, Referral> = BTreeMap::new();
    for place in [places::REFERRAL_OWNER, places::REFERRAL_PARTNER] {
        let mut conditions = vec![At(place, &wallet_bytes)];
        if let Some(bytes) = &campaign_bytes {
            conditions.push(At(places::REFERRAL_CAMPAIGN, bytes));
        }
        referrals.extend(node.search::<Referral>(&conditions).await?);
    }
    let mut found: BTreeMap<Pubkey, Conversion> = BTreeMap::new();
    for (place, referral) in &referrals {
        if referral.open_conversions == 0 {
            continue;
        }
        let place = place.to_bytes();
        let conditions = [
            At(places::CONVERSION_REFERRAL, &place),
            At(places::CONVERSION_STATUS, &pending),
        ];
        found.extend(node.search::<Conversion>(&conditions).await?);
    }
    let conditions = [
        At(places::CONVERSION_REFEREE, &wallet_bytes),
        At(places::CONVERSION_STATUS, &pending),
    ];
    let own = node.search::<Conversion>(&conditions).await?;
    let unknown: BTreeSet<Pubkey> = own
        .iter()
        .map(|(_, conversion)| conversion.referral)
        .filter(|place| !referrals.contains_key(place))
        .collect();
    let unknown: Vec<Pubkey> = unknown.into_iter().collect();
    let seen = node.see(&unknown).await?;
    referrals.extend(
        unknown
            .iter()
            .filter_map(|place| Some((*place, seen.read(place)?))),
    );
    found.extend(own);
    let mut all: Vec<Pending> = found
        .into_iter()
        .filter_map(|(address, conversion)| {
            let referral = referrals.get(&conversion.referral)?.clone();
            let is_asked = campaign.is_none_or(|campaign| referral.campaign == campaign);
            is_asked.then_some(Pending {
                address,
                conversion,
                referral,
            })
        })
        .collect();
    all.sort_by_key(|it| (it.conversion.converted_at, it.address));
    Ok(all)
}

/// A payment of what is due in a campaign.
struct Payment<'a> {
    context: &'a Context,
    at: Pubkey,
    campaign: &'a Campaign,
    key: &'a Keypair,
    creates: Creates,
    units: Units,
}

/// Claims that go into one transaction.
#[derive(Default)]
struct Pack {
    steps: Vec<Instruction>,
    created: BTreeSet<Pubkey>,
    claims: Vec<Value>,
}

impl Payment<'_> {
    /// Pays as many conversions in each transaction as fit. Returns the transactions, and the parts that
    /// cannot be paid now.
    async fn pay(&self, due: Vec<Pending>) -> Outcome<(Vec<Value>, Vec<Value>)> {
        let (mut sent, mut blocked) = (Vec::new(), Vec::new());
        // A part of them at a time: what is read is old by the time that others are paid.
        for page in due.chunks(32) {
            let mut pack = Pack::default();
            let mut addresses: Vec<Pubkey> = page.iter().map(|it| it.address).collect();
            for pending in page {
                let parts = pending.parts(self.campaign);
                addresses.extend(parts.iter().map(|part| part.account));
            }
            let seen = self.context.node.see(&addresses).await?;
            for pending in page {
                // The keeper, or anybody, may have paid it meanwhile.
                let now: Option<Conversion> = seen.read(&pending.address);
                if now.as_ref() != Some(&pending.conversion) {
                    continue;
                }
                let Some(next) = self.step(pending, &seen, &mut blocked) else {
                    continue;
                };
                let mut fuller = self.with(&pack, &next);
                if !fits(&fuller.steps, &self.key.pubkey()) && !pack.claims.is_empty() {
                    sent.push(self.send(std::mem::take(&mut pack)).await?);
                    fuller = self.with(&pack, &next);
                }
                pack = fuller;
            }
            if !pack.claims.is_empty() {
                sent.push(self.send(pack).await?);
            }
        }
        Ok((sent, blocked))
    }

    /// A pack with a further claim.
    fn with(&self, pack: &Pack, next: &Step) -> Pack {
        let mut steps = pack.steps.clone();
        let mut created = pack.created.clone();
        if let Some(mint) = self.campaign.reward_mint() {
            for (account, owner) in &next.missing {
                if created.insert(*account) {
                    let payer = self.key.pubkey();
                    let program = &self.campaign.token_program;
                    steps.push(token::create_associated_token(
                        &payer, owner, &mint, program,
                    ));
                }
            }
        }
        steps.push(next.claim.clone());
        let mut claims = pack.claims.clone();
        claims.push(next.shown.clone());
        Pack {
            steps,
            created,
            claims,
        }
    }

    /// The claim of a conversion; `None` if nobody can be paid now.
    fn step(&self, pending: &Pending, seen: &Seen, blocked: &mut Vec<Value>) -> Option<Step> {
        let parts = pending.parts(self.campaign);
        let (mut missing, mut paid) = (Vec::new(), Vec::new());
        for part in &parts {
            let Err(reason) = self.takes(seen, part) else {
                paid.push(part);
                continue;
            };
            let is_missing = reason == Unpayable::NoTokenAccount
                && seen.get(&part.account).is_none_or(|it| it.data.is_empty());
            if is_missing && (self.creates == Creates::All || part.owner == self.key.pubkey()) {
                missing.push((part.account, part.owner));
                paid.push(part);
                continue;
            }
            blocked.push(json!({
                "conversion": pending.address.to_string(),
                "part": part.name,
                "owner": part.owner.to_string(),
                "account": part.account.to_string(),
                "amount": self.units.json(part.units),
                "reason": reason.to_string(),
            }));
        }
        if paid.is_empty() && !parts.is_empty() {
            return None;
        }
        let offer = Offer::at(self.at, self.campaign, &pending.referral, seen.now).ok()?;
        let amount = |bit| {
            let part = paid.iter().find(|part| part.bit == bit);
            self.units.json(part.map_or(0, |part| part.units))
        };
        Some(Step {
            claim: instructions::claim(&offer, &pending.address, &pending.conversion),
            missing,
            shown: json!({
                "conversion": pending.address.to_string(),
                "referrer": amount(settled::REFERRER),
                "referee": amount(settled::REFEREE),
                "partner": amount(settled::PARTNER),
            }),
        })
    }

    /// Whether a part can be paid now: the program's rule.
    fn takes(&self, seen: &Seen, part: &Part) -> Result<(), Unpayable> {
        let found = seen.get(&part.account);
        if self.campaign.rewards_are_sol() {
            let length = found.map_or(0, |found| found.data.len());
            let wallet = Wallet {
                lamports: found.map_or(0, |found| found.lamports),
                rent: seen.rent.minimum_balance(length),
                executable: found.is_some_and(|found| found.executable),
            };
            return wallet_takes(wallet, part.units);
        }
        let found = found.filter(|found| found.owner == self.campaign.token_program);
        let found = found.ok_or(Unpayable::NoTokenAccount)?;
        token_account_takes(&found.data, &self.campaign.mint, &part.owner, part.units)
    }

    async fn send(&self, pack: Pack) -> Outcome<Value> {
        let plan = Plan {
            command: None,
            base: None,
            title: format!(
                "Claim {} rewards of the campaign {}",
                pack.claims.len(),
                self.at
            ),
            instructions: pack.steps,
        };
        let created: Vec<String> = pack.created.iter().map(ToString::to_string).collect();
        let result = json!({
            "claims": pack.claims,
            "creates": created,
            "warnings": [],
        });
        let sent = self.context.carry_out(self.key, plan, result).await?;
        if let Some(signature) = sent["transaction"]["signature"].as_str() {
            // A later transaction may fail, and then there is no result.
            output::note(&format!("paid by {signature}"));
        }
        Ok(sent)
    }
}

/// A claim of one conversion.
struct Step {
    claim: Instruction,
    /// Token accounts that have to be created before, with their owners.
    missing: Vec<(Pubkey, Pubkey)>,
    shown: Value,
}
