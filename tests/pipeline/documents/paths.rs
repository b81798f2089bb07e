//! Every file that a document names is there.

use super::markdown::{Document, documents, root};

#[test]
fn every_file_that_a_document_names_exists() {
    let mut missing = Vec::new();
    for name in documents() {
        for code in Document::read(&name).code() {
            let is_path = ["src/", "tests/", "docs/", "deploy/", "migrations/", "benches/"]
                .iter()
                .any(|folder| code.starts_with(folder));
            // With `<name>` or `*` it stands for several files.
            let is_pattern = code.contains([' ', '<', '*', '{', '…', 'N']);
            if is_path && !is_pattern && !root().join(code).exists() {
                missing.push(format!("{name}: {code}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
