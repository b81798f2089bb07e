//! The address of a proxy, as an environment variable gives it.

use std::fmt;
use std::net::Ipv6Addr;

use url::{Host, Url};

/// The schemes of the proxies that are known, with the port of an address that names none.
const SCHEMES: [(&str, u16); 6] = [
    ("http", 80),
    ("https", 443),
    ("socks4", 1080),
    ("socks4a", 1080),
    ("socks5", 1080),
    ("socks5h", 1080),
];

/// A proxy. Neither `Display` nor `Debug` shows its user name or its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    scheme: &'static str,
    host: String,
    port: u16,
    /// The whole address, with the password.
    url: Url,
}

/// Why a text is not the address of a proxy. The text is not part of the message, because it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Another scheme than those of `SCHEMES`.
    #[error("its scheme is not one of `http`, `https`, `socks4`, `socks4a`, `socks5` and `socks5h`")]
    Scheme,
    /// Something stands where the address must end, or a character that no address has.
    #[error(
        "a blank, a control character, `/`, `?`, `#` or `\\` is in the wrong place; in a password write `%2F` for `/`"
    )]
    Form,
    /// No name and no address.
    #[error(
        "it has no host, or one that is neither a name nor an address; an IPv6 address stands in brackets"
    )]
    Host,
    /// The port.
    #[error("its port is not a number from 1 to 65535")]
    Port,
}

impl Proxy {
    /// Reads an address such as `http://user:password@proxy.example:3128`. Without a scheme it is an HTTP proxy.
    ///
    /// Strict, because a library that cannot read the address goes without the proxy, and says nothing.
    pub fn parse(given: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = given.split_once("://").unwrap_or(("http", given));
        let known = SCHEMES
            .into_iter()
            .find(|(name, _)| scheme.eq_ignore_ascii_case(name));
        let (scheme, default_port) = known.ok_or(ProxyError::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let is_wrong = |char: char| char.is_whitespace() || char.is_control() || "/?#\\".contains(char);
        if rest.contains(is_wrong) {
            return Err(ProxyError::Form);
        }
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, rest),
        };
        let (host, port) = split_port(address)?;
        let host = checked_host(host)?;
        let port = match port {
            None => default_port,
            Some(port) => number(port).filter(|port| *port > 0).ok_or(ProxyError::Port)?,
        };
        let mut url = Url::parse(&format!("{scheme}://{host}:{port}")).map_err(|_| ProxyError::Host)?;
        if let Some(login) = login {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            // What is percent-encoded already stays as it is. Both fail only without a host.
            let set = url
                .set_username(user)
                .and_then(|()| url.set_password(Some(password)));
            set.map_err(|()| ProxyError::Host)?;
        }
        Ok(Self {
            scheme,
            host,
            port,
            url,
        })
    }

    /// Returns the whole address, with the password, for the HTTP library.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the host, without the brackets of an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns whether the proxy looks up the name of the API. Otherwise this machine does.
    #[must_use]
    pub fn looks_up_names(&self) -> bool {
        !matches!(self.scheme, "socks4" | "socks5")
    }
}

/// The address without user name and password: `http://proxy.example:3128`.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// Splits `host:port`; the port is missing where there is no colon behind the host.
fn split_port(address: &str) -> Result<(&str, Option<&str>), ProxyError> {
    if !address.starts_with('[') {
        return Ok(match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        });
    }
    let end = address.find(']').ok_or(ProxyError::Host)? + 1;
    match address.split_at(end) {
        (host, "") => Ok((host, None)),
        (host, rest) => Ok((host, Some(rest.strip_prefix(':').ok_or(ProxyError::Port)?))),
    }
}

/// Returns the host as it is written in an address: a name in ASCII, or an address.
fn checked_host(host: &str) -> Result<String, ProxyError> {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(ProxyError::Host)?;
        let address: Ipv6Addr = inner.parse().map_err(|_| ProxyError::Host)?;
        return Ok(format!("[{address}]"));
    }
    let host = Host::parse(host).map_err(|_| ProxyError::Host)?.to_string();
    let is_known = |char: char| char.is_ascii_alphanumeric() || "-._".contains(char);
    if host.chars().all(is_known) {
        Ok(host)
    } else {
        Err(ProxyError::Host)
    }
}

