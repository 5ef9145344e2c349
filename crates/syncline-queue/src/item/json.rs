//! Values as JSON, byte for byte as serde_json writes them. Most of a payload is text without anything to escape, which is
//! copied whole here instead of looked at byte by byte.

use serde::Serialize;
use serde_json::{Result, Value};

/// Bytes of text that are looked at together.
const CHUNK: usize = 32;

/// Appends `value` to `out`; `false` where part of it is deeper than `levels`.
pub(super) fn put(out: &mut Vec<u8>, value: &Value, levels: usize) -> Result<bool> {
    match value {
        Value::String(text) => put_text(out, text)?,
        Value::Array(_) | Value::Object(_) if levels == 0 => return Ok(false),
        Value::Array(values) => {
            out.push(b'[');
            for (at, value) in values.iter().enumerate() {
                put_comma(out, at);
                if !put(out, value, levels - 1)? {
                    return Ok(false);
                }
            }
            out.push(b']');
        }
        Value::Object(values) => {
            out.push(b'{');
            for (at, (name, value)) in values.iter().enumerate() {
                put_comma(out, at);
                put_text(out, name)?;
                out.push(b':');
                if !put(out, value, levels - 1)? {
                    return Ok(false);
                }
            }
            out.push(b'}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => put_as_serde(out, value)?,
    }
    Ok(true)
}

fn put_comma(out: &mut Vec<u8>, at: usize) {
    if at > 0 {
        out.push(b',');
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) -> Result<()> {
    if !is_plain(text.as_bytes()) {
        return put_as_serde(out, text);
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

fn put_as_serde(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<()> {
    serde_json::to_writer(out, value)
}

/// Whether JSON says it as it is.
fn is_plain(text: &[u8]) -> bool {
    let escapes = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    let (chunks, rest) = text.as_chunks::<CHUNK>();
    // Not ended in the middle of a chunk: so all of it is compared at once.
    let any = |chunk: &[u8; CHUNK]| chunk.iter().fold(false, |any, byte| any | escapes(byte));
    !chunks.iter().any(any) && !rest.iter().any(escapes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        assert!(put(&mut out, value, 9).unwrap());
        String::from_utf8(out).unwrap()
    }

    /// Each byte that is escaped, in each place of a chunk and behind the last one.
    #[test]
    fn text_is_escaped_as_serde_json_escapes_it_wherever_it_has_to_be() {
        for byte in 0..=0x7f_u8 {
            for place in [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK, 2 * CHUNK + 7] {
                let mut text = vec![b'x'; 2 * CHUNK + 8];
                text[place] = byte;
                let value = Value::from(String::from_utf8(text).unwrap());
                assert_eq!(written(&value), value.to_string(), "byte {byte} at {place}");
            }
        }
    }

    #[test]
    fn values_of_each_kind_are_written_as_serde_json_writes_them() {
        let value =
            json!({"a": [], "b": {}, "c\n": [null, true, -1, u64::MAX, 1.5e300, "ü", ["x"]], "": {"d": "\u{0}"}});
        assert_eq!(written(&value), value.to_string());
    }

    #[test]
    fn what_is_too_deep_is_said_to_be() {
        let mut out = Vec::new();
        assert!(put(&mut out, &json!([[1]]), 2).unwrap());
        assert!(!put(&mut out, &json!([[1]]), 1).unwrap());
        assert!(!put(&mut out, &json!({"a": {"b": []}}), 2).unwrap());
    }
}
