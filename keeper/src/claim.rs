//! Which rewards can be paid now.

use solana_sdk::instruction::Instruction;
use vouch_client::{
    PROGRAM_ID, Pubkey,
    accounts::{AccountType, Campaign, Closed, Conversion, Referral, Status, settled},
    instructions::{self, Offer},
    preflight,
    recipient::is_frozen,
    token,
};
use vouch_db::keeper::Task;

use crate::{
    node::{Account, Seen},
    recipient,
    task::{Refusal, address},
};

/// Seconds until the mirror shows what the chain shows already.
const MIRROR_LAG: i64 = 30;
/// Supply and state of a mint, which both token programs store alike.
const SUPPLY: std::ops::Range<usize> = 36..44;

/// A conversion that owes something, with what it follows from.
pub(crate) struct Claim {
    conversion_address: Pubkey,
    conversion: Conversion,
    referral_address: Pubkey,
    referral: Referral,
    campaign_address: Pubkey,
    campaign: Campaign,
}

/// A part that is owed.
struct Part {
    /// One of [`settled`].
    bit: u8,
    name: &'static str,
    units: u64,
    owner: Pubkey,
    account: Pubkey,
}

/// The accounts that [`Claim::read`] needs.
pub(crate) fn accounts(task: &Task) -> Result<[Pubkey; 3], Refusal> {
    let referral = task.referral.as_deref();
    let referral = referral.ok_or_else(|| Refusal::because("the mirror lacks the conversion"))?;
    Ok([
        address(&task.subject)?,
        address(referral)?,
        address(&task.campaign)?,
    ])
}

/// The program's account at this address.
fn read<T: AccountType>(seen: &Seen, at: &Pubkey) -> Result<T, Refusal> {
    let account = seen.get(at).filter(|account| account.owner == PROGRAM_ID);
    let account = account.ok_or_else(|| Refusal::because(format!("{} is gone", T::NAME)))?;
    if Closed::decode(&account.data).is_ok() {
        return Err(Refusal::because(format!("{} is closed for good", T::NAME)));
    }
    T::decode(&account.data).map_err(|error| Refusal::because(error.to_string()))
}

impl Claim {
    /// Reads the conversion; refused if it is settled, or can never be paid.
    pub(crate) fn read(task: &Task, seen: &Seen) -> Result<Self, Refusal> {
        let [conversion_address, referral_address, campaign_address] = accounts(task)?;
        let conversion: Conversion = read(seen, &conversion_address)?;
        if conversion.status != Status::Pending {
            return Err(Refusal::after(
                MIRROR_LAG,
                "settled, but the mirror does not show it yet",
            ));
        }
        let wait = conversion.claimable_from().saturating_sub(seen.now);
        if conversion.hold_seconds != 0 && wait > 0 {
            return Err(Refusal::after(wait, "its hold is not over"));
        }
        Ok(Self {
            conversion_address,
            conversion,
            referral_address,
            referral: read(seen, &referral_address)?,
            campaign_address,
            campaign: read(seen, &campaign_address)?,
        })
    }

    /// The accounts that [`Self::instruction`] needs besides.
    pub(crate) fn parties(&self) -> Vec<Pubkey> {
        let parts = self.parts().into_iter().map(|part| part.account);
        parts
            .chain(self.campaign.reward_mint())
            .chain(self.campaign.vault())
            .collect()
    }

    fn parts(&self) -> Vec<Part> {
        let Conversion {
            reward_referrer,
            reward_referee,
            reward_partner,
            ..
        } = self.conversion;
        let part = |bit, name, units, owner: Pubkey| Part {
            bit,
            name,
            units,
            owner,
            account: self.campaign.reward_account(&owner),
        };
        let mut parts = vec![
            part(
                settled::REFERRER,
                "referrer",
                reward_referrer,
                self.referral.owner,
            ),
            part(
                settled::REFEREE,
                "referee",
                reward_referee,
                self.conversion.referee,
            ),
        ];
        let partner = self.referral.partner();
        parts.extend(partner.map(|owner| part(settled::PARTNER, "partner", reward_partner, owner)));
        parts.retain(|part| !self.conversion.is_settled(part.bit));
        parts
    }

    /// The instruction that pays every part that can be paid now. Refused, with the reason of each
    /// part, if none of them can, or none with `least` base units.
    pub(crate) fn instruction(&self, seen: &Seen, least: u64) -> Result<Instruction, Refusal> {
        let offer = Offer::at(
            self.campaign_address,
            &self.campaign,
            &self.referral,
            seen.now,
        );
        let offer = offer.map_err(|error| Refusal::because(error.to_string()))?;
        if offer.referral_address != self.referral_address {
            return Err(Refusal::because("the referral is not at its address"));
        }
        let (mut payable, mut units, mut largest) = (0, 0_u64, 0);
        let mut reasons = Vec::new();
        for part in self.parts() {
            match recipient::takes(seen, &self.campaign, &part.account, &part.owner, part.units) {
                Ok(()) => {
                    payable |= part.bit;
                    units = units.saturating_add(part.units);
                    largest = largest.max(part.units);
                }
                Err(reason) => reasons.push(format!("{}: {reason}", part.name)),
            }
        }
        if let Some(reason) = self.empty_purse(seen, units) {
            return Err(Refusal::because(reason));
        }
        preflight::check_claim(&offer, &self.conversion, seen.now, payable).map_err(|error| {
            reasons.insert(0, error.to_string());
            Refusal::because(reasons.join("; "))
        })?;
        if largest < least {
            return Err(Refusal::because("what can be paid is not worth a claim"));
        }
        Ok(instructions::claim(
            &offer,
            &self.conversion_address,
            &self.conversion,
        ))
    }

    /// Why the campaign cannot pay so many base units now.
    fn empty_purse(&self, seen: &Seen, units: u64) -> Option<&'static str> {
        let program = &self.campaign.token_program;
        let owned = |at: Pubkey| {
            seen.get(&at)
                .filter(|account: &&Account| account.owner == *program)
        };
        if let Some(vault) = self.campaign.vault() {
            let Some(vault) = owned(vault) else {
                return Some("the vault is gone");
            };
            let balance = token::balance(&vault.data).unwrap_or_default();
            if is_frozen(&vault.data) {
                return Some("the vault is frozen");
            }
            return (balance < units).then_some("the vault is empty");
        }
        let mint = owned(self.campaign.reward_mint()?);
        let supply = mint.and_then(|mint| mint.data.get(SUPPLY)?.try_into().ok());
        let supply = supply.map_or(u64::MAX, u64::from_le_bytes);
        supply
            .checked_add(units)
            .is_none()
            .then_some("the mint has no room")
    }
}
