//! `discover = "follow"`: new domains are fetched, with their history.

use jdcdn_stats::simulator::{DataFault, Fault, OwnDomain, OwnStatus, Rule, Settings};

use super::{
    DAY, NEW, START, add, asked, assert_complete, assert_nothing_of, configure, listings, state, sync, wait,
    world,
};
use crate::monitoring::{get, metrics_of, value};
use crate::oracle::{assert_sound, stored};
use crate::sandbox::{Sandbox, at, ended, wait_until};
use crate::watch::Watch;

/// A world in which [`NEW`] is followed.
fn following() -> Sandbox {
    let sandbox = world("follow");
    add(&sandbox, NEW);
    sync(&sandbox).with(0);
    wait(&sandbox, DAY);
    sync(&sandbox).with(0);
    assert_eq!(state(&sandbox, NEW).as_deref(), Some("followed"));
    sandbox
}

#[test]
fn a_domain_added_to_the_account_appears_with_its_history_after_two_listings() {
    let sandbox = world("follow");
    sync(&sandbox).with(0);
    assert_eq!(listings(&sandbox), 1);
    add(&sandbox, NEW);
    // Nobody asks again on the same day.
    wait(&sandbox, 300);
    sync(&sandbox).with(0);
    assert_eq!((listings(&sandbox), state(&sandbox, NEW)), (1, None));
    wait(&sandbox, DAY);
    let once = sync(&sandbox);
    assert!(!once.stderr.contains("followed from now on"), "{}", once.stderr);
    once.with(0);
    assert_nothing_of(&sandbox, NEW);
    assert_eq!(state(&sandbox, NEW).as_deref(), Some("listed"));
    wait(&sandbox, DAY);
    let twice = sync(&sandbox);
    assert!(
        twice
            .stderr
            .contains("new in the account, and followed from now on: new.example.com"),
        "{}",
        twice.stderr
    );
    twice.with(0);
    assert_eq!(listings(&sandbox), 3);
    assert_complete(&sandbox, NEW);
    // Every command knows it.
    let status = sandbox
        .run(&["status", "--format", "json", "--fail-if-older", "30m"])
        .json(0);
    let named = status["domains"].as_array().unwrap();
    assert!(
        named
            .iter()
            .any(|domain| domain["domain"] == NEW && domain["missing_slots"] == 0)
    );
    wait(&sandbox, 3_600);
    sandbox.run(&["status", "--fail-if-older", "30m"]).with(6);
    let plan = sandbox.run(&["sync", "--dry-run"]).with(0);
    assert!(plan.contains(NEW), "{plan}");
    let bill = sandbox.run(&["bill", "--format", "csv"]).with(0);
    assert!(bill.contains(NEW), "{bill}");
    assert_eq!(listings(&sandbox), 3);
}

#[test]
fn a_domain_that_comes_in_while_nothing_is_configured_is_enough() {
    let mut sandbox = world("follow");
    let own = std::mem::take(&mut sandbox.domains);
    configure(&sandbox, "follow");
    let first = sync(&sandbox).with(0);
    assert!(first.contains("0 domains"), "{first}");
    sandbox.run(&["status", "--fail-if-rejects"]).with(0);
    let alarm = sandbox.run(&["status", "--fail-if-older", "30m"]);
    assert!(
        alarm.stderr.contains("none of the account is followed yet"),
        "{}",
        alarm.stderr
    );
    alarm.with(6);
    wait(&sandbox, DAY);
    sync(&sandbox).with(0);
    for name in &own {
        assert_complete(&sandbox, name);
    }
    // Without discovery the followed ones are still fetched.
    configure(&sandbox, "off");
    wait(&sandbox, DAY);
    let before = asked(&sandbox, &own[0]);
    sync(&sandbox).with(0);
    assert!(asked(&sandbox, &own[0]) > before);
    assert_eq!(listings(&sandbox), 2);
}

