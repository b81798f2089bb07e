//! Notifications to the service manager over systemd's socket. Without the socket, nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// How often there is a heartbeat where no watchdog asks for more.
const CALM: Duration = Duration::from_secs(10);

/// The service manager that started this process, if any.
#[derive(Debug)]
pub(super) struct ServiceManager {
    watchdog: Option<Duration>,
    status: String,
    failed: bool,
}

impl ServiceManager {
    /// Returns the one that the environment names: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    pub(super) fn from_environment() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()),
            status: String::new(),
            failed: false,
        }
    }

    /// Returns how often to send a heartbeat: at least twice in the watchdog's limit.
    pub(super) fn heartbeat_interval(&self) -> Duration {
        self.watchdog
            .map_or(CALM, |limit| (limit / 2).clamp(Duration::from_millis(1), CALM))
    }

    /// Reports that the start, or a reload, is over.
    pub(super) fn ready(&mut self) {
        self.notify(&[NotifyState::Ready]);
    }

    /// Reports that a reload begins.
    pub(super) fn reloading(&mut self) {
        match NotifyState::monotonic_usec_now() {
            // One message: the manager pairs the time with the reload in the same message.
            Ok(now) => self.notify(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!("no monotonic time for the service manager: {error}"),
        }
    }

    /// Reports that the process is about to end.
    pub(super) fn stopping(&mut self) {
        self.notify(&[NotifyState::Stopping]);
    }

    /// Sends a heartbeat to the watchdog.
    pub(super) fn heartbeat(&mut self) {
        if self.watchdog.is_some() {
            self.notify(&[NotifyState::Watchdog]);
        }
    }

    /// Sets the line that `systemctl status` shows.
    pub(super) fn status(&mut self, status: String) {
        if self.status != status {
            self.notify(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    /// Sends a message. The manager acts by itself if none comes, so a failure is logged only once.
    fn notify(&mut self, states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states)
            && !std::mem::replace(&mut self.failed, true)
        {
            tracing::warn!("the service manager cannot be notified: {error}");
        }
    }
}
