//! One line of newline-delimited JSON, taken apart without touching a byte of its content.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use syncline::{ContentType, Key, WallTime};

use crate::store::NewItem;

/// Field of content that is not one line of JSON.
pub(crate) const BASE64_FIELD: &str = "content_base64";
/// Field that says what the bytes of [`BASE64_FIELD`] are.
pub(crate) const TYPE_FIELD: &str = "content_type";
/// Field of the moment at which an item ceases to exist, in milliseconds since 1970.
pub(crate) const EXPIRY_FIELD: &str = "expires_at_ms";

/// How a line is read.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// Name of the field that holds the id.
    pub(crate) id_field: String,
    /// Name of the field that holds the content.
    pub(crate) content_field: String,
    /// Most bytes of content.
    pub(crate) content_bytes_max: usize,
}

/// The item that `line` describes, or in one sentence why there is none.
pub(crate) fn parse(line: &[u8], shape: &Shape) -> Result<NewItem, String> {
    let text = str::from_utf8(line).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let fields = Fields { shape }.deserialize(&mut json).map_err(|error| json_error(&error))?;
    json.end().map_err(|error| json_error(&error))?;
    let id = id(fields.id, &shape.id_field)?;
    let (content, content_type) = content(&fields, shape)?;
    if content.len() > shape.content_bytes_max {
        return Err(format!("content has {} bytes, the most is {}", content.len(), shape.content_bytes_max));
    }
    Ok(NewItem { id, content, content_type, expires_at: expiry(fields.expiry)? })
}

fn id(raw: Option<&RawValue>, field: &str) -> Result<String, String> {
    let raw = raw.ok_or_else(|| format!("no field {field:?}"))?;
    let id: String = serde_json::from_str(raw.get()).map_err(|_| format!("field {field:?} is not a string"))?;
    Key::new(&id).map_err(|error| error.to_string())?;
    Ok(id)
}

fn content(fields: &Raw<'_>, shape: &Shape) -> Result<(Bytes, ContentType), String> {
    match (fields.content, fields.base64) {
        (Some(_), Some(_)) => Err(format!("both {:?} and {BASE64_FIELD:?}", shape.content_field)),
        (Some(json), None) => Ok((Bytes::copy_from_slice(json.get().as_bytes()), ContentType::Json)),
        (None, Some(coded)) => decoded(coded, fields.content_type),
        (None, None) => Err(format!("no field {:?}", shape.content_field)),
    }
}

fn decoded(coded: &RawValue, content_type: Option<&RawValue>) -> Result<(Bytes, ContentType), String> {
    let coded: String =
        serde_json::from_str(coded.get()).map_err(|_| format!("field {BASE64_FIELD:?} is not a string"))?;
    let content = BASE64_STANDARD
        .decode(coded)
        .map_err(|error| format!("field {BASE64_FIELD:?}: {error}"))?;
    let content_type = match content_type.map(RawValue::get) {
        None | Some("\"binary\"") => ContentType::Binary,
        Some("\"json\"") => ContentType::Json,
        Some(other) => return Err(format!("field {TYPE_FIELD:?} is {other}, not \"json\" or \"binary\"")),
    };
    Ok((content.into(), content_type))
}

fn expiry(raw: Option<&RawValue>) -> Result<Option<WallTime>, String> {
    let Some(raw) = raw else { return Ok(None) };
    match raw.get().parse() {
        Ok(millis) => Ok(Some(WallTime::from_millis(millis))),
        Err(_) => Err(format!("field {EXPIRY_FIELD:?} is not a whole number of milliseconds")),
    }
}

/// serde_json counts lines of the text it was given, which is one line; ours are counted in the file.
fn json_error(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    match error.column() {
        0 => format!("not a JSON object: {what}"),
        column => format!("not a JSON object: {what} at byte {column}"),
    }
}

/// The values of one line, still as they were written.
#[derive(Default)]
struct Raw<'de> {
    id: Option<&'de RawValue>,
    content: Option<&'de RawValue>,
    base64: Option<&'de RawValue>,
    content_type: Option<&'de RawValue>,
    expiry: Option<&'de RawValue>,
}

/// Picks the named fields out of a map and skips the rest.
#[derive(Clone, Copy)]
struct Fields<'a> {
    shape: &'a Shape,
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = Raw<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
        let mut raw = Raw::default();
        while let Some(field) = map.next_key_seed(Name(self.shape))? {
            let place = match field {
                Field::Id => &mut raw.id,
                Field::Content => &mut raw.content,
                Field::Base64 => &mut raw.base64,
                Field::Type => &mut raw.content_type,
                Field::Expiry => &mut raw.expiry,
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            // Which of two values was meant cannot be known, and a guess would lose the other.
            if place.replace(map.next_value()?).is_some() {
                return Err(serde::de::Error::custom("a field stands twice"));
            }
        }
        Ok(raw)
    }
}