#[test]
fn a_followed_domain_that_disappears_stays_and_is_told_once_a_day() {
    let sandbox = following();
    sandbox.simulator.change_account(|account| account.remove(NEW));
    wait(&sandbox, DAY);
    // It had points this week, so a refusal is a failure, as that of a configured domain is.
    let failed = sync(&sandbox);
    assert!(failed.stderr.contains("no longer listed"), "{}", failed.stderr);
    let summary = failed.with(3);
    assert!(
        summary.contains("`jdcdn-stats domains forget new.example.com` ends this"),
        "{summary}"
    );
    wait(&sandbox, 7 * DAY);
    for _ in 0..2 {
        wait(&sandbox, DAY);
        let told = sync(&sandbox);
        // The API refuses it, which is no failure: nobody has typed its name.
        assert_eq!(told.code, Some(0), "{}\n{}", told.stdout, told.stderr);
        assert!(
            told.stderr
                .contains("followed, and no longer listed in the account: new.example.com"),
            "{}",
            told.stderr
        );
        wait(&sandbox, 300);
        let quiet = sync(&sandbox);
        assert!(!quiet.stderr.contains("no longer listed"), "{}", quiet.stderr);
        quiet.with(0);
    }
    let summary = sandbox.run(&["sync", "--format", "json"]).json(0);
    let warned = summary["warnings"].to_string();
    assert!(
        warned.contains("new.example.com is followed, and the API refuses it"),
        "{summary}"
    );
    assert_eq!(state(&sandbox, NEW).as_deref(), Some("followed"));
    // A configured domain that is refused stays a failure.
    sandbox
        .simulator
        .rule(Rule::always(Fault::envelope(18)).for_domain("d000.example.com"));
    wait(&sandbox, 3_600);
    sync(&sandbox).with(3);
}

#[test]
fn a_forgotten_domain_keeps_its_figures_and_does_not_come_back() {
    let sandbox = following();
    let said = sandbox.run(&["domains", "forget", NEW]).with(0);
    assert!(said.contains("no longer followed"), "{said}");
    assert_complete(&sandbox, NEW);
    let before = asked(&sandbox, NEW);
    for _ in 0..3 {
        wait(&sandbox, DAY);
        sync(&sandbox).with(0);
    }
    assert_eq!(asked(&sandbox, NEW), before);
    assert_eq!(state(&sandbox, NEW).as_deref(), Some("forgotten"));
    // The configuration goes before.
    let mut sandbox = sandbox;
    sandbox.domains.push(NEW.to_owned());
    configure(&sandbox, "follow");
    sync(&sandbox).with(0);
    assert!(asked(&sandbox, NEW) > before);
}

/// Whether `status` shows a month of the account as complete.
fn is_complete(sandbox: &Sandbox, month: &str) -> bool {
    let told = sandbox.run(&["status", "--format", "json"]).json(0);
    let mut months = told["account_months"].as_array().unwrap().iter();
    let found = months.find(|row| row["month"] == month);
    found.unwrap_or_else(|| panic!("no {month}: {told}"))["complete"] == true
}

#[test]
fn the_months_of_the_account_are_complete_again_once_a_refused_domain_is_forgotten() {
    let sandbox = following();
    sandbox.simulator.change_account(|account| account.remove(NEW));
    sandbox.clock.set(at("2026-08-02 12:00"));
    sync(&sandbox).with(0);
    assert!(!is_complete(&sandbox, "2026-07"));
    sandbox.run(&["domains", "forget", NEW]).with(0);
    assert!(is_complete(&sandbox, "2026-07"));
    assert_sound(&sandbox.database());
    sync(&sandbox).with(0);
    assert!(is_complete(&sandbox, "2026-07"));
    sandbox.run(&["bill", "--close", "2026-07"]).with(0);
}

#[test]
fn a_month_is_not_complete_without_a_domain_that_the_next_listing_follows() {
    let sandbox = world("follow");
    add(&sandbox, NEW);
    sandbox.clock.set(at("2026-07-02 12:00"));
    sync(&sandbox).with(0);
    assert_eq!(state(&sandbox, NEW).as_deref(), Some("listed"));
    assert!(!never_asked(&sandbox).is_empty());
    assert!(!is_complete(&sandbox, "2026-06"));
    wait(&sandbox, DAY);
    sync(&sandbox).with(0);
    assert_complete(&sandbox, NEW);
    assert_eq!(never_asked(&sandbox), Vec::<String>::new());
}

