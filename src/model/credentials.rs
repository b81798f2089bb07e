//! Who asks, and the key that proves it.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// The account's user name and secret key.
///
/// The key leaves this type only through [`Credentials::expose_key`], is wiped from memory on drop, and has
/// neither a serialised nor a printed form.
#[derive(Clone)]
pub struct Credentials {
    username: String,
    key: SecretString,
}

impl Credentials {
    /// Credentials of `username` with the account's secret key.
    #[must_use]
    pub fn new(username: String, key: SecretString) -> Self {
        Self { username, key }
    }

    /// Returns the JD user name ("pin").
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Returns the secret key in plain text, for the signature alone.
    #[must_use]
    pub fn expose_key(&self) -> &str {
        self.key.expose_secret()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("key", &"***")
            .finish()
    }
}
