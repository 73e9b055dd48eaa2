//! A campaign's authority names, on chain, a wallet that acts for it off chain. An authority that cannot
//! sign messages, such as the vault of a multisig, needs this; any other may use it.
//!
//! The authority executes one instruction of the [Memo program](https://spl.solana.com/memo) with itself as
//! the only account. The program fails unless each account that it is given has signed, also by a program
//! that signs for its own address.

use std::str::FromStr;

use solana_sdk::{
    hash::Hash,
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};

use crate::PROGRAM_ID;

/// The Memo program, which checks signatures. The older one, at another address, checks none.
pub const MEMO_PROGRAM_ID: Pubkey =
    Pubkey::from_str_const("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr");

/// The first words of every text.
const DOMAIN: &str = "vouch:delegate:1";

/// The text that names `wallet` for `campaign` on the cluster whose first block has the hash `genesis`. The
/// zero address as `wallet` ends the delegation.
#[must_use]
pub fn text(genesis: &Hash, campaign: &Pubkey, wallet: &Pubkey) -> String {
    format!("{DOMAIN}:{genesis}:{PROGRAM_ID}:{campaign}:{wallet}")
}

/// The instruction with this text, which `authority` signs.
#[must_use]
pub fn instruction(
    authority: &Pubkey,
    genesis: &Hash,
    campaign: &Pubkey,
    wallet: &Pubkey,
) -> Instruction {
    Instruction {
        program_id: MEMO_PROGRAM_ID,
        accounts: vec![AccountMeta::new_readonly(*authority, true)],
        data: text(genesis, campaign, wallet).into_bytes(),
    }
}

/// The wallet that a memo names for `campaign` on this cluster; `None` if these bytes are no such text. The
/// zero address ends a delegation.
#[must_use]
pub fn named(memo: &[u8], genesis: &Hash, campaign: &Pubkey) -> Option<Pubkey> {
    let (_, wallet) = std::str::from_utf8(memo).ok()?.rsplit_once(':')?;
    let wallet = Pubkey::from_str(wallet).ok()?;
    // Each wallet has one text.
    (text(genesis, campaign, &wallet).as_bytes() == memo).then_some(wallet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_one_wallet_for_one_campaign_of_one_cluster() {
        // Given a text
        let genesis = Hash::new_from_array([1; 32]);
        let [campaign, wallet, other] = [2, 3, 4].map(|byte| Pubkey::from([byte; 32]));
        let instruction = instruction(&other, &genesis, &campaign, &wallet);
        let memo = String::from_utf8(instruction.data).expect("a text");
        assert_eq!(
            memo,
            format!("vouch:delegate:1:{genesis}:{PROGRAM_ID}:{campaign}:{wallet}")
        );
        assert!(instruction.accounts[0].is_signer && !instruction.accounts[0].is_writable);
        assert_eq!(named(memo.as_bytes(), &genesis, &campaign), Some(wallet));
        // Then it says nothing about another cluster or campaign
        let elsewhere = Hash::new_from_array([9; 32]);
        assert_eq!(named(memo.as_bytes(), &elsewhere, &campaign), None);
        assert_eq!(named(memo.as_bytes(), &genesis, &other), None);
        // And no other bytes name a wallet
        for wrong in [
            format!("{memo} "),
            format!(" {memo}"),
            format!("{memo}\n"),
            format!("{memo}:{wallet}"),
            memo.replace(":1:", ":2:"),
            memo.replace(&PROGRAM_ID.to_string(), &other.to_string()),
            format!("vouch:delegate:1:{genesis}:{PROGRAM_ID}:{campaign}:"),
            String::new(),
        ] {
            assert_eq!(
                named(wrong.as_bytes(), &genesis, &campaign),
                None,
                "{wrong}"
            );
        }
        assert_eq!(named(&[0xff; 40], &genesis, &campaign), None);
    }
}
