use proptest::prelude::*;

use super::*;
use crate::model::slot::DAY_SECONDS;

/// 2026-01-08 00:00 in UTC+8.
const MIDNIGHT: UnixSeconds = 1_767_801_600;

fn name(text: &str) -> Domain {
    text.parse().unwrap()
}

fn domain(text: &str, status: DomainStatus) -> AccountDomain {
    AccountDomain {
        name: name(text),
        status,
        cname: None,
        kind: None,
        region: None,
    }
}

fn running(names: &[&str]) -> Vec<AccountDomain> {
    names
        .iter()
        .map(|name| domain(name, DomainStatus::Running))
        .collect()
}

fn after(known: Vec<KnownDomain>, listing: &[AccountDomain], at: UnixSeconds) -> Vec<KnownDomain> {
    learn(known, listing, &[name("own.a.com")], Discover::Follow, at)
}

fn names(domains: &[Domain]) -> Vec<&str> {
    domains.iter().map(Domain::as_str).collect()
}

#[test]
fn a_domain_is_followed_after_two_listings_and_a_configured_one_never() {
    let listing = running(&["new.a.com", "own.a.com"]);
    let once = after(Vec::new(), &listing, MIDNIGHT);
    assert_eq!(followed(&once), []);
    let news = news(&[], &once, &[name("own.a.com")], Discover::Follow);
    assert_eq!(names(&news.seen_once), ["new.a.com"]);
    // The same evidence again.
    let soon = after(once.clone(), &listing, MIDNIGHT + 3_599);
    assert_eq!(followed(&soon), []);
    let twice = after(once, &listing, MIDNIGHT + 3_600);
    assert_eq!(names(&followed(&twice)), ["new.a.com"]);
    assert_eq!(twice[0].followed_at, Some(MIDNIGHT + 3_600));
}

#[test]
fn of_the_two_forms_of_a_wildcard_one_is_followed_and_none_if_one_is_forgotten() {
    let both = running(&["*.b.com", ".b.com"]);
    let day = |n| MIDNIGHT + n * DAY_SECONDS;
    let once = after(Vec::new(), &both, day(0));
    let own = [name("own.a.com")];
    assert_eq!(names(&awaited(&once, &own)), ["*.b.com"]);
    let told = news(&[], &once, &own, Discover::Follow);
    assert_eq!(names(&told.seen_once), ["*.b.com"]);
    let twice = after(once, &both, day(1));
    assert_eq!(names(&followed(&twice)), ["*.b.com"]);
    assert_eq!(awaited(&twice, &own), []);
    let news = news(
        &twice,
        &after(twice.clone(), &both, day(2)),
        &own,
        Discover::Follow,
    );
    assert_eq!(news, DiscoveryNews::default());
    let mut forgotten = twice;
    forgotten[0].state = DomainState::Forgotten;
    let later = after(forgotten, &both, day(2));
    assert_eq!(followed(&later), []);
    assert_eq!(awaited(&later, &own), []);
}

#[test]
fn a_listing_without_the_domain_starts_the_count_anew_and_ends_nothing() {
    let listing = running(&["new.a.com"]);
    let day = |n| MIDNIGHT + n * DAY_SECONDS;
    let known = after(Vec::new(), &listing, day(0));
    let known = after(known, &[], day(1));
    assert_eq!(known[0].missing_since, Some(day(1)));
    let known = after(known, &listing, day(2));
    assert_eq!(followed(&known), []);
    let known = after(known, &listing, day(3));
    assert_eq!(names(&followed(&known)), ["new.a.com"]);
    // It disappears, and stays.
    let gone = after(known.clone(), &[], day(4));
    let later = after(gone.clone(), &[], day(5));
    assert_eq!(names(&followed(&later)), ["new.a.com"]);
    assert_eq!(later[0].missing_since, Some(day(4)));
    let told = news(&gone, &later, &[], Discover::Follow);
    assert_eq!(names(&told.missing), ["new.a.com"]);
}

#[test]
fn only_domains_that_are_served_or_stopped_are_followed() {
    let mut statuses = DomainStatus::documented().to_vec();
    statuses.extend([DomainStatus::Other("x".to_owned()), DomainStatus::Unknown]);
    for status in statuses {
        let listing = [domain("new.a.com", status.clone())];
        let known = after(Vec::new(), &listing, MIDNIGHT);
        let known = after(known, &listing, MIDNIGHT + DAY_SECONDS);
        let expected = matches!(status, DomainStatus::Running | DomainStatus::Stopped);
        assert_eq!(followed(&known).len(), usize::from(expected), "{status}");
        // What the vendor has not accepted is not worth a line every day.
        let told = news(&known, &known, &[], Discover::Warn);
        let is_told = !expected && !matches!(status, DomainStatus::Auditing | DomainStatus::Rejected);
        assert_eq!(told.not_fetched.len(), usize::from(is_told), "{status}");
        // A word that nobody knows must not hide a domain.
        let told = news(&known, &known, &[], Discover::Follow);
        let is_unknown = !DomainStatus::documented().contains(&status);
        assert_eq!(told.unknown.len(), usize::from(is_unknown), "{status}");
    }
}

