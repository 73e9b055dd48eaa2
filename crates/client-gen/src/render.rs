//! Renders the IDL as Rust text. `rustfmt` formats it afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use anyhow::{Result, bail};

use crate::idl::{AccountItem, ErrorCode, Field, Idl, Instruction, Type, TypeDef};

/// Bytes that the client reads as another type than `u8`: the field's name, and the type,
/// which is in `crates/client/src/bytes.rs` or `bool`. Decoding fails if the byte is not a
/// value of the type.
pub(crate) const DOMAIN: [(&str, &str); 13] = [
    ("action", "Action"),
    ("active", "bool"),
    ("attested_codes", "bool"),
    ("budgeted", "bool"),
    ("closed", "bool"),
    ("funding", "Funding"),
    ("paused", "bool"),
    ("per_owner", "bool"),
    ("proof", "Proof"),
    ("reward_kind", "RewardKind"),
    ("status", "Status"),
    ("suspended", "bool"),
    ("uniqueness", "Uniqueness"),
];

/// The names beside those types by which an account is read.
const READERS: [&str; 2] = ["AccountType", "DecodeError"];

/// The longest array that implements `Default`.
const LONGEST_DEFAULT_ARRAY: usize = 32;

/// Name and text of each file.
pub(crate) fn files(idl: &Idl) -> Result<BTreeMap<&'static str, String>> {
    check_domain(idl)?;
    Ok(BTreeMap::from([
        ("mod.rs", module(idl)),
        ("accounts.rs", accounts(idl)?),
        ("errors.rs", errors(idl)),
        ("instructions.rs", instructions(idl)),
        ("types.rs", types(idl)?),
    ]))
}

/// Fails if an entry of [`DOMAIN`] does not name a field of the client.
fn check_domain(idl: &Idl) -> Result<()> {
    let mut fields: Vec<&Field> = Vec::new();
    for account in &idl.accounts {
        fields.extend(idl.type_def(&account.name)?.fields()?);
    }
    for value in idl.values()? {
        fields.extend(value.fields()?);
    }
    for instruction in &idl.instructions {
        fields.extend(&instruction.args);
    }
    for (name, _) in DOMAIN {
        if !fields
            .iter()
            .any(|field| field.name == name && matches!(field.of, Type::U8))
        {
            bail!("no u8 of the IDL is called {name}: remove it from the table of domain types");
        }
    }
    Ok(())
}

/// The header of a generated file.
fn header(about: &str) -> String {
    format!("//! {about}\n//!\n//! Written by `./dev generate` from `idl/referral.json`.\n\n")
}

fn module(idl: &Idl) -> String {
    let mut text = header("The program as its IDL describes it.");
    // The other modules are re-exported item by item.
    text += "pub(crate) mod accounts;\npub(crate) mod errors;\n";
    text += "pub mod instructions;\npub(crate) mod types;\n\n";
    text += "use solana_sdk::pubkey::Pubkey;\n\n/// Address of the program.\n";
    push(
        &mut text,
        format_args!(
            "pub const PROGRAM_ID: Pubkey = Pubkey::from_str_const({:?});\n",
            idl.address
        ),
    );
    text
}

fn accounts(idl: &Idl) -> Result<String> {
    let definitions = idl
        .accounts
        .iter()
        .map(|account| idl.type_def(&account.name))
        .collect::<Result<Vec<_>>>()?;
    let mut text = header("The program's accounts.");
    let mut fields = Vec::new();
    for definition in &definitions {
        fields.extend(definition.fields()?);
    }
    let mut types = &domains(&fields) | &defined(&fields);
    types.extend(READERS);
    imports(&mut text, &types);

    text += "/// Any account of the program.\n#[derive(Debug, Clone, PartialEq, Eq)]\n";
    text += "pub enum Account {\n";
    for definition in &definitions {
        let name = &definition.name;
        push(
            &mut text,
            format_args!("/// A [`{name}`].\n{name}(Box<{name}>),\n"),
        );
    }
    text += "}\n\nimpl Account {\n/// Reads any account of the program.\n///\n/// # Errors\n";
    text += "/// [`DecodeError`] if the bytes are none of these types.\n";
    text += "pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {\n";
    text += "let head = data.first_chunk::<8>().copied().unwrap_or_default();\nmatch head {\n";
    for definition in &definitions {
        let name = &definition.name;
        push(
            &mut text,
            format_args!(
                "{name}::DISCRIMINATOR => \
                 {name}::decode(data).map(|account| Self::{name}(Box::new(account))),\n"
            ),
        );
    }
    text += "_ => Err(DecodeError::UnknownType(head)),\n}\n}\n}\n";

    for (account, definition) in idl.accounts.iter().zip(definitions) {
        structure(
            &mut text,
            &definition.docs,
            "Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize",
            &definition.name,
            &members(definition.fields()?),
        );
        push(
            &mut text,
            format_args!(
                "\nimpl AccountType for {name} {{\n\
                 const NAME: &'static str = {name:?};\n\
                 const SIZE: usize = {size};\n\
                 const DISCRIMINATOR: [u8; 8] = {discriminator:?};\n\
                 }}\n",
                name = definition.name,
                size = account.discriminator.len() + definition.size(idl)?,
                discriminator = account.discriminator,
            ),
        );
    }
    Ok(text)
}

