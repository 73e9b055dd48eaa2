//! The kind of device that a user agent names.

/// Lower-case parts of user agents of televisions, consoles and boxes.
const OTHERS: [&str; 20] = [
    "smart-tv",
    "smarttv",
    "googletv",
    "google tv",
    "android tv",
    "appletv",
    "apple tv",
    "hbbtv",
    "netcast",
    "web0s",
    "webos",
    "bravia",
    "aftb",
    "aftm",
    "aftt",
    "crkey",
    "roku",
    "playstation",
    "xbox",
    "nintendo",
];
/// Lower-case parts of those of tablets.
const TABLETS: [&str; 5] = ["ipad", "tablet", "kindle", "silk/", "playbook"];
/// Lower-case parts of those of phones.
const PHONES: [&str; 8] = [
    "iphone",
    "ipod",
    "windows phone",
    "iemobile",
    "opera mini",
    "blackberry",
    "bb10",
    "kaios",
];
/// Lower-case parts of those of desktop systems.
const DESKTOPS: [&str; 6] = [
    "windows nt",
    "macintosh",
    "cros ",
    "x11",
    "linux x86_64",
    "linux i686",
];

/// `phone`, `tablet`, `desktop` or `other`. A user agent says what its owner wants; an iPad that asks for
/// desktop pages says that it is a Macintosh.
pub(crate) fn device(agent: &str) -> &'static str {
    let agent = agent.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| agent.contains(part));
    if has(&OTHERS) {
        "other"
    } else if has(&TABLETS) {
        "tablet"
    } else if has(&PHONES) {
        "phone"
    } else if agent.contains("android") {
        // Chrome says `Mobile` on phones alone:
        // <https://developer.chrome.com/docs/multidevice/user-agent>
        if agent.contains("mobile") {
            "phone"
        } else {
            "tablet"
        }
    } else if has(&DESKTOPS) {
        "desktop"
    } else if agent.contains("mobile") {
        "phone"
    } else {
        "other"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_agents_are_of_their_devices() {
        // Given the published user agents with the kind of device that their publisher measured
        let list = include_str!("agents/devices.txt");
        let rows: Vec<(&str, &str)> = list
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_once('\t').unwrap())
            .collect();
        for (kind, number) in [("phone", 811), ("desktop", 125), ("tablet", 16)] {
            let of = rows.iter().filter(|(published, _)| *published == kind);
            assert_eq!(of.count(), number, "{kind}");
        }
        // Then each is of that kind
        for (kind, agent) in rows {
            assert_eq!(device(agent), kind, "{agent}");
        }
    }

    #[test]
    fn what_is_no_computer_and_no_phone_is_other() {
        for agent in [
            "",
            "curl/8.5.0",
            "Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) AppleWebKit/537.36 (KHTML, like Gecko) \
             SamsungBrowser/2.2 Chrome/63.0.3239.84 TV Safari/537.36",
            "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/79.0 Safari/537.36",
            "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) \
             Version/13.0 Safari/605.1.15",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox Series X) AppleWebKit/537.36 (KHTML, \
             like Gecko) Chrome/126.0.0.0 Safari/537.36 Edge/20.02",
        ] {
            assert_eq!(device(agent), "other", "{agent}");
        }
    }
}
