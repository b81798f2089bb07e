//! The hosts that are asked without a proxy (`NO_PROXY`).

use std::net::IpAddr;

use super::text;

/// The hosts that are asked without a proxy.
///
/// The value is a list with commas or blanks. An entry is `*`, a domain with all below it (`a.com`, `.a.com`, `*.a.com`),
/// a name with wildcards (`*.corp.*`), an address, or a range of addresses (`10.0.0.0/8`). A port may follow a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoProxy(Vec<Entry>);

/// An entry that cannot be read; the entry is part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{entry}` is not a host; write names, addresses and ranges with commas, such as `localhost,.example.com,10.0.0.0/8`"
)]
pub struct NoProxyError {
    entry: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    written: String,
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    All,
    /// An address with the number of its leading bits that count.
    Range(IpAddr, u8),
    /// A domain, and everything below it.
    Below(String),
    /// A name in which `*` stands for any text.
    Pattern(String),
}

impl NoProxy {
    /// Reads the value of the variable.
    pub fn parse(given: &str) -> Result<Self, NoProxyError> {
        let entries = given.split(|char: char| char == ',' || char.is_whitespace());
        let entries = entries.filter(|entry| !entry.is_empty());
        entries
            .map(|written| {
                Entry::parse(written).ok_or_else(|| NoProxyError {
                    entry: shown(written),
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Returns the entry that covers `host` and `port`, as it was written. Names are not looked up.
    #[must_use]
    pub fn entry_for(&self, host: &str, port: u16) -> Option<&str> {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_lowercase();
        let covers = |entry: &&Entry| entry.port.is_none_or(|of| of == port) && entry.hosts.cover(&host);
        self.0.iter().find(covers).map(|entry| &*entry.written)
    }
}

impl Entry {
    fn parse(written: &str) -> Option<Self> {
        let (host, port) = match written.rsplit_once(':') {
            // A colon in an IPv6 address is not before a port.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().ok()?))
            }
            _ => (written, None),
        };
        Some(Self {
            written: text::printable(written),
            hosts: Hosts::parse(host)?,
            port,
        })
    }
}

impl Hosts {
    fn parse(host: &str) -> Option<Self> {
        if host == "*" {
            return Some(Self::All);
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Some(Self::Range(address, bits(address)));
        }
        if let Some((address, length)) = host.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let length = length.parse().ok().filter(|length| *length <= bits(address))?;
            return Some(Self::Range(address, length));
        }
        let name = host
            .strip_prefix("*.")
            .or_else(|| host.strip_prefix('.'))
            .unwrap_or(host);
        if name.is_ascii() {
            let name = name.trim_end_matches('.').to_lowercase();
            let is_known = |char: char| char.is_ascii_alphanumeric() || "-._*".contains(char);
            if name.is_empty() || !name.chars().all(is_known) {
                return None;
            }
            let is_pattern = name.contains('*');
            return Some(if is_pattern {
                Self::Pattern(name)
            } else {
                Self::Below(name)
            });
        }
        idna::domain_to_ascii(name).ok().map(Self::Below)
    }

    fn cover(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Range(address, length) => host.parse().is_ok_and(|host| in_range(host, *address, *length)),
            Self::Below(name) => {
                let above = host.strip_suffix(name.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            Self::Pattern(pattern) => fits(host, pattern),
        }
    }
}

/// Returns how many bits an address of this kind has.
fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Returns whether the first `length` bits of both addresses are the same.
fn in_range(host: IpAddr, address: IpAddr, length: u8) -> bool {
    match (host, address) {
        (IpAddr::V4(host), IpAddr::V4(address)) => {
            let differing = host.to_bits() ^ address.to_bits();
            differing.leading_zeros() >= u32::from(length)
        }
        (IpAddr::V6(host), IpAddr::V6(address)) => {
            let differing = host.to_bits() ^ address.to_bits();
            differing.leading_zeros() >= u32::from(length)
        }
        _ => false,
    }
}

/// Returns whether `host` is the pattern with some text for each `*`.
fn fits(host: &str, pattern: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('*') else {
        return host == pattern;
    };
    let Some(host) = host.strip_prefix(before) else {
        return false;
    };
    (0..=host.len()).any(|skipped| host.get(skipped..).is_some_and(|host| fits(host, rest)))
}

/// An entry for a message. With `@` it may be an address with a password.
fn shown(written: &str) -> String {
    if written.contains('@') {
        "…@…".to_owned()
    } else {
        text::printable(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_covers_a_domain_and_what_is_below_it_an_address_or_a_range() {
        for (list, host, is_covered) in [
            ("*", "opencdn.jcloud.com", true),
            ("jcloud.com", "opencdn.jcloud.com", true),
            (".jcloud.com", "opencdn.jcloud.com", true),
            ("*.jcloud.com", "opencdn.jcloud.com", true),
            ("OpenCDN.jcloud.com.", "opencdn.JCLOUD.com.", true),
            ("cloud.com", "opencdn.jcloud.com", false),
            ("opencdn.jcloud.com.cn", "opencdn.jcloud.com", false),
            ("opencdn.*.com", "opencdn.jcloud.com", true),
            ("192.168.*", "192.168.3.4", true),
            ("192.168.*", "10.0.0.1", false),
            ("localhost, jcloud.com", "opencdn.jcloud.com", true),
            ("localhost jcloud.com", "opencdn.jcloud.com", true),
            ("jcloud.com:443", "opencdn.jcloud.com", true),
            ("jcloud.com:80", "opencdn.jcloud.com", false),
            ("10.0.0.0/8", "10.9.8.7", true),
            ("10.0.0.0/8", "11.9.8.7", false),
            ("0.0.0.0/0", "11.9.8.7", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3:443", "10.1.2.3", true),
            ("2001:db8::/32", "[2001:db8::7]", true),
            ("2001:db8::7", "[2001:DB8::7]", true),
            ("[2001:db8::7]:443", "[2001:db8::7]", true),
            ("[2001:db8::7]:80", "[2001:db8::7]", false),
            ("2001:db8::/32", "10.0.0.1", false),
            ("例子.com", "xn--fsqu00a.com", true),
            ("", "opencdn.jcloud.com", false),
            (" , ,", "opencdn.jcloud.com", false),
        ] {
            let covered = NoProxy::parse(list).unwrap().entry_for(host, 443).is_some();
            assert_eq!(covered, is_covered, "{list} {host}");
        }
    }

    #[test]
    fn what_is_no_entry_is_named_unless_it_may_hold_a_password() {
        for wrong in [
            "http://jcloud.com",
            "jcloud.com;localhost",
            "<local>",
            "10.0.0.0/33",
            "10.0.0/8",
            "jcloud.com/x",
            "jcloud.com:https",
            ".",
            "a|b",
        ] {
            let list = format!("localhost,{wrong}");
            let error = NoProxy::parse(&list).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{wrong}` is not a host")), "{error}");
        }
        let error = NoProxy::parse("http://me:hunter2@proxy").unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
