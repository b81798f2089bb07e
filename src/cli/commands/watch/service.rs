//! The service manager, told over systemd's notification socket. Without one, nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// How often there is a sign of life where no watchdog asks for more.
const CALM: Duration = Duration::from_secs(10);

/// The service manager that started this process, if any.
#[derive(Debug)]
pub(super) struct Service {
    watchdog: Option<Duration>,
    status: String,
    failed: bool,
}

impl Service {
    /// As the environment names it: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    pub(super) fn from_environment() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()),
            status: String::new(),
            failed: false,
        }
    }

    /// How often to call [`Service::alive`]: at least twice in the time after which the watchdog strikes.
    pub(super) fn rhythm(&self) -> Duration {
        self.watchdog
            .map_or(CALM, |limit| (limit / 2).clamp(Duration::from_millis(1), CALM))
    }

    /// Start-up, or a reload, is over.
    pub(super) fn ready(&mut self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// A reload begins.
    pub(super) fn reloading(&mut self) {
        match NotifyState::monotonic_usec_now() {
            // In one message: the manager takes the time for that of this reload.
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!("no monotonic time for the service manager: {error}"),
        }
    }

    /// The process is about to end.
    pub(super) fn stopping(&mut self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// The work goes on.
    pub(super) fn alive(&mut self) {
        if self.watchdog.is_some() {
            self.tell(&[NotifyState::Watchdog]);
        }
    }

    /// What `systemctl status` shows.
    pub(super) fn status(&mut self, status: String) {
        if self.status != status {
            self.tell(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    /// The manager acts by itself when it hears nothing, so a failure is only worth one word.
    fn tell(&mut self, states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states)
            && !std::mem::replace(&mut self.failed, true)
        {
            tracing::warn!("the service manager cannot be told: {error}");
        }
    }
}
