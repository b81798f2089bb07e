//! Prints a plan without carrying it out.

use std::io::{self, Write};

use indicatif::HumanCount;
use serde::Serialize;

use crate::cli::options::ReportFormat;
use crate::cli::view::text::counted;
use crate::model::{Domain, civil};
use crate::plan::{Plan, PlannedRequest};

/// The JSON form of one planned request.
#[derive(Debug, Serialize)]
struct RequestJson<'a> {
    from: String,
    to: String,
    domains: Vec<&'a str>,
}

/// Prints every request of `plan`, in its order, and their number. `domains` were asked for.
pub fn print(plan: &Plan, domains: u64, format: ReportFormat, out: &mut dyn Write) -> io::Result<()> {
    match format {
        ReportFormat::Human => human(plan, domains, out),
        ReportFormat::Json => json(plan, domains, out),
    }
}

fn human(plan: &Plan, domains: u64, out: &mut dyn Write) -> io::Result<()> {
    for PlannedRequest { window, domains } in plan.requests() {
        let names: Vec<&str> = domains.iter().map(Domain::as_str).collect();
        writeln!(out, "{window}  {:>3}  {}", names.len(), names.join(" "))?;
    }
    let size = plan.size();
    if plan.is_empty() {
        writeln!(
            out,
            "nothing is due in {} (UTC+8) for {domains} domains",
            plan.range()
        )?;
    } else {
        writeln!(out)?;
        writeln!(
            out,
            "{} for {} slots of {}, {} (UTC+8); nothing was asked for, nothing was written",
            counted(size.requests, "request"),
            HumanCount(size.slots),
            counted(domains, "domain"),
            plan.range(),
        )?;
    }
    if let Some(cut) = plan.cut_at() {
        writeln!(
            out,
            "the range ends at {}: newer slots are not available yet",
            civil::cst_minute(cut)
        )?;
    }
    Ok(())
}

/// Written request by request: a plan may hold more of them than fit into memory.
fn json(plan: &Plan, domains: u64, out: &mut dyn Write) -> io::Result<()> {
    let size = plan.size();
    let head = serde_json::json!({
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
