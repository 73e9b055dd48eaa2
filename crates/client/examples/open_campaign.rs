//! Opens a campaign of your own, with its token and its vault, registers a code, converts by it, and
//! claims the reward when its hold is over.
//!
//! `cargo run -p vouch-client --example open_campaign -- <URL of a node> <key file of the Solana CLI>`
//!
//! The wallet of the key file pays everything, some 0.03 SOL, of which most is rent. It prints the
//! addresses as JSON. `tests/product/tests/opening.rs` runs it on a validator.

use std::{error::Error, thread::sleep, time::Duration};

use serde_json::json;
use solana_client::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    clock::Clock,
    instruction::Instruction,
    signature::{Keypair, Signer as _},
    sysvar,
    transaction::Transaction,
};
use vouch_client::{
    Code, Pubkey,
    accounts::{AccountType, Campaign, Conversion, Funding, Referral, Settings},
    instructions::{self, Convert, CreateReferral, Offer},
    opening::Opening,
    pda, token,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: open_campaign <URL of a node> <key file>".into());
    };
    let node = Node(RpcClient::new_with_commitment(
        url,
        CommitmentConfig::confirmed(),
    ));
    let secret: Vec<u8> = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let company = Keypair::try_from(secret.as_slice())?;
    let (alice, bob) = (Keypair::new(), Keypair::new());

    // 1. The campaign: 5 tokens of 6 decimals for each conversion, a fifth of them for the wallet
    // that was referred, held for a second. Everything else is as usual.
    let settings = Settings {
        referee_share_bps: 2_000,
        hold_seconds: 1,
        ..Settings::fixed(5_000_000)
    };
    let rent = node
        .0
        .get_minimum_balance_for_rent_exemption(usize::try_from(token::MINT_SIZE)?)?;
    let opening = Opening {
        funds: 1_000_000_000,
        ..Opening::new(&company.pubkey(), 1, Funding::Vault, settings, rent)
    };
    let at = opening.campaign();
    node.send(&opening.instructions()?, &[&company])?;

    // 2. A code. The company pays for it here; usually its owner does.
    let code: Code = "MYSHARE2".parse()?;
    let register = CreateReferral::new(&company.pubkey(), &alice.pubkey(), &at, &code);
    node.send(
        &[instructions::create_referral(&register)],
        &[&company, &alice],
    )?;

    // 3. A conversion, which the referred wallet signs.
    let campaign: Campaign = node.read(&at)?;
    let referral: Referral = node.read(&pda::referral(&at, &code))?;
    let offer = Offer::at(at, &campaign, &referral, node.now()?)?;
    let convert = Convert {
        payer: company.pubkey(),
        ..Convert::signup(&bob.pubkey())
    };
    node.send(
        &[instructions::convert(&offer, &convert)],
        &[&company, &bob],
    )?;

    // 4. The claim. It needs the token accounts of both, so it makes them first.
    let address = offer.conversion(&bob.pubkey(), &[0; 32]);
    let conversion: Conversion = node.read(&address)?;
    while node.now()? < conversion.claimable_from() {
        sleep(Duration::from_millis(200));
    }
    let account = |owner: &Keypair| {
        let (payer, owner) = (company.pubkey(), owner.pubkey());
        token::create_associated_token(&payer, &owner, &campaign.mint, &campaign.token_program)
    };
    let claim = instructions::claim(&offer, &address, &conversion);
    node.send(&[account(&alice), account(&bob), claim], &[&company])?;

    println!(
        "{}",
        json!({
            "campaign": at.to_string(),
            "mint": campaign.mint.to_string(),
            "conversion": address.to_string(),
            "referrer": alice.pubkey().to_string(),
            "referee": bob.pubkey().to_string(),
        })
    );
    Ok(())
}

struct Node(RpcClient);

impl Node {
    /// Sends a transaction that the first signer pays, and waits until it is confirmed.
    fn send(&self, steps: &[Instruction], signers: &[&Keypair]) -> Result<(), Box<dyn Error>> {
        let payer = signers.first().map(|payer| payer.pubkey());
        let blockhash = self.0.get_latest_blockhash()?;
        let transaction =
            Transaction::new_signed_with_payer(steps, payer.as_ref(), signers, blockhash);
        self.0.send_and_confirm_transaction(&transaction)?;
        Ok(())
    }

    fn read<T: AccountType>(&self, address: &Pubkey) -> Result<T, Box<dyn Error>> {
        Ok(T::decode(&self.0.get_account_data(address)?)?)
    }

    /// The chain's time, in unix seconds.
    fn now(&self) -> Result<i64, Box<dyn Error>> {
        let clock = self.0.get_account_data(&sysvar::clock::ID)?;
        Ok(bincode::deserialize::<Clock>(&clock)?.unix_timestamp)
    }
}
