//! Addresses that the program derives, each with its canonical bump.

use sha2::{Digest as _, Sha256};
use solana_sdk::pubkey::Pubkey;
use vouch_rules::Code;

use crate::{
    PROGRAM_ID,
    accounts::{Campaign, Proof, Terms, Uniqueness},
};

/// The campaign that `creator` opened under the number `id`.
#[must_use]
pub fn campaign(creator: &Pubkey, id: u64) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[b"campaign", creator.as_ref(), &id.to_le_bytes()],
        &PROGRAM_ID,
    )
}

/// The referral that owns `code` within `campaign`.
#[must_use]
pub fn referral(campaign: &Pubkey, code: &Code) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[b"referral", campaign.as_ref(), code.as_str().as_bytes()],
        &PROGRAM_ID,
    )
}

/// The first touch of `wallet` within `campaign`.
#[must_use]
pub fn referee(campaign: &Pubkey, wallet: &Pubkey) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[b"referee", campaign.as_ref(), wallet.as_ref()],
        &PROGRAM_ID,
    )
}

/// The conversion with `key` within `campaign`; the key has 32 bytes and is
/// [`conversion_key`]'s, which is the referee's wallet where wallets count once.
#[must_use]
pub fn conversion(campaign: &Pubkey, key: &impl AsRef<[u8]>) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[b"conversion", campaign.as_ref(), key.as_ref()],
        &PROGRAM_ID,
    )
}

/// What a campaign with these terms counts once: `referee`, by the referral at
/// `referral`, with the campaign's own `reference`.
#[must_use]
pub fn conversion_key(
    terms: Terms,
    referee: &Pubkey,
    referral: &Pubkey,
    reference: &[u8; 32],
) -> [u8; 32] {
    let hash = |second: &[u8; 32]| {
        Sha256::new()
            .chain_update(referee)
            .chain_update(second)
            .finalize()
            .into()
    };
    match (terms.uniqueness, terms.proof) {
        (Uniqueness::Wallet, _) => referee.to_bytes(),
        (Uniqueness::WalletAndCode, _) => hash(&referral.to_bytes()),
        // The attestor says which order it is; a buyer could take another's number.
        (Uniqueness::Order, Proof::Attested) => *reference,
        (Uniqueness::Order, _) => hash(reference),
    }
}

/// The associated token account of `owner` for `mint`, as wallets derive it.
#[must_use]
pub fn associated_token(owner: &Pubkey, mint: &Pubkey, token_program: &Pubkey) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[owner.as_ref(), token_program.as_ref(), mint.as_ref()],
        &spl_associated_token_account_interface::program::ID,
    )
}

/// The vault of the campaign at `campaign`: its associated token account.
#[must_use]
pub fn vault(campaign: &Pubkey, mint: &Pubkey, token_program: &Pubkey) -> (Pubkey, u8) {
    associated_token(campaign, mint, token_program)
}

/// Where `owner` receives rewards of `campaign`: the associated token account, or
/// the wallet itself when rewards are lamports.
#[must_use]
pub fn reward_account(owner: &Pubkey, campaign: &Campaign) -> Pubkey {
    if campaign.rewards_are_sol() {
        *owner
    } else {
        associated_token(owner, &campaign.mint, &campaign.token_program).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::Funding;

    #[test]
    fn a_conversion_is_found_by_what_its_campaign_counts_once() {
        // Given a referee, a referral and an order
        let [referee, referral] = [1, 2].map(|byte| Pubkey::new_from_array([byte; 32]));
        let order = [3; 32];
        let key = |proof, uniqueness| {
            let terms = Terms {
                funding: Funding::MintAuthority,
                proof,
                uniqueness,
            };
            conversion_key(terms, &referee, &referral, &order)
        };
        let hash = |second: u8| {
            let hash: [u8; 32] = Sha256::digest([[1; 32], [second; 32]].concat()).into();
            hash
        };

        // Then the key is the contract's, for each of the terms
        for proof in [Proof::Open, Proof::Attested, Proof::Payment] {
            assert_eq!(key(proof, Uniqueness::Wallet), [1; 32]);
            assert_eq!(key(proof, Uniqueness::WalletAndCode), hash(2));
        }
        assert_eq!(key(Proof::Attested, Uniqueness::Order), order);
        assert_eq!(key(Proof::Payment, Uniqueness::Order), hash(3));
    }
}
