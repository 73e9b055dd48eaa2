//! Sign-in at the API, as a program does it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use solana_sdk::signature::{Keypair, Signer as _};

/// Signs in with the wallet. Returns the token of a session, for `Authorization: Bearer`.
///
/// # Errors
/// When the API at `api_url` (without a slash at its end) cannot be reached, or refuses.
pub async fn sign_in(api_url: &str, wallet: &Keypair) -> Result<String> {
    let http = reqwest::Client::new();
    let post = async |path: &str, body: Value| -> Result<Value> {
        let answer = http
            .post(format!("{api_url}{path}"))
            .json(&body)
            .send()
            .await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "POST {path}: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    };
    let address = wallet.pubkey().to_string();
    let challenge = post("/v1/auth/challenge", json!({ "wallet": address })).await?;
    let message = challenge["message"].as_str().context("a message")?;
    let session = json!({
        "wallet": address,
        "nonce": challenge["nonce"],
        "signature": wallet.sign_message(message.as_bytes()).to_string(),
        "token": "bearer",
    });
    let session = post("/v1/auth/sessions", session).await?;
    Ok(session["token"].as_str().context("a token")?.to_owned())
}
