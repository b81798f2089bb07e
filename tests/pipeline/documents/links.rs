//! Every link leads somewhere.

use super::markdown::{Document, documents, root};

#[test]
fn every_link_leads_to_a_file_and_every_anchor_to_a_heading() {
    let names = documents();
    assert!(
        names.len() > 20 && names.contains(&"docs/schema.md".to_owned()),
        "{names:?}"
    );
    let mut dead = Vec::new();
    for name in &names {
        let folder = root().join(name).parent().unwrap().to_owned();
        for link in Document::read(name).links() {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() {
                root().join(name)
            } else {
                folder.join(file)
            };
            let has_anchor = || {
                let target = std::fs::canonicalize(&path).unwrap();
                let target = target
                    .strip_prefix(std::fs::canonicalize(root()).unwrap())
                    .unwrap();
                Document::read(target.to_str().unwrap())
                    .anchors()
                    .iter()
                    .any(|found| found == anchor)
            };
            if !path.exists() || !anchor.is_empty() && !has_anchor() {
                dead.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}
