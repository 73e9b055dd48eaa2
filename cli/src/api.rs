//! Vouch's HTTP API: keys of a campaign, and what is held for review.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Subcommand;
use rand::Rng as _;
use reqwest::{Method, StatusCode, header::AUTHORIZATION};
use serde_json::{Value, json};
use solana_sdk::signature::{Keypair, Signer as _};
use url::Url;
use vouch_client::Pubkey;

use crate::{
    config::{Options, api_url, shown},
    context::{Context, warning},
    error::{Failure, Outcome},
    node::{self, plain},
    output,
};

/// Time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of an answer.
const ANSWER: usize = 16 << 20;
/// Rows of one page.
const PAGE: usize = 200;

/// Commands of `vouch keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the API keys of a campaign
    List { campaign: Pubkey },
    /// Make an API key; it is shown once
    Create {
        campaign: Pubkey,
        /// 1 to 60 characters
        #[arg(long)]
        name: String,
        /// write:profile, read:analytics, write:attestations or write:events; several are allowed
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        /// Days after which it ends [default: never]
        #[arg(long)]
        expires_in_days: Option<u32>,
        /// Write the key to this new file, for its owner alone, instead of printing it
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
    },
    /// Replace an API key; the old one goes on working for a while
    Rotate {
        campaign: Pubkey,
        id: String,
        /// For how long [default: 86400]
        #[arg(long)]
        overlap_seconds: Option<u32>,
        /// Write the key to this new file, for its owner alone, instead of printing it
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
    },
    /// Revoke an API key at once
    Revoke { campaign: Pubkey, id: String },
}

/// Runs a command of `vouch keys`.
///
/// # Errors
/// The API's refusals with their codes; `api_missing`, `api_unreachable`, `sign_in_refused`.
pub(crate) async fn keys(context: &Context, command: Command) -> Outcome<Value> {
    let api = Api::new(&context.options)?;
    let key = context.key()?;
    match command {
        Command::List { campaign } => {
            let token = api.sign_in(&key, &context.options).await?;
            let path = format!("/v1/campaigns/{campaign}/keys");
            let found = api.get(&path, Some(&token)).await;
            api.sign_out(&token).await;
            let mut found = found?;
            found["campaign"] = campaign.to_string().into();
            Ok(found)
        }
        Command::Create {
            campaign,
            name,
            scopes,
            expires_in_days,
            save,
        } => {
            let body =
                json!({ "name": name, "scopes": scopes, "expires_in_days": expires_in_days });
            let path = format!("/v1/campaigns/{campaign}/keys");
            let question = format!("Make the API key {name:?} of the campaign {campaign}?");
            make(
                &api,
                context,
                &key,
                (&path, &body, &question),
                save.as_deref(),
            )
            .await
        }
        Command::Rotate {
            campaign,
            id,
            overlap_seconds,
            save,
        } => {
            let body = json!({ "overlap_seconds": overlap_seconds });
            let path = format!("/v1/campaigns/{campaign}/keys/{}/rotate", segment(&id)?);
            let question = format!("Replace the API key {id} of the campaign {campaign}?");
            make(
                &api,
                context,
                &key,
                (&path, &body, &question),
                save.as_deref(),
            )
            .await
        }
        Command::Revoke { campaign, id } => {
            let path = format!("/v1/campaigns/{campaign}/keys/{}", segment(&id)?);
            if context.options.dry_run {
                return Ok(json!({ "id": id, "dry_run": true }));
            }
            agree(
                context,
                &format!("Revoke the API key {id} of the campaign {campaign} at once?"),
            )?;
            let token = api.sign_in(&key, &context.options).await?;
            let revoked = api
                .ask(Method::DELETE, &path, None, Some(&token), None)
                .await;
            api.sign_out(&token).await;
            revoked?;
            Ok(json!({ "id": id, "campaign": campaign.to_string(), "revoked": true }))
        }
    }
}

/// Asks, unless `--yes` stands for the answer.
fn agree(context: &Context, question: &str) -> Outcome<()> {
    if context.options.yes {
        return Ok(());
    }
    output::confirm(question)
}

/// An id that changes nothing but its part of a path.
fn segment(id: &str) -> Outcome<&str> {
    let is_plain = !id.is_empty()
        && id
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'-');
    is_plain.then_some(id).ok_or_else(|| {
        Failure::usage(
            "invalid_id",
            "this is no id of a key",
            "see `vouch keys list`",
        )
    })
}