enum Field {
    Id,
    Content,
    Base64,
    Type,
    Expiry,
    Other,
}

/// Tells which field a name means, without allocating it.
struct Name<'a>(&'a Shape);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Field;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Field, E> {
        Ok(match name {
            // The names that the user chose come first: they may be any of ours.
            name if name == self.0.id_field => Field::Id,
            name if name == self.0.content_field => Field::Content,
            BASE64_FIELD => Field::Base64,
            TYPE_FIELD => Field::Type,
            EXPIRY_FIELD => Field::Expiry,
            _ => Field::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape { id_field: "id".into(), content_field: "content".into(), content_bytes_max: 64 }
    }

    #[track_caller]
    fn check_content(line: &str, content: &str, content_type: ContentType) {
        let item = parse(line.as_bytes(), &shape()).unwrap();
        assert_eq!((item.content.as_ref(), item.content_type), (content.as_bytes(), content_type));
    }

    #[track_caller]
    fn check_refused(line: &[u8], reason: &str) {
        assert_eq!(parse(line, &shape()).unwrap_err(), reason);
    }

    #[test]
    fn content_keeps_every_byte_of_its_value() {
        check_content(
            r#"{"id":"a","content": {"b" : 1.0,  "ü":"\u00fc"} }"#,
            r#"{"b" : 1.0,  "ü":"\u00fc"}"#,
            ContentType::Json,
        );
        check_content(r#"{"content":1e400,"extra":[{}],"id":"a"}"#, "1e400", ContentType::Json);
        check_content(r#"{"id":"a","content":null}"#, "null", ContentType::Json);
    }

    #[test]
    fn base64_is_any_bytes_or_json_of_many_lines() {
        check_content(
            r#"{"id":"a","content_base64":"AP8="}"#.replace("AP8=", "YQo=").as_str(),
            "a\n",
            ContentType::Binary,
        );
        check_content(r#"{"id":"a","content_base64":"ewp9","content_type":"json"}"#, "{\n}", ContentType::Json);
        check_refused(br#"{"id":"a","content_base64":"!"}"#, "field \"content_base64\": Invalid symbol 33, offset 0.");
        check_refused(
            br#"{"id":"a","content_base64":"","content_type":"x"}"#,
            "field \"content_type\" is \"x\", not \"json\" or \"binary\"",
        );
    }

    #[test]
    fn a_bad_line_says_why_in_one_sentence() {
        check_refused(b"{\"id\":\"\xff\"}", "not UTF-8 at byte 7");
        check_refused(b"[1]", "not a JSON object: invalid type: sequence, expected an object");
        check_refused(br#"{"id":"a""#, "not a JSON object: EOF while parsing an object at byte 9");
        check_refused(br#"{"id":"a","content":1} x"#, "not a JSON object: trailing characters at byte 24");
        check_refused(br#"{"content":1}"#, "no field \"id\"");
        check_refused(br#"{"id":"a"}"#, "no field \"content\"");
        check_refused(br#"{"id":7,"content":1}"#, "field \"id\" is not a string");
        check_refused(br#"{"id":"","content":1}"#, "key is empty");
        check_refused(br#"{"id":"a\nb","content":1}"#, "key holds the control character U+000A at byte 1");
        check_refused(br#"{"id":"a","id":"b","content":1}"#, "not a JSON object: a field stands twice at byte 18");
        check_refused(
            format!(r#"{{"id":"a","content":"{}"}}"#, "x".repeat(63)).as_bytes(),
            "content has 65 bytes, the most is 64",
        );
        check_refused(
            br#"{"id":"a","content":1,"expires_at_ms":-1}"#,
            "field \"expires_at_ms\" is not a whole number of milliseconds",
        );
    }

    #[test]
    fn the_user_names_the_fields() {
        let shape = Shape { id_field: "_id".into(), content_field: "id".into(), ..shape() };
        let item = parse(br#"{"_id":"k","id":{"x":1},"content":2,"expires_at_ms":5}"#, &shape).unwrap();
        assert_eq!((item.id.as_str(), item.content.as_ref()), ("k", b"{\"x\":1}".as_slice()));
        assert_eq!(item.expires_at, Some(WallTime::from_millis(5)));
    }
}
