//! Which way requests go: proxies, their passwords, and IPv6.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use jdcdn_stats::clock::ManualClock;
use jdcdn_stats::simulator::{Settings, Simulator};

use crate::sandbox::{Ended, NOW, Sandbox, at, ended, skipped};

/// An API that no machine reaches without the proxy: the domain is reserved and has no address.
const API: &str = "https://opencdn.jcloud.invalid/api/origin";
const PROXIED: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const RANGE: [&str; 5] = ["backfill", "--from", "2026-06-01", "--to", "2026-06-02"];

/// Sets up an account, next to the configuration of the sandbox.
const INIT: [&str; 8] = [
    "init",
    "--yes",
    "--username",
    "jcloud_00",
    "--config",
    "new.toml",
    "-d",
    "d000.example.com",
];

/// A proxy that keeps what it was asked for, and connects to nothing.
struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(answer: fn(TcpStream) -> Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                kept.lock().unwrap().extend(answer(stream.unwrap()));
            }
        });
        Self { port, asked }
    }

    /// What it was asked for first; `None` if nobody asked.
    fn asked(&self) -> Option<String> {
        self.asked.lock().unwrap().first().cloned()
    }
}

/// The head of a CONNECT request, which is refused.
fn http(mut stream: TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").ok()?;
    String::from_utf8(head).ok()
}

/// The host and port of a request by SOCKS 5, which is refused.
fn socks5(mut stream: TcpStream) -> Option<String> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).ok()?;
    let mut methods = vec![0; greeting[1].into()];
    stream.read_exact(&mut methods).ok()?;
    stream.write_all(&[5, 0]).ok()?;
    let mut head = [0; 5];
    stream.read_exact(&mut head).ok()?;
    assert_eq!(&head[..4], [5, 1, 0, 3], "a connection by name");
    let mut name = vec![0; head[4].into()];
    let mut port = [0; 2];
    stream.read_exact(&mut name).ok()?;
    stream.read_exact(&mut port).ok()?;
    stream.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    let name = String::from_utf8(name).ok()?;
    Some(format!("{name}:{}", u16::from_be_bytes(port)))
}

fn run(sandbox: &Sandbox, args: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = sandbox.command(args);
    command.env("JDCDN_ENDPOINT", API).envs(variables.iter().copied());
    ended(command.output().unwrap())
}

#[test]
fn every_variable_leads_through_its_proxy_and_no_password_is_printed() {
    let sandbox = Sandbox::with_domains(1);
    // `p@ss/word`, as it is written in an address, and as a proxy gets it.
    let spellings = ["p@ss/word", "p%40ss%2Fword", "cEBzcy93b3Jk", "bWU6cEBzcy93b3Jk"];
    for variable in PROXIED {
        let proxy = Proxy::start(http);
        let address = format!("http://me:p%40ss%2Fword@127.0.0.1:{}", proxy.port);
        for args in [
            &[&RANGE[..], &["-vvv"]].concat()[..],
            &["check"],
            &["check", "--format", "json"],
        ] {
            let ended = run(&sandbox, args, &[(variable, &address)]);
            assert_ne!(ended.code, Some(0), "{ended:?}");
            let printed = [&*ended.stdout, &ended.stderr].concat();
            for spelling in spellings {
                assert!(!printed.contains(spelling), "{args:?}: {printed}");
            }
            if args[0] == "check" {
                let route = format!("through the proxy http://127.0.0.1:{} ({variable})", proxy.port);
                assert!(printed.contains(&route), "{printed}");
                assert!(
                    printed.contains("the proxy looks up opencdn.jcloud.invalid"),
                    "{printed}"
                );
            }
        }
        let asked = proxy.asked().unwrap();
        assert!(
            asked.starts_with("CONNECT opencdn.jcloud.invalid:443 "),
            "{asked}"
        );
        assert!(
            asked
                .to_lowercase()
                .contains("proxy-authorization: basic bwu6cebzcy93b3jk\r\n"),
            "{asked}"
        );
        sandbox.remove_database();
    }
}

