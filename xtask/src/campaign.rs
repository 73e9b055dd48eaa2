//! Opens a campaign as a company would: a mint, the program's instruction and the landing
//! page of share links. Also plays a first referral in it.

use anyhow::{Result, ensure};
use serde_json::json;
use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer as _},
};
use vouch_client::{
    accounts::{Settings, Terms},
    instructions::{self, CreateCampaign},
    pda, token,
};

use crate::{chain::Chain, http::Api};

/// Decimals of the demo's tokens.
pub(crate) const DECIMALS: u8 = 6;
/// The symbol of the demo's tokens.
const SYMBOL: &str = "VCH";
/// Base units per conversion: 5 whole tokens.
pub(crate) const REWARD: u64 = 5_000_000;

/// An open campaign.
pub(crate) struct Campaign {
    pub(crate) address: Pubkey,
    pub(crate) mint: Pubkey,
    pub(crate) token_program: Pubkey,
    /// The transaction that opened it.
    pub(crate) signature: Signature,
}

/// Creates a mint and a campaign with it, in one transaction of `company`, who must have
/// SOL. Then sets the campaign's name and landing page in the API.
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
                    payment_mint: Pubkey::default(),
                    token_program: token::TOKEN_PROGRAM_ID,
                    terms: Terms::default(),
                    settings: Settings::fixed(REWARD),
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
        company,
        &format!("/v1/campaigns/{address}/profile"),
        json!({ "name": name, "symbol": SYMBOL, "landing_url": landing_url }),
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

/// Lets a new wallet register `code`, and another one follow its link and convert. Both
/// use the API, and `company` pays. Returns the signature of the conversion.
pub(crate) async fn refer(
    chain: &Chain,
    api: &Api,
    company: &Keypair,
    campaign: &Campaign,
    code: &str,
) -> Result<Signature> {
    let (payer, owner, referee) = (company.pubkey().to_string(), Keypair::new(), Keypair::new());
    let body = json!({ "campaign": campaign.address.to_string(), "code": code,
        "owner": owner.pubkey().to_string(), "payer": payer });
    let answer = api
        .post("/v1/transactions/create-referral", body)
        .await?
        .ok()?;
    let signature = chain.sign_and_send(&answer, &[company, &owner]).await?;
    chain.confirmed(signature).await?.ok()?;
    let path = format!("/v1/codes/{code}");
    api.until(&path, |answer| answer.status.is_success())
        .await?;

    let click = api.get(&format!("/r/{code}?src=link")).await?;
    ensure!(
        click.status.is_redirection(),
        "a click was answered {}",
        click.outcome()
    );
    let body = json!({ "code": code, "referee": referee.pubkey().to_string(), "payer": payer });
    let answer = api.post("/v1/transactions/convert", body).await?.ok()?;
    let signature = chain.sign_and_send(&answer, &[company, &referee]).await?;
    Ok(chain.confirmed(signature).await?.ok()?.signature)
}