fn number(port: &str) -> Option<u16> {
    port.parse()
        .ok()
        .filter(|_| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_form_is_read() {
        for (given, shown) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("http://proxy.example:3128/", "http://proxy.example:3128"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("proxy", "http://proxy:80"),
            ("HTTPS://Proxy.Example", "https://proxy.example:443"),
            ("socks5h://127.0.0.1", "socks5h://127.0.0.1:1080"),
            ("socks5://[2001:db8::0:1]:9050", "socks5://[2001:db8::1]:9050"),
            ("http://[::1]", "http://[::1]:80"),
            ("http://user:password@proxy:1", "http://proxy:1"),
            ("user:pass@word@proxy:1", "http://proxy:1"),
            ("socks4a://user@proxy_1:1", "socks4a://proxy_1:1"),
            ("http://代理.例子:8080", "http://xn--mnq481g.xn--fsqu00a:8080"),
        ] {
            let proxy = Proxy::parse(given).unwrap_or_else(|error| panic!("{given}: {error}"));
            assert_eq!(proxy.to_string(), shown, "{given}");
            assert!(!format!("{proxy:?}").contains("pass"), "{proxy:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_a_word_of_it() {
        for (given, expected) in [
            ("", ProxyError::Host),
            ("http://", ProxyError::Host),
            ("http://:3128", ProxyError::Host),
            ("http://hunter2@", ProxyError::Host),
            ("ftp://hunter2:3128", ProxyError::Scheme),
            ("socks://hunter2:1080", ProxyError::Scheme),
            ("hunter2 :3128", ProxyError::Form),
            ("http://hunter2:3128/path", ProxyError::Form),
            ("http://me:hunter/2@proxy:3128", ProxyError::Form),
            ("http://me:12/hunter2@proxy:3128", ProxyError::Form),
            ("http://me:hunter?2@proxy:3128", ProxyError::Form),
            ("http://me:hunter#2@proxy:3128", ProxyError::Form),
            ("http://me:hunter2@proxy\n:3128", ProxyError::Form),
            ("http://hunter2:port", ProxyError::Port),
            ("http://hunter2:", ProxyError::Port),
            ("http://hunter2:0", ProxyError::Port),
            ("http://hunter2:+80", ProxyError::Port),
            ("http://hunter2:65536", ProxyError::Port),
            ("http://[::1]3128", ProxyError::Port),
            ("http://::1:3128", ProxyError::Host),
            ("http://[hunter2]:3128", ProxyError::Host),
            ("http://[::1:3128", ProxyError::Host),
            ("http://hunter2%20:3128", ProxyError::Host),
            ("http://hunter2{}:3128", ProxyError::Host),
            ("socks5://hunter!2:1080", ProxyError::Host),
            ("http://256.1.1.1:3128", ProxyError::Host),
        ] {
            let error = Proxy::parse(given).unwrap_err();
            assert_eq!(error, expected, "{given}");
            assert!(!error.to_string().contains("hunter"), "{error}");
        }
    }

    #[test]
    fn the_library_gets_the_user_name_and_the_password_as_they_were_encoded() {
        for (given, user, password) in [
            ("http://me:p%40ss%2Fword@proxy:1", "me", Some("p%40ss%2Fword")),
            ("http://me:p@ss:word@proxy:1", "me", Some("p%40ss%3Aword")),
            ("http://me@proxy:1", "me", None),
            ("socks5://me:%E5%AF%86@proxy:1", "me", Some("%E5%AF%86")),
        ] {
            let proxy = Proxy::parse(given).unwrap();
            assert_eq!(
                (proxy.url().username(), proxy.url().password()),
                (user, password),
                "{given}"
            );
        }
    }
}
