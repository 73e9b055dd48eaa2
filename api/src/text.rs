//! Plain text that people write for other people.

/// The text without space around it; `None` if it is empty, has more than `most` characters, or has
/// characters that cannot be seen and change how the rest is read.
pub(crate) fn plain(text: &str, most: usize) -> Option<String> {
    let text = text.trim();
    let is_good = !text.is_empty()
        && text.chars().count() <= most
        && !text.chars().any(|c| c.is_control() || is_hidden(c));
    is_good.then(|| text.to_owned())
}

/// Whether the character changes the direction of text, breaks lines, or is invisible. The joiners
/// U+200C and U+200D are not among them, because Persian and emoji need them.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_counted_in_characters_and_what_is_hidden_is_refused() {
        // Given text in several scripts, then its characters are counted, not its bytes
        let long = "ü".repeat(280);
        assert_eq!(plain(&long, 280), Some(long.clone()));
        assert_eq!(plain(&format!("{long}x"), 280), None);
        for good in ["Grüße, 你好", "👩‍💻 codes", "می‌خواهم", "a\u{301}"] {
            assert_eq!(plain(good, 280).as_deref(), Some(good));
        }
        assert_eq!(plain("  trimmed ", 7).as_deref(), Some("trimmed"));
        // And control, direction and invisible characters are refused
        for bad in [
            "",
            "   ",
            "a\nb",
            "a\0b",
            "a\u{7f}b",
            "a\u{85}b",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{200f}b",
            "a\u{61c}b",
            "a\u{200b}b",
            "a\u{2028}b",
            "a\u{feff}b",
            "a\u{e0041}b",
        ] {
            assert_eq!(plain(bad, 280), None, "{bad:?}");
        }
    }
}
