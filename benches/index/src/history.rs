//! A long history of one campaign, derived from recorded transactions: many owners register a code each,
//! and wallets convert with them. Only the signatures are in memory; each transaction follows from its number.
//! Signers are wallets of our own but for the first transaction, because the mirror takes nothing that its
//! signers have not signed.

use std::{
    collections::{BTreeMap, HashMap},
    thread,
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};
use solana_sdk::{
    bs58,
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
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
    /// Where the message begins, behind the signatures.
    message: usize,
    /// The signers, in this order.
    signers: Vec<Signer>,
}

/// The signers of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signer {
    /// The owner of the code.
    Owner,
    /// The wallet that was referred.
    Referee,
    /// A wallet that signs in the name of a recorded one.
    Other([u8; 32]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Referral,
    Owner,
    Account,
    Code,
    Conversion,
    Referee,
    /// A recorded signer, and in its place another one.
    Other([u8; 32]),
}

/// The addresses of a code.
struct Registered {
    /// Its number among the codes.
    number: u64,
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
    /// The first signature of each transaction.
    signatures: Vec<[u8; 64]>,
    /// The number of each transaction, by the first bytes of that.
    numbers: HashMap<[u8; 8], u64>,
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
        let mut fields = fields(code, owner, &mint, terms)?;
        for recorded in [registered, converted] {
            for signer in signers(&message(recorded)?)? {
                if !fields.values().any(|known| *known == signer) {
                    fields.insert(Field::Other(signer), signer.to_vec());
                }
            }
        }
        let codes = (0..(conversions / CONVERSIONS_PER_CODE).max(1))
            .map(|number| register(&campaign, &mint, number))
            .collect::<Result<_>>()?;
        let mut history = Self {
            opening: Template {
                // As it was signed.
                signers: Vec::new(),
                ..Template::new(opening, &BTreeMap::new())?
            },
            registration: Template::new(registered, &fields)?,
            conversion: Template::new(converted, &fields)?,
            codes,
            conversions,
            campaign,
            first_time,
            recording,
            signatures: Vec::new(),
            numbers: HashMap::new(),
        };
        history.sign()?;
        Ok(history)
    }

    /// Signs everything, on all cores.
    fn sign(&mut self) -> Result<()> {
        let cores = thread::available_parallelism()?.get() as u64;
        let part = self.len().div_ceil(cores);
        let this = &*self;
        let parts = thread::scope(|scope| {
            let parts: Vec<_> = (0..cores)
                .map(|core| {
                    let numbers = core * part..((core + 1) * part).min(this.len());
                    scope.spawn(move || {
                        numbers
                            .map(|it| this.first_signature(it))
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            let parts = parts.into_iter().map(|part| part.join());
            parts.collect::<Result<Vec<_>, _>>()
        });
        let signatures = parts.ok().context("a thread that signs")?.concat();
        for (number, signature) in (0..).zip(&signatures) {
            let prefix = signature.first_chunk().copied().unwrap_or_default();
            let before = self.numbers.insert(prefix, number);
            anyhow::ensure!(before.is_none(), "two signatures begin with the same bytes");
        }
        self.signatures = signatures;
        Ok(())
    }

    fn first_signature(&self, number: u64) -> [u8; 64] {
        let bytes = self.bytes(number);
        let signature = bytes.get(1..65).and_then(|it| it.first_chunk());
        signature.copied().unwrap_or([0; 64])
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

    pub(crate) fn signature(&self, number: u64) -> String {
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        let signature = self.signatures.get(place).copied().unwrap_or([0; 64]);
        bs58::encode(signature).into_string()
    }

    pub(crate) fn number(&self, signature: &str) -> Option<u64> {
        let mut bytes = [0; 64];
        let length = bs58::decode(signature).onto(&mut bytes[..]).ok()?;
        let number = self.numbers.get(bytes.first_chunk::<8>()?)?;
        (length == 64).then_some(*number)
    }

    /// The signed transaction.
    fn bytes(&self, number: u64) -> Vec<u8> {
        let (template, values) = self.values(number);
        let mut bytes = template.bytes.clone();
        for (field, place) in &template.places {
            let other;
            let value = match field {
                Field::Code => &values.code[..],
                Field::Referral => values.referral.as_ref(),
                Field::Owner => values.owner.as_ref(),
                Field::Account => values.account.as_ref(),
                Field::Conversion => values.conversion.as_ref(),
                Field::Referee => values.referee.as_ref(),
                Field::Other(recorded) => {
                    other = instead(recorded).pubkey();
                    other.as_ref()
                }
            };
            if let Some(range) = bytes.get_mut(*place..place + value.len()) {
                range.copy_from_slice(value);
            }
        }
        let (head, message) = bytes.split_at_mut(template.message);
        let places = head
            .get_mut(1..)
            .into_iter()
            .flat_map(|it| it.chunks_mut(64));
        for (signer, place) in template.signers.iter().zip(places) {
            let keypair = match signer {
                Signer::Owner => keypair("owner", values.number),
                Signer::Referee => keypair("referee", number),
                Signer::Other(recorded) => instead(recorded),
            };
            place.copy_from_slice(keypair.sign_message(message).as_ref());
        }
        bytes
    }

    /// The answer of `getTransaction`.
    pub(crate) fn answer(&self, number: u64) -> String {
        let slot = self.slot(number);
        let (template, _) = self.values(number);
        let bytes = self.bytes(number);
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
        let of_all = number;
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
            referee: keypair("referee", of_all).pubkey(),
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
    /// The number of the code.
    number: u64,
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
            number: registered.number,
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

fn keypair(what: &str, number: u64) -> Keypair {
    Keypair::new_from_array(hash(what, number))
}

/// The wallet in the place of a recorded signer.
fn instead(recorded: &[u8; 32]) -> Keypair {
    Keypair::new_from_array(Sha256::digest(recorded).into())
}

/// The recorded transaction.
fn message(recorded: &Recorded) -> Result<Vec<u8>> {
    let transaction = recorded.answer["transaction"][0].as_str();
    Ok(BASE64_STANDARD.decode(transaction.context("base64")?)?)
}

/// Where the message of a transaction begins. It has fewer than 128 signatures, so one byte is their number.
fn begin(transaction: &[u8]) -> usize {
    1 + 64 * usize::from(transaction.first().copied().unwrap_or_default())
}

/// Those who sign a transaction without a version: the first accounts, behind three numbers and the number of
/// accounts.
fn signers(transaction: &[u8]) -> Result<Vec<[u8; 32]>> {
    let count = usize::from(transaction.first().copied().unwrap_or_default());
    let accounts = transaction.get(begin(transaction) + 4..);
    let accounts = accounts.context("accounts")?.chunks_exact(32).take(count);
    accounts.map(|key| Ok(key.try_into()?)).collect()
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
    let owner = keypair("owner", number).pubkey();
    Ok(Registered {
        number,
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
        let signer = |key: [u8; 32]| {
            let is = |field| fields.get(&field).is_some_and(|it| *it == key);
            match (is(Field::Owner), is(Field::Referee)) {
                (true, _) => Signer::Owner,
                (_, true) => Signer::Referee,
                _ => Signer::Other(key),
            }
        };
        let signers = signers(&bytes)?.into_iter().map(signer).collect();
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
            message: begin(&bytes),
            bytes,
            rest,
            places,
            signers,
        })
    }
}