fn types(idl: &Idl) -> Result<String> {
    let values = idl.values()?;
    let mut text = header("Structs in accounts and arguments.");
    let mut fields = Vec::new();
    for value in &values {
        fields.extend(value.fields()?);
    }
    imports(&mut text, &domains(&fields));
    for value in values {
        let default = if has_default(idl, value)? {
            ", Default"
        } else {
            ""
        };
        structure(
            &mut text,
            &value.docs,
            &format!(
                "Debug, Clone, Copy, PartialEq, Eq{default}, BorshSerialize, BorshDeserialize"
            ),
            &value.name,
            &members(value.fields()?),
        );
    }
    Ok(text)
}

/// Whether the type implements `Default`: none of its arrays is too long.
fn has_default(idl: &Idl, of: &TypeDef) -> Result<bool> {
    fn all_short(idl: &Idl, of: &Type) -> Result<bool> {
        Ok(match of {
            Type::Array(item, count) => *count <= LONGEST_DEFAULT_ARRAY && all_short(idl, item)?,
            Type::Defined { name } => has_default(idl, idl.type_def(name)?)?,
            _ => true,
        })
    }
    for field in of.fields()? {
        if !all_short(idl, &field.of)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn errors(idl: &Idl) -> String {
    let mut text = header("The program's errors.");
    text += "use std::fmt;\n\n";
    text += "/// An error that the program itself returns, as `custom program error`.\n";
    text += "#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]\n#[repr(u32)]\n";
    text += "pub enum ProgramError {\n";
    for error in &idl.errors {
        docs(&mut text, std::slice::from_ref(&error.msg));
        push(
            &mut text,
            format_args!("{} = {},\n", error.name, error.code),
        );
    }
    text += "}\n\nimpl ProgramError {\n/// Every error, in the order of its code.\n";
    text += "pub const ALL: &[Self] = &[\n";
    for error in &idl.errors {
        push(&mut text, format_args!("Self::{},\n", error.name));
    }
    text += "];\n\n/// The error with this custom code, if the program has it.\n#[must_use]\n";
    text += "pub const fn from_code(code: u32) -> Option<Self> {\nmatch code {\n";
    for error in &idl.errors {
        push(
            &mut text,
            format_args!("{} => Some(Self::{}),\n", error.code, error.name),
        );
    }
    text += "_ => None,\n}\n}\n\n/// The number in `custom program error`.\n#[must_use]\n";
    text += "pub const fn code(self) -> u32 {\nself as u32\n}\n";

    let mut method = |docs: &str, name: &str, value: &dyn Fn(&ErrorCode) -> String| {
        push(
            &mut text,
            format_args!(
                "\n/// {docs}\n#[must_use]\n\
                 pub const fn {name}(self) -> &'static str {{\nmatch self {{\n"
            ),
        );
        for error in &idl.errors {
            push(
                &mut text,
                format_args!("Self::{} => {:?},\n", error.name, value(error)),
            );
        }
        text += "}\n}\n";
    };
    method("Name in the IDL.", "name", &|error| error.name.clone());
    method("The name in snake case.", "snake_name", &|error| {
        snake(&error.name)
    });
    method("The message.", "message", &|error| error.msg.clone());

    text += "}\n\nimpl fmt::Display for ProgramError {\n";
    text += "fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {\n";
    text += "f.write_str(self.message())\n}\n}\n\nimpl std::error::Error for ProgramError {}\n";
    text
}

fn instructions(idl: &Idl) -> String {
    let mut text = header("Builds the program's instructions from addresses and arguments.");
    text += "use borsh::{BorshDeserialize, BorshSerialize};\n";
    text += "use solana_sdk::{instruction::{AccountMeta, Instruction}, pubkey::Pubkey};\n\n";
    let args: Vec<&Field> = idl.instructions.iter().flat_map(|it| &it.args).collect();
    import_types(&mut text, &(&domains(&args) | &defined(&args)));
    text += "use crate::raw::{InvalidInstruction, Layout, build, head_of, optional, read_args};\n";
    for instruction in &idl.instructions {
        self::instruction(&mut text, instruction);
    }
    layouts(&mut text, &idl.instructions);
    data(&mut text, &idl.instructions);
    text
}

/// Writes the enum of all instructions with their arguments, and how it is read.
fn data(text: &mut String, instructions: &[Instruction]) {
    let (mut variants, mut arms) = (String::new(), String::new());
    for of in instructions {
        let name = pascal(&of.name);
        let args: Vec<&Field> = of.args.iter().collect();
        let (holds, reads) = if args.is_empty() {
            (String::new(), String::new())
        } else if defined(&args).is_empty() {
            let read = format!("(read_args({:?}, rest)?)", of.name);
            (format!("({name}Args)"), read)
        } else {
            // Settings are many times longer than the arguments of the others.
            let read = format!("(Box::new(read_args({:?}, rest)?))", of.name);
            (format!("(Box<{name}Args>)"), read)
        };
        push(
            &mut variants,
            format_args!("/// `{}`.\n{name}{holds},\n", of.name),
        );
        push(
            &mut arms,
            format_args!("{name}Accounts::DISCRIMINATOR => Self::{name}{reads},\n"),
        );
    }
    push(
        text,
        format_args!(
            "\n/// An instruction of the program with its arguments.\n\
             #[derive(Debug, Clone, PartialEq, Eq)]\n\
             pub enum InstructionData {{\n{variants}}}\n\n\
             impl InstructionData {{\n\
             /// Reads an instruction. The program ignores bytes behind the arguments, so anybody may\n\
             /// add some.\n///\n/// # Errors\n\
             /// [`InvalidInstruction`].\n\
             pub fn read(data: &[u8]) -> Result<Self, InvalidInstruction> {{\n\
             let (head, rest) = head_of(data)?;\n\
             Ok(match *head {{\n{arms}\
             _ => return Err(InvalidInstruction::Unknown(head.to_vec())),\n}})\n}}\n}}\n"
        ),
    );
}

/// Writes the table of all instructions: name, discriminator and accounts of each.
fn layouts(text: &mut String, instructions: &[Instruction]) {
    text.push_str("\n/// Every instruction of the program.\npub const LAYOUTS: &[Layout] = &[\n");
    for of in instructions {
        push(
            text,
            format_args!(
                "Layout {{ name: {:?}, discriminator: {}Accounts::DISCRIMINATOR, accounts: &[",
                of.name,
                pascal(&of.name)
            ),
        );
        for account in &of.accounts {
            push(
                text,
                format_args!("({:?}, {}), ", account.name, account.signer),
            );
        }
        text.push_str("] },\n");
    }
    text.push_str("];\n");
}

fn instruction(text: &mut String, of: &Instruction) {
    let name = pascal(&of.name);
    if !of.args.is_empty() {
        structure(
            text,
            &[format!("Arguments of `{}`.", of.name)],
            "Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize",
            &format!("{name}Args"),
            &members(&of.args),
        );
    }

    let mut about = vec![format!("Accounts of `{}`.", of.name), String::new()];
    about.extend(of.docs.iter().cloned());
    let free = of.accounts.iter().filter(|it| it.address.is_none());
    let fields: Vec<Member<'_>> = free
        .map(|account| Member {
            name: &account.name,
            docs: &account.docs,
            of: if account.optional {
                "Option<Pubkey>".to_owned()
            } else {
                "Pubkey".to_owned()
            },
        })
        .collect();
    structure(
        text,
        &about,
        "Debug, Clone, Copy, PartialEq, Eq",
        &format!("{name}Accounts"),
        &fields,
    );
    push(
        text,
        format_args!(
            "\nimpl {name}Accounts {{\n\
             /// First bytes of the instruction's data.\n\
             pub const DISCRIMINATOR: [u8; 8] = {:?};\n",
            of.discriminator
        ),
    );
    for (index, account) in of.accounts.iter().enumerate() {
        push(
            text,
            format_args!(
                "/// Position of `{}`.\npub const {}: usize = {index};\n",
                account.name,
                account.name.to_uppercase()
            ),
        );
    }
    let (parameter, value) = if of.args.is_empty() {
        (String::new(), "&()")
    } else {
        (format!(", args: &{name}Args"), "args")
    };
    push(
        text,
        format_args!(
            "\n/// Builds the instruction, with the flags of the IDL.\n#[must_use]\n\
             pub fn instruction(&self{parameter}) -> Instruction {{\n\
             build(&Self::DISCRIMINATOR, {value}, vec![\n"
        ),
    );
    for account in &of.accounts {
        push(text, format_args!("{},\n", meta(account)));
    }
    text.push_str("])\n}\n}\n");
}

/// The expression that builds the meta of one account.
fn meta(of: &AccountItem) -> String {
    let address = match &of.address {
        Some(address) => format!("Pubkey::from_str_const({address:?})"),
        None => format!("self.{}", of.name),
    };
    let constructor = if of.writable { "new" } else { "new_readonly" };
    if of.optional {
        format!(
            "optional({address}, AccountMeta::{constructor}, {})",
            of.signer
        )
    } else {
        format!("AccountMeta::{constructor}({address}, {})", of.signer)
    }
}

/// A field of a Rust struct.
struct Member<'a> {
    name: &'a str,
    docs: &'a [String],
    of: String,
}

/// The fields as the client declares them.
fn members(fields: &[Field]) -> Vec<Member<'_>> {
    fields
        .iter()
        .map(|field| Member {
            name: &field.name,
            docs: &field.docs,
            of: rust(field),
        })
        .collect()
}

