//! The way to the API, one request, and the clocks.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::reading::{Reading, reading};
use super::report::Report;
use crate::api::{
    Answer, Failure, FailureKind, OriginRequest, Reaction, Reply, SigningDate, read_answer, reported_times,
};
use crate::cli::client::client;
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::{Config, Environment};
use crate::model::slot::{HOUR_SECONDS, SLOT_SECONDS};
use crate::model::{Credentials, Endpoint, SlotLabel, Span, UnixSeconds, civil, text};

/// How long looking up a name may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// A difference between the clocks, in seconds, that the network and the header's whole seconds do not explain.
const NOTABLE_SKEW: i64 = 60;
/// A difference, in seconds, from which on requests are refused around midnight in UTC+8, since both sides are
/// on different days for longer than a repeated request makes up for.
const HARMFUL_SKEW: i64 = 10 * 60;
/// Where a proxy is named, in the order of precedence.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Looks up the endpoint, asks it once, and compares the clocks.
pub fn check(
    report: &mut Report,
    context: &Context<'_, '_>,
    config: &Config,
    credentials: Option<Credentials>,
) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(ExitStatus::FAILED, &error))?;
    let is_proxied = check_proxy(report, &config.endpoint, context.environment);
    check_name(report, &config.endpoint, is_proxied, &runtime);
    let asked = match (credentials, question(config, context.now())) {
        (Some(credentials), Some(request)) => {
            let client = client(config, credentials, &context.clock)?;
            let before = context.now();
            let began = Instant::now();
            let sent = runtime.block_on(client.send(request.parameters(), SigningDate::from_unix(before)));
            let exchange = Exchange {
                read: sent
                    .as_ref()
                    .map_err(|failure| failure.kind.clone())
                    .and_then(|reply| read_answer(&request, &reply.body)),
                labels: sent.as_ref().ok().and_then(|reply| reported_times(&reply.body)),
                server_time: sent.map_or_else(|failure: Failure| failure.date, |reply: Reply| reply.date),
                // Half-way between asking and being answered, the server wrote its time.
                own_time: before + (context.now() - before) / 2,
                took: began.elapsed(),
            };
            Some((request, exchange))
        }
        _ => None,
    };
    // A look-up that hangs is left to end with the process.
    runtime.shutdown_background();
    let Some((request, exchange)) = asked else {
        for name in ["connection", "request", "reading", "clock"] {
            report.skip(
                name,
                "nothing to ask with: it takes a user name, a key and a domain",
            );
        }
        return Ok(());
    };
    check_connection(report, &config.endpoint, &exchange);
    check_answer(report, &request, &exchange);
    check_reading(report, config, &request, &exchange);
    check_clock(report, &exchange);
    Ok(())
}

/// What came of the one request.
struct Exchange {
    read: Result<Answer, FailureKind>,
    /// The times of all points, wherever they lie; `None` where there are none to read.
    labels: Option<Vec<UnixSeconds>>,
    server_time: Option<UnixSeconds>,
    own_time: UnixSeconds,
    took: Duration,
}

impl Exchange {
    /// Why nothing of an answer arrived, if so.
    fn no_answer(&self) -> Option<&FailureKind> {
        self.read.as_ref().err().filter(|kind| {
            matches!(
                kind,
                FailureKind::Connect { .. }
                    | FailureKind::Tls { .. }
                    | FailureKind::Timeout { .. }
                    | FailureKind::Interrupted { .. }
            )
        })
    }
}

/// An hour of the first domain that is settled enough to hold all of its points.
///
/// It is cut at half past, so that a range which the API widens to whole hours is seen to be.
fn question(config: &Config, now: UnixSeconds) -> Option<OriginRequest> {
    let refresh = &config.refresh;
    let settled = refresh.horizon(now).saturating_sub(HOUR_SECONDS);
    let until = settled - (settled + HOUR_SECONDS / 2).rem_euclid(HOUR_SECONDS);
    let window = Span::new(until - HOUR_SECONDS, until)?;
    OriginRequest::new(config.selected_domains.get(..1)?, window)
}

fn check_proxy(report: &mut Report, endpoint: &Endpoint, environment: &Environment) -> bool {
    if endpoint.is_plaintext() || endpoint.is_loopback() {
        return false;
    }
    let named = PROXY_VARIABLES
        .into_iter()
        .find_map(|name| Some((name, environment.raw(name)?.to_string_lossy())));
    let Some((name, given)) = named else {
        return false;
    };
    // Without a scheme it is one of http. User name and password are not shown.
    let url = url::Url::parse(&given)
        .ok()
        .filter(url::Url::has_host)
        .or_else(|| url::Url::parse(&format!("http://{given}")).ok());
    let host = url.as_ref().and_then(url::Url::host_str).map(text::printable);
    match host {
        Some(host) => report.ok(
            "proxy",
            format!("{host}, unless NO_PROXY says otherwise ({name})"),
        ),
        None => report.warn(
            "proxy",
            format!("{name} cannot be read as an address"),
            format!("write {name} as `http://host:port`, or unset it"),
        ),
    }
    true
}

