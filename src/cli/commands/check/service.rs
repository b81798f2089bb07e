//! The connection to the API, one request, and the clocks.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::discovery;
use super::range_reading::{RangeReading, reading};
use super::report::CheckReport;
use crate::api::{
    CLOCK_ADVICE, CheckedAnswer, Client, FailureKind, OriginRequest, Reaction, SigningDate, read_answer,
    reported_times,
};
use crate::cli::client::client;
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::{Config, Route};
use crate::ingest::ClockDifference;
use crate::model::slot::{HOUR_SECONDS, SLOT_SECONDS};
use crate::model::{Credentials, Endpoint, KnownDomain, SlotLabel, Span, UnixSeconds, civil, text};

/// How long looking up a name may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// A difference between the clocks, in seconds, that the network and whole seconds in the header cannot explain.
const NOTABLE_SKEW: i64 = 60;
/// A difference, in seconds, with which requests are refused around midnight in UTC+8: the two sides are on different
/// days for longer than retries last.
const HARMFUL_SKEW: i64 = 10 * 60;
/// The variables for plain http, which never goes through a proxy here.
const HTTP_PROXY: &str = "HTTP_PROXY";
const HTTP_PROXY_LOWER: &str = "http_proxy";

/// Looks up the endpoint, makes one request, compares the clocks, and lists the account's domains if the configuration
/// wants that. The database knows the domains `known`.
pub fn check(
    report: &mut CheckReport,
    context: &Context<'_, '_>,
    (config, known): (&Config, &[KnownDomain]),
    credentials: Option<Credentials>,
) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(ExitStatus::FAILED, &error))?;
    let route = check_route(report, context, config);
    if let Some(route) = &route {
        check_name(report, &config.endpoint, route, &runtime);
    } else {
        report.skip("name resolution", "the route is not known");
    }
    // Without a route there is nothing to ask.
    let credentials = credentials.filter(|_| route.is_some());
    let client = credentials.map(|credentials| client(config, credentials, &context.clock));
    let client = client.transpose()?;
    if route.is_none() {
        for name in ["connection", "request", "reading", "clock"] {
            report.skip(name, "the route is not known");
        }
    } else if let (Some(client), Some(request)) = (&client, test_request(config, context.now())) {
        let test = TestRequest::send(request, client, context, &runtime);
        check_connection(report, &config.endpoint, &test);
        check_answer(report, &test);
        check_reading(report, config, &test);
        check_clock(report, &test);
    } else {
        for name in ["connection", "request", "reading", "clock"] {
            report.skip(name, "needs a user name, a key and a domain");
        }
    }
    if let Some(client) = &client {
        discovery::check(report, config, known, client, &context.clock)?;
    }
    // A name look-up that hangs ends with the process.
    runtime.shutdown_background();
    Ok(())
}

/// A request that was sent once, and its result.
struct TestRequest {
    request: OriginRequest,
    answer: Result<CheckedAnswer, FailureKind>,
    /// The times of all points, wherever they lie; `None` if the answer cannot be read.
    labels: Option<Vec<UnixSeconds>>,
    server_time: Option<UnixSeconds>,
    /// The other end of the connection, where an answer came.
    peer: Option<SocketAddr>,
    own_time: UnixSeconds,
    took: Duration,
}

impl TestRequest {
    fn send(request: OriginRequest, client: &Client, context: &Context<'_, '_>, runtime: &Runtime) -> Self {
        let before = context.now();
        let began = Instant::now();
        let sent = runtime.block_on(client.send(request.parameters(), SigningDate::from_unix(before)));
        let (answer, labels, server_time, peer) = match sent {
            Ok(reply) => (
                read_answer(&request, &reply.body),
                reported_times(&reply.body),
                reply.date,
                reply.peer,
            ),
            Err(failure) => (Err(failure.kind), None, failure.date, None),
        };
        Self {
            request,
            answer,
            labels,
            server_time,
            peer,
            // The server wrote its time about half-way between the request and its answer.
            own_time: before + (context.now() - before) / 2,
            took: began.elapsed(),
        }
    }

