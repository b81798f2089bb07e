//! The plan of a dry run.

use std::io::{self, Write};

use indicatif::HumanCount;
use serde::Serialize;
use serde_json::json;

use super::text::counted;
use crate::cli::options::OutputFormat;
use crate::model::{Domain, civil};
use crate::plan::{Plan, PlannedRequest};

/// Prints every request of `plan`, in its order, and their number. `domains` is the number of domains asked for.
pub fn print(plan: &Plan, domains: u64, format: OutputFormat, out: &mut dyn Write) -> io::Result<()> {
    match format {
        OutputFormat::Human => human(plan, domains, out),
        OutputFormat::Json => json(plan, domains, out),
    }
}

fn human(plan: &Plan, domains: u64, out: &mut dyn Write) -> io::Result<()> {
    for PlannedRequest { window, domains } in plan.requests() {
        let names: Vec<&str> = domains.iter().map(Domain::as_str).collect();
        writeln!(out, "{window}  {:>3}  {}", names.len(), names.join(" "))?;
    }
    let (size, range, domains) = (plan.size(), plan.range(), counted(domains, "domain"));
    if plan.is_empty() {
        writeln!(out, "nothing is due in {range} (UTC+8) for {domains}")?;
    } else {
        writeln!(
            out,
            "\n{} for {} slots of {domains}, {range} (UTC+8); nothing was asked for, nothing was written",
            counted(size.requests, "request"),
            HumanCount(size.slots),
        )?;
    }
    match plan.cut_at().map(civil::cst_minute) {
        Some(cut) => writeln!(out, "the range ends at {cut}: newer slots are not available yet"),
        None => Ok(()),
    }
}

/// A planned request.
#[derive(Serialize)]
struct RequestJson<'a> {
    from: String,
    to: String,
    domains: Vec<&'a str>,
}

/// Writes one request at a time: a plan may hold more of them than fit into memory.
fn json(plan: &Plan, domains: u64, out: &mut dyn Write) -> io::Result<()> {
    let size = plan.size();
    let head = json!({
        "from": civil::cst_rfc3339(plan.range().start()),
        "to": civil::cst_rfc3339(plan.range().end()),
        "cut_at": plan.cut_at().map(civil::cst_rfc3339),
        "domains": domains,
        "requests": size.requests,
        "slots": size.slots,
    })
    .to_string();
    write!(out, "{},\"windows\":[", head.trim_end_matches('}'))?;
    for (at, PlannedRequest { window, domains }) in plan.requests().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        let request = RequestJson {
            from: civil::cst_rfc3339(window.start()),
            to: civil::cst_rfc3339(window.end()),
            domains: domains.iter().map(Domain::as_str).collect(),
        };
        serde_json::to_writer(&mut *out, &request)?;
    }
    writeln!(out, "]}}")
}
