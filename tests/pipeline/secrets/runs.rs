//! Runs that fail, that are killed, and `watch`.

use jdcdn_stats::simulator::{DataFault, Fault, FaultScript, Rule};

use super::{DAY, KEY, VOICES, assert_keeps_secrets, leaks, sandbox, secrets};
use crate::sandbox::{ended, wait_until};
use crate::watch::Watch;

#[test]
fn watch_and_its_metrics_show_no_secret() {
    let sandbox = sandbox();
    sandbox.configure("jcloud_00", crate::watch::EVERY_SECOND);
    let echo = KEY.to_uppercase();
    sandbox
        .simulator
        .script(FaultScript::new().then(Fault::Json(format!(r#"{{"status":99,"msg":"{echo}"}}"#))));
    let mut watch = Watch::start(&sandbox, &["--metrics", "0", "-vvv"], &[]);
    let address = crate::monitoring::metrics_of(&mut watch);
    watch.says("up to date");
    let (_, page) = crate::monitoring::get(&address, "/metrics");
    let said = watch.stops().join("\n");
    assert!(said.contains("********"), "the echo was never told: {said}");
    assert_eq!(
        leaks(&secrets(), &[&said, &page], &sandbox.path("")),
        Vec::<String>::new()
    );
}

#[test]
fn neither_key_nor_signature_shows_however_a_run_fails() {
    let redirect = Fault::Redirect {
        status: 307,
        location: "http://127.0.0.1:1/elsewhere".to_owned(),
    };
    let unasked = DataFault::UnaskedDomain("x.example.org".to_owned());
    for fault in [
        Fault::None,
        Fault::envelope(7),
        Fault::envelope(18),
        Fault::envelope(-1),
        Fault::http(400),
        Fault::http(401),
        Fault::http(500),
        Fault::ResetBeforeAnswer,
        Fault::Truncated,
        Fault::Html,
        redirect,
        unasked.into(),
    ] {
        let sandbox = sandbox();
        sandbox.simulator.rule(Rule::always(fault.clone()));
        for voice in VOICES {
            println!("{fault:?} {voice:?}");
            let ended = sandbox.backfill(DAY.0, DAY.1, &[voice, &["--force"]].concat());
            assert_keeps_secrets(&sandbox, &ended);
        }
        for args in [
            &["status"][..],
            &["query", "SELECT * FROM origin_runs", "--format", "json"],
        ] {
            assert_keeps_secrets(&sandbox, &sandbox.run(args));
        }
    }
}

#[test]
fn a_killed_run_leaves_no_secret_in_its_files() {
    let sandbox = sandbox();
    // Two windows are stored, then the third never comes.
    sandbox
        .simulator
        .script(FaultScript::new().then_times(2, Fault::None).then(Fault::Hang));
    let args = [
        "backfill",
        "--from",
        DAY.0,
        "--to",
        DAY.1,
        "--window",
        "6h",
        "--concurrency",
        "1",
        "-vvv",
    ];
    let mut child = sandbox.start(&args);
    wait_until("the third window is asked for", || sandbox.requests() >= 3);
    child.kill().unwrap();
    let ended = ended(child.wait_with_output().unwrap());
    for name in ["jdcdn-stats.db", "jdcdn-stats.db-wal"] {
        assert!(sandbox.path(name).exists(), "{name}");
    }
    assert_keeps_secrets(&sandbox, &ended);
    sandbox.backfill(DAY.0, DAY.1, &[]).with(0);
    sandbox.assert_holds_all(DAY);
}
