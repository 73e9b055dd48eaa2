//! Plain text that people write for other people.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, ExtendedPictographic,
        GeneralCategory as Category, JoiningType,
    },
};

/// Most marks on one letter, as Unicode suggests: <https://www.unicode.org/reports/tr39/#Optional_Detection>.
const MARKS: usize = 4;
/// Joiners, and what chooses between the text and the emoji form of a character.
const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
const FORMS: [char; 2] = ['\u{fe0e}', '\u{fe0f}'];

/// The text without space around it; `None` if it is empty, has more than `most` characters, or has
/// what cannot be seen, changes how the rest is read, or leaves its line:
///
/// - control characters, line breaks, characters that set the direction of text, and those that Unicode
///   has not assigned or leaves to private use;
/// - invisible characters, except joiners where a script or an emoji needs them and the choice of an
///   emoji's form: elsewhere they make two texts that look the same;
/// - more than four marks on one letter, a mark twice on it, and a mark without a letter.
pub(crate) fn plain(text: &str, most: usize) -> Option<String> {
    let text = text.trim();
    let is_good = !text.is_empty() && text.chars().count() <= most && is_visible(text);
    is_good.then(|| text.to_owned())
}

fn is_visible(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    // The marks on the last letter; `None` where there is no letter.
    let mut marks: Option<Vec<char>> = None;
    for (place, letter) in letters.iter().copied().enumerate() {
        let before = place.checked_sub(1).and_then(|place| letters.get(place));
        let after = letters.get(place + 1);
        match category(letter) {
            _ if letter == JOINER || letter == NON_JOINER => {
                let (Some(before), Some(after)) = (before, after) else {
                    return false;
                };
                if !is_joined(*before, letter, *after) {
                    return false;
                }
            }
            _ if FORMS.contains(&letter) => {
                let is_emoji = |letter| CodePointSetData::new::<Emoji>().contains(letter);
                if !before.copied().is_some_and(is_emoji) {
                    return false;
                }
            }
            _ if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(letter) => {
                return false;
            }
            Category::Control
            | Category::Format
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::PrivateUse
            | Category::Surrogate
            | Category::Unassigned => return false,
            Category::NonspacingMark | Category::EnclosingMark => {
                let Some(marks) = &mut marks else {
                    return false;
                };
                if marks.len() == MARKS || marks.contains(&letter) {
                    return false;
                }
                marks.push(letter);
            }
            // Braille without a dot looks like a space.
            _ if letter == '\u{2800}' => return false,
            Category::SpaceSeparator => marks = None,
            _ => marks = Some(Vec::new()),
        }
    }
    true
}

fn category(letter: char) -> Category {
    CodePointMapData::<Category>::new().get(letter)
}

/// Whether a joiner has a meaning between these two: after a virama, between emoji, or, for the
/// non-joiner, between letters that would be joined. The first and the last are the rules for joiners in
/// names of domains: <https://www.rfc-editor.org/rfc/rfc5892#appendix-A.1>.
fn is_joined(before: char, joiner: char, after: char) -> bool {
    let class = CodePointMapData::<CanonicalCombiningClass>::new().get(before);
    if class == CanonicalCombiningClass::Virama {
        return true;
    }
    if joiner == JOINER {
        let pictures = CodePointSetData::new::<ExtendedPictographic>();
        // A skin colour or the choice of a form stands between an emoji and the joiner.
        let is_modifier = FORMS.contains(&before) || ('\u{1f3fb}'..='\u{1f3ff}').contains(&before);
        return pictures.contains(after) && (is_modifier || pictures.contains(before));
    }
    let joins = CodePointMapData::<JoiningType>::new();
    let (left, right) = (joins.get(before), joins.get(after));
    // Marks are transparent; what is before them was joined to them.
    matches!(
        left,
        JoiningType::DualJoining | JoiningType::LeftJoining | JoiningType::Transparent
    ) && matches!(
        right,
        JoiningType::DualJoining | JoiningType::RightJoining | JoiningType::Transparent
    )
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
        for good in [
            "Grüße, 你好",
            "👩‍💻 codes",
            "👩🏽‍❤️‍💋‍👩🏽",
            "🏳️‍🌈 ☺︎ 🇩🇪 1️⃣",
            "می‌خواهم",
            "क्‍ष and क्‌ष",
            "a\u{301}",
            "Tiếng Việt, e\u{323}\u{302}\u{301}",
            "בְּרֵאשִׁית",
            "ที่นี่",
        ] {
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
            "a\u{3164}b",
            "a\u{2800}b",
            // Private use, and never assigned.
            "a\u{f8ff}b",
            "a\u{ffff}b",
        ] {
            assert_eq!(plain(bad, 280), None, "{bad:?}");
        }
    }

    #[test]
    fn joiners_and_marks_are_bounded_by_what_scripts_need() {
        let marks = |count: u32| -> String {
            let letters = (0..count).filter_map(|n| char::from_u32(0x300 + n));
            std::iter::once('a').chain(letters).collect()
        };
        // Given four different marks on a letter, then they are text, and the next letter may have as many
        assert!(plain(&marks(4).repeat(2), 280).is_some());
        for bad in [
            // Texts that look like others
            "pay\u{200d}pal",
            "pay\u{200c}pal",
            "раур\u{200d}аӏ",
            "a\u{fe0f}b",
            "\u{200d}👩",
            "👩\u{200d}",
            "👩\u{200d}\u{200d}💻",
            // Texts that leave their line
            marks(5).as_str(),
            "a\u{301}\u{301}",
            "a\u{20dd}\u{20dd}",
            "\u{301}a",
            "a \u{301}",
        ] {
            assert_eq!(plain(bad, 280), None, "{bad:?}");
        }
    }
}
