//! JSON token by token (RFC 8259), with no tree behind it.
//!
//! The cursor borrows the text, checks every byte that it passes, and knows where it stands, so that a piece
//! of the answer can be kept exactly as it was received.

use super::json_string::RawString;

/// How deep arrays and objects may be nested inside a skipped value.
const MAX_DEPTH: u32 = 128;

/// The text is not JSON, or not the JSON that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub(in crate::api) struct JsonError {
    pub(in crate::api) problem: &'static str,
    pub(in crate::api) at: usize,
}

/// A key that probably comes next.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct ExpectedKey<'a> {
    /// As between its quotes.
    text: &'a str,
    /// Its quotes, text and colon as one number, which compares faster than text; 0 where they do not fit.
    word: u64,
    /// The bits of `word` that matter; 0 where it does not hold the key.
    mask: u64,
}

impl<'a> ExpectedKey<'a> {
    pub(in crate::api) fn new(key: RawString<'a>) -> Self {
        let text = key.text();
        let mut word = [0; 8];
        let mut mask = [0; 8];
        let fits = text.len() + 3 <= word.len();
        let token = b"\"".iter().chain(text.as_bytes()).chain(b"\":");
        for ((byte, bits), token) in word.iter_mut().zip(&mut mask).zip(token).filter(|_| fits) {
            (*byte, *bits) = (*token, 0xff);
        }
        Self {
            text,
            word: u64::from_le_bytes(word),
            mask: u64::from_le_bytes(mask),
        }
    }
}

