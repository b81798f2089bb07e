//! New domains of the account: listed, named, and followed.

mod command;
mod follow;
mod lies;
mod warn;

use jdcdn_stats::clock::Clock as _;
use jdcdn_stats::simulator::{OwnDomain, Settings};

use crate::oracle::{assert_sound, row_of, stored};
use crate::sandbox::{Ended, Sandbox, at};

const START: &str = "2026-06-14";
const DAY: i64 = 86_400;
/// The domain that somebody adds to the account.
const NEW: &str = "new.example.com";

/// An account of two configured domains, and a configuration with this `discover`.
fn world(discover: &str) -> Sandbox {
    let sandbox = Sandbox::new(Settings {
        domains: crate::sandbox::domains(2),
        few_codes: true,
        ..Settings::default()
    });
    configure(&sandbox, discover);
    sandbox
}

fn configure(sandbox: &Sandbox, discover: &str) {
    let more = format!("start = {START:?}\ndiscover = {discover:?}\n");
    sandbox.configure(&Settings::default().username, &more);
}

fn add(sandbox: &Sandbox, name: &str) {
    let domain = OwnDomain::running(name);
    sandbox.simulator.change_account(|account| account.add(domain));
}

fn wait(sandbox: &Sandbox, seconds: i64) {
    sandbox.clock.set(sandbox.clock.now() + seconds);
}

fn sync(sandbox: &Sandbox) -> Ended {
    sandbox.run(&["sync"])
}

/// How many requests have listed the account's domains.
fn listings(sandbox: &Sandbox) -> usize {
    let requests = sandbox.simulator.requests();
    requests.iter().filter(|request| request.lists_domains).count()
}

/// How many requests have asked for the statistics of a domain.
fn asked(sandbox: &Sandbox, name: &str) -> usize {
    let requests = sandbox.simulator.requests();
    let named = requests
        .iter()
        .filter(|request| request.domains.iter().any(|domain| domain == name));
    named.count()
}

/// The stored points of a domain, which was fetched by the last run for the first time, are the truth: from the start of
/// the configuration up to the newest slot that is available now.
#[track_caller]
fn assert_complete(sandbox: &Sandbox, name: &str) {
    let database = sandbox.database();
    assert_sound(&database);
    let now = sandbox.clock.now();
    let horizon = (now - 600).div_euclid(300) * 300 + 300;
    let mut rows = stored(&database, name);
    let truth = sandbox.simulator.truth().domain(name);
    for slot in (at(START)..horizon).step_by(300) {
        let expected = truth.point(slot, now).as_ref().map(row_of);
        assert_eq!(rows.remove(&slot), expected, "{name} at {slot}");
    }
    assert!(rows.is_empty(), "{rows:?}");
}

/// Nothing of a domain is stored.
#[track_caller]
fn assert_nothing_of(sandbox: &Sandbox, name: &str) {
    assert_eq!(asked(sandbox, name), 0);
    assert!(stored(&sandbox.database(), name).is_empty());
}

/// The state of a domain in the database.
fn state(sandbox: &Sandbox, name: &str) -> Option<String> {
    let sql = "SELECT state FROM origin_domains WHERE domain = ?1";
    sandbox.database().query_row(sql, [name], |row| row.get(0)).ok()
}