/// A struct with public fields.
fn structure(text: &mut String, about: &[String], derive: &str, name: &str, fields: &[Member<'_>]) {
    text.push('\n');
    docs(text, about);
    push(text, format_args!("#[derive({derive})]\n"));
    if about.is_empty() || fields.iter().any(|field| field.docs.is_empty()) {
        text.push_str("#[expect(missing_docs, reason = \"as in the IDL\")]\n");
    }
    push(text, format_args!("pub struct {name} {{\n"));
    for field in fields {
        docs(text, field.docs);
        push(text, format_args!("pub {}: {},\n", field.name, field.of));
    }
    text.push_str("}\n");
}

/// The Rust type of a field.
fn rust(field: &Field) -> String {
    fn plain(of: &Type) -> String {
        match of {
            Type::Bool => "bool".to_owned(),
            Type::U8 => "u8".to_owned(),
            Type::U16 => "u16".to_owned(),
            Type::U32 => "u32".to_owned(),
            Type::U64 => "u64".to_owned(),
            Type::I64 => "i64".to_owned(),
            Type::Pubkey => "Pubkey".to_owned(),
            Type::Array(item, count) => format!("[{}; {count}]", plain(item)),
            Type::Defined { name } => name.clone(),
        }
    }
    domain(field).map_or_else(|| plain(&field.of), str::to_owned)
}

/// The field's domain type in the client, if it has one.
fn domain(field: &Field) -> Option<&'static str> {
    let known = DOMAIN.iter().find(|(name, _)| *name == field.name);
    known
        .filter(|_| matches!(field.of, Type::U8))
        .map(|(_, of)| *of)
}