/// Makes a key, and shows or saves it.
async fn make(
    api: &Api,
    context: &Context,
    key: &Keypair,
    (path, body, question): (&str, &Value, &str),
    save: Option<&Path>,
) -> Outcome<Value> {
    if context.options.dry_run {
        return Ok(json!({ "path": path, "body": body, "dry_run": true }));
    }
    agree(context, question)?;
    // The file comes first: a key that cannot be saved must not be made.
    let file = save.map(private_file).transpose()?;
    let discard = || {
        if let Some(path) = save {
            let _ = fs::remove_file(path);
        }
    };
    let token = api.sign_in(key, &context.options).await;
    let token = token.inspect_err(|_| discard())?;
    let mut random = rand::thread_rng();
    let repeated: String = (0..16)
        .map(|_| format!("{:02x}", random.r#gen::<u8>()))
        .collect();
    let ask = || {
        api.ask(
            Method::POST,
            path,
            Some(body),
            Some(&token),
            Some(&repeated),
        )
    };
    let made = match ask().await {
        // The answer was lost; with the same idempotency key it is the same key.
        Err(failure) if failure.code == "api_unreachable" => ask().await,
        other => other,
    };
    api.sign_out(&token).await;
    let made = made.and_then(|made| {
        let has_key = made["key"].is_string();
        has_key.then_some(made).ok_or_else(|| api.nonsense())
    });
    let made = made.inspect_err(|_| discard())?;
    Ok(match (file, save) {
        (Some(file), Some(path)) => saved(made, file, path),
        _ => made,
    })
}

/// Moves a key from a result into a file. If that fails, the key stays in the result, because there is
/// no other copy of it.
fn saved(mut made: Value, mut file: fs::File, path: &Path) -> Value {
    let secret = made["key"].as_str().unwrap_or_default();
    let written = file
        .write_all(secret.as_bytes())
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        let failure = unwritable(path, &error);
        let message = format!(
            "the key could not be saved, so it is printed: {}",
            failure.message
        );
        output::warn(&message);
        made["saved_to"] = Value::Null;
        made["warnings"] = json!([warning("file_unwritable", message)]);
        return made;
    }
    made["key"] = Value::Null;
    made["saved_to"] = path.display().to_string().into();
    made
}

/// A new file that only its owner can read.
fn private_file(path: &Path) -> Outcome<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(
        "file_unwritable",
        format!("{}: {error}", path.display()),
        "name a file that does not exist yet, in a folder that can be written",
    )
}

/// Lists what is held in a campaign, and can be cancelled: `vouch review`.
///
/// # Errors
/// The API's refusals with their codes; `api_missing`, `api_unreachable`.
pub(crate) async fn review(context: &Context, campaign: &Pubkey) -> Outcome<Value> {
    let api = Api::new(&context.options)?;
    let mut held: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/conversions?campaign={campaign}&status=held&limit={PAGE}{cursor}");
        let page = api.get(&path, None).await?;
        let rows = page["conversions"].as_array();
        let rows = rows.ok_or_else(|| api.nonsense())?;
        held.extend(rows.iter().cloned());
        // A page without rows is the last one, whatever it says.
        let next = page["next_cursor"].as_str().filter(|_| !rows.is_empty());
        let Some(next) = next else {
            break;
        };
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        cursor = format!("&cursor={next}");
    }
    Ok(json!({ "campaign": campaign.to_string(), "held": held }))
}

/// An API of Vouch.
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    url: Url,
}

impl Api {
    pub(crate) fn new(options: &Options) -> Outcome<Self> {
        let url = api_url(options)?;
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::unavailable("internal", error.to_string(), "report it"))?;
        Ok(Self {
            http,
            base: url.as_str().trim_end_matches('/').to_owned(),
            url,
        })
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Outcome<Value> {
        self.ask(Method::GET, path, None, token, None).await
    }

    /// Signs in with the wallet. Returns the token of a session.
    async fn sign_in(&self, key: &Keypair, options: &Options) -> Outcome<String> {
        let wallet = key.pubkey().to_string();
        let body = json!({ "wallet": wallet });
        let challenge = self
            .ask(Method::POST, "/v1/auth/challenge", Some(&body), None, None)
            .await?;
        let message = challenge["message"].as_str().unwrap_or_default();
        let host = self.url.host_str().unwrap_or_default();
        let own = match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let domain = options.api_domain.as_deref().unwrap_or(&own);
        if !is_sign_in(message, domain, &wallet) {
            return Err(Failure::refused(
                "sign_in_refused",
                format!(
                    "{} asks the wallet to sign something else than a sign-in at {domain}",
                    shown(&self.url)
                ),
                "check --api; if this API is reached by another host than its own, name its own with --api-domain",
            ));
        }
        let session = json!({
            "wallet": wallet,
            "nonce": challenge["nonce"],
            "signature": key.sign_message(message.as_bytes()).to_string(),
            "token": "bearer",
        });
        let session = self
            .ask(
                Method::POST,
                "/v1/auth/sessions",
                Some(&session),
                None,
                None,
            )
            .await?;
        let token = session["token"].as_str();
        token.map(str::to_owned).ok_or_else(|| self.nonsense())
    }

