//! The work between and during runs: reload at SIGHUP, and heartbeats for the service manager.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::endpoint::MetricsPage;
use super::service_manager::ServiceManager;
use super::setup::{Setup, SetupSource};
use crate::ingest::Progress;
use crate::ingest::progress::ProgressCounts;
use crate::model::duration::show_seconds;
use crate::model::{UnixSeconds, civil};

/// The work that must not wait for the end of a run.
#[derive(Debug)]
pub(super) struct Housekeeping<'c> {
    source: SetupSource<'c>,
    setup: Setup,
    reloaded: bool,
    pub(super) manager: ServiceManager,
    page: Option<Arc<MetricsPage>>,
    hangups: Signal,
    heartbeats: Interval,
    run: Option<RunProgress>,
    refused_since: Option<UnixSeconds>,
}

/// The progress of the current run.
#[derive(Debug)]
struct RunProgress {
    progress: Arc<Progress>,
    last: ProgressCounts,
    changed: Instant,
}

impl RunProgress {
    /// Returns whether the last progress, up to `now` as seen at `at`, is no longer ago than `patience`.
    fn is_alive(&mut self, now: ProgressCounts, at: Instant, patience: Duration) -> bool {
        if now != self.last {
            self.last = now;
            self.changed = at;
        }
        at.saturating_duration_since(self.changed) <= patience
    }
}

impl<'c> Housekeeping<'c> {
    /// Returns the housekeeping for `setup`; `page` gets every later configuration. Needs a runtime.
    pub(super) fn new(
        source: SetupSource<'c>,
        setup: Setup,
        page: Option<Arc<MetricsPage>>,
    ) -> io::Result<Self> {
        let manager = ServiceManager::from_environment();
        let mut heartbeats = interval(manager.heartbeat_interval());
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            source,
            setup,
            reloaded: false,
            manager,
            page,
            hangups: signal(SignalKind::hangup())?,
            heartbeats,
            run: None,
            refused_since: None,
        })
    }

    /// Returns the setup that was read last.
    pub(super) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Returns whether the configuration was reloaded since the last call.
    pub(super) fn take_reloaded(&mut self) -> bool {
        std::mem::take(&mut self.reloaded)
    }

    /// Makes heartbeats depend on the progress of a run; `None`: only on the loop that calls [`next`](Self::next).
    pub(super) fn watch_run(&mut self, run: Option<Arc<Progress>>) {
        if let Some(page) = &self.page {
            match &run {
                Some(progress) => page.run_began(Arc::clone(progress)),
                None => page.run_ended(),
            }
        }
        self.run = run.map(|progress| RunProgress {
            last: progress.counts(),
            progress,
            changed: Instant::now(),
        });
    }

    /// Sets since when the API refuses the account.
    pub(super) fn refused_since(&mut self, since: Option<UnixSeconds>) {
        self.refused_since = since;
    }

    /// Shows that the next run is planned for `due`.
    pub(super) fn waits_for(&mut self, due: UnixSeconds) {
        self.show(format!("waiting for the run at {} UTC+8", civil::cst_second(due)));
    }

    /// Shows `status` in the service manager, with a refusal in front of it.
    fn show(&mut self, status: String) {
        self.manager.status(match self.refused_since {
            Some(since) => format!("refused since {} UTC+8; {status}", civil::cst_minute(since)),
            None => status,
        });
    }

    /// Completes after the next heartbeat or reload. Nothing is lost when it is dropped before.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.hangups.recv() => self.reload(),
            _ = self.heartbeats.tick() => self.heartbeat(),
        }
    }

    /// Sends a heartbeat, unless a run has shown no progress for longer than any of its steps can take.
    fn heartbeat(&mut self) {
        if let Some(run) = &mut self.run {
            let alive = run.is_alive(run.progress.counts(), Instant::now(), self.setup.patience());
            let ProgressCounts { planned, done, .. } = run.last;
            self.show(format!("running: {done} of {planned} windows"));
            if !alive {
                return;
            }
        }
        if let Some(page) = &self.page {
            page.heartbeat.beat();
        }
        self.manager.heartbeat();
    }

    /// Reads the configuration again. If it cannot be used, the old one stays.
    fn reload(&mut self) {
        self.manager.reloading();
        match self.source.read() {
            Ok(setup) => {
                tracing::info!(
                    domains = setup.config.selected_domains.len(),
                    every = %show_seconds(setup.config.watch_every),
                    "the configuration was read again"
                );
                if let Some(page) = &self.page {
                    page.configure(Arc::clone(&setup.config));
                }
                self.setup = setup;
                self.reloaded = true;
            }
            Err(error) => {
                tracing::error!("the new configuration cannot be used, the old one stays in force: {error}");
            }
        }
        self.manager.ready();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_progress_is_alive_only_until_patience_is_over() {
        let began = Instant::now();
        let mut run = RunProgress {
            progress: Arc::default(),
            last: ProgressCounts::default(),
            changed: began,
        };
        let patience = Duration::from_mins(12);
        let after = |minutes| began + Duration::from_mins(minutes);
        let at_request = |requests| ProgressCounts {
            requests,
            ..ProgressCounts::default()
        };
        assert!(run.is_alive(at_request(1), after(1), patience));
        assert!(run.is_alive(at_request(1), after(13), patience));
        assert!(!run.is_alive(at_request(1), after(14), patience));
        assert!(run.is_alive(at_request(2), after(15), patience));
        assert!(run.is_alive(at_request(2), after(27), patience));
    }
}