/// Imports for a file of structs with these fields.
fn imports(text: &mut String, types: &BTreeSet<&str>) {
    text.push_str("use borsh::{BorshDeserialize, BorshSerialize};\n");
    text.push_str("use solana_sdk::pubkey::Pubkey;\n\n");
    import_types(text, types);
}

/// Imports these types of the client: those that are written by hand, and structs of the IDL.
fn import_types(text: &mut String, types: &BTreeSet<&str>) {
    let is_manual =
        |name: &str| READERS.contains(&name) || DOMAIN.iter().any(|(_, of)| *of == name);
    let (manual, generated): (Vec<&str>, Vec<&str>) =
        types.iter().copied().partition(|name| is_manual(name));
    for (module, names) in [("crate::bytes", manual), ("super::types", generated)] {
        if !names.is_empty() {
            push(
                text,
                format_args!("use {module}::{{{}}};\n", names.join(", ")),
            );
        }
    }
}

/// The domain types among those of `fields`.
fn domains(fields: &[&Field]) -> BTreeSet<&'static str> {
    let domains = fields.iter().filter_map(|field| domain(field));
    domains.filter(|name| *name != "bool").collect()
}

/// The types of the IDL among those of `fields`.
fn defined<'a>(fields: &[&'a Field]) -> BTreeSet<&'a str> {
    fields
        .iter()
        .filter_map(|field| field.of.defined())
        .collect()
}

fn docs(text: &mut String, lines: &[String]) {
    for line in lines {
        push(text, format_args!("/// {line}\n"));
    }
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    text.write_fmt(piece).expect("a string takes everything");
}

/// `create_campaign` as `CreateCampaign`.
fn pascal(snake: &str) -> String {
    snake
        .split('_')
        .flat_map(|word| {
            let (head, rest) = word.split_at(word.len().min(1));
            [head.to_uppercase(), rest.to_owned()]
        })
        .collect()
}

