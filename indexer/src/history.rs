//! Reconstructs a closed referral from the transaction that registered it.
//!
//! Conversions outlive the referral that they credit, because its owner may close it. A
//! mirror that starts later finds the conversions, but a tombstone or nothing at the
//! referral's address.

use solana_commitment_config::CommitmentConfig;
use solana_sdk::pubkey::Pubkey;
use vouch_client::instructions::{
    CreateReferral, raw::CreateReferralAccounts, read_create_referral,
};
use vouch_db::mirror::{Commitment, Found, Observation, ObservedAccount, Projection, Referral};
use vouch_replay::Call;

use crate::{
    chain::Chain,
    decode::{number, time},
    failure::Failure,
    transactions::{mentions, parse, transaction},
};

/// The referral at `address` as it was registered, at slot 0, so that every other
/// observation replaces it. `None` when the node does not know the transaction.
pub(crate) async fn recall(chain: &Chain, address: &str) -> Result<Option<Observation>, Failure> {
    let key: Pubkey = address
        .parse()
        .map_err(|error| Failure::chain("address", error))?;
    let confirmed = CommitmentConfig::confirmed();
    let mentions = mentions(chain, &key, confirmed).await?;
    // They are newest first, and the account did not exist before its registration.
    let oldest_first = mentions.iter().rev();
    for candidate in oldest_first.filter(|candidate| candidate.err.is_none()) {
        let signature = parse(&candidate.signature)?;
        let transaction = transaction(chain, &signature, confirmed).await?;
        let found = transaction.calls().find_map(|call| registers(&call, &key));
        if let Some(args) = found {
            return Ok(Some(observation(address, &args, transaction.block_time)));
        }
    }
    Ok(None)
}

/// The registration at `address` by this call, if it is one.
fn registers(call: &Call<'_>, address: &Pubkey) -> Option<CreateReferral> {
    let referral = call.accounts.get(CreateReferralAccounts::REFERRAL)?;
    (referral == address)
        .then(|| read_create_referral(call.accounts, call.data))
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
        // A conversion credits the referral, so it existed.
        commitment: Commitment::Finalized,
        found: Found::Account(ObservedAccount {
            data: Vec::new(),
            projection: Some(Projection::Referral(Box::new(referral))),
        }),
    }
}
