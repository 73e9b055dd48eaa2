use core::{fmt, str::FromStr};

/// A referral code: 6 to 12 characters of `A`-`Z` and `2`-`9`, without `O`,
/// `I` and `L`, which people confuse with `0` and `1`.
///
/// A value of this type is always valid, and always in upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    padded: [u8; Code::MAX_LEN],
    len: u8,
}

/// The text is not a referral code: see [`Code`] for the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCode;

impl Code {
    /// Fewest characters of a code.
    pub const MIN_LEN: usize = 6;
    /// Most characters of a code.
    pub const MAX_LEN: usize = 12;
    /// The characters that a code may have.
    pub const ALPHABET: &'static [u8; 31] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789";

    /// Reads a code that is already in upper case.
    ///
    /// # Errors
    /// [`InvalidCode`] when `bytes` break the rule. Lower case breaks it.
    pub const fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidCode> {
        if bytes.len() < Self::MIN_LEN || bytes.len() > Self::MAX_LEN {
            return Err(InvalidCode);
        }
        let mut padded = [0; Self::MAX_LEN];
        let mut i = 0;
        while i < bytes.len() {
            if !is_allowed(bytes[i]) {
                return Err(InvalidCode);
            }
            padded[i] = bytes[i];
            i = i.wrapping_add(1);
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most MAX_LEN")]
        let len = bytes.len() as u8;
        Ok(Self { padded, len })
    }

    /// Reads a code as accounts and instructions store it: followed by zeros.
    ///
    /// # Errors
    /// [`InvalidCode`] when the bytes before the zeros break the rule, or
    /// something other than zeros follows them.
    pub const fn from_padded(padded: &[u8; Self::MAX_LEN]) -> Result<Self, InvalidCode> {
        let mut len = Self::MAX_LEN;
        while len > 0 && padded[len.wrapping_sub(1)] == 0 {
            len = len.wrapping_sub(1);
        }
        let (code, _zeros) = padded.split_at(len);
        Self::from_bytes(code)
    }

    /// The code followed by zeros, as accounts and instructions store it.
    #[must_use]
    pub const fn to_padded(self) -> [u8; Self::MAX_LEN] {
        self.padded
    }

    /// Number of characters, from [`Self::MIN_LEN`] to [`Self::MAX_LEN`].
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a code is never empty")]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// The code's characters.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.padded.split_at(self.len as usize).0
    }

    /// The code's characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every byte is ASCII, so the default is never taken.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

const fn is_allowed(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'2'..=b'9') && !matches!(byte, b'O' | b'I' | b'L')
}

impl FromStr for Code {
    type Err = InvalidCode;

    /// Reads a code as people type it: in either case.
    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        let mut upper = [0; Self::MAX_LEN];
        let upper = upper.get_mut(..text.len()).ok_or(InvalidCode)?;
        upper.copy_from_slice(text.as_bytes());
        upper.make_ascii_uppercase();
        Self::from_bytes(upper)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({self})")
    }
}

impl fmt::Display for InvalidCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code has 6 to 12 characters of A-Z and 2-9, without the letters O, I and L")
    }
}

impl core::error::Error for InvalidCode {}
