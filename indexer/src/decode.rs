//! Converts the bytes of an account into the mirror's row.

use vouch_client::accounts::{
    self, AccountType, DecodeError, Funding, Proof, RewardKind, Uniqueness,
};
use vouch_db::{
    amount::Unsigned,
    mirror::{Campaign, Conversion, Found, ObservedAccount, Projection, Referral, Status},
};

use crate::failure::Failure;

/// Reads an account of the program. Returns `Found::Nothing` for an account that the
/// program has not written.
///
/// Anybody can assign an account to the program, but only one that is empty or all zeros,
/// because the runtime requires that. Such an account must not stop the mirror. The
/// program wrote all others. Accounts that no query reads, including those of an unknown
/// type, are kept as bytes. Accounts that queries read must be decoded.
pub(crate) fn decode(address: &str, data: Vec<u8>) -> Result<Found, Failure> {
    if is_blank(&data) {
        metrics::counter!("vouch_indexer_blank_accounts_total").increment(1);
        return Ok(Found::Nothing);
    }
    let refuse = |error: DecodeError| Failure::Account {
        address: address.to_owned(),
        reason: format!("{error}; a newer program needs a newer indexer"),
    };
    let projection = if let Some(account) = read(&data).map_err(refuse)? {
        Some(Projection::Campaign(Box::new(campaign(address, &account))))
    } else if let Some(account) = read(&data).map_err(refuse)? {
        let referral = referral(address, &account).map_err(refuse)?;
        Some(Projection::Referral(Box::new(referral)))
    } else if let Some(account) = read(&data).map_err(refuse)? {
        Some(Projection::Conversion(Box::new(conversion(
            address, &account,
        ))))
    } else if let Some(accounts::Closed { .. }) = read(&data).map_err(refuse)? {
        return Ok(Found::Tombstone);
    } else {
        None
    };
    Ok(Found::Account(ObservedAccount { data, projection }))
}

/// Whether the program has not written these bytes.
pub(crate) fn is_blank(data: &[u8]) -> bool {
    data.iter().all(|byte| *byte == 0)
}

/// Reads an account of type `T`; `None` when it has another type.
fn read<T: AccountType>(data: &[u8]) -> Result<Option<T>, DecodeError> {
    match T::decode(data) {
        Ok(account) => Ok(Some(account)),
        Err(DecodeError::UnknownType(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn campaign(address: &str, account: &accounts::Campaign) -> Campaign {
    let funding = match account.funding {
        Funding::MintAuthority => "mint_authority",
        Funding::Vault => "vault",
        Funding::PaymentSplit => "payment_split",
    };
    let proof = match account.proof {
        Proof::Open => "open",
        Proof::Attested => "attested",
        Proof::Payment => "payment",
    };
    let uniqueness = match account.uniqueness {
        Uniqueness::Wallet => "wallet",
        Uniqueness::WalletAndCode => "wallet_and_code",
        Uniqueness::Order => "order",
    };
    // Announced settings come into force without a write, so a later reader must also
    // look at the bytes.
    let settings = &account.settings;
    let reward_kind = match settings.reward_kind {
        RewardKind::Fixed => "fixed",
        RewardKind::Percent => "percent",
    };
    Campaign {
        address: address.to_owned(),
        creator: account.creator.to_string(),
        campaign_id: account.id.into(),
        authority: account.authority.to_string(),
        mint: account.mint.to_string(),
        mint_decimals: account.mint_decimals.into(),
        token_program: account.token_program.to_string(),
        funding: funding.to_owned(),
        proof: proof.to_owned(),
        uniqueness: uniqueness.to_owned(),
        reward_kind: reward_kind.to_owned(),
        paused: account.paused,
        closed: account.closed,
        reward_fixed: settings.reward_fixed.into(),
        reward_bps: settings.reward_bps.into(),
        reward_max: number(settings.reward_max),
        starts_at: time(settings.starts_at),
        ends_at: time(settings.ends_at),
        created_at: account.created_at,
    }
}

fn referral(address: &str, account: &accounts::Referral) -> Result<Referral, DecodeError> {
    Ok(Referral {
        address: address.to_owned(),
        campaign: account.campaign.to_string(),
        code: account.code()?.to_string(),
        owner: account.owner.to_string(),
        active: account.active,
        suspended: account.suspended,
        usage_limit: number(account.usage_limit),
        conversions: account.conversions.into(),
        expires_at: time(account.expires_at),
        created_at: account.created_at,
    })
}

fn conversion(address: &str, account: &accounts::Conversion) -> Conversion {
    Conversion {
        address: address.to_owned(),
        referral: account.referral.to_string(),
        referee: account.referee.to_string(),
        status: match account.status {
            accounts::Status::Pending => Status::Pending,
            accounts::Status::Paid => Status::Paid,
            accounts::Status::Cancelled => Status::Cancelled,
        },
        reward_referrer: account.reward_referrer,
        reward_referee: account.reward_referee,
        reward_partner: account.reward_partner,
        converted_at: account.converted_at,
        hold_seconds: account.hold_seconds,
    }
}

/// Zero means "none" in the accounts.
pub(crate) fn number(number: u64) -> Option<Unsigned> {
    (number != 0).then_some(Unsigned(number))
}

/// Zero means "none" in the accounts.
pub(crate) fn time(seconds: i64) -> Option<i64> {
    (seconds != 0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_a_stranger_gave_to_the_program_is_no_account_of_it() {
        // Given the data that `create_account` with the program as owner leaves: none, or
        // zeros
        for data in [vec![], vec![0; 8], vec![0; 186]] {
            // Then it is ignored
            assert_eq!(decode("A", data).expect("decoded"), Found::Nothing);
        }
    }

    /// An account of this type with an unknown layout version.
    fn of_the_future<T: AccountType>() -> Vec<u8> {
        let mut data = vec![9; T::SIZE];
        data[..8].copy_from_slice(&T::DISCRIMINATOR);
        data
    }

    #[test]
    fn an_account_that_no_query_reads_is_kept_as_bytes() {
        // Given an account of an unknown type, and accounts without a projection with an
        // unknown layout version
        for data in [
            vec![7; 100],
            of_the_future::<accounts::Binding>(),
            of_the_future::<accounts::Referrer>(),
            of_the_future::<accounts::RevokedVoucher>(),
        ] {
            // When it is decoded, then its bytes are kept
            let found = decode("A", data.clone()).expect("decoded");
            let projection = None;
            assert_eq!(found, Found::Account(ObservedAccount { data, projection }));
        }
    }

    #[test]
    fn a_layout_of_the_future_stops_the_mirror() {
        // Given an account that queries read, with an unknown layout version
        let data = of_the_future::<accounts::Conversion>();
        // When it is decoded, then it is refused
        let error = decode("A", data).expect_err("must not be skipped");
        assert_eq!(
            error.to_string(),
            "the account A cannot be read: a Conversion account of layout version 9, which is \
             not known here; a newer program needs a newer indexer"
        );
    }
}
