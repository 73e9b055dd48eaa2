//! Reads a JSON body by the schema that the OpenAPI document shows, and refuses it in the product's
//! words: with a code, and the name of the field.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use utoipa::ToSchema;

use crate::error::{ApiError, ApiResult};

/// The value of a body.
///
/// # Errors
/// `malformed_json`, `missing_field`, `unknown_field` or `wrong_type`.
pub(crate) fn read<T: DeserializeOwned + ToSchema>(bytes: &[u8]) -> ApiResult<T> {
    let Plain(value) = serde_json::from_slice(bytes).map_err(|_| ApiError::malformed_json())?;
    // A sequence of values would pass for an object.
    let Value::Object(body) = value else {
        return Err(ApiError::malformed_json());
    };
    let mut known = Vec::new();
    T::schemas(&mut known);
    let schemas: Map<String, Value> = known
        .into_iter()
        .map(|(name, schema)| Ok((name, serde_json::to_value(schema)?)))
        .collect::<Result<_, serde_json::Error>>()
        .map_err(|error| ApiError::internal().because(error))?;
    let schema =
        serde_json::to_value(T::schema()).map_err(|error| ApiError::internal().because(error))?;
    check(&body, &schema, &schemas, "")?;
    serde_json::from_value(Value::Object(body)).map_err(|_| ApiError::malformed_json())
}

/// JSON in which no object has a field twice. A number without a fraction is an integer, however it is written:
/// JSON Schema says so of `7.0` (<https://json-schema.org/draft/2020-12/json-schema-core#section-4.2.3>).
struct Plain(Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Plainly).map(Self)
    }
}

struct Plainly;