fn check_name(report: &mut Report, endpoint: &Endpoint, is_proxied: bool, runtime: &Runtime) {
    let name = "name resolution";
    let host = text::printable(endpoint.host());
    if endpoint.host().trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return report.ok(name, format!("{host} is an address already"));
    }
    let port = endpoint.url().port_or_known_default().unwrap_or(443);
    let looked_up = runtime.block_on(async {
        let lookup = tokio::net::lookup_host((endpoint.host(), port));
        tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await
    });
    let problem = match looked_up {
        Ok(Ok(found)) => {
            let mut addresses: Vec<String> = found.map(|address| address.ip().to_string()).collect();
            addresses.dedup();
            return report.ok(name, format!("{host} is {}", addresses.join(", ")));
        }
        Ok(Err(error)) => format!("{host}: {error}"),
        Err(_) => format!("{host}: no answer in {} s", LOOKUP_TIMEOUT.as_secs()),
    };
    if is_proxied {
        report.warn(
            name,
            problem,
            "a proxy may look it up instead: see whether the request works",
        );
    } else {
        report.fail(
            name,
            ExitStatus::FAILED,
            problem,
            "check `endpoint`, and the name servers of this machine",
        );
    }
}

fn check_connection(report: &mut Report, endpoint: &Endpoint, exchange: &Exchange) {
    let name = "connection";
    match exchange.no_answer() {
        Some(kind) => report.fail(name, exit(kind), kind.to_string(), help(kind)),
        None if !endpoint.is_plaintext() => {
            report.ok(name, "encrypted; the certificate is trusted and names the host");
        }
        None if endpoint.is_loopback() => report.ok(name, "not encrypted, to this machine only"),
        None => report.warn(
            name,
            "not encrypted: whoever is on the way can use the signature for the rest of the day",
            "write `endpoint` with https://",
        ),
    }
}

fn check_answer(report: &mut Report, request: &OriginRequest, exchange: &Exchange) {
    let name = "request";
    let domain = request
        .domains()
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    let about = format!("{domain}, {} (UTC+8)", request.window());
    match &exchange.read {
        _ if exchange.no_answer().is_some() => report.skip(name, "there is no connection"),
        Err(kind) => report.fail(name, exit(kind), format!("{about}: {kind}"), help(kind)),
        Ok(answer) => {
            let points: usize = answer.domains.iter().map(|domain| domain.points.len()).sum();
            let took = exchange.took.as_millis();
            let detail = format!("{about}: {points} points in {took} ms");
            match answer.rejects.first() {
                Some(first) => report.warn(
                    name,
                    format!(
                        "{detail}, {} not taken, such as: {}",
                        answer.rejected, first.reason
                    ),
                    "what a run cannot take is shown by `jdcdn-stats rejects list`",
                ),
                None if points == 0 => report.warn(
                    name,
                    detail,
                    format!("check that {domain} is spelled as in the account and had traffic in that hour"),
                ),
                None => report.ok(name, detail),
            }
        }
    }
}

fn check_reading(report: &mut Report, config: &Config, request: &OriginRequest, exchange: &Exchange) {
    let name = "reading";
    let Some(labels) = &exchange.labels else {
        return report.skip(name, "there is no answer that can be read");
    };
    let window = request.window();
    let found = reading(window, labels);
    report.read_as(found.name());
    let asked = format!(
        "asked for the slots {} to {} (UTC+8)",
        civil::cst_minute(window.start()),
        civil::cst_minute(window.end() - SLOT_SECONDS)
    );
    let detail = match found {
        Reading::Unknown if labels.is_empty() => format!("{asked}; not known: no points came"),
        found => format!("{asked}; {found}"),
    };
    if found == Reading::EndLabels && config.slot_label == SlotLabel::Start {
        let help = "write `slot_label = \"end\"` in the configuration file, so that midnight counts for the day before";
        return report.warn(name, detail, help);
    }
    report.ok(name, detail);
}

fn check_clock(report: &mut Report, exchange: &Exchange) {
    let name = "clock";
    let Some(server_time) = exchange.server_time else {
        return report.skip(name, "the API told no time");
    };
    let ahead = exchange.own_time - server_time;
    let detail = match ahead {
        0 => "as the API's".to_owned(),
        1.. => format!("{ahead} s ahead of the API's"),
        _ => format!("{} s behind the API's", ahead.unsigned_abs()),
    };
    let help = "let this machine take its time from the network (NTP): signatures and ages depend on it";
    match ahead.abs() {
        HARMFUL_SKEW.. => report.fail(name, ExitStatus::FAILED, detail, help),
        NOTABLE_SKEW.. => report.warn(name, detail, help),
        _ => report.ok(name, detail),
    }
}

/// How a run would end that met this failure and no other answer.
fn exit(kind: &FailureKind) -> ExitStatus {
    match kind.reaction() {
        Reaction::StopCredentials => ExitStatus::REFUSED,
        Reaction::StopConfiguration | Reaction::IsolateDomain => ExitStatus::USAGE,
        _ => ExitStatus::FAILED,
    }
}

fn help(kind: &FailureKind) -> &'static str {
    kind.help().unwrap_or(match kind {
        FailureKind::Connect { .. } | FailureKind::Timeout { .. } | FailureKind::Interrupted { .. } => {
            "check `endpoint`, the network, and the proxy if there is one; a run would try again by itself"
        }
        FailureKind::Api { status, .. } if status.reaction() == Reaction::Fail => {
            "this is a fault of jdcdn-stats, or `endpoint` is another API"
        }
        FailureKind::CutShort { .. } => "check the network, and the proxy if there is one",
        FailureKind::Format { .. } => "check `endpoint`; a proxy or a login page may be answering instead",
        _ => "check again in a while; a run would try again by itself",
    })
}
