//! How texts look that are parsed at the edge, for the OpenAPI document.
//!
//! A pattern excludes nothing that is accepted. Where more is excluded than a pattern can say, the format has a name.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, SchemaFormat,
        schema::{ObjectBuilder, Schema, Type},
    },
};

macro_rules! texts {
    ($($name:ident = $pattern:literal, $format:literal, $example:literal, $description:literal;)*) => {
        $(
            #[doc = $description]
            pub(crate) enum $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    text($pattern, $format, $example, $description)
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    stringify!($name).into()
                }
            }
        )*
    };
}

texts! {
    Address = "^[1-9A-HJ-NP-Za-km-z]{32,44}$", "solana-address",
        "5ZWj7a1f8tWkjBESHKgrLmXshuXxqeY9SYcfbshpAqPG", "32 bytes in base58";
    AddressOrNone = "^(none|[1-9A-HJ-NP-Za-km-z]{32,44})$", "solana-address-or-none",
        "none", "32 bytes in base58, or none";
    Addresses = "^[1-9A-HJ-NP-Za-km-z]{32,44}(,[1-9A-HJ-NP-Za-km-z]{32,44}){0,199}$", "solana-addresses",
        "5ZWj7a1f8tWkjBESHKgrLmXshuXxqeY9SYcfbshpAqPG", "1 to 200 times 32 bytes in base58, separated by commas";
    Wallet = "^[1-9A-HJ-NP-Za-km-z]{32,44}$", "solana-wallet",
        "3WyEHKZ1qqGTgNLYuJdQBBq6cUUNbCMXwJFdeUAJwBnM", "32 bytes in base58: a point on the ed25519 curve";
    Code = "^[A-HJKMNP-Za-hjkmnp-z2-9]{6,12}$", "", "STARTER7", "A referral code, in either case";
    Hash = "^[0-9A-Fa-f]{64}$", "",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "32 bytes as hexadecimal digits";
    Signature = "^[1-9A-HJ-NP-Za-km-z]{64,88}$", "solana-signature",
        "5VERv8NMvzbJMEkV8xnrLkEaWRtSz9CosKDYjCJjBRnbJLgp8uirBgmQkjKhoR4tjF3ZpRzrFmBV6UjKdiSZkQUW",
        "64 bytes in base58";
    Cursor = "^[A-Za-z0-9_-]{1,500}$", "cursor", "MTc5NTg0MDU2MDox", "The next_cursor of an earlier answer for the same list";
    StartTime = "^(at_once|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9].*)$", "date-time-or-at_once",
        "2027-01-31T12:00:00Z", "RFC 3339 from 1970 on, or at_once";
    EndTime = "^(never|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9].*)$", "date-time-or-never",
        "2027-01-31T12:00:00Z", "RFC 3339 from 1970 on, or never";
    Time = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9].*$", "date-time-from-1970",
        "2027-01-31T12:00:00Z", "RFC 3339 from 1970 on";
    Transaction = "^[A-Za-z0-9+/]{4,1643}={0,2}$", "solana-transaction", "AQAA", "A wire transaction in base64";
    Sponsorship = "^[A-Za-z0-9_-]{162}$", "solana-sponsorship",
        "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "The sponsorship of a builder's answer";
    Scope = "^(read:analytics|write:attestations|write:events|write:profile)$", "", "read:analytics", "What an API key may do";
    TimeZone = "^[A-Za-z0-9_+/-]+$", "iana-time-zone", "Europe/Berlin", "A name of the IANA time zone database";
    Region = "^[A-Z]{2}$", "country", "DE", "A country as ISO 3166-1 alpha-2, or XK";
    IdempotencyKey = r#"^("[!-~]{16,128}"|[!#-~][!-~]{15,127}|"[!-~]{14,126}[!#-~])$"#, "",
        "0f9bd9ab-3ae8-4d4c-9b0e-6a4b8f0f3d6c", "16 to 128 visible ASCII characters, or a string of RFC 8941 of as many";
    LandingUrl = "^[Hh][Tt][Tt][Pp][Ss]?:.+", "landing-url", "https://acme.example/welcome",
        "An absolute http or https URL without credentials, and without the parameters ref, click_id and campaign";
}

fn text(
    pattern: &'static str,
    format: &'static str,
    example: &'static str,
    description: &'static str,
) -> RefOr<Schema> {
    let format = (!format.is_empty()).then(|| SchemaFormat::Custom(format.to_owned()));
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .format(format)
        .description(Some(description))
        .examples([example])
        .into()
}
