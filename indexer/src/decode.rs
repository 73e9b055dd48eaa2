//! From the bytes of an account to a row of the mirror.

use solana_sdk::pubkey::Pubkey;
use vouch_client::accounts::{self, Account, Funding, Proof, RewardKind, Uniqueness};
use vouch_db::mirror::{Campaign, Conversion, Referee, Referral, Row, Seen, Status};

use crate::failure::Failure;

/// Reads an account of the program; `None` when it is not one that the program made.
///
/// Anybody can give the program an account, but only one that is empty or all zeros:
/// the runtime lets no other program's data change hands. Such an account says
/// nothing, and must not stop the mirror. Everything else was written by the program
/// and has to be understood.
pub(crate) fn decode(address: &str, data: Vec<u8>) -> Result<Option<Seen>, Failure> {
    if data.iter().all(|byte| *byte == 0) {
        metrics::counter!("vouch_indexer_blank_accounts_total").increment(1);
        return Ok(None);
    }
    let refuse = |error: accounts::DecodeError| Failure::Account {
        address: address.to_owned(),
        reason: format!("{error}; a newer program needs a newer indexer"),
    };
    let row = match Account::decode(&data).map_err(refuse)? {
        Account::Campaign(account) => Row::Campaign(Box::new(campaign(&account))),
        Account::Referral(account) => Row::Referral(Box::new(referral(&account).map_err(refuse)?)),
        Account::Conversion(account) => Row::Conversion(Box::new(conversion(&account))),
        Account::Referee(account) => Row::Referee(Box::new(referee(&account))),
        Account::Closed(_) => Row::Closed,
    };
    Ok(Some(Seen { data, row }))
}

fn campaign(account: &accounts::Campaign) -> Campaign {
    Campaign {
        creator: account.creator.to_string(),
        campaign_id: account.id,
        authority: account.authority.to_string(),
        pending_authority: address(&account.pending_authority),
        mint: account.mint.to_string(),
        mint_decimals: account.mint_decimals,
        token_program: account.token_program.to_string(),
        vault: address(&account.vault),
        attestor: address(&account.attestor),
        treasury: address(&account.treasury),
        payment_mint: address(&account.payment_mint),
        funding: match account.funding {
            Funding::MintAuthority => "mint_authority",
            Funding::Vault => "vault",
            Funding::PaymentSplit => "payment_split",
        },
        proof: match account.proof {
            Proof::Open => "open",
            Proof::Attested => "attested",
            Proof::Payment => "payment",
        },
        uniqueness: match account.uniqueness {
            Uniqueness::Wallet => "wallet",
            Uniqueness::WalletAndCode => "wallet_and_code",
            Uniqueness::Order => "order",
        },
        reward_kind: match account.reward_kind {
            RewardKind::Fixed => "fixed",
            RewardKind::Percent => "percent",
        },
        paused: account.paused,
        closed: account.closed,
        attested_codes: account.attested_codes,
        reward_fixed: account.reward_fixed,
        reward_bps: account.reward_bps,
        referee_share_bps: account.referee_share_bps,
        max_partner_share_bps: account.max_partner_share_bps,
        reward_max: number(account.reward_max),
        min_amount: account.min_amount,
        hold_seconds: account.hold_seconds,
        attribution_window: account.attribution_window,
        starts_at: time(account.starts_at),
        ends_at: time(account.ends_at),
        budget: number(account.budget),
        committed: account.committed,
        created_at: account.created_at,
        closed_at: time(account.closed_at),
        owed: account.owed,
        longest_hold: account.longest_hold,
    }
}

fn referral(account: &accounts::Referral) -> Result<Referral, accounts::DecodeError> {
    Ok(Referral {
        campaign: account.campaign.to_string(),
        code: account.code()?.to_string(),
        owner: account.owner.to_string(),
        pending_owner: address(&account.pending_owner),
        partner: address(&account.partner),
        partner_share_bps: account.partner_share_bps,
        active: account.active,
        suspended: account.suspended,
        usage_limit: number(account.usage_limit),
        conversions: account.conversions,
        expires_at: time(account.expires_at),
        created_at: account.created_at,
        rewards_total: account.rewards_total,
        rewards_pending: account.rewards_pending,
        reward_account: account.reward_account.to_string(),
        partner_pending: account.partner_pending,
        open_conversions: account.open_conversions,
    })
}

fn conversion(account: &accounts::Conversion) -> Conversion {
    Conversion {
        referral: account.referral.to_string(),
        referee: account.referee.to_string(),
        action: account.action.name(),
        status: match account.status {
            accounts::Status::Pending => Status::Pending,
            accounts::Status::Paid => Status::Paid,
            accounts::Status::Cancelled => Status::Cancelled,
        },
        settled: account.settled,
        amount: account.amount,
        reference: (account.reference != [0; 32]).then_some(account.reference),
        reward_referrer: account.reward_referrer,
        reward_referee: account.reward_referee,
        reward_partner: account.reward_partner,
        converted_at: account.converted_at,
        hold_seconds: account.hold_seconds,
        bonuses: account.bonuses,
    }
}

fn referee(account: &accounts::Referee) -> Referee {
    Referee {
        campaign: account.campaign.to_string(),
        wallet: account.wallet.to_string(),
        referral: account.referral.to_string(),
        bound_at: account.bound_at,
        expires_at: account.expires_at,
    }
}

/// Zero means "none" in the accounts.
fn address(address: &Pubkey) -> Option<String> {
    (*address != Pubkey::default()).then(|| address.to_string())
}

fn number(number: u64) -> Option<u64> {
    (number != 0).then_some(number)
}

fn time(seconds: i64) -> Option<i64> {
    (seconds != 0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_a_stranger_gave_to_the_program_is_no_account_of_it() {
        // Given what `create_account` with the program as owner leaves: nothing, or zeros
        for data in [vec![], vec![0; 8], vec![0; 186]] {
            // Then it is passed over
            assert!(matches!(decode("A", data), Ok(None)));
        }
    }

    #[test]
    fn an_account_type_of_the_future_stops_the_mirror() {
        let error = decode("A", vec![7; 100]).expect_err("must not be skipped");
        assert_eq!(
            error.to_string(),
            "the account A cannot be read: unknown account type [07, 07, 07, 07, 07, 07, 07, 07]; \
             a newer program needs a newer indexer"
        );
    }
}
