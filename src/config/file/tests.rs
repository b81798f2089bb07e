//! What the file may hold, and how its mistakes are named.

use super::*;

fn read(text: &str) -> Result<FileConfig, ConfigError> {
    FileConfig::parse(Path::new("c.toml"), text)
}

fn refused(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn a_value_knows_its_line() {
    let file = read("# first\nusername = 'a'\n[fetch]\nwindow = '1d'\n").unwrap();
    let window = file.get("fetch.window").unwrap();
    assert_eq!(window.to_string(), "1d");
    assert_eq!(window.source.to_string(), "c.toml:4: fetch.window");
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest() {
    assert_eq!(
        refused("\n[fetch]\nwidnow = '1d'"),
        "c.toml:3: unknown key `fetch.widnow`; did you mean `fetch.window`?"
    );
    assert_eq!(
        refused("window = '1d'"),
        "c.toml:1: unknown key `window`; did you mean `fetch.window`?"
    );
    assert_eq!(
        refused("[fetsch]\nwindow = '1d'"),
        "c.toml:1: unknown key `fetsch`; the keys here are username, secret_key_file, secret_key_command, allow_plaintext, \
         endpoint, database, domains, start, discover, slot_label"
    );
    assert_eq!(
        refused("[fetch]\ncolour = 1"),
        "c.toml:2: unknown key `fetch.colour`; the keys here are fetch.window, fetch.domains_per_request, fetch.concurrency, \
         fetch.requests_per_second, fetch.timeout, fetch.max_body, fetch.retention"
    );
    assert!(refused("'fetch.window' = '1d'").contains("unknown key `fetch.window`"));
    let key = refused("secret_key = 'hunter2'");
    assert!(
        key.contains("secret_key_file") && !key.contains("hunter2"),
        "{key}"
    );
}

#[test]
fn a_wrong_type_is_named_with_the_value_unless_it_may_be_the_key() {
    assert_eq!(
        refused("[fetch]\nwindow = 300"),
        "c.toml:2: fetch.window: `300` has the wrong type: write a multiple of `5m` up to `1d`, or of `1d` up to `31d`, in \
         quotes"
    );
    assert_eq!(
        refused("fetch = 5"),
        "c.toml:1: fetch: `5` has the wrong type: write a table, `[fetch]`"
    );
    let sentinel = "Sentinel7Kq2WzR4tYb8NcXv5MhGj3Lp";
    for text in [
        "KEY = 1",
        "fetch.KEY = 1",
        "fetch = 'KEY'",
        "username = ['a', 'KEY']",
    ] {
        let refused = refused(&text.replace("KEY", sentinel));
        assert!(
            refused.starts_with("c.toml:1: ") && !refused.contains(sentinel),
            "{refused}"
        );
    }
    assert_eq!(
        refused("secret_key_file = ['hunter2']"),
        "c.toml:1: secret_key_file: the value has the wrong type: write a path, in quotes"
    );
}

#[test]
fn what_is_no_toml_is_named_with_its_line() {
    assert!(refused("a = 1\nb = \n").starts_with("c.toml:2: "));
    assert!(refused("a = 1\na = 2\n").starts_with("c.toml:2: "));
}
