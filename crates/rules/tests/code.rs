//! The rule of codes: I12 of docs/INVARIANTS.md.

use vouch_rules::{Code, InvalidCode};

#[test]
fn every_byte_is_judged_at_every_place() {
    for place in 0..Code::MAX_LEN {
        for byte in 0..=u8::MAX {
            // Given a good code of twelve characters with one byte replaced
            let mut text = *b"ABCDEFGHJKMN";
            text[place] = byte;

            // When it is read, then it is a code if and only if the alphabet has the byte
            let read = Code::from_bytes(&text);
            assert_eq!(
                read.is_ok(),
                Code::ALPHABET.contains(&byte),
                "{byte} at {place}"
            );
        }
    }
}

#[test]
fn the_alphabet_is_letters_and_digits_without_lookalikes() {
    let expected: Vec<u8> = (b'A'..=b'Z')
        .chain(b'2'..=b'9')
        .filter(|b| !b"OIL".contains(b))
        .collect();
    assert_eq!(Code::ALPHABET.as_slice(), expected);
}

#[test]
fn lengths_from_six_to_twelve_are_taken() {
    for len in 0..=20 {
        let read = Code::from_bytes(&vec![b'A'; len]);
        assert_eq!(read.is_ok(), (6..=12).contains(&len), "{len}");
        if let Ok(code) = read {
            assert_eq!(usize::from(code.len()), len);
            assert_eq!(code.as_str(), "A".repeat(len));
        }
    }
}

#[test]
fn people_may_type_either_case_and_the_chain_may_not() {
    for text in ["starter7", "STARTER7", "sTaRtEr7"] {
        let code: Code = text.parse().expect("a code");
        assert_eq!(code.to_string(), "STARTER7");
    }
    assert_eq!(Code::from_bytes(b"starter7"), Err(InvalidCode));
    // Letters whose upper case Unicode makes from others: a sharp s, a dotless i
    for text in ["abcdeß", "abcdeı", "ſſſſſſ"] {
        assert_eq!(text.parse::<Code>(), Err(InvalidCode), "{text}");
    }
}

#[test]
fn padding_is_zeros_to_the_end() {
    for (padded, expected) in [
        (b"STARTER7\0\0\0\0", Some("STARTER7")),
        (b"ABCDEF\0\0\0\0\0\0", Some("ABCDEF")),
        (b"ABCDEFGHJKMN", Some("ABCDEFGHJKMN")),
        (b"ABCDE\0\0\0\0\0\0\0", None),
        (b"\0\0\0\0\0\0\0\0\0\0\0\0", None),
        (b"ABCDEF\0\0\0\0\0A", None),
        (b"ABC\0DEFG\0\0\0\0", None),
        (b"\0ABCDEFG\0\0\0\0", None),
        (b"STARTER7    ", None),
    ] {
        // When padded bytes are read, then they are the code that they were made from
        let read = Code::from_padded(padded).ok();
        assert_eq!(read.as_ref().map(Code::as_str), expected, "{padded:?}");
        assert!(read.is_none_or(|code| code.to_padded() == *padded));
    }
}

#[test]
fn codes_of_every_length_survive_their_padding() {
    for len in Code::MIN_LEN..=Code::MAX_LEN {
        // Given a code of this length
        let text = &b"ABCDEFGHJKMN"[..len];
        let code = Code::from_bytes(text).expect("a code");

        // When it is padded, then zeros follow it, and it can be read again
        let padded = code.to_padded();
        assert_eq!(padded[..len], *text);
        assert!(padded[len..].iter().all(|&byte| byte == 0));
        assert_eq!(Code::from_padded(&padded), Ok(code));

        // And no other byte may be zero
        for place in 0..len - 1 {
            let mut broken = padded;
            broken[place] = 0;
            assert_eq!(Code::from_padded(&broken), Err(InvalidCode));
        }
    }
}

#[test]
fn a_code_and_its_absence_can_be_shown() {
    // Given a code shorter than its padding
    let code: Code = "starter7".parse().expect("a code");

    // When it is printed, then the zeros are left out
    assert_eq!(code.to_string(), "STARTER7");
    assert_eq!(format!("{code:?}"), "Code(STARTER7)");
    assert_eq!(
        InvalidCode.to_string(),
        "a code has 6 to 12 characters of A-Z and 2-9, without the letters O, I and L"
    );
}
