//! The API without a socket.

use std::sync::Arc;

use serde_json::json;

use super::super::{
    DataFault, Delivery, Fault, FaultScript, RequestOutcome, Rule, Settings, SimulatedService,
};
use super::probe::{NOW, ask, body, start};

fn service_with(fault: Fault) -> SimulatedService {
    let service = SimulatedService::new(Settings::default());
    service.script(FaultScript::new().then(fault));
    service
}

fn asking() -> Vec<u8> {
    body(json!({})).into_bytes()
}

#[test]
fn it_says_what_the_server_says() {
    let simulator = start(Settings::default());
    for changes in [json!({}), json!({"domain": "x.com"}), json!({"signature": "x"})] {
        let raw = ask(&simulator, &body(changes.clone()));
        let response = SimulatedService::new(Settings::default()).answer(body(changes).as_bytes(), NOW);
        assert_eq!(response.http.status, raw.status);
        assert_eq!(response.http.body, raw.body);
        assert_eq!(response.http.header("date"), raw.header("date"));
        assert_eq!(
            response.http.header("content-length"),
            raw.header("content-length")
        );
        assert_eq!(response.delivery, Delivery::Whole);
    }
}

#[test]
fn each_fault_arrives_in_its_way() {
    let whole = SimulatedService::new(Settings::default())
        .answer(&asking(), NOW)
        .http
        .body;
    let arrived = |fault| {
        let response = service_with(fault).answer(&asking(), NOW);
        (response.delivery, response.http.body.len())
    };
    let half = (Delivery::Cut { reset: true }, whole.len() / 2);
    assert_eq!(arrived(Fault::ResetBeforeAnswer).0, Delivery::Reset);
    assert_eq!(arrived(Fault::ResetMidBody), half);
    assert_eq!(
        arrived(Fault::Truncated),
        (Delivery::Cut { reset: false }, whole.len() / 2)
    );
    assert_eq!(
        arrived(Fault::HugeLength { bytes: 1 << 40 }),
        (Delivery::Cut { reset: false }, whole.len())
    );
    assert_eq!(arrived(Fault::Hang).0, Delivery::Hang);
    assert_eq!(
        arrived(Fault::HugeBody { mebibytes: 3 }).0,
        Delivery::Blanks { mebibytes: 3 }
    );
    let Delivery::Followed(second) = arrived(Fault::surplus()).0 else {
        panic!("a second response follows");
    };
    assert!(second.http.body.ends_with(b"\"data\":[]}]}"));
}

#[test]
fn scripts_rules_and_the_log_work_as_on_a_socket() {
    let service = service_with(Fault::http(503));
    service.rule(Rule::once(DataFault::NoDomains));
    assert_eq!(service.answer(&asking(), NOW).http.status, 503);
    assert!(
        service
            .answer(&asking(), NOW)
            .http
            .body
            .ends_with(b"\"data\":[]}")
    );
    let outcomes: Vec<_> = service
        .requests()
        .iter()
        .map(|request| request.outcome.clone())
        .collect();
    assert_eq!(
        outcomes,
        [
            RequestOutcome::Faulted(Arc::new(Fault::http(503))),
            RequestOutcome::Faulted(Arc::new(DataFault::NoDomains.into()))
        ]
    );
    service.clear_log();
    assert!(service.requests().is_empty());
}

#[test]
fn a_liar_can_be_made_honest() {
    let service = SimulatedService::new(Settings {
        fault_rate: 0.5,
        lie_rate: 0.5,
        ..Settings::default()
    });
    service.rule(Rule::always(Fault::Html).for_domain("www.b.com"));
    for _ in 0..200 {
        let _ = service.answer(&asking(), NOW);
    }
    let honest = |service: &SimulatedService| service.requests().iter().filter(|r| r.is_answered()).count();
    assert!((30..120).contains(&honest(&service)), "{}", honest(&service));
    service.be_honest();
    service.clear_log();
    for domain in ["www.a.com", "www.b.com"] {
        let _ = service.answer(body(json!({"domain": domain})).as_bytes(), NOW);
    }
    assert_eq!(honest(&service), 2);
}
