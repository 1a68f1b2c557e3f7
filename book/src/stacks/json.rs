//! JSON for reading in a diff: one event per line.

use std::fmt::Write;

use serde_json::Value;

/// Lays out `value`: if it contains only plain values, it takes one line, otherwise a line per part.
pub(crate) fn lay_out(value: &Value, depth: usize, out: &mut String) {
    let (open, close, parts) = match value {
        Value::Array(values) if !is_flat(value) => {
            let parts: Vec<_> = values.iter().map(|value| (String::new(), value)).collect();
            ('[', ']', parts)
        }
        Value::Object(fields) if !is_flat(value) => {
            let named = |(name, value)| (format!("{}: ", Value::from(name)), value);
            let parts = fields
                .iter()
                .map(|(name, value)| named((name.as_str(), value)));
            ('{', '}', parts.collect())
        }
        flat => {
            let _ = write!(out, "{flat}"); // Writing to a string can't fail.
            return;
        }
    };
    out.push(open);
    for (index, (name, part)) in parts.into_iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(out, "{comma}\n{:1$}{name}", "", 2 * depth + 2);
        lay_out(part, depth + 1, out);
    }
    let _ = write!(out, "\n{:1$}{close}", "", 2 * depth);
}

fn is_flat(value: &Value) -> bool {
    let is_plain = |value: &Value| !value.is_array() && !value.is_object();
    match value {
        Value::Array(values) => values.iter().all(is_plain),
        Value::Object(fields) => fields.values().all(is_plain),
        _ => true,
    }
}
