//! A domain name that can be asked for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::text;

/// The longest host name (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;
/// The longest label of a host name (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;

/// A checked host name: lower case, punycode, possibly a wildcard as the vendor writes it
/// (`*.a.com` or `.a.com`).
///
/// Cheap to clone. Two names that differ in case only, or in Unicode against punycode, are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Arc<str>);

/// Why a text is no domain name; the text is part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// Nothing, or white space only.
    #[error("a domain name is empty: give host names such as `www.a.com`")]
    Empty,
    /// A scheme, path, port, user or space is part of it.
    #[error("`{given}` is not a domain name: it holds {part}; give the host name alone, such as `{example}`")]
    NotAlone {
        /// The rejected text, made safe to print.
        given: String,
        /// The parts that do not belong there.
        part: &'static str,
        /// A corrected example.
        example: String,
    },
    /// It breaks the rules of host names.
    #[error("`{given}` is not a domain name: {reason}")]
    Invalid {
        /// The rejected text, made safe to print.
        given: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
}

impl Domain {
    /// Returns the name in lower case and punycode.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a name as an answer of the API writes it. Blanks around it and a final dot do not matter.
    ///
    /// # Errors
    /// As [`Domain::from_str`].
    pub fn from_answer(written: &str) -> Result<Self, DomainError> {
        let is_blank = |char: char| char.is_whitespace() || matches!(char, '\u{200b}' | '\u{feff}');
        let name = written.trim_matches(is_blank);
        name.strip_suffix('.').unwrap_or(name).parse()
    }

    /// Whether both names mean the same domain: they are equal, or one is `*.a.com` and the other `.a.com`.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let host = self.wildcard_host();
        self == other || (host.is_some() && host == other.wildcard_host())
    }

    /// Returns the host name of a wildcard, `a.com` of both `*.a.com` and `.a.com`; `None` for a plain name.
    #[must_use]
    pub fn wildcard_host(&self) -> Option<&str> {
        let name = self.as_str();
        name.strip_prefix("*.").or_else(|| name.strip_prefix('.'))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    /// Checks and normalises a name as a person or the API wrote it.
    fn from_str(given: &str) -> Result<Self, DomainError> {
        if given.trim().is_empty() {
            return Err(DomainError::Empty);
        }
        if let Some(part) = foreign_part(given) {
            return Err(DomainError::NotAlone {
                given: text::printable(given),
                part,
                example: host_of(given),
            });
        }
        let invalid = |reason| DomainError::Invalid {
            given: text::printable(given),
            reason,
        };
        // The wildcard mark is the vendor's, not part of the host name: it is set aside and put back.
        let (mark, host) = match given.strip_prefix("*.") {
            Some(host) => ("*.", host),
            None => given.strip_prefix('.').map_or(("", given), |host| (".", host)),
        };
        let ascii = if host.is_ascii() {
            host.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(host).map_err(|_| invalid("it cannot be written in punycode"))?
        };
        check_host(&ascii).map_err(invalid)?;
        if mark.len() + ascii.len() > MAX_NAME {
            return Err(invalid("it is longer than 253 characters"));
        }
        Ok(Self(format!("{mark}{ascii}").into()))
    }
}

/// The rules of host names (RFC 1123, section 2.1), with the underscore that CDN names are known to use.
fn check_host(host: &str) -> Result<(), &'static str> {
    if !host.contains('.') {
        return Err("it has no dot; give the whole name, such as `www.a.com`");
    }
    for label in host.split('.') {
        if label.is_empty() {
            return Err("two dots follow each other, or a dot ends it");
        }
        if label.len() > MAX_LABEL {
            return Err("a part between dots is longer than 63 characters");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("a part between dots begins or ends with a hyphen");
        }
        if !label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            return Err("only letters, digits, hyphens and dots may stand in it, and `*.` at its front");
        }
    }
    if host
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Err("it is an address, not a name");
    }
    Ok(())
}

/// Names what is in `given` beside a host name.
fn foreign_part(given: &str) -> Option<&'static str> {
    if given.contains("://") {
        Some("a scheme")
    } else if given.contains(',') {
        Some("a comma")
    } else if given.chars().any(char::is_whitespace) {
        Some("a space")
    } else if given.contains(['/', '?', '#', '\\']) {
        Some("a path")
    } else if given.contains('@') {
        Some("a user name")
    } else if given.contains(':') {
        Some("a port")
    } else {
        None
    }
}

/// Returns the host name that `given` probably means, for the hint.
fn host_of(given: &str) -> String {
    let rest = given
        .trim()
        .split_once("://")
        .map_or(given.trim(), |(_, rest)| rest);
    let host = rest
        .split(|char: char| "/?#\\:, ".contains(char) || char.is_whitespace())
        .next()
        .unwrap_or(rest);
    let host = host.rsplit('@').next().unwrap_or(host);
    if host.contains('.') {
        text::printable(&host.to_lowercase())
    } else {
        "www.a.com".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(given: &str) -> String {
        given.parse::<Domain>().unwrap().to_string()
    }

    fn refused(given: &str) -> String {
        given.parse::<Domain>().unwrap_err().to_string()
    }

    #[test]
    fn case_and_unicode_do_not_matter_and_wildcards_stay() {
        assert_eq!(parsed("WWW.A.com"), "www.a.com");
        assert_eq!(parsed("bücher.example"), "xn--bcher-kva.example");
        assert_eq!(parsed("BÜCHER.example"), parsed("xn--bcher-kva.example"));
        assert_eq!(parsed("*.a.com"), "*.a.com");
        assert_eq!(parsed(".a.com"), ".a.com");
        assert_eq!(parsed("img_1.a-b.com"), "img_1.a-b.com");
    }

    #[test]
    fn both_forms_of_a_wildcard_have_one_host() {
        let host = |given: &str| {
            given
                .parse::<Domain>()
                .unwrap()
                .wildcard_host()
                .map(str::to_owned)
        };
        assert_eq!(host("*.a.com").as_deref(), Some("a.com"));
        assert_eq!(host(".A.com").as_deref(), Some("a.com"));
        assert_eq!(host("www.a.com"), None);
    }

    #[test]
    fn a_refusal_names_the_value_and_the_way_out() {
        assert_eq!(
            refused("https://www.A.com:8443/x"),
            "`https://www.A.com:8443/x` is not a domain name: it holds a scheme; give the host name alone, such as `www.a.com`"
        );
        for (given, part) in [
            ("www.a.com/x", "a path"),
            ("www.a.com:80", "a port"),
            ("www.a.com ", "a space"),
            ("a.com,b.com", "a comma"),
            ("me@a.com", "a user name"),
        ] {
            let message = refused(given);
            assert!(message.contains(given) && message.contains(part), "{message}");
        }
        assert_eq!(refused(" "), DomainError::Empty.to_string());
        let long = format!("{}.com", "a".repeat(64));
        for given in [
            "localhost",
            "a..com",
            "a.com.",
            "-a.com",
            "a-.com",
            "a*.com",
            "*.*.com",
            "1.2.3.4",
            "..com",
            "a\u{1b}.com",
            &long,
        ] {
            let message = refused(given);
            assert!(message.contains(&text::printable(given)), "{message}");
            assert!(!message.contains('\u{1b}'), "{message}");
        }
        let longest = format!("{}com", "abcdefghi.".repeat(25));
        assert_eq!(longest.len(), 253);
        assert_eq!(parsed(&longest), longest);
        assert!(refused(&format!("*.{longest}")).contains("longer than 253"));
    }
}
