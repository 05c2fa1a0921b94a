//! Values as text for messages: bounded, the same in every run, and safe whatever `__repr__` does.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use super::known::qualified_name;
use super::raw::Own;

/// What stands for a side that has nothing.
pub const MISSING: &str = "<missing>";

/// The most characters that are shown of one value.
const WIDTH: usize = 80;
/// Characters shown before the first difference of two long values.
const LEAD: usize = 20;
const ELLIPSIS: &str = "...";

/// Two values side by side, told apart wherever that is possible.
pub fn show_both(
    py: Python<'_>,
    old: Option<&Own>,
    new: Option<&Own>,
) -> PyResult<(String, String)> {
    let (Some(old), Some(new)) = (old, new) else {
        let side = |value: Option<&Own>| {
            value.map_or_else(
                || PyResult::Ok(MISSING.to_owned()),
                |value| Ok(shorten(&repr(py, value)?, 0)),
            )
        };
        return Ok((side(old)?, side(new)?));
    };
    let (left, right) = (repr(py, old)?, repr(py, new)?);
    if left == right {
        // Same text, so what differs is the type, or what the text does not tell.
        return Ok((with_type(py, old, &left)?, with_type(py, new, &right)?));
    }
    let common = left
        .chars()
        .zip(right.chars())
        .take_while(|(x, y)| x == y)
        .count();
    Ok((shorten(&left, common), shorten(&right, common)))
}

/// One value, as it stands in a path.
pub fn show(py: Python<'_>, value: &Own) -> PyResult<String> {
    Ok(shorten(&repr(py, value)?, 0))
}

/// `repr`, without addresses. An exception that it raises is named instead; Ctrl-C and the like are passed on.
fn repr(py: Python<'_>, value: &Own) -> PyResult<String> {
    let value = value.item().bind(py);
    match value.repr() {
        Ok(text) => Ok(without_addresses(&text.to_string_lossy())),
        Err(error) if error.is_instance_of::<PyException>(py) => {
            let (ty, raised) = (value.get_type(), error.get_type(py));
            Ok(format!(
                "<{}, whose repr raised {}>",
                ty.name()?,
                raised.name()?
            ))
        }
        Err(error) => Err(error),
    }
}

fn with_type(py: Python<'_>, value: &Own, text: &str) -> PyResult<String> {
    let value = value.item().bind(py);
    let ty = qualified_name(&value.get_type())?;
    let ty = ty.strip_prefix("builtins.").unwrap_or(&ty);
    let text = shorten(text, 0);
    Ok(match value.extract::<f64>() {
        Ok(number) if number.is_nan() => format!("{text} ({ty}, bits {:016x})", number.to_bits()),
        _ => format!("{text} ({ty})"),
    })
}

/// `<Seat object at 0x7f12>` becomes `<Seat object>`: addresses differ from run to run.
fn without_addresses(text: &str) -> String {
    const MARK: &str = " at 0x";
    let mut parts = text.split(MARK);
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
        if rest.len() == part.len() {
            clean.push_str(MARK);
        }
        clean.push_str(rest);
    }
    clean
}

/// At most `WIDTH` characters, around the place where the text gets interesting.
fn shorten(text: &str, interesting: usize) -> String {
    let count = text.chars().count();
    if count <= WIDTH {
        return text.to_owned();
    }
    let latest = count.saturating_sub(WIDTH - ELLIPSIS.len());
    let from = interesting.saturating_sub(LEAD).min(latest);
    // A start close to the front is shown from the front.
    let from = if from <= ELLIPSIS.len() { 0 } else { from };
    let head = if from == 0 { "" } else { ELLIPSIS };
    let room = WIDTH - head.len();
    let (room, tail) = if count - from > room {
        (room - ELLIPSIS.len(), ELLIPSIS)
    } else {
        (room, "")
    };
    let middle: String = text.chars().skip(from).take(room).collect();
    format!("{head}{middle}{tail}")
}
