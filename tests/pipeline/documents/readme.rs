//! The commands of `README.md` and `docs/conclusions.md` run as they are typed, in a new directory, with an empty home.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::process::Command;

use jdcdn_stats::clock::Clock as _;
use jdcdn_stats::simulator::{Fault, OwnDomain, Rule, Settings};
use jdcdn_stats::store::{Holder, Store};

use super::markdown::{Block, Document, root};
use crate::help::types;
use crate::sandbox::{NOW, Sandbox, at, ended};

/// Commands that are not run here, by their beginning, and why.
const NOT_RUN: [(&str, &str); 7] = [
    ("make test", "these are the tests"),
    ("make install", "compiles the program once more"),
    ("mkdir -p ~/jdcdn ", "every test has a directory of its own"),
    ("python3 -m venv", "needs Python; `make test-tools` runs it"),
    ("bi/bin/pip install", "downloads; `make test-tools` runs it"),
    ("bi/bin/datasette ", "needs Python; `make test-tools` runs it"),
    ("duckdb ", "needs DuckDB; `make test-tools` runs its queries"),
];
/// What is typed here instead: the target of the Makefile with the binary that is built already, and `init` without
/// questions.
const INSTEAD: [(&str, &str); 2] = [
    ("make demo", "jdcdn-stats demo"),
    (
        "jdcdn-stats init ",
        "jdcdn-stats init --yes --username jcloud_00 --key-file my.key --all-domains ",
    ),
];

/// The commands of a block: a line, with the indented ones below it.
fn commands(block: &Block) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for line in &block.lines {
        match commands.last_mut() {
            Some(command) if line.starts_with(' ') => {
                command.push('\n');
                command.push_str(line);
            }
            _ => commands.push(line.clone()),
        }
    }
    commands
}

/// A reader's machine: a key, the program in the path, an API that answers.
struct Reader {
    sandbox: Sandbox,
}

impl Reader {
    fn new() -> Self {
        let sandbox = Sandbox::new(Settings {
            domains: ["www.a.com", "img.a.com"].map(str::to_owned).to_vec(),
            ..Settings::default()
        });
        std::fs::remove_file(sandbox.path("jdcdn-stats.toml")).unwrap();
        std::fs::create_dir(sandbox.path("home")).unwrap();
        std::fs::write(sandbox.path("my.key"), sandbox.key()).unwrap();
        Self { sandbox }
    }

    /// What the command prints; it must succeed.
    #[track_caller]
    fn types(&self, command: &str) -> String {
        let additions = [
            ("JDCDN_ENDPOINT", self.sandbox.simulator.endpoint().into()),
            ("HOME", self.sandbox.path("home").into_os_string()),
            // The key comes from the file that `init` has written.
            ("JDCDN_SECRET_KEY", OsString::new()),
        ];
        let additions = additions
            .each_ref()
            .map(|(name, value)| (*name, value.as_os_str()));
        types(&self.sandbox, &additions, command)
    }

    /// The lines of a crontab work in the environment that cron gives, and print nothing unless something is missing: cron
    /// would mail it.
    fn schedules(&self, lines: &[String]) {
        let [run, list] = lines else {
            panic!("{lines:?}");
        };
        let home = self.sandbox.path("home");
        std::fs::create_dir_all(home.join(".cargo/bin")).unwrap();
        symlink(
            env!("CARGO_BIN_EXE_jdcdn-stats"),
            home.join(".cargo/bin/jdcdn-stats"),
        )
        .unwrap();
        symlink(self.sandbox.path(""), home.join("jdcdn")).unwrap();
        self.schedules_runs(run);
        self.schedules_listings(list);
        self.sandbox.simulator.clear_faults();
        self.sandbox.clock.set(at(NOW));
    }

