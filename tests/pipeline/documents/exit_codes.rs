//! `docs/exit-codes.md` lists the exit codes of the program.

use super::markdown::{Document, root};

#[test]
fn the_page_lists_every_exit_code_and_no_other() {
    let page = Document::read("docs/exit-codes.md");
    let documented: Vec<String> = page.tables[0].iter().skip(1).map(|row| row[0].clone()).collect();
    let source = std::fs::read_to_string(root().join("src/cli/exit.rs")).unwrap();
    let constants = source.lines().filter(|line| line.contains("pub const"));
    let mut defined: Vec<u8> = constants
        .filter_map(|line| line.split_once("Self(")?.1.split(')').next()?.parse().ok())
        .collect();
    defined.sort_unstable();
    let defined: Vec<String> = defined.iter().map(u8::to_string).collect();
    assert_eq!(documented, defined);
}