#[test]
fn a_socks_proxy_is_asked_by_name() {
    let sandbox = Sandbox::with_domains(1);
    let proxy = Proxy::start(socks5);
    let address = format!("socks5h://127.0.0.1:{}", proxy.port);
    run(&sandbox, &RANGE, &[("ALL_PROXY", &address)]).with(3);
    assert_eq!(proxy.asked().as_deref(), Some("opencdn.jcloud.invalid:443"));
}

#[test]
fn init_asks_through_the_proxy_too() {
    let sandbox = Sandbox::with_domains(1);
    for args in [&INIT[..], &[&INIT[..6], &["--all-domains"]].concat()] {
        let proxy = Proxy::start(http);
        let address = format!("http://me:hunter2@127.0.0.1:{}", proxy.port);
        let said = run(&sandbox, args, &[("https_proxy", &address)]).failed(1);
        assert!(said.contains("nothing was written"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        let asked = proxy.asked().unwrap();
        assert!(
            asked.starts_with("CONNECT opencdn.jcloud.invalid:443 "),
            "{asked}"
        );
        assert!(!sandbox.path("new.toml").exists());
    }
}

#[test]
fn an_exception_leads_directly_to_the_api() {
    let sandbox = Sandbox::with_domains(1);
    for (name, list, entry) in [
        ("NO_PROXY", "localhost,.jcloud.invalid", ".jcloud.invalid"),
        ("no_proxy", "*", "*"),
    ] {
        let proxy = Proxy::start(http);
        let address = format!("127.0.0.1:{}", proxy.port);
        let variables = [("HTTPS_PROXY", &*address), (name, list)];
        let check = run(&sandbox, &["check"], &variables).with(1);
        assert!(
            check.contains(&format!("direct: {name} has `{entry}`")),
            "{check}"
        );
        run(&sandbox, &RANGE, &variables).with(3);
        assert_eq!(proxy.asked(), None);
        sandbox.remove_database();
    }
}

#[test]
fn this_machine_and_plain_http_are_asked_directly() {
    let sandbox = Sandbox::with_domains(1);
    let proxy = Proxy::start(http);
    let address = format!("127.0.0.1:{}", proxy.port);
    for variable in PROXIED {
        let mut command = sandbox.command(&["check"]);
        let check = ended(command.env(variable, &address).output().unwrap()).with(0);
        assert!(check.contains("direct: the API is on this machine"), "{check}");
        assert!(
            check.contains("; connected to 127.0.0.1:") && check.contains("(IPv4)"),
            "{check}"
        );
    }
    assert_eq!(proxy.asked(), None);
}

#[test]
fn a_proxy_that_cannot_be_read_is_an_error_before_any_request() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.configure("jcloud_00", "start = '2026-06-14'");
    let wrong = [
        "ftp://hunter2:3128",
        "http://",
        "http://hunter2:port",
        "http://hunter2:0",
        "http://me:hunter/2@127.0.0.1:1",
        "http://me:hunter2@",
        "hunter2 :3128",
    ];
    for (at, value) in wrong.into_iter().enumerate() {
        let variable = PROXIED[at % PROXIED.len()];
        for args in [&RANGE[..], &["sync"], &["watch"], &INIT] {
            // Against the simulator on this machine: what is written wrongly is meant for some host.
            let mut command = sandbox.command(args);
            command.env("JDCDN_ENDPOINT", sandbox.simulator.endpoint());
            let said = ended(command.env(variable, value).output().unwrap()).failed(2);
            assert!(
                said.contains(&format!("error: {variable}: this is not the address of a proxy:")),
                "{said}"
            );
            assert!(
                said.contains("`http://host:port`") && !said.contains("hunter"),
                "{said}"
            );
        }
        let mut command = sandbox.command(&["check"]);
        let check = ended(command.env(variable, value).output().unwrap()).with(2);
        assert!(
            check.contains(&format!("{variable}: this is not the address of a proxy:")),
            "{check}"
        );
        assert!(!check.contains("hunter"), "{check}");
    }
    let mut command = sandbox.command(&RANGE);
    command.envs([("HTTPS_PROXY", "127.0.0.1:1"), ("NO_PROXY", "a.com;b.com")]);
    let said = ended(command.output().unwrap()).failed(2);
    assert!(
        said.contains("error: NO_PROXY: `a.com;b.com` is not a host"),
        "{said}"
    );
    assert_eq!(sandbox.requests(), 0);
    assert!(!sandbox.path("jdcdn-stats.db").exists());
    assert!(!sandbox.path("new.toml").exists());
    // What asks nobody needs no proxy.
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let mut command = sandbox.command(&["status"]);
    ended(command.env("HTTPS_PROXY", "http://").output().unwrap()).with(0);
}

/// A simulator at this address. `None` if the machine does not have it.
fn simulator_at(address: &str) -> Option<Simulator> {
    let listener = TcpListener::bind(address).ok()?;
    let settings = Settings {
        domains: vec!["d000.example.com".to_owned()],
        ..Settings::default()
    };
    Some(Simulator::start(listener, settings, Arc::new(ManualClock::new(at(NOW)))).unwrap())
}

#[test]
fn an_api_with_an_ipv6_address_only_is_asked() {
    let Some(simulator) = simulator_at("[::1]:0") else {
        return skipped("IPv6", "this machine has no address ::1");
    };
    let sandbox = Sandbox::with_domains(1);
    let endpoint = simulator.endpoint();
    let check = sandbox
        .command(&["check"])
        .env("JDCDN_ENDPOINT", &endpoint)
        .output();
    let check = ended(check.unwrap()).with(0);
    assert!(
        check.contains("; connected to [::1]:") && check.contains("(IPv6)"),
        "{check}"
    );
    let args = [&RANGE[..], &["--endpoint", &endpoint]].concat();
    sandbox.run(&args).with(0);
    sandbox.assert_holds_all(("2026-06-01", "2026-06-02"));
}

/// Starts a simulator at `$2`, and asks it as `both.test` with the address that `$1` gives for it.
const BOTH: &str = r#"
ip link set lo up && mount --bind "$1" /etc/hosts || exit 77
"$0" simulate --listen "$2" --domain d000.example.com > simulator.env &
simulator=$!
until grep -q '^# stop' simulator.env; do kill -0 $simulator || exit 1; done
. ./simulator.env
export JDCDN_ENDPOINT="http://both.test:${JDCDN_ENDPOINT##*:}"
"$0" check && "$0" backfill --from 2026-06-01 --to 2026-06-02
ended=$?
kill $simulator
exit $ended
"#;

#[test]
fn a_name_with_two_addresses_is_reached_by_the_one_that_answers() {
    let namespace = ["unshare", "--map-root-user", "--net", "--mount", "sh", "-c"];
    for (address, kind) in [("[::1]:0", "(IPv6)"), ("127.0.0.1:0", "(IPv4)")] {
        let sandbox = Sandbox::with_domains(1);
        sandbox.configure("jcloud_00", "allow_plaintext = true");
        std::fs::write(sandbox.path("hosts"), "::1 both.test\n127.0.0.1 both.test\n").unwrap();
        let hosts = sandbox.path("hosts").display().to_string();
        let mut command = Command::new(namespace[0]);
        command
            .args(&namespace[1..])
            .args([BOTH, env!("CARGO_BIN_EXE_jdcdn-stats"), &hosts, address])
            .current_dir(sandbox.path(""))
            .env("JDCDN_TEST_NOW", at(NOW).to_string());
        let Ok(output) = command.output() else {
            return skipped("a name with two addresses", "there is no `unshare`");
        };
        let run = ended(output);
        if run.stderr.contains("unshare: ") || run.code == Some(77) {
            return skipped("a name with two addresses", run.stderr.trim());
        }
        let printed = run.with(0);
        assert!(printed.contains("both.test is ::1, 127.0.0.1"), "{printed}");
        assert!(
            printed.contains(&format!("; connected to {}", address.trim_end_matches('0'))),
            "{printed}"
        );
        assert!(
            printed.contains(kind) && printed.contains("1 of 1 fetched"),
            "{printed}"
        );
    }
}