    /// What cron mails of this line now.
    fn mail(&self, line: &str) -> String {
        let command = (0..5)
            .fold(line, |rest, _| rest.split_once(' ').unwrap().1)
            .trim_start();
        let home = self.sandbox.path("home");
        let output = Command::new("sh")
            .args(["-c", command])
            .env_clear()
            .envs([("HOME", home.as_os_str()), ("PATH", "/usr/bin:/bin".as_ref())])
            .envs([("SHELL", "/bin/sh"), ("LOGNAME", "reader")])
            .env("JDCDN_ENDPOINT", self.sandbox.simulator.endpoint())
            .env("JDCDN_TEST_NOW", self.sandbox.clock.now().to_string())
            .current_dir(&home)
            .output();
        let ended = ended(output.unwrap());
        // `sh -c` prints no more than cron would mail. The sandbox's clock is announced in each run.
        let mail = [ended.stdout, ended.stderr].concat();
        mail.lines()
            .filter(|line| !line.contains("JDCDN_TEST_NOW"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn schedules_runs(&self, line: &str) {
        let runs = || {
            let sql = "SELECT count(*) FROM origin_runs WHERE command = 'sync'";
            let counted = self
                .sandbox
                .database()
                .query_row(sql, [], |row| row.get::<_, i64>(0));
            counted.unwrap()
        };
        let before = runs();
        assert_eq!(self.mail(line), "");
        assert_eq!(runs(), before + 1, "cron's line did not start a run");
        let holder = Holder {
            command: "backfill".to_owned(),
            started_at: at(NOW),
        };
        let held = Store::open(&self.sandbox.path("jdcdn-stats.db"), &holder).unwrap();
        assert_eq!(self.mail(line), "", "another run is at work");
        drop(held);
        self.sandbox.clock.set(at(NOW) + 3_600);
        self.sandbox.simulator.rule(Rule::always(Fault::envelope(7)));
        let mail = self.mail(line);
        assert!(mail.contains("the API rejected the signature"), "{mail}");
        self.sandbox.simulator.clear_faults();
    }

    /// The line is silent while runs fetch every domain of the account, and names the others.
    fn schedules_listings(&self, line: &str) {
        assert_eq!(self.mail(line), "");
        let simulator = &self.sandbox.simulator;
        simulator.change_account(|account| account.add(OwnDomain::running("new.a.com")));
        let mail = self.mail(line);
        assert!(
            mail.starts_with("new.a.com ") && mail.lines().count() == 1,
            "{mail}"
        );
        simulator.change_account(|account| account.remove("new.a.com"));
        simulator.rule(Rule::always(Fault::envelope(7)));
        let mail = self.mail(line);
        assert!(mail.contains("the API rejected the signature"), "{mail}");
    }
}

#[test]
fn the_commands_run_as_they_are_typed_and_print_what_the_page_shows() {
    let reader = Reader::new();
    let (mut skipped, mut printed) = (Vec::new(), String::new());
    let pages = ["README.md", "docs/conclusions.md"].map(Document::read);
    for block in pages.into_iter().flat_map(|page| page.blocks) {
        match block.language.as_str() {
            "text" if block.follows_directly => assert_eq!(printed.trim_end(), block.lines.join("\n")),
            "text" => reader.schedules(&block.lines),
            "sh" => {
                for command in commands(&block) {
                    let not_run = NOT_RUN
                        .iter()
                        .find(|(beginning, _)| command.starts_with(beginning));
                    if let Some((beginning, _)) = not_run {
                        skipped.push(*beginning);
                    } else {
                        let typed = INSTEAD
                            .iter()
                            .fold(command, |typed, (shown, instead)| typed.replace(shown, instead));
                        printed = reader.types(&typed);
                    }
                }
            }
            other => panic!("a block of an unknown kind: {other}"),
        }
    }
    for (beginning, why) in NOT_RUN {
        assert!(
            skipped.contains(&beginning),
            "{beginning} ({why}) is not in the README"
        );
    }
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    assert!(makefile.contains("cargo run --release --locked -- demo"));
}
