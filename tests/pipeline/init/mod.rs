//! `init`: what it writes, what it refuses, and that its files work.

mod dialog;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use jdcdn_stats::simulator::{Fault, ListingFault, Rule};

use crate::sandbox::{Ended, Sandbox, ended, skipped};

/// The days that the tests fetch.
const DAYS: (&str, &str) = ("2026-06-13", "2026-06-15 11:55");

/// A home directory without any file, in the world of a sandbox.
struct Home {
    sandbox: Sandbox,
}

impl Home {
    fn new(domains: usize) -> Self {
        let sandbox = Sandbox::with_domains(domains);
        fs::create_dir(sandbox.path("home")).unwrap();
        Self { sandbox }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path("home").join(name)
    }

    /// The files that are there, those in folders not counted.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    /// The program in the home directory, without a key in its environment.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.sandbox.command(args);
        command.current_dir(self.path("")).env_remove("JDCDN_SECRET_KEY");
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().unwrap())
    }

    /// `init` without questions, for the account and the API of the simulator.
    fn init(&self, more: &[&str]) -> Command {
        let endpoint = self.sandbox.simulator.endpoint();
        let always = [
            "init",
            "--yes",
            "--username",
            "jcloud_00",
            "--endpoint",
            &endpoint,
        ];
        self.command(&[&always, more].concat())
    }

    /// Writes a file with the account's key.
    fn write_key(&self, name: &str, mode: u32) {
        fs::write(self.path(name), format!("{}\n", self.sandbox.key())).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The configuration and the key file hold what they should, and nobody else can read the key.
    fn assert_written(&self, config: &str, key_file: &str) {
        let config = fs::read_to_string(self.path(config)).unwrap();
        assert!(!config.contains(self.sandbox.key()), "{config}");
        let key = fs::read_to_string(self.path(key_file)).unwrap();
        assert_eq!(key.trim_end(), self.sandbox.key());
        let mode = fs::metadata(self.path(key_file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }

    /// Types the commands that `init` has named, one after another, into a shell in `directory`.
    fn type_next(&self, printed: &str, directory: &Path) {
        let next: Vec<&str> = printed
            .lines()
            .skip_while(|line| *line != "Next:")
            .skip(1)
            .map(str::trim)
            .collect();
        assert_eq!(next.len(), 2, "{printed}");
        for line in next {
            let mut shell = Command::new("sh");
            shell.args(["-c", line]).current_dir(directory).env_clear();
            let now = self.command(&[]);
            let now = now
                .get_envs()
                .find(|(name, _)| *name == "JDCDN_TEST_NOW")
                .unwrap()
                .1
                .unwrap();
            ended(shell.env("JDCDN_TEST_NOW", now).output().unwrap()).with(0);
        }
    }

    /// The database holds the truth of [`DAYS`].
    fn assert_holds_all(&self, database: &str) {
        fs::copy(self.path(database), self.sandbox.path("jdcdn-stats.db")).unwrap();
        self.sandbox.assert_holds_all(DAYS);
    }
}

#[test]
fn what_options_give_is_tried_once_and_written_and_the_next_commands_bring_the_data() {
    let home = Home::new(2);
    home.write_key("my.key", 0o600);
    let options = [
        "--key-file",
        "my.key",
        "--start",
        DAYS.0,
        "-d",
        "d000.example.com",
        "d001.example.com",
    ];
    let printed = ended(home.init(&options).output().unwrap()).with(0);
    assert_eq!(home.sandbox.requests(), 1);
    assert_eq!(home.files(), ["jdcdn-stats.toml", "my.key", "secret.key"]);
    home.assert_written("jdcdn-stats.toml", "secret.key");
    assert!(
        printed.contains("jdcdn-stats.toml: 2 domains, from 2026-06-13 on"),
        "{printed}"
    );
    fs::remove_file(home.path("my.key")).unwrap();
    home.type_next(&printed, &home.path(""));
    home.assert_holds_all("jdcdn-stats.db");
}

#[test]
fn root_is_told_to_fetch_as_the_user_who_owns_the_directory_of_the_database() {
    let home = Home::new(1);
    if fs::metadata(home.path("")).unwrap().uid() != 0 {
        return skipped("a directory of another user", "this needs root");
    }
    fs::create_dir(home.path("state")).unwrap();
    let options = [
        "--start",
        DAYS.0,
        "-d",
        "d000.example.com",
        "--db",
        "state/stats.db",
    ];
    for (user, prefix) in [
        (65_534, "runuser -u nobody --"),
        (10_001, "setpriv --reuid=10001"),
    ] {
        chown(home.path("state"), Some(user), None).unwrap();
        let mut init = home.init(&options);
        init.env("JDCDN_SECRET_KEY", home.sandbox.key());
        let printed = ended(init.output().unwrap()).with(0);
        let next = printed.split_once("Next:\n").unwrap().1;
        let next: Vec<&str> = next.lines().take(2).map(str::trim).collect();
        assert!(next[0].ends_with(" check"), "{printed}");
        assert!(
            next[1].starts_with(prefix) && next[1].ends_with(" sync"),
            "{printed}"
        );
        for file in ["jdcdn-stats.toml", "secret.key"] {
            fs::remove_file(home.path(file)).unwrap();
        }
    }
    // Root's own directory is as any other.
    chown(home.path("state"), Some(0), None).unwrap();
    let mut init = home.init(&options);
    init.env("JDCDN_SECRET_KEY", home.sandbox.key());
    let printed = ended(init.output().unwrap()).with(0);
    assert!(!printed.contains("belongs to"), "{printed}");

    // Who fetches as root all the same is warned once.
    chown(home.path("state"), Some(65_534), None).unwrap();
    let sync = || {
        let run = home.run(&["sync"]);
        let warned = run
            .stderr
            .contains("belongs to root, and its directory to `nobody`");
        run.with(0);
        warned
    };
    assert!(sync());
    assert!(!sync());
}

#[test]
fn the_key_comes_from_the_environment_the_input_or_a_command_too() {
    for way in ["environment", "input", "command", "file in the environment"] {
        let home = Home::new(1);
        let domain = ["-d", "d000.example.com", "--start", DAYS.0];
        let mut files = vec!["jdcdn-stats.toml"];
        let written = match way {
            "environment" => {
                files.push("secret.key");
                home.init(&domain)
                    .env("JDCDN_SECRET_KEY", home.sandbox.key())
                    .output()
            }
            "input" => {
                files.push("secret.key");
                home.write_key("../key", 0o600);
                let input = fs::File::open(home.path("../key")).unwrap();
                home.init(&[&domain[..], &["--key-file", "-"]].concat())
                    .stdin(input)
                    .output()
            }
            "command" => {
                home.write_key("../key", 0o600);
                home.init(&[&domain[..], &["--key-command", "cat ../key"]].concat())
                    .output()
            }
            _ => {
                home.write_key("../key", 0o600);
                home.init(&domain).env("JDCDN_SECRET_KEY_FILE", "../key").output()
            }
        };
        let printed = ended(written.unwrap()).with(0);
        assert_eq!(home.files(), files, "{way}");
        home.type_next(&printed, &home.path(""));
        home.assert_holds_all("jdcdn-stats.db");
    }
}

#[test]
fn a_configuration_elsewhere_works_from_every_directory() {
    let home = Home::new(1);
    home.write_key("my.key", 0o644);
    fs::create_dir(home.path("it's my cdn")).unwrap();
    let options = [
        "--key-file",
        "my.key",
        "--start",
        DAYS.0,
        "-d",
        "d000.example.com",
        "--config",
        "it's my cdn/\"a\" b.toml",
    ];
    let printed = ended(home.init(&options).output().unwrap()).with(0);
    home.assert_written("it's my cdn/\"a\" b.toml", "it's my cdn/secret.key");
    assert!(printed.contains("Note: others can read `my.key`"), "{printed}");
    home.type_next(&printed, &home.path(""));
    home.assert_holds_all("it's my cdn/jdcdn-stats.db");
    // `--db` is relative to the current directory.
    let options = [
        &options[..6],
        &[
            "--config",
            "it's my cdn/other.toml",
            "--db",
            "here.db",
            "--key-file",
        ],
    ]
    .concat();
    let key = "it's my cdn/secret.key";
    let options: Vec<&str> = options
        .into_iter()
        .filter(|word| *word != "--key-file" && *word != "my.key")
        .collect();
    let printed = ended(
        home.init(&[&options[..], &["--key-file", key]].concat())
            .output()
            .unwrap(),
    )
    .with(0);
    home.assert_written("it's my cdn/other.toml", key);
    home.type_next(&printed, &home.path(""));
    home.assert_holds_all("here.db");
}

#[test]
fn all_domains_of_the_account_are_taken_if_the_api_lists_them() {
    let home = Home::new(3);
    let init = |more: &[&str]| {
        let mut command = home.init(&[&["--start", DAYS.0], more].concat());
        ended(
            command
                .env("JDCDN_SECRET_KEY", home.sandbox.key())
                .output()
                .unwrap(),
        )
    };
    let printed = init(&["--all-domains", "--discover", "follow"]).with(0);
    let config = fs::read_to_string(home.path("jdcdn-stats.toml")).unwrap();
    assert!(config.contains("\ndiscover = \"follow\"\n"), "{config}");
    assert!(printed.contains("The account has 3 domains"), "{printed}");
    home.type_next(&printed, &home.path(""));
    home.assert_holds_all("jdcdn-stats.db");
}

#[test]
fn all_domains_of_an_inconsistent_list_are_refused_and_entries_without_a_name_are_shown() {
    let home = Home::new(3);
    let init = |fault: ListingFault, more: &[&str]| {
        home.sandbox.simulator.clear_faults();
        home.sandbox.simulator.rule(Rule::always(fault).for_listings());
        let mut command = home.init(&[&["--start", DAYS.0, "--all-domains"], more].concat());
        ended(
            command
                .env("JDCDN_SECRET_KEY", home.sandbox.key())
                .output()
                .unwrap(),
        )
    };
    for (fault, more) in [
        (ListingFault::Total(1), &[][..]),
        (ListingFault::Total(-1), &[]),
        (ListingFault::TotalText("null"), &[]),
        (ListingFault::NullList, &[]),
        (ListingFault::Total(1), &["-d", "live.example.com"]),
    ] {
        let said = init(fault, more).failed(1);
        for says in ["nothing was written", "inconsistent: the API", "`-d www.a.com`"] {
            assert!(said.contains(says), "{said}");
        }
        assert!(home.files().is_empty(), "{:?}", home.files());
    }
    // The others are there.
    let printed = init(ListingFault::Entry(r#"{"domain":7}"#), &[]).with(0);
    assert!(
        printed.contains(r#"left out, because its name cannot be read: {"domain":7}"#),
        "{printed}"
    );
    let config = fs::read_to_string(home.path("jdcdn-stats.toml")).unwrap();
    assert!(
        config.contains("d001.example.com") && config.contains("d002.example.com"),
        "{config}"
    );
}

#[test]
fn a_refusal_leaves_nothing_and_names_the_reason() {
    let home = Home::new(1);
    let domain = ["-d", "d000.example.com"];
    let cases: [(&[&str], &str, i32, &[&str]); 4] = [
        (
            &domain,
            "0123456789abcdef",
            4,
            &["status 7", "by ticket; the secret of an AccessKey does not work"],
        ),
        (
            &["--all-domains"],
            "0123456789abcdef",
            4,
            &["status 7", "by ticket"],
        ),
        (
            &["-d", "www.foreign.com"],
            "",
            2,
            &["does not belong to the account"],
        ),
        (
            &[
                "-d",
                "d000.example.com",
                "--endpoint",
                "http://127.0.0.1:9/api/origin",
            ],
            "",
            1,
            &["no connection", "--no-check"],
        ),
    ];
    for (options, key, code, says) in cases {
        let key = if key.is_empty() { home.sandbox.key() } else { key };
        let always = ["init", "--yes", "--username", "jcloud_00"];
        let mut command = home.command(&[&always[..], options].concat());
        if !options.contains(&"--endpoint") {
            command.env("JDCDN_ENDPOINT", home.sandbox.simulator.endpoint());
        }
        let said = ended(command.env("JDCDN_SECRET_KEY", key).output().unwrap()).failed(code);
        for says in [says, &["nothing was written"]].concat() {
            assert!(said.contains(says), "{options:?}: {said}");
        }
        assert!(home.files().is_empty(), "{:?}", home.files());
    }
    // A clock on another day looks like a wrong key.
    let mut late = home.init(&domain);
    late.env("JDCDN_SECRET_KEY", home.sandbox.key())
        .env("JDCDN_TEST_NOW", "2026-06-16 12:00");
    let said = ended(late.output().unwrap()).failed(4);
    assert!(said.contains("s ahead of the API's: set it by NTP"), "{said}");
    // The call may not be offered to every account.
    home.sandbox.simulator.rule(Rule::always(Fault::http(404)));
    let mut listless = home.init(&["--all-domains"]);
    let said = ended(
        listless
            .env("JDCDN_SECRET_KEY", home.sandbox.key())
            .output()
            .unwrap(),
    )
    .failed(2);
    assert!(
        said.contains("does not list the domains of this account") && said.contains("-d www.a.com"),
        "{said}"
    );
    assert!(home.files().is_empty());
}

#[test]
fn a_file_that_exists_is_named_and_not_touched_and_nothing_is_asked() {
    for name in ["jdcdn-stats.toml", "secret.key"] {
        let home = Home::new(1);
        fs::write(home.path(name), "mine").unwrap();
        for check in [&[][..], &["--no-check"]] {
            let mut command = home.init(&[&["-d", "d000.example.com"], check].concat());
            let said = ended(
                command
                    .env("JDCDN_SECRET_KEY", home.sandbox.key())
                    .output()
                    .unwrap(),
            )
            .failed(2);
            assert!(said.contains(&format!("`{name}` exists already")), "{said}");
        }
        assert_eq!(home.files(), [name]);
        assert_eq!(fs::read_to_string(home.path(name)).unwrap(), "mine");
        assert_eq!(home.sandbox.requests(), 0);
    }
}

#[test]
fn what_is_missing_or_wrong_is_named_before_anything_is_asked() {
    let home = Home::new(1);
    let said = home.run(&["init", "--yes"]).failed(2);
    for says in ["--username", "--key-file", "--all-domains", "JDCDN_SECRET_KEY"] {
        assert!(said.contains(says), "{said}");
    }
    // Nobody can be asked without a terminal.
    let said = home.run(&["init"]).failed(2);
    assert!(said.contains("without a terminal nothing can be asked"), "{said}");
    for (options, says) in [
        (&["-d", "https://a.com/"][..], "is not a domain name"),
        (&["-d", "a.com", "--start", "2030-01-01"], "lies in the future"),
        (&["-d", "a.com", "--discover", "all"], "`off`, `warn` or `follow`"),
        (&["-d", "a.com", "--start", "yesterday"], "is not a time"),
        (&["-d", "a.com", "--endpoint", "http://a.com/"], "https://"),
        (
            &["-d", "a.com", "--config", "no/such/directory.toml"],
            "create it first",
        ),
        (&["-d", "a.com", "--username", "'x'"], "quotes around it"),
    ] {
        let always = ["init", "--yes"];
        let name: &[&str] = if options.contains(&"--username") {
            &[]
        } else {
            &["--username", "jcloud_00"]
        };
        let mut command = home.command(&[&always, name, options].concat());
        let said = ended(
            command
                .env("JDCDN_SECRET_KEY", home.sandbox.key())
                .env("JDCDN_ENDPOINT", home.sandbox.simulator.endpoint())
                .output()
                .unwrap(),
        )
        .failed(2);
        assert!(said.contains(says), "{options:?}: {said}");
    }
    for key in ["abc1234", "\"0123456789abcdef\"", "KEY=0123456789abcdef"] {
        let mut command = home.init(&["-d", "a.com"]);
        let said = ended(command.env("JDCDN_SECRET_KEY", key).output().unwrap()).failed(2);
        assert!(said.contains("JDCDN_SECRET_KEY") && !said.contains(key), "{said}");
    }
    assert!(home.files().is_empty());
    assert_eq!(home.sandbox.requests(), 0);
}

#[test]
fn without_a_check_no_request_is_made_and_the_result_says_so() {
    let home = Home::new(1);
    let mut command = home.init(&["-d", "d000.example.com", "--start", "30d", "--no-check"]);
    let printed = ended(
        command
            .env("JDCDN_SECRET_KEY", home.sandbox.key())
            .output()
            .unwrap(),
    )
    .with(0);
    assert!(printed.contains("The API was not asked"), "{printed}");
    // An age would move on with every run.
    let config = fs::read_to_string(home.path("jdcdn-stats.toml")).unwrap();
    assert!(config.contains("start = \"2026-05-16 12:00:"), "{config}");
    assert_eq!(home.sandbox.requests(), 0);
    home.assert_written("jdcdn-stats.toml", "secret.key");
}
