//! Answers that no second try improves: entries, statuses and labels.

use jdcdn_stats::simulator::{DataFault, EntryForm, Fault, Rule};
use serde_json::json;

use super::{
    DAY, ONCE_EACH, STRUCK, WINDOWS, assert_next_run_mends, assert_only_struck_is_missing, failed, in_struck,
    run, slots, struck,
};
use crate::oracle::Slot;
use crate::sandbox::at;

#[test]
fn an_entry_of_a_wrong_type_costs_its_own_domain_one_more_request() {
    for form in EntryForm::WRONG {
        println!("{form:?}");
        let entry = DataFault::Entry {
            domain: "d000.example.com".to_owned(),
            form,
        };
        let sandbox = struck(Rule::once(entry.clone()));
        let summary = run(&sandbox, &[], 0);
        sandbox.assert_holds_all(DAY);
        assert_eq!(
            (&summary["failures"], sandbox.requests()),
            (&json!([]), WINDOWS + 1)
        );

        let sandbox = struck(Rule::always(entry));
        let summary = run(&sandbox, &[], 3);
        let bad = slots(&sandbox.domains[..1], in_struck);
        let says = "the entry of d000.example.com is malformed, in two answers";
        assert_eq!(failed(&summary, says), bad, "{summary}");
        sandbox.assert_holds(DAY, |domain, slot| {
            if bad.contains(&(domain.to_owned(), slot)) {
                Slot::Unasked
            } else {
                Slot::Stored
            }
        });
        assert_next_run_mends(&sandbox);
    }
}

#[test]
fn entries_of_which_none_can_be_used_cost_one_request_for_each_domain() {
    for text in [
        "{\"status\":0,\"data\":[null]}",
        "{\"status\":0,\"data\":[{\"domain\":\"d000.example.com\",\"data\":null}]}",
    ] {
        println!("{text}");
        let sandbox = struck(Rule::once(Fault::Json(text.to_owned())));
        let summary = run(&sandbox, &[], 0);
        sandbox.assert_holds_all(DAY);
        assert_eq!(
            (&summary["failures"], sandbox.requests()),
            (&json!([]), WINDOWS + 2)
        );
    }
}

#[test]
fn what_another_try_would_not_mend_is_asked_once_with_padding_and_once_without() {
    let verbatim = |status, body: &str| Fault::Verbatim {
        http_status: status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    };
    let faults = [
        (Fault::envelope(2), "status 2: a parameter is required"),
        (Fault::envelope(12), "status 12"),
        (Fault::envelope(13), "status 13"),
        (Fault::envelope(14), "status 14"),
        (Fault::envelope(19), "status 19: start time later than end time"),
        (Fault::envelope(41), "status 41"),
        (verbatim(400, "no such thing"), "HTTP status 400: no such thing"),
        (Fault::http(404), "HTTP status 404"),
        (Fault::http(405), "HTTP status 405"),
    ];
    for (fault, says) in faults {
        println!("{fault:?}");
        let sandbox = struck(Rule::always(fault));
        let summary = run(&sandbox, &[], 3);
        assert_only_struck_is_missing(&sandbox, &summary, says);
        assert_eq!(sandbox.requests(), WINDOWS - 1 + ONCE_EACH);
        let sent: Vec<_> = sandbox
            .simulator
            .requests()
            .into_iter()
            .filter(|request| !request.is_answered())
            .filter_map(|request| request.start.zip(request.end))
            .collect();
        let (start, end) = (at(STRUCK.0), at(STRUCK.1));
        assert_eq!(sent, [(start - 600, end + 300), (start, end)]);
        assert_next_run_mends(&sandbox);
    }
}

#[test]
fn an_answer_is_known_by_what_it_says_and_not_by_how_it_is_labelled() {
    let labels = ["text/html", "text/plain;charset=GBK", "application/octet-stream"];
    let mut faults = labels.map(|label| Fault::ContentType(label.to_owned())).to_vec();
    faults.push(Fault::ByteOrderMark);
    for fault in faults {
        println!("{fault:?}");
        let sandbox = struck(Rule::always(fault));
        assert_eq!(run(&sandbox, &[], 0)["retries"], 0);
        sandbox.assert_holds_all(DAY);
    }
}
