//! A long history of one campaign, derived from recorded transactions: many owners register a code each,
//! and wallets convert with them. Nothing of it is in memory; each transaction follows from its number.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};
use solana_sdk::{bs58, pubkey::Pubkey};
use vouch_client::{Code, pda, token};
use vouch_order_tests::{Conversion, Effect, Recorded, Recording};

/// Conversions for each code, on average.
const CONVERSIONS_PER_CODE: u64 = 50;
/// Transactions in a slot, on average.
const PER_SLOT: u64 = 8;
/// Seconds between the first and the last transaction.
const SPAN: u64 = 90 * 86_400;
/// Letters of codes.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789A";

/// A transaction of the recording, in which addresses and the code are replaced.
struct Template {
    /// The recorded message with its signatures.
    bytes: Vec<u8>,
    /// The node's answer after slot, time and transaction.
    rest: String,
    /// Places of what is replaced in the bytes.
    places: Vec<(Field, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Referral,
    Owner,
    Account,
    Code,
    Conversion,
    Referee,
}

/// The addresses of a code.
struct Registered {
    code: [u8; 8],
    owner: Pubkey,
    referral: Pubkey,
    account: Pubkey,
}

pub(crate) struct History {
    pub(crate) recording: Recording,
    opening: Template,
    registration: Template,
    conversion: Template,
    codes: Vec<Registered>,
    pub(crate) conversions: u64,
    campaign: Pubkey,
    first_time: i64,
}

impl History {
    pub(crate) fn new(conversions: u64) -> Result<Self> {
        let recording = Recording::load()?;
        let all = &recording.transactions;
        let opening = all.first().context("an opening")?;
        let (registered, campaign, code, owner) = all
            .iter()
            .find_map(|it| match it.effects.as_slice() {
                [
                    Effect::CodeCreated {
                        campaign,
                        code,
                        owner,
                        ..
                    },
                ] if code.starts_with("BRAVE") => Some((it, campaign, code, owner)),
                _ => None,
            })
            .context("a registration")?;
        let (converted, terms) = all
            .iter()
            .find_map(|it| match it.effects.as_slice() {
                [Effect::Converted(terms), Effect::Paid { .. }] if terms.code == *code => {
                    Some((it, terms))
                }
                _ => None,
            })
            .context("a conversion")?;
        let campaign: Pubkey = campaign.parse()?;
        let mint = mint(&recording, &campaign)?;
        let first_time = recording.end_time - i64::try_from(SPAN)? - 86_400;
        let fields = fields(code, owner, &mint, terms)?;
        let codes = (0..(conversions / CONVERSIONS_PER_CODE).max(1))
            .map(|number| register(&campaign, &mint, number))
            .collect::<Result<_>>()?;
        Ok(Self {
            opening: Template::new(opening, &BTreeMap::new())?,
            registration: Template::new(registered, &fields)?,
            conversion: Template::new(converted, &fields)?,
            codes,
            conversions,
            campaign,
            first_time,
            recording,
        })
    }

    /// How many transactions there are.
    pub(crate) fn len(&self) -> u64 {
        1 + self.codes.len() as u64 + self.conversions
    }

    pub(crate) fn slot(&self, number: u64) -> u64 {
        1000 + number / PER_SLOT
    }

    pub(crate) fn end_slot(&self) -> u64 {
        self.slot(self.len()) + 40
    }

    /// Unix seconds of a slot.
    pub(crate) fn time(&self, slot: u64) -> i64 {
        let done = slot.saturating_sub(1000).min(self.end_slot()) * SPAN
            / self.end_slot().saturating_sub(999);
        self.first_time + i64::try_from(done).unwrap_or_default()
    }

    /// The signature begins with the number.
    pub(crate) fn signature(&self, number: u64) -> String {
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        bytes[8..40].copy_from_slice(&hash("signature", number));
        bs58::encode(bytes).into_string()
    }

    pub(crate) fn number(&self, signature: &str) -> Option<u64> {
        let mut bytes = [0; 64];
        let length = bs58::decode(signature).onto(&mut bytes[..]).ok()?;
        let number = u64::from_be_bytes(*bytes.first_chunk()?);
        (length == 64 && number < self.len()).then_some(number)
    }

    /// The answer of `getTransaction`.
    pub(crate) fn answer(&self, number: u64) -> String {
        let slot = self.slot(number);
        let (template, values) = self.values(number);
        let mut bytes = template.bytes.clone();
        let signature = bs58::decode(self.signature(number))
            .into_vec()
            .unwrap_or_default();
        if let Some(place) = bytes.get_mut(1..65) {
            place.copy_from_slice(&signature);
        }
        for (field, place) in &template.places {
            let value = match field {
                Field::Code => &values.code[..],
                Field::Referral => values.referral.as_ref(),
                Field::Owner => values.owner.as_ref(),
                Field::Account => values.account.as_ref(),
                Field::Conversion => values.conversion.as_ref(),
                Field::Referee => values.referee.as_ref(),
            };
            if let Some(range) = bytes.get_mut(*place..place + value.len()) {
                range.copy_from_slice(value);
            }
        }
        format!(
            r#"{{"slot":{slot},"blockTime":{},"transactionIndex":{},"transaction":["{}","base64"],{}"#,
            self.time(slot),
            number % PER_SLOT,
            BASE64_STANDARD.encode(bytes),
            template.rest,
        )
    }