    /// Returns how far this machine's clock is ahead of the API's, in seconds; `None` if the answer has no time.
    fn clock_ahead(&self) -> Option<i64> {
        self.server_time.map(|server_time| self.own_time - server_time)
    }

    /// Returns why no answer arrived, if none did.
    fn no_answer(&self) -> Option<&FailureKind> {
        self.answer.as_ref().err().filter(|kind| {
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

/// Returns a request for an hour of the first domain that is old enough to hold all of its points.
///
/// The hour begins at half past, so that it shows whether the API widens a range to whole hours.
fn test_request(config: &Config, now: UnixSeconds) -> Option<OriginRequest> {
    let settled = config.refresh.horizon(now).saturating_sub(HOUR_SECONDS);
    let until = settled - (settled + HOUR_SECONDS / 2).rem_euclid(HOUR_SECONDS);
    let window = Span::new(until - HOUR_SECONDS, until)?;
    OriginRequest::new(config.selected_domains.get(..1)?, window)
}

/// Reports the way of the requests; `None` if the variables that decide it cannot be read.
fn check_route(report: &mut CheckReport, context: &Context<'_, '_>, config: &Config) -> Option<Route> {
    let name = "route";
    match config.route() {
        Ok(route) => {
            let ignored = [HTTP_PROXY, HTTP_PROXY_LOWER]
                .into_iter()
                .find(|name| context.environment.raw(name).is_some());
            let hint = match (&route, ignored) {
                (Route::NoProxySet, Some(name)) => format!("; {name} is for http:// only, and is not used"),
                _ => String::new(),
            };
            report.ok(name, format!("{route}{hint}"));
            Some(route)
        }
        Err(error) => {
            report.error(
                name,
                error,
                "no request is made while a proxy is set that cannot be read",
            );
            None
        }
    }
}

/// Looks up the name of the host that is connected to: the API's or the proxy's.
fn check_name(report: &mut CheckReport, endpoint: &Endpoint, route: &Route, runtime: &Runtime) {
    let name = "name resolution";
    let port = endpoint.url().port_or_known_default().unwrap_or(443);
    let (host, port, further) = match route.proxy() {
        Some(proxy) if proxy.looks_up_names() => {
            let api = text::printable(endpoint.host());
            (proxy.host(), proxy.port(), format!("; the proxy looks up {api}"))
        }
        _ => (endpoint.host().trim_matches(['[', ']']), port, String::new()),
    };
    let shown = text::printable(host);
    if host.parse::<IpAddr>().is_ok() {
        return report.ok(name, format!("{shown} is an address{further}"));
    }
    let looked_up = runtime.block_on(async {
        let lookup = tokio::net::lookup_host((host, port));
        tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await
    });
    let problem = match looked_up {
        Ok(Ok(found)) => {
            let mut addresses: Vec<String> = found.map(|address| address.ip().to_string()).collect();
            addresses.dedup();
            return report.ok(name, format!("{shown} is {}{further}", addresses.join(", ")));
        }
        Ok(Err(error)) => format!("{shown}: {error}"),
        Err(_) => format!("{shown}: no answer in {} s", LOOKUP_TIMEOUT.as_secs()),
    };
    let help = match route.proxy() {
        Some(_) => "check the address of the proxy, `endpoint` and the name servers of this machine",
        None => "check `endpoint` and the name servers of this machine",
    };
    report.fail(name, ExitStatus::FAILED, problem, help);
}

fn check_connection(report: &mut CheckReport, endpoint: &Endpoint, test: &TestRequest) {
    let name = "connection";
    match test.no_answer() {
        Some(kind) => report.fail(name, exit(kind), kind.to_string(), help(kind)),
        None if !endpoint.is_plaintext() => {
            let detail = "encrypted; the certificate is trusted and names the host";
            report.ok(name, format!("{detail}{}", by_address(test)));
        }
        None if endpoint.is_loopback() => {
            report.ok(
                name,
                format!("not encrypted, to this machine only{}", by_address(test)),
            );
        }
        None => report.warn(
            name,
            format!(
                "not encrypted: anybody on the way can read the signature and use it until midnight (UTC+8){}",
                by_address(test)
            ),
            "write `endpoint` with https://",
        ),
    }
}

/// Returns the address that was connected to, with its kind.
fn by_address(test: &TestRequest) -> String {
    test.peer.map_or_else(String::new, |peer| {
        let kind = if peer.is_ipv4() { "IPv4" } else { "IPv6" };
        format!("; connected to {peer} ({kind})")
    })
}

fn check_answer(report: &mut CheckReport, test: &TestRequest) {
    let name = "request";
    let domain = test
        .request
        .domains()
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    let about = format!("{domain}, {} (UTC+8)", test.request.window());
    match &test.answer {
        _ if test.no_answer().is_some() => report.skip(name, "there is no connection"),
        Err(kind) => {
            let mut advice = help(kind).to_owned();
            let clock = test
                .server_time
                .map(|server_time| ClockDifference::between(test.own_time, server_time));
            if clock.is_some_and(|clock| !clock.explains_refusal()) {
                advice = advice.replace(CLOCK_ADVICE, "");
            }
            report.fail(name, exit(kind), format!("{about}: {kind}"), advice);
        }
        Ok(answer) => {
            let points: usize = answer.domains.iter().map(|domain| domain.points.len()).sum();
            let took = test.took.as_millis();
            let detail = format!("{about}: {points} points in {took} ms");
            match answer.rejects.first() {
                Some(first) => report.warn(
                    name,
                    format!(
                        "{detail}, {} rejected, such as: {}",
                        answer.rejected, first.reason
                    ),
                    "`jdcdn-stats rejects list` shows what a run rejects",
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

fn check_reading(report: &mut CheckReport, config: &Config, test: &TestRequest) {
    let name = "reading";
    let Some(labels) = &test.labels else {
        return report.skip(name, "there is no answer that can be read");
    };
    let window = test.request.window();
    let found = reading(window, labels);
    report.set_reading(&found);
    let asked = format!(
        "asked for the slots {} to {} (UTC+8)",
        civil::cst_minute(window.start()),
        civil::cst_minute(window.end() - SLOT_SECONDS)
    );
    let detail = match found {
        RangeReading::Unknown if labels.is_empty() => format!("{asked}; unknown: no points came"),
        found => format!("{asked}; {found}"),
    };
    if found == RangeReading::EndLabels && config.slot_label == SlotLabel::Start {
        let help = "write `slot_label = \"end\"` in the configuration file, so that midnight counts for the day before";
        return report.warn(name, detail, help);
    }
    report.ok(name, detail);
}

fn check_clock(report: &mut CheckReport, test: &TestRequest) {
    let name = "clock";
    let Some(ahead) = test.clock_ahead() else {
        return report.skip(name, "the answer has no time");
    };
    let detail = match ahead {
        0 => "as the API's".to_owned(),
        1.. => format!("{ahead} s ahead of the API's"),
        _ => format!("{} s behind the API's", ahead.unsigned_abs()),
    };
    let help = "set this machine's clock by NTP: signatures and ages depend on it";
    match ahead.abs() {
        HARMFUL_SKEW.. => report.fail(name, ExitStatus::FAILED, detail, help),
        NOTABLE_SKEW.. => report.warn(name, detail, help),
        _ => report.ok(name, detail),
    }
}

/// Returns how a run would end if every request failed like this.
pub(in crate::cli) fn exit(kind: &FailureKind) -> ExitStatus {
    match kind.reaction() {
        Reaction::StopCredentials => ExitStatus::REFUSED,
        Reaction::StopConfiguration | Reaction::IsolateDomain => ExitStatus::USAGE,
        _ => ExitStatus::FAILED,
    }
}

/// Returns what to do about a request that failed like this.
pub(in crate::cli) fn help(kind: &FailureKind) -> &'static str {
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