/// The ranges of [`NEW`] that were never asked for.
fn never_asked(sandbox: &Sandbox) -> Vec<String> {
    let database = sandbox.database();
    let sql = "SELECT start_cst FROM origin_gaps WHERE domain = ?1 AND reason = 'never_asked'";
    let mut query = database.prepare(sql).unwrap();
    let rows = query.query_map([NEW], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_stopped_domain_without_points_is_no_alarm_about_old_points() {
    let sandbox = world("follow");
    let stopped = OwnDomain::running(NEW).with_status(OwnStatus::Stopped);
    sandbox.simulator.change_account(|account| account.add(stopped));
    sandbox.simulator.rule(Rule::always(DataFault::CutSeries {
        domain: Some(NEW.to_owned()),
        kept_percent: 0,
    }));
    sync(&sandbox).with(0);
    wait(&sandbox, DAY);
    sync(&sandbox).with(0);
    assert_eq!(state(&sandbox, NEW).as_deref(), Some("followed"));
    assert!(asked(&sandbox, NEW) > 0 && stored(&sandbox.database(), NEW).is_empty());
    let old = ["status", "--fail-if-older", "30m"];
    sandbox.run(&old).with(0);
    // Whoever names it wants to know.
    sandbox.run(&[&old[..], &["-d", NEW]].concat()).with(6);
    let mut watch = Watch::start(&sandbox, &["--metrics", "0"], &[]);
    let page = get(&metrics_of(&mut watch), "/metrics").1;
    watch.stops();
    assert!(value(&page, "jdcdn_domains") > 2.5, "{page}");
    let age = |name: &str| page.contains(&format!("jdcdn_newest_point_age_seconds{{domain=\"{name}\"}}"));
    assert!(age("d000.example.com") && !age(NEW), "{page}");
    // It is served again.
    sandbox
        .simulator
        .change_account(|account| account.domain(NEW).unwrap().status = OwnStatus::Running);
    wait(&sandbox, DAY);
    sync(&sandbox).with(0);
    sandbox.run(&old).with(6);
}

#[test]
fn a_watch_ceases_to_fetch_a_domain_that_is_forgotten_meanwhile() {
    let sandbox = following();
    let more = format!("start = {START:?}\ndiscover = \"follow\"\n[watch]\nevery = \"1s\"\n");
    sandbox.configure(&Settings::default().username, &more);
    wait(&sandbox, 3_600);
    // Everything stays due from run to run.
    sandbox
        .simulator
        .rule(Rule::always(Fault::http(502)).when(|request| !request.lists_domains));
    let mut watch = Watch::start(&sandbox, &["--metrics", "0"], &[]);
    let address = metrics_of(&mut watch);
    watch.says("not all that was due is stored");
    let domains = || value(&get(&address, "/metrics").1, "jdcdn_domains");
    assert!(domains() > 2.5);
    wait_until("the domain is forgotten between two runs", || {
        let said = sandbox.run(&["domains", "forget", NEW]);
        said.code == Some(0) || said.failed(75).is_empty()
    });
    let before = asked(&sandbox, NEW);
    assert!(before > 0 && domains() < 2.5);
    sandbox.simulator.clear_faults();
    watch.says("up to date again");
    watch.stops();
    assert_eq!(asked(&sandbox, NEW), before);
}

#[test]
fn only_served_and_stopped_domains_are_followed() {
    let sandbox = world("follow");
    let statuses = [
        ("stopped.example.com", OwnStatus::Stopped),
        ("blocked.example.com", OwnStatus::Blocked),
        ("audited.example.com", OwnStatus::Auditing),
    ];
    sandbox.simulator.change_account(|account| {
        for (name, status) in statuses {
            account.add(OwnDomain::running(name).with_status(status));
        }
    });
    sync(&sandbox).with(0);
    wait(&sandbox, DAY);
    sync(&sandbox).with(0);
    assert_complete(&sandbox, "stopped.example.com");
    assert_eq!(asked(&sandbox, "blocked.example.com"), 0);
    assert_eq!(asked(&sandbox, "audited.example.com"), 0);
}

#[test]
fn a_run_that_is_killed_between_listing_and_fetching_loses_neither() {
    let sandbox = world("follow");
    add(&sandbox, NEW);
    sync(&sandbox).with(0);
    wait(&sandbox, DAY);
    // The API lists the domains, and then answers nothing more.
    sandbox
        .simulator
        .rule(Rule::always(Fault::Hang).when(|request| !request.lists_domains));
    let mut child = sandbox.start(&["sync"]);
    let before = sandbox.simulator.requests().len();
    wait_until("a request for figures waits", || {
        let requests = sandbox.simulator.requests();
        requests.iter().skip(before).any(|request| !request.lists_domains)
    });
    assert_eq!(listings(&sandbox), 2);
    child.kill().unwrap();
    ended(child.wait_with_output().unwrap());
    sandbox.simulator.clear_faults();
    sync(&sandbox).with(0);
    assert_eq!(listings(&sandbox), 2);
    assert_complete(&sandbox, NEW);
}

#[test]
fn a_dry_run_and_a_named_domain_never_ask_for_the_list() {
    let sandbox = world("follow");
    sandbox.run(&["sync", "--dry-run"]).with(0);
    sandbox.run(&["sync", "-d", "d000.example.com"]).with(0);
    sandbox.backfill("2026-06-14", "2026-06-15", &[]).with(0);
    assert_eq!(listings(&sandbox), 0);
    sync(&sandbox).with(0);
    assert_eq!(listings(&sandbox), 1);
}
