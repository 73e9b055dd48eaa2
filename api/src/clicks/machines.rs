//! Which user agents are machines: the patterns of the package isbot, compiled once.

use std::sync::LazyLock;

use fancy_regex::Regex;
use regex::bytes::{RegexSet, RegexSetBuilder};

/// The package's list, one pattern a line.
const LIST: &str = include_str!("agents/machines.txt");
/// Bytes of a user agent that are read. Those of browsers have at most about 400.
const READ: usize = 1_024;
/// Steps of a pattern that looks around, after which it does not match.
const STEPS: usize = 100_000;

static MACHINES: LazyLock<Machines> = LazyLock::new(|| Machines::new(patterns()));

/// Whether the user agent is that of a crawler, a library, a monitor or another machine.
pub(super) fn is_machine(agent: &str) -> bool {
    MACHINES.names(agent)
}

/// Compiles the patterns now, so that no click waits for it.
pub(crate) fn prepare() {
    LazyLock::force(&MACHINES);
}

fn patterns() -> impl Iterator<Item = &'static str> {
    LIST.lines().filter(|line| !line.starts_with('#'))
}

struct Machines {
    /// Those that are regular: found in one pass over the text.
    regular: RegexSet,
    /// Those that look around.
    others: Vec<Regex>,
}

impl Machines {
    /// # Panics
    /// If a pattern is none. The list is part of the program, and a test compiles it.
    fn new(patterns: impl Iterator<Item = &'static str>) -> Self {
        let looks_around = |pattern: &&str| {
            ["(?<!", "(?<=", "(?!", "(?="]
                .iter()
                .any(|mark| pattern.contains(mark))
        };
        let (others, regular): (Vec<&str>, Vec<&str>) = patterns.partition(looks_around);
        Self {
            // The list is written for JavaScript, where classes are of ASCII.
            regular: RegexSetBuilder::new(regular)
                .case_insensitive(true)
                .unicode(false)
                .build()
                .expect("the list's patterns are regular expressions"),
            others: others
                .into_iter()
                .map(|pattern| {
                    fancy_regex::RegexBuilder::new(pattern)
                        .case_insensitive(true)
                        .backtrack_limit(STEPS)
                        .build()
                        .expect("the list's patterns are regular expressions")
                })
                .collect(),
        }
    }

    fn names(&self, agent: &str) -> bool {
        let agent = beginning(agent, READ);
        self.regular.is_match(agent.as_bytes())
            || self
                .others
                .iter()
                .any(|pattern| pattern.is_match(agent).unwrap_or(false))
    }
}

/// At most so many bytes of the text.
fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or_default();
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_whole_package() {
        // isbot 5.2.3 has 206 patterns, six of which look around.
        assert_eq!(patterns().count(), 206);
        let machines = Machines::new(patterns());
        assert_eq!(machines.others.len(), 6);
        assert_eq!(machines.regular.len(), 200);
    }

    #[test]
    fn patterns_that_look_around_are_read_as_they_are_written() {
        // `scan`, but not of a camera, and `bot`, but not of a Cubot telephone
        for (agent, expected) in [
            ("Mozilla/5.0 (X11) scanner", true),
            ("Mozilla/5.0 (X11) camscanner", false),
            ("Mozilla/5.0 (Linux; Android 9; CUBOT X19)", false),
            ("Mozilla/5.0 (Linux; Android 9; bot X19)", true),
        ] {
            assert_eq!(is_machine(agent), expected, "{agent}");
        }
    }

    #[test]
    fn the_length_of_a_user_agent_has_a_bound() {
        assert_eq!(beginning("aäb", 2), "a");
        assert_eq!(beginning("aäb", 3), "aä");
        assert_eq!(beginning("", 9), "");
        // The text after the bound is not read.
        let long = format!("Mozilla/5.0 {} spider", "(x) ".repeat(READ / 4));
        assert!(!is_machine(&long));
    }
}
