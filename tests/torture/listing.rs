//! The files below a directory.

use std::collections::BTreeMap;
use std::path::Path;

/// Every file and directory below `root` by its relative path; of files with their content.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                found.insert(name, None);
                pending.push(path);
            } else {
                found.insert(name, std::fs::read(&path).ok());
            }
        }
    }
    found
}

/// The names alone, without the files that every run may leave and those that `restore` keeps.
pub(crate) fn names(root: &Path) -> Vec<String> {
    let passing = ["-wal", "-shm", "trace", ".lock"];
    let mut names: Vec<String> = files(root).into_keys().collect();
    names.retain(|name| {
        let is_kept = name.starts_with("copy") || name.contains(".db.replaced-");
        !is_kept && !passing.iter().any(|end| name.ends_with(end))
    });
    names
}
