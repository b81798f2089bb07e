//! What each fault looks like on the wire.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::super::{
    DataFault, Fault, FaultScript, HOSTILE_TEXT, RequestOutcome, RetryAfter, Rule, Settings, Simulator,
};
use super::probe::{NOW, Raw, ask, body, exchange, post, start};

fn asking() -> String {
    post(&body(json!({})), "Connection: close\r\n")
}

fn simulator_with(fault: Fault) -> Simulator {
    let simulator = start(Settings::default());
    simulator.script(FaultScript::new().then(fault));
    simulator
}

/// The answer under `fault`, checked to be followed by a clean one.
fn raw(fault: Fault) -> Raw {
    let simulator = simulator_with(fault.clone());
    let raw = Raw::parse(&exchange(&simulator, &asking()).0);
    assert_eq!(ask(&simulator, &body(json!({}))).json()["status"], 0);
    let outcomes: Vec<_> = simulator.requests().iter().map(|r| r.outcome.clone()).collect();
    let faulted = RequestOutcome::Faulted(Arc::new(fault));
    assert_eq!(outcomes, [faulted, RequestOutcome::Answered(0)]);
    raw
}

fn clean() -> Raw {
    ask(&start(Settings::default()), &body(json!({})))
}

#[test]
fn an_envelope_status_comes_with_its_text() {
    assert_eq!(
        raw(Fault::envelope(8)).json(),
        json!({"status": 8, "msg": "interface call failed"})
    );
    let hostile = raw(Fault::hostile(99));
    assert_eq!(hostile.json(), json!({"status": 99, "msg": HOSTILE_TEXT}));
}

#[test]
fn an_http_status_comes_with_its_retry_after() {
    let retry_after = |value| {
        let raw = raw(Fault::http_retry(429, value));
        (raw.status, raw.header("retry-after").map(str::to_owned))
    };
    assert_eq!(retry_after(RetryAfter::Seconds(3)), (429, Some("3".to_owned())));
    let date = Some("Thu, 08 Jan 2026 04:00:02 GMT".to_owned());
    assert_eq!(retry_after(RetryAfter::Date(2)), (429, date));
    assert_eq!(
        retry_after(RetryAfter::Raw("soon".to_owned())),
        (429, Some("soon".to_owned()))
    );
    assert_eq!(raw(Fault::http(503)).header("retry-after"), None);
}

