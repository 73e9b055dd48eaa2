//! The part of the IDL that the client needs.
//!
//! Format: <https://docs.rs/anchor-lang-idl-spec/0.1>.

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// A program.
#[derive(Debug, Deserialize)]
pub(crate) struct Idl {
    pub(crate) address: String,
    pub(crate) instructions: Vec<Instruction>,
    pub(crate) accounts: Vec<Discriminated>,
    pub(crate) errors: Vec<ErrorCode>,
    pub(crate) types: Vec<TypeDef>,
}

/// An instruction: its accounts and arguments, each in order.
#[derive(Debug, Deserialize)]
pub(crate) struct Instruction {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) docs: Vec<String>,
    pub(crate) discriminator: [u8; 8],
    pub(crate) accounts: Vec<AccountItem>,
    pub(crate) args: Vec<Field>,
}

/// One account of an instruction.
#[derive(Debug, Deserialize)]
pub(crate) struct AccountItem {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) docs: Vec<String>,
    #[serde(default)]
    pub(crate) writable: bool,
    #[serde(default)]
    pub(crate) signer: bool,
    #[serde(default)]
    pub(crate) optional: bool,
    /// The only address that the program accepts.
    pub(crate) address: Option<String>,
}

/// An account type; [`Idl::types`] holds its fields.
#[derive(Debug, Deserialize)]
pub(crate) struct Discriminated {
    pub(crate) name: String,
    pub(crate) discriminator: [u8; 8],
}

/// An error of the program.
#[derive(Debug, Deserialize)]
pub(crate) struct ErrorCode {
    pub(crate) code: u32,
    pub(crate) name: String,
    pub(crate) msg: String,
}

/// A type.
#[derive(Debug, Deserialize)]
pub(crate) struct TypeDef {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) docs: Vec<String>,
    #[serde(rename = "type")]
    pub(crate) body: Body,
}

/// A type's definition.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Body {
    /// Named fields, in order.
    Struct {
        /// Empty for a struct without fields.
        #[serde(default)]
        fields: Vec<Field>,
    },
    /// An alias or an enum. No account and no argument contains one, because the program
    /// stores numbers instead of enums.
    #[serde(other)]
    Other,
}

/// A field of a struct, or an argument of an instruction.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) docs: Vec<String>,
    #[serde(rename = "type")]
    pub(crate) of: Type,
}

/// The type of a value. All types have a fixed size.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Type {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I64,
    Pubkey,
    Array(Box<Type>, usize),
    Defined { name: String },
}

impl Idl {
    /// The fields of the type with this name.
    pub(crate) fn type_def(&self, name: &str) -> Result<&TypeDef> {
        self.types
            .iter()
            .find(|known| known.name == name)
            .with_context(|| format!("the IDL does not define {name}"))
    }

    /// Size of a value of this type, in bytes.
    pub(crate) fn size(&self, of: &Type) -> Result<usize> {
        Ok(match of {
            Type::Bool | Type::U8 => 1,
            Type::U16 => 2,
            Type::U32 => 4,
            Type::U64 | Type::I64 => 8,
            Type::Pubkey => 32,
            Type::Array(item, count) => self.size(item)? * count,
            Type::Defined { name } => self.type_def(name)?.size(self)?,
        })
    }

    /// The types used by accounts and arguments, without the accounts themselves, in the
    /// order of the IDL.
    pub(crate) fn values(&self) -> Result<Vec<&TypeDef>> {
        let mut used = Vec::new();
        for account in &self.accounts {
            self.collect(self.type_def(&account.name)?.fields()?, &mut used)?;
        }
        for instruction in &self.instructions {
            self.collect(&instruction.args, &mut used)?;
        }
        if let Some(account) = self.accounts.iter().find(|it| used.contains(&&*it.name)) {
            bail!("the account type {} is also a value", account.name);
        }
        let types = self.types.iter();
        Ok(types.filter(|it| used.contains(&&*it.name)).collect())
    }

    /// Adds the names of the types used by `fields`.
    fn collect<'a>(&'a self, fields: &'a [Field], used: &mut Vec<&'a str>) -> Result<()> {
        for field in fields {
            if let Some(name) = field.of.defined()
                && !used.contains(&name)
            {
                used.push(name);
                self.collect(self.type_def(name)?.fields()?, used)?;
            }
        }
        Ok(())
    }
}

impl TypeDef {
    /// The fields of a struct, in order. Fails if the type is not a struct.
    pub(crate) fn fields(&self) -> Result<&[Field]> {
        match &self.body {
            Body::Struct { fields } => Ok(fields),
            Body::Other => bail!("{} is used, but is not a struct", self.name),
        }
    }

    /// Size of a value of this type, in bytes.
    pub(crate) fn size(&self, idl: &Idl) -> Result<usize> {
        self.fields()?.iter().map(|field| idl.size(&field.of)).sum()
    }
}

impl Type {
    /// The IDL type that this type is, or is an array of.
    pub(crate) fn defined(&self) -> Option<&str> {
        match self {
            Self::Defined { name } => Some(name),
            Self::Array(item, _) => item.defined(),
            _ => None,
        }
    }
}
