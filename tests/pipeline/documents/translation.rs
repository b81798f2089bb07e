//! `README.zh-CN.md` is in step with `README.md`: the same sections, commands, tables and links.

use super::markdown::{Block, Document};

const ENGLISH: &str = "README.md";
const CHINESE: &str = "README.zh-CN.md";

/// The lines of a block without their comments, which are translated.
fn without_comments(block: &Block) -> Vec<&str> {
    let bare = |line: &'_ String| -> usize { line.find(" # ").map_or(line.len(), |at| at) };
    block
        .lines
        .iter()
        .map(|line| line[..bare(line)].trim_end())
        .collect()
}

#[test]
fn both_have_the_same_sections() {
    let levels = |name| -> Vec<usize> {
        let headings = Document::read(name).headings;
        headings.iter().map(|(level, _)| *level).collect()
    };
    assert_eq!(levels(CHINESE), levels(ENGLISH));
}

#[test]
fn both_have_the_same_commands_settings_and_output() {
    let (english, chinese) = (Document::read(ENGLISH), Document::read(CHINESE));
    assert_eq!(chinese.blocks.len(), english.blocks.len());
    for (chinese, english) in chinese.blocks.iter().zip(&english.blocks) {
        assert_eq!(chinese.language, english.language);
        assert_eq!(without_comments(chinese), without_comments(english));
    }
}

#[test]
fn both_have_tables_of_the_same_shape() {
    let shape = |name| -> Vec<Vec<usize>> {
        let tables = Document::read(name).tables;
        let columns = |table: &Vec<Vec<String>>| table.iter().map(Vec::len).collect();
        tables.iter().map(columns).collect()
    };
    assert_eq!(shape(CHINESE), shape(ENGLISH));
}

#[test]
fn both_have_the_same_links_and_lead_to_each_other() {
    let sorted = |name, other| -> Vec<String> {
        let document = Document::read(name);
        assert!(
            document.links().contains(&other),
            "{name} does not lead to {other}"
        );
        let mut links: Vec<String> = document
            .links()
            .into_iter()
            .filter(|link| *link != other)
            .map(str::to_owned)
            .collect();
        links.sort();
        links
    };
    assert_eq!(sorted(CHINESE, ENGLISH), sorted(ENGLISH, CHINESE));
}

/// The statements that carry names and numbers, such as `origin_monthly` or 75, are in both.
#[test]
fn both_name_the_same_things() {
    let sorted = |name| -> Vec<String> {
        let document = Document::read(name);
        let mut names: Vec<String> = document.code().map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(sorted(CHINESE), sorted(ENGLISH));
}
