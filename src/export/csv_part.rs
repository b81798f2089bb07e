//! Rows as CSV, with every column of the views.

use csv::{Terminator, Writer, WriterBuilder};

use super::error::ExportError;
use super::part::{PartFile, WrittenFile};
use super::relation::{ExportedRelation, ExportedRow};
use crate::model::text::{formula_guarded, without_controls};
use crate::model::{UnixSeconds, civil};

/// Returns a text as a cell. Somebody may open the file in a spreadsheet, so formulas are escaped.
fn cell(text: &str) -> String {
    formula_guarded(&without_controls(text)).into_owned()
}

/// Writes one CSV file (RFC 4180, UTF-8). The domain is a column, because programs that read CSV ignore the path.
pub(super) struct CsvPart {
    out: Writer<PartFile>,
    domain: String,
    /// The times of the last row. All codes of a point have the same times.
    times: Option<(UnixSeconds, [String; 3])>,
}

impl CsvPart {
    pub(super) fn new(file: PartFile, relation: ExportedRelation, domain: &str) -> Result<Self, ExportError> {
        let mut part = Self {
            out: WriterBuilder::new()
                .terminator(Terminator::CRLF)
                .from_writer(file),
            domain: cell(domain),
            times: None,
        };
        part.record(match relation {
            ExportedRelation::Stats => ["domain", "ts", "time_utc", "time_cst", "bandwidth", "pv"],
            ExportedRelation::StatusCodes => ["domain", "ts", "time_utc", "time_cst", "code", "count"],
        })?;
        Ok(part)
    }

    pub(super) fn row(&mut self, row: ExportedRow<'_>) -> Result<(), ExportError> {
        let (ExportedRow::Stats { ts, .. } | ExportedRow::StatusCode { ts, .. }) = row;
        let (at, times) = match self.times.take().filter(|(last, _)| *last == ts) {
            Some(known) => known,
            None => (ts, [ts.to_string(), civil::utc_second(ts), civil::cst_second(ts)]),
        };
        let domain = std::mem::take(&mut self.domain);
        let [second, utc, cst] = &times;
        let written = match row {
            ExportedRow::Stats { bandwidth, pv, .. } => {
                let (bandwidth, pv) = (bandwidth.to_string(), pv.to_string());
                self.record([&domain, second, utc, cst, &bandwidth, &pv])
            }
            ExportedRow::StatusCode { code, count, .. } => {
                let (code, count) = (cell(code), count.to_string());
                self.record([&domain, second, utc, cst, &code, &count])
            }
        };
        self.domain = domain;
        self.times = Some((at, times));
        written
    }

    pub(super) fn finish(self) -> Result<WrittenFile, ExportError> {
        let path = self.out.get_ref().path().to_owned();
        let file = self.out.into_inner();
        file.map_err(|error| ExportError::file("write", &path)(error.into_error()))?
            .finish()
    }

    fn record(&mut self, fields: [&str; 6]) -> Result<(), ExportError> {
        let written = self.out.write_record(fields);
        written.map_err(|error| ExportError::file("write", self.out.get_ref().path())(error.into()))
    }
}