    fn values(&self, number: u64) -> (&Template, Values) {
        let codes = self.codes.len() as u64;
        let Some(number) = number.checked_sub(1) else {
            return (&self.opening, Values::of(&self.codes[0]));
        };
        if let Some(registered) = usize::try_from(number)
            .ok()
            .and_then(|it| self.codes.get(it))
        {
            return (&self.registration, Values::of(registered));
        }
        // Some codes are used much more often than others.
        let [one, two, ..] = hash("code", number).map(u64::from);
        let chosen = (one * 256 + two) * (one + 1) % codes;
        let registered = &self.codes[usize::try_from(chosen).unwrap_or_default()];
        let values = Values {
            conversion: Pubkey::new_from_array(hash("conversion", number)),
            referee: Pubkey::new_from_array(hash("referee", number)),
            ..Values::of(registered)
        };
        (&self.conversion, values)
    }

    /// The campaign.
    pub(crate) fn campaign(&self) -> &Pubkey {
        &self.campaign
    }
}

struct Values {
    code: [u8; 8],
    referral: Pubkey,
    owner: Pubkey,
    account: Pubkey,
    conversion: Pubkey,
    referee: Pubkey,
}

impl Values {
    fn of(registered: &Registered) -> Self {
        Self {
            code: registered.code,
            referral: registered.referral,
            owner: registered.owner,
            account: registered.account,
            conversion: Pubkey::default(),
            referee: Pubkey::default(),
        }
    }
}

fn hash(what: &str, number: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(what);
    hash.update(number.to_le_bytes());
    hash.finalize().into()
}

fn mint(recording: &Recording, campaign: &Pubkey) -> Result<Pubkey> {
    use vouch_client::accounts::{AccountType as _, Campaign};
    let data = recording
        .accounts
        .get(&campaign.to_string())
        .context("the campaign")?;
    Ok(Campaign::decode(&BASE64_STANDARD.decode(data)?)?.mint)
}

fn register(campaign: &Pubkey, mint: &Pubkey, number: u64) -> Result<Registered> {
    let mut code = *b"AAAAAAAA";
    let mut rest = number;
    for letter in code.iter_mut().rev() {
        *letter = LETTERS[usize::try_from(rest % 31)?];
        rest /= 31;
    }
    let text: Code = std::str::from_utf8(&code)?.parse().ok().context("a code")?;
    let owner = Pubkey::new_from_array(hash("owner", number));
    Ok(Registered {
        code,
        owner,
        referral: pda::referral(campaign, &text),
        account: pda::associated_token(&owner, mint, &token::TOKEN_PROGRAM_ID).0,
    })
}

/// The recorded values that are replaced.
fn fields(
    code: &str,
    owner: &str,
    mint: &Pubkey,
    terms: &Conversion,
) -> Result<BTreeMap<Field, Vec<u8>>> {
    let key = |text: &str| -> Result<Vec<u8>> { Ok(text.parse::<Pubkey>()?.to_bytes().to_vec()) };
    let account = pda::associated_token(&owner.parse()?, mint, &token::TOKEN_PROGRAM_ID).0;
    Ok(BTreeMap::from([
        (Field::Referral, key(&terms.referral)?),
        (Field::Owner, key(owner)?),
        (Field::Account, account.to_bytes().to_vec()),
        (Field::Code, code.as_bytes().to_vec()),
        (Field::Conversion, key(&terms.address)?),
        (Field::Referee, key(&terms.referee)?),
    ]))
}

impl Template {
    fn new(recorded: &Recorded, fields: &BTreeMap<Field, Vec<u8>>) -> Result<Self> {
        let mut answer = recorded.answer.clone();
        let answer = answer.as_object_mut().context("an answer is an object")?;
        let transaction = answer.remove("transaction").context("a transaction")?;
        for told_anew in ["slot", "blockTime", "transactionIndex"] {
            answer.remove(told_anew);
        }
        let bytes = BASE64_STANDARD.decode(transaction[0].as_str().context("base64")?)?;
        let mut places = Vec::new();
        for (field, value) in fields {
            let found = bytes
                .windows(value.len())
                .enumerate()
                .filter(|(_, it)| it == value);
            places.extend(found.map(|(place, _)| (*field, place)));
        }
        let rest = serde_json::to_string(answer)?;
        let rest = rest.strip_prefix('{').context("an object")?.to_owned();
        Ok(Self {
            bytes,
            rest,
            places,
        })
    }
}
