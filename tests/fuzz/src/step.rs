//! A step of a run, and its text form.

use std::{fmt, fmt::Write as _, str::FromStr};

use anyhow::{Context as _, Result, bail};
use solana_sdk::pubkey::Pubkey;

/// One account of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Address.
    pub key: Pubkey,
    /// Signer.
    pub signer: bool,
    /// Writable.
    pub writable: bool,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A transaction with one instruction of the program.
    Call {
        /// Data of an Ed25519 instruction right before it.
        voucher: Option<Vec<u8>>,
        /// The instruction's data.
        data: Vec<u8>,
        /// The instruction's accounts.
        metas: Vec<Meta>,
    },
    /// The clock advances by this many seconds.
    Time(i64),
    /// Somebody sends lamports to this address.
    Dust(Pubkey, u64),
    /// A wallet spends all but this many lamports elsewhere.
    Spend(Pubkey, u64),
    /// A token account is frozen (2) or thawed (1).
    State(Pubkey, u8),
    /// A token account is given to this owner.
    Give(Pubkey, Pubkey),
    /// A token account is emptied and closed.
    Close(Pubkey),
    /// The associated token account of this owner and mint is created; `true` if it
    /// requires memos.
    Open(Pubkey, Pubkey, bool),
    /// Tokens are issued to this account.
    Issue(Pubkey, u64),
    /// Tokens of this mint are issued to accounts that the fuzzer does not track.
    Supply(Pubkey, u64),
    /// Another program writes these bytes to one of its accounts; no bytes close it.
    Foreign(Pubkey, Pubkey, Vec<u8>),
    /// A wallet becomes a program.
    Deploy(Pubkey),
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| {
            let pair = std::str::from_utf8(pair)?;
            u8::from_str_radix(pair, 16).with_context(|| format!("{pair:?} is not a byte"))
        })
        .collect()
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call {
                voucher,
                data,
                metas,
            } => {
                write!(f, "call {}", hex(data))?;
                let voucher = voucher.as_ref().map_or("-".into(), |bytes| hex(bytes));
                write!(f, " {voucher}")?;
                for meta in metas {
                    let signer = if meta.signer { "s" } else { "" };
                    let writable = if meta.writable { "w" } else { "" };
                    write!(f, " {}:{signer}{writable}", meta.key)?;
                }
                Ok(())
            }
            Self::Time(seconds) => write!(f, "time {seconds}"),
            Self::Dust(address, lamports) => write!(f, "dust {address} {lamports}"),
            Self::Spend(address, left) => write!(f, "spend {address} {left}"),
            Self::State(address, state) => write!(f, "state {address} {state}"),
            Self::Give(address, owner) => write!(f, "give {address} {owner}"),
            Self::Close(address) => write!(f, "close {address}"),
            Self::Open(owner, mint, memo) => write!(f, "open {owner} {mint} {memo}"),
            Self::Issue(address, amount) => write!(f, "issue {address} {amount}"),
            Self::Supply(mint, amount) => write!(f, "supply {mint} {amount}"),
            Self::Foreign(address, owner, data) => {
                let data = if data.is_empty() {
                    "-".into()
                } else {
                    hex(data)
                };
                write!(f, "foreign {address} {owner} {data}")
            }
            Self::Deploy(address) => write!(f, "deploy {address}"),
        }
    }
}

impl FromStr for Step {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        let mut words = line.split_whitespace();
        let kind = words.next().context("an empty line")?;
        let mut word = || words.next().with_context(|| format!("{line:?} ends early"));
        Ok(match kind {
            "call" => {
                let data = unhex(word()?)?;
                let voucher = match word()? {
                    "-" => None,
                    bytes => Some(unhex(bytes)?),
                };
                let metas = words
                    .map(|word| {
                        let (key, flags) = word.split_once(':').context("an account")?;
                        Ok(Meta {
                            key: key.parse()?,
                            signer: flags.contains('s'),
                            writable: flags.contains('w'),
                        })
                    })
                    .collect::<Result<_>>()?;
                Self::Call {
                    voucher,
                    data,
                    metas,
                }
            }
            "time" => Self::Time(word()?.parse()?),
            "dust" => Self::Dust(word()?.parse()?, word()?.parse()?),
            "spend" => Self::Spend(word()?.parse()?, word()?.parse()?),
            "state" => Self::State(word()?.parse()?, word()?.parse()?),
            "give" => Self::Give(word()?.parse()?, word()?.parse()?),
            "close" => Self::Close(word()?.parse()?),
            "open" => Self::Open(word()?.parse()?, word()?.parse()?, word()?.parse()?),
            "issue" => Self::Issue(word()?.parse()?, word()?.parse()?),
            "supply" => Self::Supply(word()?.parse()?, word()?.parse()?),
            "foreign" => {
                let (address, owner) = (word()?.parse()?, word()?.parse()?);
                let data = match word()? {
                    "-" => Vec::new(),
                    bytes => unhex(bytes)?,
                };
                Self::Foreign(address, owner, data)
            }
            "deploy" => Self::Deploy(word()?.parse()?),
            other => bail!("{other:?} is not a step"),
        })
    }
}