impl<'de> Visitor<'de> for Plainly {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        // Above 2^53 not every integer is a float, so nobody knows which one was meant.
        const MOST: f64 = 9_007_199_254_740_991.0;
        if value.fract() == 0.0 && value.abs() <= MOST {
            #[expect(clippy::cast_possible_truncation, reason = "it is an integer")]
            let whole = value as i64;
            return Ok(whole.into());
        }
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Plain(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Plain(value))) = fields.next_entry::<String, _>()? {
            if object.insert(name, value).is_some() {
                return Err(de::Error::custom("a field is there twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

/// Compares an object with its schema. `path` is where it is: empty, or a field's name and a dot.
fn check(
    body: &Map<String, Value>,
    schema: &Value,
    schemas: &Map<String, Value>,
    path: &str,
) -> ApiResult<()> {
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        if !body.contains_key(name) {
            return Err(ApiError::missing_field().of_field(format!("{path}{name}")));
        }
    }
    for (name, value) in body {
        let field = format!("{path}{name}");
        let Some(property) = schema["properties"].get(name) else {
            // A type that does not deny unknown fields is a standard's, which may add some.
            if schema["additionalProperties"] != Value::Bool(false) {
                continue;
            }
            // The name may be of any length, and is the caller's own.
            let field: String = field.chars().take(64).collect();
            return Err(ApiError::unknown_field().of_field(field));
        };
        if value.is_null() && !is_required(schema, name) {
            continue;
        }
        check_value(value, property, schemas, &field)?;
    }
    Ok(())
}

/// Compares the value of a field with its schema.
fn check_value(
    value: &Value,
    property: &Value,
    schemas: &Map<String, Value>,
    field: &str,
) -> ApiResult<()> {
    let schema = referenced(property, schemas).unwrap_or(property);
    let wrong = |needed: &str| {
        let message = format!("this field has to be {needed}");
        Err(ApiError::wrong_type().saying(message).of_field(field))
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    if !kinds.iter().any(|kind| is(value, kind)) {
        let words: Vec<&str> = kinds.into_iter().map(in_words).collect();
        return wrong(&words.join(" or "));
    }
    match value {
        Value::Object(inner) => check(inner, schema, schemas, &format!("{field}.")),
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| check_value(item, &schema["items"], schemas, field)),
        _ => match schema["enum"].as_array() {
            Some(known) if !known.contains(value) => {
                let known: Vec<&str> = known.iter().filter_map(Value::as_str).collect();
                wrong(&format!("one of {}", known.join(", ")))
            }
            _ => Ok(()),
        },
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"]
        .as_array()
        .is_some_and(|required| required.iter().any(|field| field == name))
}

/// The schema that a field refers to, if it does.
fn referenced<'a>(property: &'a Value, schemas: &'a Map<String, Value>) -> Option<&'a Value> {
    let reference = property["$ref"].as_str().or_else(|| {
        let variants = property["oneOf"].as_array()?;
        variants.iter().find_map(|one| one["$ref"].as_str())
    })?;
    schemas.get(reference.rsplit('/').next()?)
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn in_words(kind: &str) -> &str {
    match kind {
        "string" => "a text in quotation marks",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        kind => kind,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        number: i64,
    }

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Outer {
        name: String,
        nickname: Option<String>,
        inner: Option<Inner>,
        kind: Option<Kind>,
        kinds: Option<Vec<Kind>>,
        words: Option<Vec<String>>,
    }

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        One,
        Two,
    }

    fn refusal(body: &str) -> (&'static str, Option<String>) {
        let error = read::<Outer>(body.as_bytes()).expect_err(body);
        for word in ["serde", "struct", "Outer", "i64", "String", "expected"] {
            assert!(!error.message.contains(word), "{}", error.message);
        }
        (error.code, error.field)
    }

    #[test]
    fn a_body_is_refused_with_the_name_of_the_field() {
        // Given bodies that are right, then they are read
        let outer: Outer = read(br#"{"name":"A","nickname":null,"inner":{"number":-7}}"#).unwrap();
        assert_eq!(outer.name, "A");
        assert_eq!(outer.inner.map(|inner| inner.number), Some(-7));
        // And a number without a fraction is an integer, however it is written
        for (number, expected) in [("-7.0", -7), ("7e2", 700), ("0.0", 0)] {
            let body = format!(r#"{{"name":"A","inner":{{"number":{number}}}}}"#);
            let outer: Outer = read(body.as_bytes()).unwrap();
            assert_eq!(outer.inner.map(|inner| inner.number), Some(expected));
        }
        for body in [
            r#"{"name":"A"}"#,
            r#"{"name":"A","kind":"two","kinds":["one","two"],"words":["w"]}"#,
            r#"{"name":"A","kind":null,"kinds":[],"words":null}"#,
        ] {
            assert!(read::<Outer>(body.as_bytes()).is_ok(), "{body}");
        }
        // Given others, then the code and the field say what is wrong
        for (body, code, field) in [
            ("", "malformed_json", None),
            ("{", "malformed_json", None),
            ("null", "malformed_json", None),
            (r#"["A"]"#, "malformed_json", None),
            (r#"["A",null,{"number":1}]"#, "malformed_json", None),
            (r#"{"name":"A","name":"B"}"#, "malformed_json", None),
            (
                r#"{"name":"A","inner":{"number":7,"number":7}}"#,
                "malformed_json",
                None,
            ),
            ("{}", "missing_field", Some("name")),
            (r#"{"nickname":"A"}"#, "missing_field", Some("name")),
            (r#"{"name":"A","nick":"B"}"#, "unknown_field", Some("nick")),
            (r#"{"name":7}"#, "wrong_type", Some("name")),
            (r#"{"name":null}"#, "wrong_type", Some("name")),
            (r#"{"name":["A"]}"#, "wrong_type", Some("name")),
            (
                r#"{"name":"A","nickname":7}"#,
                "wrong_type",
                Some("nickname"),
            ),
            (r#"{"name":"A","kind":"three"}"#, "wrong_type", Some("kind")),
            (r#"{"name":"A","kind":{}}"#, "wrong_type", Some("kind")),
            (r#"{"name":"A","kinds":"one"}"#, "wrong_type", Some("kinds")),
            (r#"{"name":"A","kinds":["x"]}"#, "wrong_type", Some("kinds")),
            (r#"{"name":"A","words":[7]}"#, "wrong_type", Some("words")),
            (r#"{"name":"A","inner":[7]}"#, "wrong_type", Some("inner")),
            (
                r#"{"name":"A","inner":{}}"#,
                "missing_field",
                Some("inner.number"),
            ),
            (
                r#"{"name":"A","inner":{"number":"7"}}"#,
                "wrong_type",
                Some("inner.number"),
            ),
            (
                r#"{"name":"A","inner":{"number":7.5}}"#,
                "wrong_type",
                Some("inner.number"),
            ),
            (
                r#"{"name":"A","inner":{"number":1e16}}"#,
                "wrong_type",
                Some("inner.number"),
            ),
            (
                r#"{"name":"A","inner":{"number":9223372036854775808}}"#,
                "wrong_type",
                Some("inner.number"),
            ),
        ] {
            assert_eq!(refusal(body), (code, field.map(str::to_owned)), "{body}");
        }
    }
}
