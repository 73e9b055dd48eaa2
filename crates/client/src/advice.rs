//! Advice for the program's errors: what to do about each.

use crate::ProgramError;

impl ProgramError {
    /// The remedy for the caller: one sentence in the imperative, without a full stop.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::SelfReferral => "use the code with a wallet that neither owns nor shares in it",
            Self::AlreadyConverted => "do nothing: it counted once, and counts only once",
            Self::InvalidCode => "choose another code, or leave it out to get one",
            Self::CodeTaken => "choose another code",
            Self::CodeMismatch | Self::ReferralNotFound | Self::WrongCampaign => {
                "check the code and the campaign"
            }
            Self::ReferralInactive => {
                "ask the owner of the code to switch it on, or the campaign to lift the suspension"
            }
            Self::ReferralExpired | Self::UsageLimitReached => {
                "ask the owner of the code to raise its limits, or use another code"
            }
            Self::CampaignExists => "choose another id or name",
            Self::CampaignPaused => "try again when the campaign's authority has resumed it",
            Self::CampaignClosed | Self::CampaignEnded => "look for another campaign",
            Self::CampaignNotStarted => "try again when it has started",
            Self::InvalidSchedule => "set ends_at after starts_at and after now, or to never",
            Self::InvalidReward => {
                "set a reward of at least 1 base unit; a percentage needs a proof, and a fixed \
                 reward for payments a min_amount that is not below it"
            }
            Self::InvalidAction => "name one of the nine actions",
            Self::WrongMint | Self::WrongTokenProgram => "use the campaign's own token",
            Self::MintAuthorityMismatch => {
                "let the wallet that is the mint's authority open the campaign, so that it can \
                 hand the authority over, or leave the mint out to get a new one"
            }
            Self::UnsupportedMint => {
                "use a mint of the Token program, or of Token-2022 without extensions that can \
                 take tokens back or stop transfers"
            }
            Self::Unauthorized | Self::NotPendingAuthority => {
                "sign with the wallet of the campaign's authority"
            }
            Self::CampaignNotFound => "check the address and the network",
            Self::BoundElsewhere => "convert with the code that brought the wallet first",
            Self::NotBound | Self::BindingNotFound | Self::BindingExpired => {
                "bind the wallet to a code first"
            }
            Self::AlreadyBound => "wait until the binding expires, or convert with its code",
            Self::BindingNotNeeded => "convert without a binding: this campaign needs none",
            Self::AttestationRequired => "ask the campaign's attestor for a voucher",
            Self::WrongAttestor => "ask the attestor that the campaign names",
            Self::InvalidVoucher | Self::VoucherExpired | Self::VoucherRevoked => {
                "ask the campaign's attestor for a new voucher for exactly this conversion"
            }
            Self::PaymentRequired => "build a purchase instead of a conversion",
            Self::PaymentNotAccepted => "build a conversion instead of a purchase",
            Self::AmountTooSmall => "convert with at least the campaign's min_amount",
            Self::BudgetExhausted => "ask the campaign's authority to raise the budget",
            Self::VaultExhausted => "fund the vault, then try again",
            Self::CampaignNotWritable => "mark the campaign as writable, as the builders do",
            Self::InvalidTerms => {
                "a payment split needs the proof payment, and orders need a proof"
            }
            Self::InvalidShares => "lower the shares, so that all parts fit into one reward",
            Self::InvalidTiers => "order the tiers by min_conversions, each above 10000 bps",
            Self::InvalidBonuses => {
                "order the bonuses by threshold; where buyers pay in the reward token, lower them \
                 below what purchases leave; a payment split has none"
            }
            Self::InvalidHold => "set hold_seconds to at most 31536000",
            Self::InvalidAttributionWindow => "set attribution_window to at most 31536000",
            Self::InvalidBudget => "set a budget of at least what is committed, or 0 for none",
            Self::InvalidAttestor => "name the attestor's wallet",
            Self::InvalidTreasury => "name a treasury for payments, and none without them",
            Self::WrongVault | Self::WrongTreasury | Self::WrongBeneficiary => {
                "read the campaign again, and build the transaction anew"
            }
            Self::MissingAccount => "build the transaction anew, with all accounts",
            Self::MissingReference => "send the order's reference: 64 hexadecimal digits",
            Self::NotPending => "do nothing: the reward is paid, or the conversion was cancelled",
            Self::StillHeld => "try again when the hold is over",
            Self::NothingToClaim => {
                "create the token accounts of those who are paid, or ask the mint's freeze \
                 authority to thaw them"
            }
            Self::HoldOver => "pay: a conversion cannot be cancelled after its hold",
            Self::NotReferralOwner => "sign with the wallet that owns the code",
            Self::NotPendingOwner => "ask the owner to offer the code to this wallet",
            Self::InvalidPartner => {
                "name another wallet than the owner, and a share within the campaign's maximum"
            }
            Self::PartnerExists => "end the partnership first, and wait until it is over",
            Self::NotPartner => "sign with the owner or the partner of a code that has a partner",
            Self::RewardsPending => "claim what is pending first",
            Self::InvalidUsageLimit => "set a limit of at least the conversions so far, or 0",
            Self::InvalidExpiry => "set a time after now, or never",
            Self::CampaignNotClosed => "close the campaign first",
            Self::ClaimPeriodOpen => {
                "try again when the claim period is over: 30 days and the longest hold after the \
                 closing"
            }
            Self::WrongRentPayer => "return the rent to the wallet that paid it",
            Self::InsufficientVault => "withdraw less: what is owed stays in the vault",
            Self::NoVault => "use a campaign with a vault: this one has none",
            Self::ConversionNotFound => "check the address and the network",
            Self::WrongReferral => "name the referral of this conversion",
            Self::WrongPaymentMint => {
                "name the payment's token; in a split it is the token of the rewards"
            }
            Self::PaymentAboveMaximum => "agree to the price that is asked for now",
            Self::InvalidNotice => "set notice_seconds to at most 31536000",
            Self::InvalidOwnerLimit => "set owner_limit only where the campaign counts per owner",
            Self::InvalidGate => "name issuer and schema of the credential, or neither",
            Self::TooManyBonuses => "offer a bonus that was offered before, or open a new campaign",
            Self::VaultMissing => "create the campaign's associated token account first",
            Self::OwnerLimitReached => "use the code of another referrer",
            Self::NotPerOwner => "do nothing: this campaign registers no owners",
            Self::ReferrerNotFound => "register the owner in the campaign first",
            Self::ReferrerExists => "do nothing: the owner is registered",
            Self::WrongReferrer => "name the account of the code's owner",
            Self::CredentialRequired | Self::CredentialExpired => {
                "get a credential from the issuer that the campaign names"
            }
            Self::WrongRevocation => "name the revocation of this voucher",
            Self::RevocationNotFound => "do nothing: the voucher was never revoked",
            Self::VoucherNotExpired => "try again when the voucher has expired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_advice_that_is_one_sentence() {
        for error in ProgramError::ALL {
            let advice = error.advice();
            assert!((10..180).contains(&advice.len()), "{error:?}: {advice}");
            assert!(advice.starts_with(char::is_lowercase), "{error:?}");
            assert!(
                !advice.ends_with('.') && !advice.contains("  "),
                "{error:?}"
            );
        }
    }
}