/// `SelfReferral` as `self_referral`.
fn snake(pascal: &str) -> String {
    let mut snake = String::new();
    for letter in pascal.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idl() -> Idl {
        serde_json::from_str(
            r#"{
                "address": "11111111111111111111111111111111",
                "instructions": [{
                    "name": "set_limits",
                    "docs": ["Sets the limits."],
                    "discriminator": [1, 2, 3, 4, 5, 6, 7, 8],
                    "accounts": [
                        { "name": "owner", "docs": ["Signs."], "signer": true },
                        { "name": "vault", "writable": true, "optional": true },
                        { "name": "program", "address": "11111111111111111111111111111111" }
                    ],
                    "args": [{ "name": "limits", "type": { "defined": { "name": "Limits" } } }]
                }],
                "accounts": [{ "name": "Shop", "discriminator": [8, 7, 6, 5, 4, 3, 2, 1] }],
                "errors": [{ "code": 6000, "name": "TooMany", "msg": "\"too\" many" }],
                "types": [
                    { "name": "Limits", "type": { "kind": "struct", "fields": [
                        { "name": "steps", "type": { "array": [{ "defined": { "name": "Step" } }, 3] } },
                        { "name": "status", "type": "u8" }
                    ] } },
                    { "name": "Shop", "type": { "kind": "struct", "fields": [
                        { "name": "version", "docs": ["Layout."], "type": "u8" },
                        { "name": "limits", "docs": ["Now."], "type": { "defined": { "name": "Limits" } } },
                        { "name": "next", "docs": ["Later."], "type": { "defined": { "name": "Limits" } } }
                    ] } },
                    { "name": "Step", "type": { "kind": "struct", "fields": [
                        { "name": "at", "type": "i64" },
                        { "name": "padding", "type": { "array": ["u8", 33] } }
                    ] } },
                    { "name": "Unused", "type": { "kind": "type", "alias": "u64" } }
                ]
            }"#,
        )
        .expect("an IDL")
    }

    #[track_caller]
    fn assert_contains(text: &str, piece: &str) {
        assert!(text.contains(piece), "no {piece:?} in\n{text}");
    }

    #[test]
    fn nested_types_are_values_with_their_size() {
        let idl = idl();

        // The size is that of the discriminator, a byte and two limits of three steps
        // each
        let accounts = accounts(&idl).expect("accounts");
        assert_contains(&accounts, "const SIZE: usize = 257;");
        assert_contains(&accounts, "/// Now.\npub limits: Limits,\n");
        assert_contains(
            &accounts,
            "use crate::bytes::{AccountType, DecodeError};\nuse super::types::{Limits};\n",
        );

        // Both types are rendered; the long array keeps both from having `Default`
        let types = types(&idl).expect("types");
        assert_contains(&types, "pub steps: [Step; 3],\npub status: Status,\n");
        assert_contains(&types, "use crate::bytes::{Status};");
        assert!(!types.contains("Default") && !types.contains("Unused"));
    }

    #[test]
    fn accounts_have_the_flags_of_the_idl() {
        let instructions = instructions(&idl());
        assert_contains(
            &instructions,
            "pub struct SetLimitsAccounts {\n/// Signs.\npub owner: Pubkey,\n\
             pub vault: Option<Pubkey>,\n}",
        );
        assert_contains(
            &instructions,
            "AccountMeta::new_readonly(self.owner, true),\n\
             optional(self.vault, AccountMeta::new, false),\n\
             AccountMeta::new_readonly(Pubkey::from_str_const(\"11111111111111111111111111111111\"), \
             false),\n",
        );
        assert_contains(&instructions, "pub const PROGRAM: usize = 2;");
    }

    #[test]
    fn errors_keep_their_words() {
        let errors = errors(&idl());
        assert_contains(&errors, "/// \"too\" many\nTooMany = 6000,\n");
        assert_contains(&errors, "Self::TooMany => \"too_many\",\n");
        assert_contains(&errors, "Self::TooMany => \"\\\"too\\\" many\",\n");
    }

    #[test]
    fn a_domain_type_without_a_field_is_refused() {
        assert_eq!(
            files(&idl()).expect_err("no action").to_string(),
            "no u8 of the IDL is called action: remove it from the table of domain types"
        );
    }

    #[test]
    fn a_used_type_must_be_a_struct() {
        let mut idl = idl();
        idl.accounts[0].name = "Unused".to_owned();
        assert_eq!(
            accounts(&idl).expect_err("an alias").to_string(),
            "Unused is used, but is not a struct"
        );
    }
}
