//! What the simulator says to right and wrong requests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::super::{RequestOutcome, RowShape, Settings, SpanLimit};
use super::probe::{NOW, Raw, ask, body, exchange, post, start};

#[test]
fn an_answer_holds_the_truth_of_the_window() {
    let simulator = start(Settings::default());
    let raw = ask(&simulator, &body(json!({"domain": "www.b.com,WWW.A.com"})));
    assert_eq!((raw.status, raw.json()["status"].as_i64()), (200, Some(0)));
    assert_eq!(raw.header("date"), Some("Thu, 08 Jan 2026 04:00:00 GMT"));
    assert_eq!(
        raw.header("content-length"),
        Some(raw.body.len().to_string().as_str())
    );

    let start = NOW - 29 * 3_600;
    let answer = raw.json();
    for (position, domain) in ["www.b.com", "www.a.com"].into_iter().enumerate() {
        let data = &answer["data"][position];
        assert_eq!(data["domain"], domain);
        let points = simulator.truth().domain(domain).points(start, start + 3_600, NOW);
        let rows = points.map(|point| {
            let codes: serde_json::Map<_, _> = point
                .codes
                .iter()
                .map(|(code, n)| ((*code).to_owned(), Value::from(*n)))
                .collect();
            json!([point.ts, point.bandwidth, point.pv, codes])
        });
        assert_eq!(data["data"], rows.collect::<Value>());
        assert_eq!(data["data"].as_array().unwrap().len(), 12);
    }
}

#[test]
fn each_wrong_request_is_told_its_code() {
    let simulator = start(Settings {
        span_limit: Some(SpanLimit::SevenDays),
        retention_seconds: Some(90 * 86_400),
        max_domains: Some(1),
        ..Settings::default()
    });
    let cases = [
        (json!({}), 0),
        (json!({"username": null}), 3),
        (json!({"signature": null}), 4),
        (json!({"domain": null}), 12),
        (json!({"start_time": null}), 13),
        (json!({"end_time": 1}), 41),
        (json!({"start_time": "2026-01-07T07:00"}), 14),
        (json!({"username": "somebody"}), 20),
        (json!({"signature": "d847267fc702273abf394dd0c3128d64"}), 7),
        (json!({"start_time": "2026-01-07 08:00"}), 19),
        (json!({"domain": "www.c.com"}), 18),
        (json!({"domain": "www.a.com,www.b.com"}), 22),
        (json!({"start_time": "2025-12-31 07:59"}), 42),
        (
            json!({"start_time": "2025-10-01 00:00", "end_time": "2025-10-01 23:59"}),
            21,
        ),
    ];
    for (changes, code) in &cases {
        let answer = ask(&simulator, &body(changes.clone())).json();
        assert_eq!(answer["status"], *code, "{changes}");
        assert_eq!(answer.get("data").is_some(), *code == 0, "{changes}");
        assert!(answer["msg"].is_string());
    }
    assert_eq!(ask(&simulator, "[]").json()["status"], 2);
    let outcomes: Vec<_> = simulator
        .requests()
        .iter()
        .map(|request| request.outcome.clone())
        .collect();
    let expected = cases.iter().map(|(_, code)| RequestOutcome::Answered(*code));
    assert_eq!(
        outcomes,
        expected.chain([RequestOutcome::Answered(2)]).collect::<Vec<_>>()
    );
}

#[test]
fn only_a_json_post_to_the_endpoint_is_a_request_of_the_api() {
    let simulator = start(Settings::default());
    let status = |request: &str| Raw::parse(&exchange(&simulator, request).0).status;
    assert_eq!(
        status("GET /api/origin HTTP/1.1\r\nConnection: close\r\n\r\n"),
        404
    );
    assert_eq!(status("POST /api/pv HTTP/1.1\r\nConnection: close\r\n\r\n"), 404);
    assert_eq!(
        status("POST /api/origin HTTP/1.1\r\nConnection: close\r\n\r\n"),
        415
    );
    assert_eq!(
        simulator.requests().last().map(|r| r.outcome.clone()),
        Some(RequestOutcome::Http(415))
    );
}

#[test]
fn the_log_tells_what_was_asked_and_counts_on_when_cleared() {
    let simulator = start(Settings::default());
    ask(&simulator, &body(json!({"domain": "www.A.com,www.b.com"})));
    let logged = simulator.requests();
    assert_eq!(
        (logged.len(), logged[0].sequence, logged[0].arrived_at),
        (1, 1, NOW)
    );
    assert_eq!(logged[0].domains, ["www.a.com", "www.b.com"]);
    assert_eq!(
        (logged[0].start, logged[0].end),
        (Some(NOW - 29 * 3_600), Some(NOW - 28 * 3_600))
    );
    simulator.clear_log();
    ask(&simulator, &body(json!({})));
    assert_eq!(simulator.requests()[0].sequence, 2);
}

#[test]
fn a_connection_carries_many_requests() {
    let simulator = start(Settings::default());
    let mut stream = TcpStream::connect(simulator.address()).unwrap();
    for _ in 0..3 {
        stream.write_all(post(&body(json!({})), "").as_bytes()).unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"]}]}") {
            let mut block = [0; 4096];
            let read = stream.read(&mut block).unwrap();
            assert!(read > 0);
            bytes.extend_from_slice(&block[..read]);
        }
        assert_eq!(Raw::parse(&bytes).json()["status"], 0);
    }
    assert_eq!(simulator.requests().len(), 3);
}

#[test]
fn answers_are_compressed_for_those_who_accept_it() {
    let simulator = start(Settings::default());
    let request = post(&body(json!({})), "Accept-Encoding: gzip\r\nConnection: close\r\n");
    let raw = Raw::parse(&exchange(&simulator, &request).0);
    assert_eq!(raw.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(raw.body.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text.as_bytes(), ask(&simulator, &body(json!({}))).body);
}

#[test]
fn points_can_be_objects_as_the_sister_endpoint_shows() {
    let simulator = start(Settings {
        row_shape: RowShape::Objects,
        ..Settings::default()
    });
    let row = ask(&simulator, &body(json!({}))).json()["data"][0]["data"][0].clone();
    let point = simulator
        .truth()
        .final_point("www.a.com", NOW - 29 * 3_600)
        .unwrap();
    assert_eq!(
        (&row["time"], &row["bandwidth"]),
        (&json!(point.ts), &json!(point.bandwidth))
    );
    assert_eq!(
        (&row["pv"], &row["000"]),
        (&json!(point.pv), &json!(point.codes[16].1))
    );
}

#[test]
fn dropping_the_simulator_ends_its_connections() {
    let simulator = start(Settings::default());
    let mut open = TcpStream::connect(simulator.address()).unwrap();
    open.write_all(b"POST /api/origin HTTP/1.1\r\n").unwrap();
    drop(simulator);
    // An end or a reset, whichever the system makes of it; what matters is that nobody waits for ever.
    assert_eq!(open.read(&mut [0; 1]).unwrap_or(0), 0);
}
