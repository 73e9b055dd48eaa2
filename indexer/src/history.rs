//! What a referral was that is no more, from the transaction that registered it.
//!
//! Conversions stay on the chain for longer than the referral that they credit: its owner
//! may close it. A mirror that starts later finds the conversions and, in the referral's
//! place, a tombstone or nothing.

use solana_sdk::pubkey::Pubkey;
use vouch_client::instructions::{
    CreateReferral, raw::CreateReferralAccounts, read_create_referral,
};
use vouch_db::mirror::{Commitment, Observation, Referral, Row, Seen};

use crate::{
    chain::Chain,
    failure::Failure,
    receipts::{self, Call},
};

/// The referral at `address` as it was registered, before everything else that was ever
/// seen of it; `None` when the node does not know that transaction.
pub(crate) async fn recall(chain: &Chain, address: &str) -> Result<Option<Observation>, Failure> {
    let key: Pubkey = address
        .parse()
        .map_err(|error| Failure::chain("address", error))?;
    // The oldest comes last: nothing but its registration makes the account.
    for candidate in receipts::candidates(chain, &key).await?.iter().rev() {
        let transaction = receipts::transaction(chain, &candidate.signature).await?;
        let calls = receipts::calls(&transaction);
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
        campaign: args.campaign.to_string(),
        code: args.code.to_string(),
        owner: args.owner.to_string(),
        pending_owner: None,
        partner: None,
        partner_share_bps: 0,
        active: true,
        suspended: false,
        usage_limit: (args.usage_limit != 0).then_some(args.usage_limit),
        conversions: 0,
        expires_at: (args.expires_at != 0).then_some(args.expires_at),
        created_at,
        rewards_total: 0,
        rewards_pending: 0,
        reward_account: String::new(),
        partner_pending: 0,
        open_conversions: 0,
    };
    Observation {
        address: address.to_owned(),
        slot: 0,
        // A conversion credits it, so it was there.
        commitment: Commitment::Finalized,
        account: Some(Seen {
            data: Vec::new(),
            row: Row::Referral(Box::new(referral)),
        }),
    }
}
