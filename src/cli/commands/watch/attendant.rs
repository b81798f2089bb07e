//! What goes on beside a run and a wait: SIGHUP, and signs of life for the service manager.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::endpoint::MetricsPage;
use super::service::Service;
use super::setup::{Setup, Source};
use crate::ingest::Progress;
use crate::ingest::progress::ProgressCounts;
use crate::model::duration::show_seconds;
use crate::model::{UnixSeconds, civil};

/// Looks after what must not wait for the end of a run.
#[derive(Debug)]
pub(super) struct Attendant<'c> {
    source: Source<'c>,
    setup: Setup,
    reloaded: bool,
    pub(super) service: Service,
    page: Option<Arc<MetricsPage>>,
    hangups: Signal,
    beats: Interval,
    run: Option<Watched>,
    refused_since: Option<UnixSeconds>,
}

/// A run under way, as far as it shows progress.
#[derive(Debug)]
struct Watched {
    progress: Arc<Progress>,
    seen: ProgressCounts,
    moved: Instant,
}

impl Watched {
    /// Whether the last progress, up to `now` as seen at `at`, is no longer ago than `patience`.
    fn moves(&mut self, now: ProgressCounts, at: Instant, patience: Duration) -> bool {
        if now != self.seen {
            self.seen = now;
            self.moved = at;
        }
        at.saturating_duration_since(self.moved) <= patience
    }
}

impl<'c> Attendant<'c> {
    /// Needs a runtime. `page` is told of configurations read later.
    pub(super) fn new(source: Source<'c>, setup: Setup, page: Option<Arc<MetricsPage>>) -> io::Result<Self> {
        let service = Service::from_environment();
        let mut beats = interval(service.rhythm());
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            source,
            setup,
            reloaded: false,
            service,
            page,
            hangups: signal(SignalKind::hangup())?,
            beats,
            run: None,
            refused_since: None,
        })
    }

    /// The configuration as read last.
    pub(super) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Whether the configuration was read since the last call.
    pub(super) fn take_reloaded(&mut self) -> bool {
        std::mem::take(&mut self.reloaded)
    }

    /// From here on signs of life depend on the progress of a run; `None`: on nothing but this loop.
    pub(super) fn attend_to(&mut self, run: Option<Arc<Progress>>) {
        self.run = run.map(|progress| Watched {
            seen: progress.counts(),
            progress,
            moved: Instant::now(),
        });
    }

    /// Since when the API refuses the account, as far as is known from here on.
    pub(super) fn refused_since(&mut self, since: Option<UnixSeconds>) {
        self.refused_since = since;
    }

    /// The next run is planned for `due`.
    pub(super) fn waits_for(&mut self, due: UnixSeconds) {
        let next = civil::cst_second(due);
        let status = self.with_refusal(format!("waiting for the run at {next} UTC+8"));
        self.service.status(status);
    }

    /// What the service manager shows, with the refusal in front while there is one.
    fn with_refusal(&self, status: String) -> String {
        match self.refused_since {
            Some(since) => format!("refused since {} UTC+8; {status}", civil::cst_minute(since)),
            None => status,
        }
    }

    /// Completes after the next thing to look after. Nothing is lost when it is dropped before.
    pub(super) async fn attend(&mut self) {
        tokio::select! {
            _ = self.hangups.recv() => self.reload(),
            _ = self.beats.tick() => self.beat(),
        }
    }

    /// A sign of life, unless a run has shown no progress for longer than anything it does can take.
    fn beat(&mut self) {
        let mut alive = true;
        if let Some(run) = &mut self.run {
            alive = run.moves(run.progress.counts(), Instant::now(), self.setup.patience());
            let ProgressCounts { planned, done, .. } = run.seen;
            let status = self.with_refusal(format!("running: {done} of {planned} windows"));
            self.service.status(status);
        }
        if alive {
            self.service.alive();
        }
    }

    /// Reads the configuration again. One that cannot be used is told of, and the old one stays.
    fn reload(&mut self) {
        self.service.reloading();
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
            Err(error) => tracing::error!("the configuration is kept as it was: {error}"),
        }
        self.service.ready();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_hangs_shows_no_life_once_patience_is_over_and_one_that_moves_does() {
        let began = Instant::now();
        let mut run = Watched {
            progress: Arc::default(),
            seen: ProgressCounts::default(),
            moved: began,
        };
        let patience = Duration::from_mins(12);
        let after = |minutes| began + Duration::from_mins(minutes);
        let at_request = |requests| ProgressCounts {
            requests,
            ..ProgressCounts::default()
        };
        assert!(run.moves(at_request(1), after(1), patience));
        assert!(run.moves(at_request(1), after(13), patience));
        assert!(!run.moves(at_request(1), after(14), patience));
        assert!(run.moves(at_request(2), after(15), patience));
        assert!(run.moves(at_request(2), after(27), patience));
    }
}
