//! A call, the accounts before it, and what was found out about it so far.

use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    PROGRAM_ID,
    accounts::{Account, Campaign, Referral},
};

use crate::{
    calls::Call,
    doubt::{Doubt, Less},
    error::Kind,
    evidence::Choices,
    fact::Fact,
    given::Given,
    lamports::Moved,
    transaction::Transaction,
    view::{self, Change, Typed, View},
};

/// A call that is applied.
pub(super) struct Context<'a, V: ?Sized> {
    pub(super) view: &'a V,
    pub(super) tx: &'a Transaction,
    pub(super) call: &'a Call<'a>,
    /// Unix seconds.
    pub(super) now: i64,
    pub(super) given: &'a Given,
    pub(super) moved: &'a mut Moved,
    pub(super) choices: &'a Choices,
    pub(super) changes: Vec<Change>,
    pub(super) facts: Vec<Fact>,
}

impl<'a, V: View + ?Sized> Context<'a, V> {
    /// The address at this place of the call's accounts.
    pub(super) fn at(&self, place: usize) -> Result<Pubkey, Kind> {
        let found = self.call.accounts.get(place).copied();
        found.ok_or(Kind::TooFewAccounts(place))
    }

    /// The address at this place; fails if the placeholder for an absent account is there.
    pub(super) fn given_at(&self, place: usize) -> Result<Pubkey, Kind> {
        let found = self.at(place)?;
        if found == PROGRAM_ID {
            return Err(Kind::TooFewAccounts(place));
        }
        Ok(found)
    }

    /// [`Self::given_at`] for one of the optional accounts at the end. The program ignores them
    /// unless the call names all `declared` accounts.
    pub(super) fn trailing(&self, place: usize, declared: usize) -> Result<Pubkey, Kind> {
        if self.call.accounts.len() < declared {
            return Err(Kind::TooFewAccounts(place));
        }
        self.given_at(place)
    }

    /// The account at this place, which has to be a `T`.
    pub(super) fn read<T: Typed>(&self, place: usize) -> Result<(Pubkey, &'a T), Kind> {
        let address = self.at(place)?;
        Ok((address, view::read(self.view, &address)?))
    }

    /// The campaign at this place.
    pub(super) fn campaign(&self, place: usize) -> Result<(Pubkey, &'a Campaign), Kind> {
        self.read(place)
    }

    /// The campaign at this place, which the signer at `authority` controls.
    pub(super) fn own_campaign(
        &self,
        place: usize,
        authority: usize,
    ) -> Result<(Pubkey, &'a Campaign), Kind> {
        let (address, campaign) = self.campaign(place)?;
        must(
            campaign.authority == self.at(authority)?,
            "another authority",
        )?;
        Ok((address, campaign))
    }

    /// The referral at this place, which has to be one of `campaign`.
    pub(super) fn referral_of(
        &self,
        campaign: &Pubkey,
        place: usize,
    ) -> Result<(Pubkey, &'a Referral), Kind> {
        let (address, referral) = self.read::<Referral>(place)?;
        must(referral.campaign == *campaign, "another campaign")?;
        Ok((address, referral))
    }

    /// The referral at this place, which the signer at `owner` owns.
    pub(super) fn own_referral(
        &self,
        place: usize,
        owner: usize,
    ) -> Result<(Pubkey, &'a Referral), Kind> {
        let (address, referral) = self.read::<Referral>(place)?;
        must(referral.owner == self.at(owner)?, "another owner")?;
        Ok((address, referral))
    }

    /// The address at this place, where no account of the program exists yet.
    pub(super) fn vacant(&self, place: usize) -> Result<Pubkey, Kind> {
        let address = self.at(place)?;
        match self.view.account(&address) {
            None => Ok(address),
            Some(_) => Err(Kind::AlreadyExists(address)),
        }
    }

    /// By how much less the referral at this address may owe than its sums say.
    pub(super) fn less(&self, referral: &Pubkey) -> Less {
        match self.view.doubt(referral) {
            Some(Doubt::Referral(less)) => less,
            _ => Less::default(),
        }
    }

    /// Replaces or creates an account, about which nothing is uncertain.
    pub(super) fn write(&mut self, address: Pubkey, account: Account) {
        self.changes.push(Change {
            address,
            account: Some(account),
            doubt: None,
        });
    }

    /// Replaces or creates a campaign.
    pub(super) fn write_campaign(&mut self, address: Pubkey, campaign: Campaign) {
        self.write(address, Account::Campaign(Box::new(campaign)));
    }

    /// Replaces or creates a referral. Its uncertainty stays.
    pub(super) fn write_referral(&mut self, address: Pubkey, referral: Referral) {
        self.write_uncertain(address, referral, self.less(&address));
    }

    /// Replaces a referral of which this is uncertain.
    pub(super) fn write_uncertain(&mut self, address: Pubkey, referral: Referral, less: Less) {
        self.changes.push(Change {
            address,
            account: Some(Account::Referral(Box::new(referral))),
            doubt: less.doubt(),
        });
    }

    /// Removes an account.
    pub(super) fn remove(&mut self, address: Pubkey) {
        self.changes.push(Change {
            address,
            account: None,
            doubt: None,
        });
    }

    pub(super) fn fact(&mut self, fact: Fact) {
        self.facts.push(fact);
    }
}

/// Fails unless `holds`, because the program accepted the call and so has checked it.
pub(super) fn must(holds: bool, what: &'static str) -> Result<(), Kind> {
    if holds {
        Ok(())
    } else {
        Err(Kind::Contradiction(what))
    }
}

/// The sum of two counters.
pub(super) fn add(old: u64, more: u64, what: &'static str) -> Result<u64, Kind> {
    old.checked_add(more).ok_or(Kind::Overflow(what))
}

/// The difference of two counters.
pub(super) fn sub(old: u64, less: u64, what: &'static str) -> Result<u64, Kind> {
    old.checked_sub(less).ok_or(Kind::Overflow(what))
}
