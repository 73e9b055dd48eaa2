//! Opens a campaign, as a company would: a mint, the program's instruction, and
//! the landing page that share links lead to.

use anyhow::Result;
use serde_json::json;
use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer as _},
};
use vouch_client::{
    instructions::{self, CreateCampaign},
    pda, token,
};

use crate::demo::{chain::Chain, http::Api};

/// Decimals of the demo's tokens.
pub(crate) const DECIMALS: u8 = 6;
/// Base units per conversion: 5 whole tokens.
pub(crate) const REWARD: u64 = 5_000_000;

/// A campaign that is open.
pub(crate) struct Campaign {
    pub(crate) address: Pubkey,
    pub(crate) mint: Pubkey,
    pub(crate) token_program: Pubkey,
    /// The transaction that opened it.
    pub(crate) signature: Signature,
}

/// Creates a mint and a campaign with it, in one transaction of `company`, who
/// must have SOL; then names the campaign and its landing page in the API.
pub(crate) async fn open(
    chain: &Chain,
    api: &Api,
    company: &Keypair,
    id: u64,
    name: &str,
    landing_url: &str,
) -> Result<Campaign> {
    let mint = Keypair::new();
    let (address, _) = pda::campaign(&company.pubkey(), id);
    let rent = chain
        .rpc()
        .get_minimum_balance_for_rent_exemption(token::MINT_SIZE as usize)
        .await?;
    let [create, initialise] = token::create_mint(
        &company.pubkey(),
        &mint.pubkey(),
        &company.pubkey(),
        DECIMALS,
        rent,
    );
    let landed = chain
        .run_ok(
            &[
                create,
                initialise,
                token::set_mint_authority(&mint.pubkey(), &company.pubkey(), &address),
                instructions::create_campaign(&CreateCampaign {
                    payer: company.pubkey(),
                    authority: company.pubkey(),
                    id,
                    mint: mint.pubkey(),
                    token_program: token::TOKEN_PROGRAM_ID,
                    reward: REWARD,
                    starts_at: 0,
                    ends_at: 0,
                }),
            ],
            &[company, &mint],
        )
        .await?;

    api.until(&format!("/v1/campaigns/{address}"), |answer| {
        answer.status.is_success()
    })
    .await?;
    api.put(
        &format!("/v1/campaigns/{address}/profile"),
        json!({ "name": name, "landing_url": landing_url }),
    )
    .await?
    .ok()?;
    Ok(Campaign {
        address,
        mint: mint.pubkey(),
        token_program: token::TOKEN_PROGRAM_ID,
        signature: landed.signature,
    })
}
