use proptest::prelude::*;

use super::*;
use crate::api::envelope::status::ApiStatus;
use crate::model::DomainStatus;
use crate::model::convert::to_usize;

fn domain(name: &str) -> AccountDomain {
    AccountDomain {
        name: name.parse().unwrap(),
        status: DomainStatus::Running,
        cname: None,
        kind: None,
        region: None,
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("d{at:04}.a.com")).collect()
}

/// A service that lists these names.
struct Service {
    names: Vec<String>,
    /// The most entries on a page.
    most: u32,
    /// What it says instead of the number of names.
    total: Option<u64>,
}

impl Service {
    fn of(count: usize) -> Self {
        Self {
            names: names(count),
            most: u32::MAX,
            total: None,
        }
    }

    fn page(&self, request: DomainsRequest) -> DomainsPage {
        let size = to_usize(request.size.min(self.most));
        let entries = self.names.chunks(size).nth(to_usize(request.page) - 1);
        DomainsPage {
            total: Some(self.total.unwrap_or(to_u64(self.names.len()))),
            entries: entries
                .unwrap_or_default()
                .iter()
                .map(|name| ListedEntry::Domain(domain(name)))
                .collect(),
        }
    }
}

/// Reads a listing to its end. Returns it and the requests.
fn read(mut answer: impl FnMut(DomainsRequest) -> DomainsPage) -> (Listing, Vec<DomainsRequest>) {
    let mut reader = ListingReader::new();
    let mut asked = Vec::new();
    loop {
        let request = reader.request();
        asked.push(request);
        if let ListingStep::Done(listing) = reader.take(answer(request)) {
            return (listing, asked);
        }
        assert!(asked.len() < 3_000, "it never ends");
    }
}

fn shown(listing: &Listing) -> Vec<String> {
    listing
        .domains
        .iter()
        .map(|domain| domain.name.to_string())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_domain_is_listed_once_however_few_the_service_puts_on_a_page(count in 0_usize..350, most in 1_u32..120) {
        let service = Service { most, ..Service::of(count) };
        let (listing, asked) = read(|request| service.page(request));
        prop_assert_eq!(shown(&listing), names(count));
        prop_assert_eq!(listing.flaw, None);
        // At most one page more than there are.
        let pages = count.div_ceil(to_usize(most.min(100))).max(1);
        prop_assert!(asked.len() <= pages + 1, "{}", asked.len());
    }

    #[test]
    fn a_total_that_differs_from_what_is_listed_is_a_flaw(count in 0_usize..250, most in 1_u32..120, total in 0_u64..250) {
        prop_assume!(total != to_u64(count));
        // The full first page of a service with small pages ends the list, if the total says so.
        prop_assume!(most >= 100 || total > to_u64(count) || total % u64::from(most) != 0);
        let service = Service { most, total: Some(total), ..Service::of(count) };
        let (listing, _) = read(|request| service.page(request));
        prop_assert!(matches!(listing.flaw, Some(ListingFlaw::TotalDiffers { .. })), "{:?}", listing.flaw);
    }

    #[test]
    fn a_list_that_moves_between_the_pages_is_read_again(at in 0_usize..100, count in 101_usize..300) {
        // A domain that is new at the front moves every other to the next place.
        let before = Service::of(count);
        let mut moved = Service::of(count);
        moved.names.insert(0, "new.a.com".to_owned());
        let mut left = at % 2 + 1;
        let (listing, _) = read(|request| {
            let service = if left > 0 { &before } else { &moved };
            left = left.saturating_sub(1);
            service.page(request)
        });
        prop_assert_eq!(listing.flaw, None);
        // Whether it was read before the new one or after, none of the others is missing.
        let listed = shown(&listing);
        prop_assert!(names(count).iter().all(|name| listed.contains(name)));
    }
}

#[test]
fn the_same_page_again_ends_the_list_and_is_a_flaw() {
    let service = Service::of(250);
    let (listing, asked) = read(|request| service.page(DomainsRequest { page: 1, ..request }));
    let flaw = ListingFlaw::TotalDiffers {
        total: 250,
        listed: 10,
    };
    assert_eq!((listing.flaw, asked.len()), (Some(flaw), 4));
}

#[test]
fn a_list_without_an_end_ends() {
    let (listing, asked) = read(|request| DomainsPage {
        total: Some(1_000_000),
        entries: (0..request.size)
            .map(|at| ListedEntry::Domain(domain(&format!("d{at}.p{}.com", request.page))))
            .collect(),
    });
    assert_eq!(listing.flaw, Some(ListingFlaw::Endless));
    assert!(asked.len() < 1_200, "{}", asked.len());
}

#[test]
fn without_a_total_the_domains_are_shown_and_not_believed() {
    // More than the second, smaller page holds.
    let service = Service::of(50);
    let (listing, _) = read(|request| DomainsPage {
        total: None,
        ..service.page(request)
    });
    assert_eq!(shown(&listing), names(50));
    assert_eq!(listing.flaw, Some(ListingFlaw::NoTotal));
}

#[test]
fn one_wrong_page_is_asked_for_again_with_another_size() {
    let service = Service::of(30);
    let mut lies = 1;
    let (listing, asked) = read(|request| {
        let page = service.page(request);
        let total = page.total.map(|total| total + lies);
        lies = 0;
        DomainsPage { total, ..page }
    });
    assert_eq!((shown(&listing), listing.flaw), (names(30), None));
    assert_eq!(asked[0].size, 100);
    assert!(asked[1..].contains(&DomainsRequest { page: 1, size: 10 }));
}

#[test]
fn an_unreadable_entry_counts_and_so_does_a_domain_that_is_twice_on_a_page() {
    let unreadable = || ListedEntry::Unreadable("null".to_owned());
    let twice = || ListedEntry::Domain(domain("b.com"));
    let (listing, asked) = read(|_| DomainsPage {
        total: Some(5),
        entries: vec![
            ListedEntry::Domain(domain("a.com")),
            unreadable(),
            unreadable(),
            twice(),
            twice(),
        ],
    });
    assert_eq!(shown(&listing), ["a.com", "b.com"]);
    assert_eq!(
        (listing.unreadable, listing.flaw),
        (vec!["null".to_owned()], None)
    );
    assert_eq!(asked.len(), 1);
}

#[test]
fn a_refusal_of_the_large_page_leads_to_the_documented_size_and_one_behind_the_end_is_the_end() {
    let refusal = |code| FailureKind::Api {
        status: ApiStatus::from_code(code),
        message: String::new(),
    };
    let mut reader = ListingReader::new();
    let step = reader.fail(refusal(2)).unwrap();
    assert!(matches!(
        step,
        ListingStep::Ask(DomainsRequest { page: 1, size: 10 })
    ));
    assert!(reader.fail(refusal(2)).is_err());
    // What concerns the account, or the way to the API, ends the listing.
    for kind in [refusal(7), FailureKind::Interrupted { what: String::new() }] {
        assert_eq!(ListingReader::new().fail(kind.clone()).unwrap_err(), kind);
    }
    let service = Service::of(100);
    let mut reader = ListingReader::new();
    let step = reader.take(service.page(reader.request()));
    assert!(matches!(
        step,
        ListingStep::Ask(DomainsRequest { page: 2, size: 100 })
    ));
    match reader.fail(refusal(99)).unwrap() {
        ListingStep::Done(listing) => assert_eq!((shown(&listing), listing.flaw), (names(100), None)),
        step @ ListingStep::Ask(_) => panic!("{step:?}"),
    }
}
