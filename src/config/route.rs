//! Which way requests go: directly, or through a proxy that the environment names.

use std::fmt;

use super::environment::Environment;
use super::error::ConfigError;
use super::source::ValueSource;
use crate::model::no_proxy::NoProxy;
use crate::model::proxy::Proxy;
use crate::model::{Endpoint, text};

/// The variables that name a proxy for https, in the order of precedence.
pub const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// The variables that name the hosts to ask without a proxy, in the order of precedence.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// The port of https.
const HTTPS_PORT: u16 = 443;

/// The way of the requests, and what decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// No variable names a proxy.
    NoProxySet,
    /// The API is on this machine.
    ThisMachine,
    /// Plain http is asked directly: a proxy would see the signature.
    Plaintext,
    /// The variable has an entry for the API's host.
    Excepted {
        /// The variable.
        variable: &'static str,
        /// The entry, safe to print.
        entry: String,
    },
    /// Through a proxy.
    Through {
        /// The proxy.
        proxy: Proxy,
        /// The variable that names it.
        variable: &'static str,
    },
}

impl Route {
    /// Returns the proxy, if there is one.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        match self {
            Self::Through { proxy, .. } => Some(proxy),
            _ => None,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProxySet => f.write_str("direct: no proxy is set"),
            Self::ThisMachine => f.write_str("direct: the API is on this machine"),
            Self::Plaintext => f.write_str("direct: plain http never goes through a proxy"),
            Self::Excepted { variable, entry } => write!(f, "direct: {variable} has `{entry}`"),
            Self::Through { proxy, variable } => write!(f, "through the proxy {proxy} ({variable})"),
        }
    }
}

/// The variables of the environment that are about proxies, not read yet: only commands that call the API need them.
///
/// `Debug` shows nothing, because a value may hold a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxyVariables {
    proxies: Vec<(&'static str, Option<String>)>,
    exceptions: Option<(&'static str, Option<String>)>,
}

impl fmt::Debug for ProxyVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyVariables")
    }
}

impl ProxyVariables {
    /// Returns the variables that are set. An empty one, or one of blanks, counts as not set.
    pub(super) fn of(environment: &Environment) -> Self {
        let set = |name: &'static str| {
            let value = environment.raw(name)?.to_str().map(|text| text.trim().to_owned());
            Some((name, value)).filter(|(_, value)| value.as_deref() != Some(""))
        };
        Self {
            proxies: PROXY_VARIABLES.into_iter().filter_map(set).collect(),
            exceptions: EXCEPTIONS.into_iter().find_map(set),
        }
    }

    /// Returns the way to `endpoint`. Every variable is checked, whether it decides or not: a proxy that is written
    /// wrongly is meant for some host.
    pub(super) fn route(&self, endpoint: &Endpoint) -> Result<Route, ConfigError> {
        let mut proxies = Vec::with_capacity(self.proxies.len());
        for (variable, value) in &self.proxies {
            let value = value.as_deref().ok_or_else(|| not_text(variable))?;
            let proxy = Proxy::parse(value).map_err(|error| {
                let reason = format!(
                    "this is not the address of a proxy: {error}. Write it as `http://host:port`, or unset it. The \
                     value is not shown, because it may hold a password"
                );
                invalid(variable, reason)
            })?;
            proxies.push((*variable, proxy));
        }
        let Some((variable, proxy)) = proxies.into_iter().next() else {
            return Ok(Route::NoProxySet);
        };
        let except = match &self.exceptions {
            None => None,
            Some((name, value)) => {
                let value = value.as_deref().ok_or_else(|| not_text(name))?;
                let list = NoProxy::parse(value).map_err(|error| invalid(name, error.to_string()))?;
                let port = endpoint.url().port_or_known_default().unwrap_or(HTTPS_PORT);
                let entry = list.entry_for(endpoint.host(), port);
                entry.map(|entry| (*name, text::printable(entry)))
            }
        };
        Ok(match except {
            _ if endpoint.is_loopback() => Route::ThisMachine,
            _ if endpoint.is_plaintext() => Route::Plaintext,
            Some((variable, entry)) => Route::Excepted { variable, entry },
            None => Route::Through { proxy, variable },
        })
    }
}