    /// Ends a session. If that fails, it ends by itself.
    async fn sign_out(&self, token: &str) {
        let path = "/v1/auth/sessions/current";
        let _ = self
            .ask(Method::DELETE, path, None, Some(token), None)
            .await;
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&str>,
        repeated: Option<&str>,
    ) -> Outcome<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(&without_nulls(body));
        }
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(repeated) = repeated {
            request = request.header("Idempotency-Key", repeated);
        }
        let unreachable = |error: reqwest::Error| {
            let cause = if error.is_timeout() {
                "does not answer in time"
            } else {
                "cannot be reached"
            };
            Failure::unavailable(
                "api_unreachable",
                format!("the API {} {cause}", shown(&self.url)),
                "check the network and --api, then repeat the command",
            )
        };
        let mut answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        if status == StatusCode::NO_CONTENT {
            return Ok(json!({}));
        }
        let bytes = node::read(&mut answer, ANSWER).await.map_err(unreachable)?;
        let bytes = bytes.ok_or_else(|| self.nonsense())?;
        let body = object(&bytes).ok_or_else(|| self.nonsense())?;
        if status.is_success() {
            return Ok(body);
        }
        let code = body["code"].as_str().ok_or_else(|| self.nonsense())?;
        let code = plain(code);
        let message = plain(body["detail"].as_str().unwrap_or_default());
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Failure::unavailable(
                code,
                message,
                "wait, then repeat the command",
            ));
        }
        Err(Failure::refused(
            code,
            message,
            "docs/api.md says what this code means",
        ))
    }

    fn nonsense(&self) -> Failure {
        Failure::unavailable(
            "api_invalid",
            format!("{} does not answer as Vouch's API does", shown(&self.url)),
            "check --api",
        )
    }
}

/// Every answer of the API is an object; `None` for anything else.
fn object(bytes: &[u8]) -> Option<Value> {
    let body: Value = serde_json::from_slice(bytes).ok()?;
    body.is_object().then_some(body)
}

/// Whether this is the text of a sign-in at this host with this wallet. A wallet that signs anything for
/// an API would sign another site's sign-in, too.
fn is_sign_in(message: &str, domain: &str, wallet: &str) -> bool {
    let head = format!("{domain} wants you to sign in with your Solana account:\n{wallet}\n");
    message.starts_with(&head)
}

/// An object without its null fields: absent means the same, and is allowed everywhere.
fn without_nulls(body: &Value) -> Value {
    let Value::Object(fields) = body else {
        return body.clone();
    };
    let fields = fields.iter().filter(|(_, value)| !value.is_null());
    Value::Object(
        fields
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sign_in_at_this_host_is_signed() {
        let message = "vouch.example wants you to sign in with your Solana account:\nAbC\n\nURI: x";
        assert!(is_sign_in(message, "vouch.example", "AbC"));
        for (domain, wallet) in [
            ("vouch.example.evil", "AbC"),
            ("vouch", "AbC"),
            ("vouch.example", "AbCd"),
            ("vouch.example", "Ab"),
            ("", "AbC"),
        ] {
            assert!(!is_sign_in(message, domain, wallet), "{domain} {wallet}");
        }
        assert!(!is_sign_in("\u{1}\0\u{1}", "vouch.example", "AbC"));
    }

    #[test]
    fn answers_of_other_shapes_are_none() {
        assert_eq!(object(b"{}"), Some(json!({})));
        for text in ["", "[]", "\"x\"", "null", "7", "{"] {
            assert_eq!(object(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_key_that_cannot_be_saved_is_not_lost() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("key");
        let made = json!({ "id": "x", "key": "vk_live_x" });
        let file = private_file(&path).expect("a file");
        let kept = saved(made.clone(), file, &path);
        assert_eq!(kept["key"], Value::Null);
        assert_eq!(fs::read_to_string(&path).expect("a file"), "vk_live_x");
        // A file that is open for reading alone takes nothing
        let file = fs::File::open(&path).expect("a file");
        let kept = saved(made, file, &path);
        assert_eq!(kept["key"], "vk_live_x");
        assert_eq!(kept["saved_to"], Value::Null);
        assert_eq!(kept["warnings"][0]["code"], "file_unwritable");
    }

    #[test]
    fn ids_change_nothing_else_in_a_path() {
        assert!(segment("0192-ab").is_ok());
        for id in ["", "a/b", "..", "a?b", "a%2f"] {
            assert_eq!(segment(id).expect_err(id).code, "invalid_id");
        }
    }
}
