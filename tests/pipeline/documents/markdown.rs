//! Reads the Markdown of the documents, as far as these tests need it.

use std::path::{Path, PathBuf};

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The word behind the fence, such as `sh`.
    pub(super) language: String,
    pub(super) lines: Vec<String>,
    /// Whether nothing but blank lines separates it from the block before.
    pub(super) follows_directly: bool,
}

/// A document, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// Level and text.
    pub(super) headings: Vec<(usize, String)>,
    pub(super) blocks: Vec<Block>,
    /// The cells of the rows of every table, header included.
    pub(crate) tables: Vec<Vec<Vec<String>>>,
    /// Everything else that is not in a fenced block, tables included.
    pub(super) text: String,
}

impl Document {
    pub(super) fn read(name: &str) -> Self {
        let content = std::fs::read_to_string(root().join(name));
        Self::parse(&content.unwrap_or_else(|error| panic!("{name}: {error}")))
    }

    fn parse(content: &str) -> Self {
        let mut document = Self::default();
        let mut open: Option<Block> = None;
        let (mut has_text_between, mut in_table) = (true, false);
        for line in content.lines() {
            if let Some(block) = &mut open {
                if line == "```" {
                    document.blocks.extend(open.take());
                    has_text_between = false;
                } else {
                    block.lines.push(line.to_owned());
                }
                continue;
            }
            if let Some(language) = line.strip_prefix("```") {
                open = Some(Block {
                    language: language.to_owned(),
                    lines: Vec::new(),
                    follows_directly: !has_text_between,
                });
                continue;
            }
            has_text_between |= !line.is_empty();
            document.text.push_str(line);
            document.text.push('\n');
            let marks = line.chars().take_while(|char| *char == '#').count();
            if let Some(heading) = line[marks..].strip_prefix(' ').filter(|_| marks > 0) {
                document.headings.push((marks, heading.to_owned()));
            }
            if line.starts_with('|') {
                if !in_table {
                    document.tables.push(Vec::new());
                }
                if !line.starts_with("|-") {
                    document.tables.last_mut().unwrap().push(cells(line));
                }
            }
            in_table = line.starts_with('|');
        }
        assert!(open.is_none(), "a fenced block has no end");
        document
    }

    /// The targets of all links, in order.
    pub(super) fn links(&self) -> Vec<&str> {
        let targets = self.text.split("](").skip(1);
        targets.map(|rest| rest.split(')').next().unwrap()).collect()
    }

    /// The texts in single backticks.
    pub(super) fn code(&self) -> impl Iterator<Item = &str> {
        self.text
            .lines()
            .flat_map(|line| line.split('`').skip(1).step_by(2))
    }

    /// The anchors that a reader of Markdown gives the headings.
    pub(super) fn anchors(&self) -> Vec<String> {
        let anchor = |(_, heading): &(usize, String)| {
            let kept = heading
                .chars()
                .filter(|char| char.is_alphanumeric() || "-_ ".contains(*char));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        };
        self.headings.iter().map(anchor).collect()
    }

    /// The rows below the header of every table under the heading `heading`, in a document of which it is a part.
    pub(crate) fn section(name: &str, heading: &str) -> Self {
        let content = std::fs::read_to_string(root().join(name)).unwrap();
        let mark = format!("\n## {heading}\n");
        let (_, rest) = content
            .split_once(&mark)
            .unwrap_or_else(|| panic!("{name} has no section {heading}"));
        Self::parse(rest.split("\n## ").next().unwrap())
    }
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches('|').trim_end_matches('|');
    let escaped = line.replace("\\|", "\u{1}");
    escaped
        .split('|')
        .map(|cell| cell.trim().replace('\u{1}', "|"))
        .collect()
}

/// The directory of the project.
pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The names of all documents, relative to [`root`].
pub(super) fn documents() -> Vec<String> {
    let mut found = Vec::new();
    add_documents(&root(), false, &mut found);
    for directory in ["docs", "deploy", "tests"] {
        add_documents(&root().join(directory), true, &mut found);
    }
    found.sort();
    found
}

fn add_documents(directory: &Path, deep: bool, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && deep {
            add_documents(&path, deep, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.strip_prefix(root()).unwrap();
            found.push(name.to_str().unwrap().to_owned());
        }
    }
}
