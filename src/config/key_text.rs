//! What the text of a secret key looks like, and what stands around it by mistake.

use secrecy::SecretString;

use crate::redact;

/// The most that is read of a key file or of a command's output, in bytes. A key has 32.
pub(super) const MAX_KEY_BYTES: usize = 4_096;
/// What some editors write before the text of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns the key without its line end, or what is wrong with it. The problem quotes no part of it.
///
/// Keys are printable ASCII without spaces (assumed; the documented one is hexadecimal). Anything else is a wrong file,
/// and would fail later as a wrong signature.
pub(super) fn checked(bytes: &[u8]) -> Result<SecretString, &'static str> {
    let key = bytes.trim_ascii_end();
    if let Some(problem) = surroundings(key) {
        return Err(problem);
    }
    match str::from_utf8(key) {
        _ if key.is_empty() => Err("is empty: it must hold the secret key"),
        _ if key.len() < redact::SHORTEST => {
            Err("is too short for a secret key: it must have at least 8 characters")
        }
        _ if bytes.len() > MAX_KEY_BYTES => Err("is too long for a secret key"),
        Ok(text) if key.iter().all(u8::is_ascii_graphic) => Ok(text.into()),
        _ => Err("holds more than a secret key: a character that no key has. Write the key alone"),
    }
}

/// Returns what stands around the key, if that is easy to tell. It is not removed silently: nobody knows whether it is
/// part of the key.
fn surroundings(key: &[u8]) -> Option<&'static str> {
    let is_quote = |byte: Option<&u8>| byte.is_some_and(|byte| b"\"'`".contains(byte));
    let is_blank = |byte: &u8| byte.is_ascii_whitespace();
    if key.starts_with(BYTE_ORDER_MARK) {
        return Some(
            "holds more than a secret key: a byte order mark before it. Save it as plain text, without the mark",
        );
    }
    if has_name(key) {
        return Some(
            "holds more than a secret key: a name before it, such as `KEY=` in an env file. Write the key alone",
        );
    }
    if key.iter().any(|byte| b"\r\n".contains(byte)) {
        return Some("holds more than a secret key: several lines. Write the key alone, on one line");
    }
    if is_quote(key.first()) || is_quote(key.last()) {
        return Some("holds more than a secret key: quotes around it. Write the key without quotes");
    }
    if key.iter().any(is_blank) {
        return Some("holds more than a secret key: a blank. Write the key alone");
    }
    None
}

/// Returns whether the text begins as a line of an env file does: `KEY=…`, `export KEY=…`. A `=` at the end of a key is
/// the padding of Base64.
fn has_name(key: &[u8]) -> bool {
    let text = key.trim_ascii_start();
    let text = match text.strip_prefix(b"export") {
        Some(rest) if rest.first().is_some_and(u8::is_ascii_whitespace) => rest.trim_ascii_start(),
        _ => text,
    };
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = text.iter().take_while(|byte| is_name(byte)).count();
    let (name, rest) = text.split_at(length);
    let begins_a_name = name.first().is_some_and(|byte| !byte.is_ascii_digit());
    match rest.trim_ascii_start().strip_prefix(b"=") {
        Some(value) if begins_a_name => {
            value.first().is_some_and(|byte| *byte != b'=') || value_is_missing(name)
        }
        _ => false,
    }
}

/// Returns whether `name=` without a value is a name. A key in Base64 may end with one `=`.
fn value_is_missing(name: &[u8]) -> bool {
    name.contains(&b'_') || name.eq_ignore_ascii_case(b"key")
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn problem(text: &str) -> &'static str {
        checked(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_key_stands_alone_and_its_line_may_end_in_any_way() {
        for text in ["e7a31b1c", "e7a31b1c\n", "e7a31b1c\r\n", "e7a31b1c \t\n\n"] {
            assert_eq!(checked(text.as_bytes()).unwrap().expose_secret(), "e7a31b1c");
        }
        for key in ["YWJjZGVmZ2g=", "YWJjZGVmZw==", "a-b_c+d/e.f!g"] {
            assert_eq!(checked(key.as_bytes()).unwrap().expose_secret(), key);
        }
    }

    #[test]
    fn what_an_env_file_has_around_a_value_is_named() {
        for text in [
            "KEY=hunter2hunter2",
            "export KEY=hunter2hunter2",
            "export\tKEY=hunter2hunter2\r\n",
            "  JDCDN_SECRET_KEY=hunter2hunter2",
            "JDCDN_SECRET_KEY = hunter2hunter2",
            "secretKey=\"hunter2hunter2\"",
            "JDCDN_SECRET_KEY=",
            "JDCDN_USERNAME=a\nJDCDN_SECRET_KEY=hunter2hunter2\n",
        ] {
            assert!(problem(text).contains("`KEY=`"), "{text}: {}", problem(text));
        }
        for text in [
            "\"hunter2hunter2\"",
            "'hunter2hunter2'\n",
            "\"hunter2hunter2",
            "`hunter2`",
        ] {
            assert!(problem(text).contains("quotes"), "{text}: {}", problem(text));
        }
    }

    #[test]
    fn every_other_mistake_has_its_own_sentence() {
        for (text, says) in [
            ("", "is empty"),
            (" \r\n", "is empty"),
            ("hunter2", "too short"),
            ("hunter2hunter2\nhunter3", "several lines"),
            ("hunter2hunter2\rhunter3", "several lines"),
            ("\nhunter2hunter2", "several lines"),
            ("hunter2hunter2 x", "a blank"),
            (" hunter2hunter2", "a blank"),
            ("\u{feff}hunter2hunter2", "byte order mark"),
            ("hunter2höhunter2", "a character that no key has"),
        ] {
            assert!(problem(text).contains(says), "{text:?}: {}", problem(text));
        }
        assert!(checked(b"\xff\xfehunter2hunter2").is_err());
        assert!(
            checked(&[b'a'; MAX_KEY_BYTES + 1])
                .unwrap_err()
                .contains("too long")
        );
    }
}