#[test]
fn a_forgotten_domain_does_not_come_back_and_is_no_news() {
    let listing = running(&["new.a.com"]);
    let mut known = after(Vec::new(), &listing, MIDNIGHT);
    known[0].state = DomainState::Forgotten;
    for day in 1..5 {
        known = after(known, &listing, MIDNIGHT + day * DAY_SECONDS);
        assert_eq!(followed(&known), []);
        assert_eq!(
            news(&known, &known, &[], Discover::Warn),
            DiscoveryNews::default()
        );
    }
}

#[test]
fn one_form_of_a_wildcard_is_the_other() {
    let listing = running(&["*.a.com"]);
    let configured = [name(".a.com")];
    let known = learn(Vec::new(), &listing, &configured, Discover::Follow, MIDNIGHT);
    let known = learn(
        known,
        &listing,
        &configured,
        Discover::Follow,
        MIDNIGHT + DAY_SECONDS,
    );
    assert_eq!(followed(&known), []);
    assert_eq!(news(&known, &known, &configured, Discover::Warn).not_fetched, []);
}

#[test]
fn one_attempt_a_day_whenever_the_runs_come() {
    assert!(is_due(None, MIDNIGHT));
    for every in [
        60,
        300,
        3_600,
        7 * 3_600,
        DAY_SECONDS,
        DAY_SECONDS + 17,
        DAY_SECONDS - 17,
    ] {
        let mut last = None;
        let mut attempts = Vec::new();
        let mut now = MIDNIGHT + 10 * 3_600;
        while now < MIDNIGHT + 30 * DAY_SECONDS {
            if is_due(last, now) {
                last = Some(now);
                attempts.push(now);
            }
            now += every;
        }
        let mut days: Vec<_> = attempts.iter().map(|at| cst_day_floor(*at)).collect();
        let all = days.len();
        days.dedup();
        assert_eq!(days.len(), all, "every {every} s: twice on a day");
        assert!(
            attempts
                .windows(2)
                .all(|pair| pair[1] - pair[0] >= ATTEMPTS_APART)
        );
        assert!(all >= 28, "every {every} s: {all}");
    }
}

#[test]
fn a_clock_that_was_ahead_does_not_end_the_listings() {
    assert!(is_due(Some(MIDNIGHT + 365 * DAY_SECONDS), MIDNIGHT));
    assert!(!is_due(Some(MIDNIGHT + 60), MIDNIGHT));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn over_random_listings_exactly_those_are_followed_that_two_in_a_row_have_shown(
        listings in prop::collection::vec(prop::collection::vec(any::<bool>(), 6), 1..12),
        configured in 0_usize..6,
        follow in any::<bool>(),
    ) {
        let all: Vec<String> = (0..6).map(|at| format!("d{at}.a.com")).collect();
        let configured = [name(&all[configured])];
        let discover = if follow { Discover::Follow } else { Discover::Warn };
        let mut known = Vec::new();
        for (day, shown) in (0_i64..).zip(&listings) {
            let listing: Vec<_> = all
                .iter()
                .zip(shown)
                .filter(|(_, shown)| **shown)
                .map(|(name, _)| domain(name, DomainStatus::Stopped))
                .collect();
            let before = known.clone();
            known = learn(known, &listing, &configured, discover, MIDNIGHT + day * DAY_SECONDS);
            // No name is lost, and none comes twice.
            let count = known.len();
            known.dedup_by(|one, other| one.listed.name == other.listed.name);
            prop_assert_eq!(known.len(), count);
            prop_assert!(before.iter().all(|row| known.iter().any(|now| now.listed.name == row.listed.name)));
            prop_assert!(followed(&before).iter().all(|name| followed(&known).contains(name)));
        }
        for (at, text) in all.iter().enumerate() {
            let twice = listings.windows(2).any(|pair| pair[0][at] && pair[1][at]);
            let expected = follow && twice && !configured.contains(&name(text));
            prop_assert_eq!(followed(&known).contains(&name(text)), expected, "{}", text);
        }
    }
}
