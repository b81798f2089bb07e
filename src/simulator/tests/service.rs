//! The API without a socket.

use serde_json::json;

use super::super::{Arrival, DataFault, Fault, FaultScript, Outcome, Rule, Service, Settings};
use super::probe::{NOW, ask, body, start};

fn service_with(fault: Fault) -> Service {
    let service = Service::new(Settings::default());
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
        let answered = Service::new(Settings::default()).answer(body(changes).as_bytes(), NOW);
        assert_eq!(answered.http_status, raw.status);
        assert_eq!(answered.body, raw.body);
        assert_eq!(answered.header("date"), raw.header("date"));
        assert_eq!(answered.header("content-length"), raw.header("content-length"));
        assert_eq!(answered.arrival, Arrival::Whole);
    }
}

#[test]
fn each_fault_arrives_in_its_way() {
    let whole = Service::new(Settings::default()).answer(&asking(), NOW).body;
    let arrived = |fault| {
        let answered = service_with(fault).answer(&asking(), NOW);
        (answered.arrival, answered.body.len())
    };
    let half = (Arrival::Cut, whole.len() / 2);
    assert_eq!(arrived(Fault::ResetBeforeAnswer).0, Arrival::Reset);
    assert_eq!(arrived(Fault::ResetMidBody), half);
    assert_eq!(arrived(Fault::Truncated), half);
    assert_eq!(
        arrived(Fault::HugeLength { bytes: 1 << 40 }),
        (Arrival::Cut, whole.len())
    );
    assert_eq!(arrived(Fault::Hang).0, Arrival::Hang);
    assert_eq!(
        arrived(Fault::HugeBody { mebibytes: 3 }).0,
        Arrival::Blanks { mebibytes: 3 }
    );
    let Arrival::Followed(second) = arrived(Fault::surplus()).0 else {
        panic!("a second response follows");
    };
    assert!(second.body.ends_with(b"\"data\":[]}]}"));
}

#[test]
fn scripts_rules_and_the_log_work_as_on_a_socket() {
    let service = service_with(Fault::http(503));
    service.rule(Rule::once(DataFault::NoDomains));
    assert_eq!(service.answer(&asking(), NOW).http_status, 503);
    assert!(service.answer(&asking(), NOW).body.ends_with(b"\"data\":[]}"));
    let outcomes: Vec<_> = service.requests().iter().map(|request| request.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Faulted("http"), Outcome::Faulted("no domains")]
    );
    service.clear_log();
    assert_eq!((service.requests().len(), service.request_count()), (0, 2));
}

#[test]
fn a_liar_can_be_made_honest() {
    let service = Service::new(Settings {
        fault_rate: 0.5,
        lie_rate: 0.5,
        ..Settings::default()
    });
    service.rule(Rule::always(Fault::Html).for_domain("www.b.com"));
    for _ in 0..200 {
        let _ = service.answer(&asking(), NOW);
    }
    let honest = |service: &Service| service.requests().iter().filter(|r| r.is_answered()).count();
    assert!((30..120).contains(&honest(&service)), "{}", honest(&service));
    service.be_honest();
    service.clear_log();
    for domain in ["www.a.com", "www.b.com"] {
        let _ = service.answer(body(json!({"domain": domain})).as_bytes(), NOW);
    }
    assert_eq!(honest(&service), 2);
}