#[test]
fn a_reset_is_a_real_one() {
    let (answer, end) = exchange(&simulator_with(Fault::ResetBeforeAnswer), &asking());
    assert!(answer.is_empty());
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let (answer, end) = exchange(&simulator_with(Fault::ResetMidBody), &asking());
    assert!(answer.len() < clean().body.len());
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_truncated_answer_promises_more_than_it_holds_and_truncated_json_does_not() {
    let whole = clean().body;
    let truncated = raw(Fault::Truncated);
    assert_eq!(
        truncated.header("content-length"),
        Some(whole.len().to_string().as_str())
    );
    assert_eq!(truncated.body, whole[..whole.len() / 2]);
    let json = raw(Fault::TruncatedJson);
    assert_eq!(
        json.header("content-length"),
        Some((whole.len() / 2).to_string().as_str())
    );
    assert_eq!(json.body, whole[..whole.len() / 2]);
}

#[test]
fn slow_answers_arrive_whole() {
    let pause = Duration::from_millis(1);
    assert_eq!(raw(Fault::SlowBody { pieces: 5, pause }), clean());
    assert_eq!(raw(Fault::SlowHead { pause }), clean());
}

#[test]
fn a_hanging_request_is_logged_and_ends_with_the_connection() {
    let simulator = simulator_with(Fault::Hang);
    let mut stream = TcpStream::connect(simulator.address()).unwrap();
    stream.write_all(asking().as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.is_empty());
    assert_eq!(
        simulator.requests()[0].outcome,
        RequestOutcome::Faulted(Arc::new(Fault::Hang))
    );
}

#[test]
fn what_is_no_answer_of_the_api_comes_as_success() {
    let html = raw(Fault::Html);
    assert_eq!(
        (html.status, html.header("content-type")),
        (200, Some("text/html;charset=UTF-8"))
    );
    assert_eq!(raw(Fault::Empty).body, b"");
    assert_eq!(raw(Fault::Json("null".to_owned())).body, b"null");
    let plain = raw(Fault::ContentType("text/plain".to_owned()));
    assert_eq!(
        (plain.header("content-type"), &plain.body),
        (Some("text/plain"), &clean().body)
    );
    assert_eq!(
        raw(Fault::ByteOrderMark).body,
        [&b"\xef\xbb\xbf"[..], &clean().body].concat()
    );
}

#[test]
fn a_redirect_names_its_target() {
    let other = start(Settings::default());
    let redirect = raw(Fault::Redirect {
        status: 307,
        location: other.endpoint(),
    });
    assert_eq!(
        (redirect.status, redirect.header("location")),
        (307, Some(other.endpoint().as_str()))
    );
}

#[test]
fn huge_and_deep_bodies_are_as_large_as_asked() {
    let huge = raw(Fault::HugeBody { mebibytes: 3 });
    assert_eq!(huge.header("transfer-encoding"), Some("chunked"));
    assert!(huge.body.len() > 3 << 20);
    let bomb = raw(Fault::GzipBomb { mebibytes: 8 });
    assert!(bomb.body.len() < 100_000);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(bomb.body.as_slice())
        .read_to_end(&mut unpacked)
        .unwrap();
    assert!(unpacked.len() > 8 << 20);
    let deep = raw(Fault::DeepNesting { depth: 100_000 });
    assert_eq!(
        deep.body,
        format!(
            r#"{{"status":0,"data":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        )
        .as_bytes()
    );
}

#[test]
fn a_length_can_promise_more_than_anybody_sends() {
    let huge = raw(Fault::HugeLength { bytes: 1 << 40 });
    assert_eq!(huge.header("content-length"), Some("1099511627776"));
    assert_eq!(huge.body, clean().body);
}

#[test]
fn the_answer_can_come_under_another_status_whole_or_cut() {
    let partial = raw(Fault::UnderStatus {
        status: 206,
        data: None,
    });
    assert_eq!((partial.status, &partial.body), (206, &clean().body));
    let cut = raw(Fault::partial_content());
    assert_eq!(cut.status, 206);
    assert_eq!(cut.json()["data"][0]["data"].as_array().unwrap().len(), 6);
}

#[test]
fn a_second_response_may_follow_the_first_at_once() {
    let simulator = simulator_with(Fault::surplus());
    let mut stream = TcpStream::connect(simulator.address()).unwrap();
    stream.write_all(post(&body(json!({})), "").as_bytes()).unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\"data\":[]}]}") {
        let mut block = [0; 4096];
        let read = stream.read(&mut block).unwrap();
        assert!(read > 0);
        bytes.extend_from_slice(&block[..read]);
    }
    let first = Raw::parse(&bytes);
    let length: usize = first.header("content-length").unwrap().parse().unwrap();
    assert_eq!(first.body[..length], clean().body);
    let second = Raw::parse(&first.body[length..]);
    assert_eq!(second.status, 200);
    assert_eq!(
        second.json()["data"],
        json!([{"domain": "www.a.com", "data": []}])
    );
}

#[test]
fn a_message_can_be_no_utf8() {
    let gbk = b"\xb3\xc9\xb9\xa6".as_slice();
    let answer = raw(Fault::GbkMessage { status: None }).body;
    let head = [br#"{"status":0,"msg":""#.as_slice(), gbk, br#"","data":[{"#].concat();
    assert!(answer.starts_with(&head));
    assert!(answer.ends_with(&clean().body[head.len() + 10..]));
    let envelope = raw(Fault::GbkMessage { status: Some(21) }).body;
    assert_eq!(
        envelope,
        [br#"{"status":21,"msg":""#.as_slice(), gbk, br#""}"#].concat()
    );
}

#[test]
fn a_verbatim_body_is_served_byte_for_byte() {
    let verbatim = raw(Fault::Verbatim {
        http_status: 201,
        headers: vec![("Date".to_owned(), "junk".to_owned())],
        body: b"\x00\xff".to_vec(),
    });
    assert_eq!(
        (verbatim.status, verbatim.body.as_slice()),
        (201, &b"\x00\xff"[..])
    );
    assert_eq!(
        verbatim.headers.iter().filter(|(name, _)| name == "date").count(),
        1
    );
    assert_eq!(verbatim.header("date"), Some("junk"));
}

#[test]
fn wrong_data_is_for_those_whose_request_passes_the_checks() {
    let simulator = start(Settings::default());
    simulator.rule(Rule::always(DataFault::NoDomains));
    assert_eq!(ask(&simulator, &body(json!({}))).json()["data"], json!([]));
    assert_eq!(
        ask(&simulator, &body(json!({"signature": "x"}))).json()["status"],
        7
    );
    simulator.clear_faults();
    assert_ne!(ask(&simulator, &body(json!({}))).json()["data"], json!([]));
}

#[test]
fn a_rule_strikes_the_window_it_names() {
    let simulator = start(Settings::default());
    simulator.rule(
        Rule::always(Fault::envelope(1))
            .for_moment(NOW - 28 * 3_600)
            .for_domain("www.a.com"),
    );
    let status = |changes| ask(&simulator, &body(changes)).json()["status"].as_i64();
    assert_eq!(status(json!({})), Some(0));
    assert_eq!(status(json!({"end_time": "2026-01-07 08:00"})), Some(1));
    assert_eq!(
        status(json!({"end_time": "2026-01-07 08:00", "domain": "www.b.com"})),
        Some(0)
    );
}

#[test]
fn with_mixed_faults_every_request_succeeds_at_the_second_try() {
    let simulator = start(Settings {
        fault_rate: 1.0,
        ..Settings::default()
    });
    for _ in 0..20 {
        let _whatever = exchange(&simulator, &asking());
        assert_eq!(ask(&simulator, &body(json!({}))).json()["status"], 0);
    }
    let answered = simulator
        .requests()
        .iter()
        .filter(|request| request.is_answered())
        .count();
    assert_eq!(answered, 20);
}
