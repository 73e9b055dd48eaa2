//! Output: one JSON object, or the same in words.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::error::{Failure, Outcome};

/// Prints the result of a command on stdout.
pub(crate) fn result(value: &Value, is_json: bool) {
    let text = if is_json {
        format!("{value:#}\n")
    } else {
        words(value)
    };
    // A closed pipe is no failure of the command.
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Prints a failure on stderr.
pub(crate) fn failure(failure: &Failure, is_json: bool) {
    let mut stderr = io::stderr().lock();
    let _ = if is_json {
        writeln!(stderr, "{}", failure.json())
    } else {
        let signature = failure.signature.as_deref();
        let signature = signature.map_or_else(String::new, |it| format!("\n  transaction: {it}"));
        writeln!(
            stderr,
            "error[{}]: {}\n  help: {}{signature}",
            failure.code, failure.message, failure.advice
        )
    };
}

/// Prints a warning on stderr. With `--json` warnings are in the object, too.
pub(crate) fn warn(message: &str) {
    let _ = writeln!(io::stderr().lock(), "warning: {message}");
}

/// Prints what has happened on stderr.
pub(crate) fn note(message: &str) {
    let _ = writeln!(io::stderr().lock(), "{message}");
}

/// Prints what a question is about on stderr.
pub(crate) fn show(value: &Value) {
    let _ = io::stderr().lock().write_all(words(value).as_bytes());
}

/// Asks on stderr, and reads the answer from stdin.
///
/// # Errors
/// `confirmation_required` if nobody can be asked, `declined` if the answer is not yes.
pub(crate) fn confirm(question: &str) -> Outcome<()> {
    if !io::stdin().is_terminal() {
        return Err(Failure::declined(
            "confirmation_required",
            "nobody can be asked, because stdin is no terminal",
            "repeat it with --yes, or look first with --dry-run",
        ));
    }
    let _ = write!(io::stderr().lock(), "{question} [y/N] ");
    let mut answer = String::new();
    let _ = io::stdin().lock().read_line(&mut answer);
    if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(Failure::declined(
        "declined",
        "nothing was signed",
        "answer y to sign",
    ))
}

/// The progress of a command, on stderr: a line that moves on a terminal, otherwise lines.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar }
    }

    pub(crate) fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(message.to_owned()),
            None => {
                let _ = writeln!(io::stderr().lock(), "{message}");
            }
        }
    }

    /// A line that stays.
    pub(crate) fn keep(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.println(message),
            None => self.say(message),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A JSON object in words: a line for each field, lists indented, without what is null.
pub(crate) fn words(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, 0);
    text
}

fn write(text: &mut String, value: &Value, depth: usize) {
    let Value::Object(fields) = value else {
        return;
    };
    let width = fields.keys().map(String::len).max().unwrap_or_default();
    for (name, value) in fields {
        let indent = "  ".repeat(depth);
        let name = crate::node::plain(&name.replace('_', " "));
        if let Some(short) = short(value) {
            text.push_str(&format!("{indent}{name:width$}  {short}\n"));
            continue;
        }
        match value {
            Value::Object(_) => {
                text.push_str(&format!("{indent}{name}\n"));
                write(text, value, depth + 1);
            }
            Value::Array(items) if !items.is_empty() => {
                text.push_str(&format!("{indent}{name}\n"));
                for item in items {
                    match short(item) {
                        Some(short) => text.push_str(&format!("{indent}  - {short}\n")),
                        None => {
                            text.push_str(&format!("{indent}  -\n"));
                            write(text, item, depth + 2);
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

/// A value that fits on its line; `None` for lists, objects and null.
fn short(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(crate::node::plain(text)),
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        // An amount.
        Value::Object(fields) if fields.len() == 2 => {
            let (units, tokens) = (
                fields.get("units")?.as_str()?,
                fields.get("tokens")?.as_str()?,
            );
            Some(crate::node::plain(&format!(
                "{tokens} ({units} base units)"
            )))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_have_what_json_has() {
        let value = json!({
            "campaign": "abc",
            "reward": { "units": "5", "tokens": "0.000005" },
            "treasury": null,
            "is_cut": true,
            "conversions": [{ "number": "1", "referrer": "x\u{1b}[2J" }],
            "a\u{1b}b": "left\u{202e}right",
            "notes": ["one"],
        });
        let text = words(&value);
        for line in [
            "campaign     abc",
            "reward       0.000005 (5 base units)",
            "is cut       yes",
            "conversions\n  -\n    number    1\n    referrer  x [2J",
            "notes\n  - one",
            "a b          left right",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
        assert!(!text.contains("treasury") && !text.contains('\u{1b}'));
    }
}
