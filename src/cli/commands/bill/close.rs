//! `bill MONTH --close`: keeps a month as it stands.

use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Asked, BillArgs, BillFormat, no_figures, words};
use crate::cli::options::length;
use crate::cli::output::separated::SeparatedWriter;
use crate::cli::output::{self, Formulas, RowWriter as _};
use crate::cli::view::text::counted;
use crate::cli::{CliError, Context, ExitStatus};
use crate::model::convert::to_u64;
use crate::model::{UnixSeconds, civil, text};
use crate::store::{Closed, ErrorClass, Holder, NewClosing, Reader, Store, StoreError};

/// How many characters a note has at most.
pub(super) const MAX_NOTE_CHARS: usize = 500;
/// How long a run that is at work is waited for.
const WAIT: Duration = Duration::from_mins(1);
/// How long `--wait` may be.
const WAITS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24);
/// In which steps.
const STEP: Duration = Duration::from_millis(200);

impl BillArgs {
    /// Closes the month.
    pub(super) fn close(&self, asked: &Asked, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let month = asked.month;
        if !month.is_over(asked.now) {
            return Err(CliError::usage(format!(
                "{month} is not over (UTC+8); only a month that is over can be closed"
            )));
        }
        let wait = match &self.wait {
            Some(given) => length("--wait", given, WAITS)?,
            None => WAIT,
        };
        let note = self.checked_note(context)?;
        let database = &asked.config.database;
        // A closing needs a database that is there.
        drop(Reader::open(database)?);
        let holder = context.holder("bill --close");
        let mut store = open(database, &holder, wait)?;
        store.roll_up(|_, _| ())?;
        let new = NewClosing {
            month,
            // After the wait: the closing holds what the run before it stored.
            closed_at: context.now(),
            note,
        };
        let Some(closed) = store.close_month(&new)? else {
            return Err(no_figures(asked, "the account"));
        };
        // The closing is safe in the log, so a failure to fold it in is only a warning.
        if let Err(error) = store.checkpoint() {
            tracing::warn!("the closing is stored, but: {error}");
        }
        store.confirm(None)?;
        drop(store);
        // The closing is stored. An error here would make people close the month again.
        if !closed.is_complete
            && let Err(error) = warn(asked)
        {
            tracing::warn!("{} was closed incomplete: {error}", asked.month);
        }
        if closed.slot_label != asked.config.slot_label {
            tracing::warn!(
                "slot_label of the file is {}, but the configuration says {}: the next run computes the rollups anew, \
                 and then this closing has other days",
                closed.slot_label,
                asked.config.slot_label
            );
        }
        let out = &mut *context.streams.stdout;
        let done = Done {
            asked,
            note,
            closed_at: new.closed_at,
            closed: &closed,
        };
        match self.format {
            BillFormat::Human => done.human(out)?,
            BillFormat::Json => output::json_line(&done.json(), out)?,
            BillFormat::Csv => done.csv(out)?,
        }
        Ok(ExitStatus::SUCCESS)
    }

    /// Returns the note, if it may be stored.
    fn checked_note(&self, context: &Context<'_, '_>) -> Result<Option<&str>, CliError> {
        let Some(note) = self.note.as_deref().filter(|note| !note.is_empty()) else {
            return Ok(None);
        };
        let length = note.chars().count();
        if length > MAX_NOTE_CHARS {
            return Err(CliError::usage(format!(
                "--note has {length} characters; at most {MAX_NOTE_CHARS} are kept"
            )));
        }
        if *context.redactor.output(note.as_bytes()) != *note.as_bytes() {
            return Err(CliError::usage(
                "--note contains the secret key or a signature; they are never stored",
            ));
        }
        Ok(Some(note))
    }
}

/// Opens the database for writing. Waits for a run that is at work, at most as long as `wait`.
fn open(path: &std::path::Path, holder: &Holder, wait: Duration) -> Result<Store, StoreError> {
    let began = Instant::now();
    let mut is_announced = false;
    loop {
        match Store::reopen(path, holder) {
            Err(error) if error.class() == ErrorClass::InUse && began.elapsed() < wait => {
                if !is_announced {
                    tracing::warn!(
                        "{error}; waiting for at most {}",
                        crate::model::duration::show_duration(wait)
                    );
                    is_announced = true;
                }
                std::thread::sleep(STEP.min(wait.saturating_sub(began.elapsed())));
            }
            other => return other,
        }
    }
}

/// Says why a month that was closed is not complete.
fn warn(asked: &Asked) -> Result<(), CliError> {
    let reader = Reader::open(&asked.config.database)?;
    let bills = reader.bill(asked.month, asked.now, &asked.config.refresh)?;
    let Some(account) = bills.account else {
        return Ok(());
    };
    let state = words::state(false, &account.state);
    tracing::warn!("{} was closed incomplete. {state}", asked.month);
    let is_open = |state: &crate::model::open_slots::PeriodState| !state.is_complete;
    for (name, bill) in bills
        .domains
        .iter()
        .filter(|(_, bill)| is_open(&bill.state))
        .take(MAX_NAMED)
    {
        let (name, why) = (text::printable(name), bill.state.in_words());
        tracing::warn!("not complete: {name}: {why}");
    }
    Ok(())
}

/// How many incomplete domains are named.
const MAX_NAMED: usize = 10;

/// A closing that was made.
struct Done<'d> {
    asked: &'d Asked,
    note: Option<&'d str>,
    /// As it is stored: a run may have been waited for.
    closed_at: UnixSeconds,
    closed: &'d Closed,
}

#[derive(Debug, Serialize)]
struct ClosedJson<'d> {
    closing_id: i64,
    month: String,
    closed_at: String,
    note: Option<&'d str>,
    slot_label: &'static str,
    domains: i64,
    rows: i64,
    complete: bool,
}

impl Done<'_> {
    fn json(&self) -> ClosedJson<'_> {
        ClosedJson {
            closing_id: self.closed.id,
            month: self.asked.month.to_string(),
            closed_at: civil::cst_rfc3339(self.closed_at),
            note: self.note,
            slot_label: self.closed.slot_label.as_str(),
            domains: self.closed.domains,
            rows: self.closed.rows,
            complete: self.closed.is_complete,
        }
    }

    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            asked, note, closed, ..
        } = self;
        let complete = if closed.is_complete {
            "complete"
        } else {
            "incomplete"
        };
        writeln!(
            out,
            "{} is closed: number {}, {}, {complete}",
            asked.month,
            closed.id,
            counted(to_u64(closed.domains), "domain")
        )?;
        if let Some(note) = note {
            writeln!(out, "note: {}", text::shorten(note, MAX_NOTE_CHARS))?;
        }
        writeln!(
            out,
            "`jdcdn-stats bill {} --changes` shows what is different later",
            asked.month
        )
    }

    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let json = self.json();
        let columns = [
            "closing_id",
            "month_cst",
            "closed_cst",
            "note",
            "slot_label",
            "domains",
            "rows",
            "complete",
        ];
        let mut csv = SeparatedWriter::csv(Formulas::Escaped, &columns.map(str::to_owned), out)?;
        csv.row(&[
            json.closing_id.into(),
            json.month.into(),
            civil::cst_second(self.closed_at).into(),
            json.note.into(),
            json.slot_label.into(),
            json.domains.into(),
            json.rows.into(),
            i64::from(json.complete).into(),
        ])?;
        csv.finish()
    }
}
