//! Where the API is asked.

use std::fmt;
use std::net::IpAddr;

use super::text;

/// The API's address. Older vendor pages print it with `http://`; newer pages of the same API print
/// `https://`, and since a signature is good for a whole day, only that is safe.
pub const DEFAULT_ENDPOINT: &str = "https://opencdn.jcloud.com/api/origin";

/// A checked address: https, or http to this machine (or anywhere, when that was allowed).
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: url::Url,
}

/// Why an address cannot be used; the text is part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not an absolute http or https address.
    #[error("endpoint `{given}` is not an address: {reason}; write it as `{DEFAULT_ENDPOINT}`")]
    Invalid {
        /// The rejected text, made safe to print.
        given: String,
        /// The problem.
        reason: String,
    },
    /// Plain http to another machine.
    #[error(
        "endpoint `{given}` would send the signature unencrypted to `{host}`: write `https://`, \
         or set `allow_plaintext = true` if you accept that anyone on the way can use it for the rest of the day"
    )]
    Plaintext {
        /// The rejected text, made safe to print.
        given: String,
        /// Its host, made safe to print.
        host: String,
    },
}

impl Endpoint {
    /// Checks an address.
    pub fn parse(given: &str, allow_plaintext: bool) -> Result<Self, EndpointError> {
        let invalid = |reason: &str| EndpointError::Invalid {
            given: text::printable(given),
            reason: reason.to_owned(),
        };
        let url = url::Url::parse(given).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(invalid("only https and http are known"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::Invalid {
                // Not shown: it holds a password.
                given: format!("{}://…@{}", url.scheme(), url.host_str().unwrap_or_default()),
                reason: "it holds a user name or password, which the API does not take".to_owned(),
            });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("nothing may follow the path"));
        }
        let endpoint = Self { url };
        if endpoint.is_plaintext() && !endpoint.is_loopback() && !allow_plaintext {
            let host = text::printable(endpoint.host());
            return Err(EndpointError::Plaintext {
                given: text::printable(given),
                host,
            });
        }
        Ok(endpoint)
    }

    /// Returns the address.
    #[must_use]
    pub fn url(&self) -> &url::Url {
        &self.url
    }

    /// Returns the address of another call of the same API: `https://a.com/api/origin` becomes
    /// `https://a.com/api/NAME`.
    #[must_use]
    pub fn sibling(&self, name: &str) -> url::Url {
        let mut url = self.url.clone();
        // An http address has a path with segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().pop().push(name);
        }
        url
    }

    /// Returns the host, as in the address.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether requests travel unencrypted.
    #[must_use]
    pub fn is_plaintext(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// Whether the host is this machine by its very name; names are not looked up.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_to_this_machine_are_fine() {
        for given in [
            DEFAULT_ENDPOINT,
            "http://127.0.0.1:8080/api/origin",
            "http://[::1]:1/",
            "http://localhost/api",
        ] {
            assert_eq!(Endpoint::parse(given, false).unwrap().to_string(), given);
        }
    }

    #[test]
    fn another_call_of_the_api_has_the_same_address_up_to_the_last_part() {
        for (given, sibling) in [
            (DEFAULT_ENDPOINT, "https://opencdn.jcloud.com/api/queryDomains"),
            ("https://a.com/api/origin/", "https://a.com/api/queryDomains"),
            ("https://a.com/origin", "https://a.com/queryDomains"),
            ("https://a.com", "https://a.com/queryDomains"),
            ("https://a.com/x/y/origin", "https://a.com/x/y/queryDomains"),
        ] {
            let endpoint = Endpoint::parse(given, false).unwrap();
            assert_eq!(endpoint.sibling("queryDomains").as_str(), sibling);
        }
    }

    #[test]
    fn http_to_another_machine_needs_consent() {
        for given in [
            "http://opencdn.jcloud.com/api/origin",
            "http://127.0.0.1.example.com/",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
        ] {
            let error = Endpoint::parse(given, false).unwrap_err().to_string();
            assert!(error.contains(given) && error.contains("https://"), "{error}");
            assert!(Endpoint::parse(given, true).unwrap().is_plaintext());
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_password_is_not_repeated() {
        for given in ["", "opencdn.jcloud.com/api", "ftp://a.com/", "https://a.com/?x=1"] {
            assert!(
                Endpoint::parse(given, true)
                    .unwrap_err()
                    .to_string()
                    .contains(DEFAULT_ENDPOINT)
            );
        }
        let error = Endpoint::parse("https://me:hunter2@a.com/", false).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