/// A place in a JSON text.
#[derive(Debug, Clone)]
pub(in crate::api) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At byte `at` of `text`.
    pub(in crate::api) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// Where the next token begins, in bytes.
    pub(in crate::api) fn position(&mut self) -> usize {
        self.skip_space();
        self.at
    }

    /// Everything from the next token here to where `other` stands.
    pub(in crate::api) fn until(mut self, other: &Self) -> &'a str {
        self.text.get(self.position()..other.at).unwrap_or_default()
    }

    /// Goes back to byte `at`.
    pub(in crate::api) fn go_back(&mut self, at: usize) {
        self.at = at;
    }

    /// The first byte of the next token.
    #[inline]
    pub(in crate::api) fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.byte()
    }

    /// Passes `token` if it comes next.
    #[inline]
    pub(in crate::api) fn eat(&mut self, token: u8) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    /// Passes `token`, which must come next.
    pub(in crate::api) fn expect(&mut self, token: u8, problem: &'static str) -> Result<(), JsonError> {
        if self.eat(token) {
            Ok(())
        } else {
            Err(self.error(problem))
        }
    }

    /// Nothing but white space may follow.
    pub(in crate::api) fn end(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error("something follows the end")),
        }
    }

    /// Inside an array: passes a comma and says that an element follows, or passes the closing bracket.
    pub(in crate::api) fn next_element(&mut self, first: &mut bool) -> Result<bool, JsonError> {
        if std::mem::take(first) {
            return Ok(!self.eat(b']'));
        }
        if self.eat(b',') {
            return Ok(true);
        }
        self.expect(b']', "no `,` or `]` after an element")?;
        Ok(false)
    }

    /// Inside an object: passes the next member's key and colon, or the closing brace.
    pub(in crate::api) fn next_key(&mut self, first: &mut bool) -> Result<Option<RawString<'a>>, JsonError> {
        let ended = if std::mem::take(first) {
            self.eat(b'}')
        } else if self.eat(b',') {
            false
        } else {
            self.expect(b'}', "no `,` or `}` after a member")?;
            true
        };
        if ended {
            return Ok(None);
        }
        let key = self.string()?;
        self.expect(b':', "no `:` after a key")?;
        Ok(Some(key))
    }

    /// Passes a string.
    pub(in crate::api) fn string(&mut self) -> Result<RawString<'a>, JsonError> {
        self.expect(b'"', "no string")?;
        let start = self.at;
        loop {
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    self.pass_escape()?;
                }
                None | Some(0..0x20) => {
                    return Err(self.error("a string without an end, or a control character in it"));
                }
                Some(_) => self.at += 1,
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok(RawString::new(text, start))
    }

    /// Passes a number, and gives its text.
    pub(in crate::api) fn number(&mut self) -> Result<&'a str, JsonError> {
        self.skip_space();
        let start = self.at;
        self.pass(b"-");
        if !self.pass(b"0") {
            self.pass_digits()?;
        }
        if self.pass(b".") {
            self.pass_digits()?;
        }
        if self.pass(b"eE") {
            self.pass(b"+-");
            self.pass_digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Passes a number of at most 18 digits without sign, fraction and exponent: nearly all that there are.
    /// Stays where it is before anything else.
    #[inline]
    pub(in crate::api) fn plain_number(&mut self) -> Option<i64> {
        self.skip_space();
        let rest = self.text.as_bytes().get(self.at..)?;
        let length = rest
            .iter()
            .take(19)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, after) = rest.split_at_checked(length)?;
        let taken = match (digits, after.first()?) {
            ([] | [b'0', _, ..], _) | (_, b'0'..=b'9' | b'.' | b'e' | b'E') => return None,
            _ if length > 18 => return None,
            _ => digits,
        };
        self.at += length;
        // 18 digits always fit.
        Some(taken.iter().fold(0_i64, |value, byte| {
            value.wrapping_mul(10).wrapping_add(i64::from(byte - b'0'))
        }))
    }

    /// Passes `key` and its colon if they stand here letter by letter, without space before the colon.
    /// Stays where it is before anything else.
    #[inline]
    pub(in crate::api) fn eat_key(&mut self, key: ExpectedKey<'_>) -> bool {
        self.skip_space();
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let found = match rest.first_chunk() {
            Some(word) if key.mask != 0 => u64::from_le_bytes(*word) & key.mask == key.word,
            _ => rest
                .strip_prefix(b"\"")
                .and_then(|rest| rest.strip_prefix(key.text.as_bytes()))
                .is_some_and(|rest| rest.starts_with(b"\":")),
        };
        if found {
            self.at += key.text.len() + 3;
        }
        found
    }

    /// Passes any value, and gives its text.
    pub(in crate::api) fn skip_value(&mut self) -> Result<&'a str, JsonError> {
        let start = self.position();
        self.skip_nested(0)?;
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn skip_nested(&mut self, depth: u32) -> Result<(), JsonError> {
        let mut first = true;
        match self.peek() {
            Some(b'[' | b'{') if depth == MAX_DEPTH => return Err(self.error("values nested too deep")),
            Some(b'[') => {
                self.at += 1;
                while self.next_element(&mut first)? {
                    self.skip_nested(depth + 1)?;
                }
            }
            Some(b'{') => {
                self.at += 1;
                while self.next_key(&mut first)?.is_some() {
                    self.skip_nested(depth + 1)?;
                }
            }
            Some(b'"') => {
                self.string()?;
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
            }
            _ => self.pass_word()?,
        }
        Ok(())
    }

    fn pass_word(&mut self) -> Result<(), JsonError> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let word = ["true", "false", "null"]
            .into_iter()
            .find(|word| rest.starts_with(word.as_bytes()))
            .ok_or_else(|| self.error("no value"))?;
        self.at += word.len();
        Ok(())
    }

    fn pass_escape(&mut self) -> Result<(), JsonError> {
        let problem = "an unknown escape in a string";
        if self.pass(b"\"\\/bfnrt") {
            return Ok(());
        }
        if !self.pass(b"u") {
            return Err(self.error(problem));
        }
        for _ in 0..4 {
            if !self.byte().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                return Err(self.error(problem));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn pass_digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.error("no digit where a number needs one"));
        }
        Ok(())
    }

    /// Passes the next byte if it is one of `wanted`.
    fn pass(&mut self, wanted: &[u8]) -> bool {
        let found = self.byte().is_some_and(|byte| wanted.contains(&byte));
        self.at += usize::from(found);
        found
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, problem: &'static str) -> JsonError {
        JsonError { problem, at: self.at }
    }
}

#[cfg(test)]
mod tests;
