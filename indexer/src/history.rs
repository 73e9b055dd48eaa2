//! Reconstructs a closed referral from the transaction that registered it.
//!
//! Conversions stay on the chain for longer than the referral that they credit: its owner
//! may close it. A mirror that starts later finds the conversions and, in the referral's
//! place, a tombstone or nothing.

use solana_sdk::pubkey::Pubkey;
use vouch_client::instructions::{
    CreateReferral, raw::CreateReferralAccounts, read_create_referral,
};
use vouch_db::mirror::{Commitment, Found, Observation, ObservedAccount, Projection, Referral};

use crate::{
    chain::Chain,
    decode::{number, time},
    failure::Failure,
    transactions::{Call, calls, candidates, transaction},
};

/// The referral at `address` as it was registered, before everything else that was ever
/// seen of it; `None` when the node does not know that transaction.
pub(crate) async fn recall(chain: &Chain, address: &str) -> Result<Option<Observation>, Failure> {
    let key: Pubkey = address
        .parse()
        .map_err(|error| Failure::chain("address", error))?;
    // The oldest comes last: nothing but its registration makes the account.
    for candidate in candidates(chain, &key).await?.iter().rev() {
        let transaction = transaction(chain, &candidate.signature).await?;
        let calls = calls(&transaction);
        if let Some(args) = calls.iter().find_map(|call| registers(call, address)) {
            let created_at = transaction.block_time.unwrap_or_default();
            return Ok(Some(observation(address, &args, created_at)));
        }
    }
    Ok(None)
}

/// What this instruction registered at `address`, if it did.
fn registers(call: &Call, address: &str) -> Option<CreateReferral> {
    let accounts: Vec<Pubkey> = call
        .accounts
        .iter()
        .map(|account| account.parse().ok())
        .collect::<Option<_>>()?;
    let referral = call.accounts.get(CreateReferralAccounts::REFERRAL)?;
    (referral == address)
        .then(|| read_create_referral(&accounts, &call.data))
        .flatten()
}

fn observation(address: &str, args: &CreateReferral, created_at: i64) -> Observation {
    let referral = Referral {
        address: address.to_owned(),
        campaign: args.campaign.to_string(),
        code: args.code.to_string(),
        owner: args.owner.to_string(),
        active: true,
        suspended: false,
        usage_limit: number(args.usage_limit),
        conversions: 0.into(),
        expires_at: time(args.expires_at),
        created_at,
    };
    Observation {
        address: address.to_owned(),
        slot: 0,
        // A conversion credits it, so it was there.
        commitment: Commitment::Finalized,
        found: Found::Account(ObservedAccount {
            data: Vec::new(),
            projection: Some(Projection::Referral(Box::new(referral))),
        }),
    }
}