fn not_text(variable: &'static str) -> ConfigError {
    invalid(variable, "its value is not UTF-8 text".to_owned())
}

fn invalid(variable: &'static str, reason: String) -> ConfigError {
    ConfigError::Invalid {
        at: ValueSource::Environment(variable),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(endpoint: &str, variables: &[(&str, &str)]) -> Result<Route, String> {
        let environment = Environment::new(variables.iter().copied());
        let endpoint = Endpoint::parse(endpoint, true).unwrap();
        let route = ProxyVariables::of(&environment).route(&endpoint);
        route.map_err(|error| error.to_string())
    }

    const API: &str = "https://opencdn.jcloud.com/api/origin";

    #[test]
    fn the_first_variable_decides_in_capitals_or_not_and_an_empty_one_is_none() {
        for (variables, shown) in [
            (&[][..], "direct: no proxy is set"),
            (
                &[("HTTPS_PROXY", ""), ("all_proxy", " ")],
                "direct: no proxy is set",
            ),
            (&[("HTTP_PROXY", "nonsense://")], "direct: no proxy is set"),
            (&[("NO_PROXY", "http://nonsense")], "direct: no proxy is set"),
            (
                &[
                    ("https_proxy", "b:2"),
                    ("HTTPS_PROXY", "a:1"),
                    ("ALL_PROXY", "c:3"),
                ],
                "through the proxy http://a:1 (HTTPS_PROXY)",
            ),
            (
                &[("all_proxy", "socks5h://a")],
                "through the proxy socks5h://a:1080 (all_proxy)",
            ),
            (
                &[
                    ("https_proxy", "http://me:hunter2@a:1"),
                    ("NO_PROXY", "localhost"),
                ],
                "through the proxy http://a:1 (https_proxy)",
            ),
            (
                &[("HTTPS_PROXY", "a:1"), ("no_proxy", "x,.jcloud.com")],
                "direct: no_proxy has `.jcloud.com`",
            ),
            (
                &[("HTTPS_PROXY", "a:1"), ("NO_PROXY", "*")],
                "direct: NO_PROXY has `*`",
            ),
        ] {
            assert_eq!(
                route(API, variables).map(|route| route.to_string()),
                Ok(shown.to_owned())
            );
        }
        let proxied = [("HTTPS_PROXY", "a:1")];
        for (endpoint, expected) in [
            ("https://127.0.0.1:1/", Route::ThisMachine),
            ("https://[::1]:1/", Route::ThisMachine),
            ("http://localhost:1/", Route::ThisMachine),
            ("http://opencdn.jcloud.com/", Route::Plaintext),
        ] {
            assert_eq!(route(endpoint, &proxied), Ok(expected));
        }
    }

    #[test]
    fn every_variable_is_checked_and_no_value_is_shown() {
        for name in PROXY_VARIABLES {
            for value in [
                "ftp://hunter2",
                "http://hunter2:port",
                "http://me:hunter/2@a:1",
                "http://",
            ] {
                for endpoint in [API, "http://127.0.0.1:1/"] {
                    let error = route(endpoint, &[("HTTPS_PROXY", "a:1"), (name, value)]).unwrap_err();
                    assert!(
                        error.starts_with(&format!("{name}: this is not the address of a proxy: ")),
                        "{error}"
                    );
                    assert!(
                        error.contains("`http://host:port`") && !error.contains("hunter"),
                        "{error}"
                    );
                }
            }
        }
        let error = route(API, &[("ALL_PROXY", "a:1"), ("no_proxy", "a.com;b.com")]).unwrap_err();
        assert!(
            error.starts_with("no_proxy: `a.com;b.com` is not a host"),
            "{error}"
        );
    }
}
