//! Exit codes.

use std::process::ExitCode;

use crate::interrupt::Signal;

/// How the program ends, for scripts and monitors. The numbers never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitStatus(u8);

impl ExitStatus {
    /// Everything was done, or stored.
    pub const SUCCESS: Self = Self(0);
    /// It failed.
    pub const FAILED: Self = Self(1);
    /// The command line, the configuration or the SQL is wrong.
    pub const USAGE: Self = Self(2);
    /// The run reached its end, but some windows failed or some points were rejected.
    pub const PARTIAL: Self = Self(3);
    /// The API refused the credentials.
    pub const REFUSED: Self = Self(4);
    /// The database cannot be used: missing, full, damaged, read-only, of a newer schema, or of another program.
    pub const DATABASE: Self = Self(5);
    /// A threshold of `status` is not met.
    pub const THRESHOLD: Self = Self(6);
    /// Another run holds the database (`EX_TEMPFAIL` of `sysexits.h`); retry later.
    pub const BUSY: Self = Self(75);
    /// Stopped by SIGINT, after committing what had arrived.
    pub const INTERRUPTED: Self = Self(130);
    /// Stopped by SIGTERM, after committing what had arrived.
    pub const TERMINATED: Self = Self(143);

    /// Returns the number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }
}

impl From<Signal> for ExitStatus {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Interrupt => Self::INTERRUPTED,
            Signal::Terminate => Self::TERMINATED,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        status.0.into()
    }
}
