//! The structure that ARCHITECTURE.md promises: which layers import which, and no large circle of imports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What each folder may import. Of an inner folder only the imports from its own layer are judged: its layer's line has
/// the others.
const MAY: [(&str, &[&str]); 22] = [
    ("model", &[]),
    ("interrupt", &[]),
    ("nearest", &[]),
    ("planted", &[]),
    ("clock", &["model"]),
    ("http", &["model"]),
    ("plan", &["model"]),
    ("redact", &["model"]),
    ("api", &["clock", "model", "redact"]),
    // It serves every endpoint.
    ("api::envelope", &[]),
    // Endpoints do not know each other.
    ("api::origin", &["api::envelope"]),
    ("api::domains", &["api::envelope"]),
    ("store", &["model", "nearest"]),
    ("store::file", &["store::error", "store::error_kind"]),
    // It knows no measured column.
    (
        "store::ledger",
        &["store::error", "store::error_kind", "store::file"],
    ),
    // It knows no coverage.
    (
        "store::origin",
        &["store::error", "store::error_kind", "store::file"],
    ),
    ("config", &["interrupt", "model", "nearest", "redact"]),
    ("export", &["model", "nearest", "store"]),
    ("report", &["model", "store"]),
    (
        "ingest",
        &["api", "clock", "interrupt", "model", "plan", "planted", "store"],
    ),
    // It is written from the vendor's documents, and knows nothing of the client.
    ("simulator", &["clock", "http", "model"]),
    // It joins them all.
    ("cli", &[""]),
];

/// The modules that each module imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// Reads the sources below `src`, without their tests, by module path.
fn sources() -> BTreeMap<String, String> {
    fn visit(directory: &Path, module: &str, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let inner = if module.is_empty() {
                stem.clone()
            } else {
                format!("{module}::{stem}")
            };
            if stem == "tests" {
                continue;
            }
            if path.is_dir() {
                visit(&path, &inner, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = if stem == "mod" { module.to_owned() } else { inner };
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    visit(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        "",
        &mut found,
    );
    found.retain(|name, _| name != "lib" && name != "main");
    found
}

/// Returns the paths that `text` names from `crate`, `self` or `super` on, groups in braces taken apart. Comments
/// and tests are left out.
fn paths(text: &str) -> Vec<(bool, String)> {
    let code: String = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = Vec::new();
    for root in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].trim_end();
            // A part of another path, or where an item can be seen from.
            let is_part = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == ':' || c == '_');
            if is_part || before.ends_with("(in") {
                continue;
            }
            let is_export =
                before.ends_with("use") && before.lines().last().unwrap().trim_start().starts_with("pub");
            expand("", &code[at..], &mut |path| {
                found.push((is_export, path.to_owned()));
            });
        }
    }
    found
}

/// Calls `each` with every path at the start of `text`, and returns what follows them.
fn expand<'t>(prefix: &str, text: &'t str, each: &mut dyn FnMut(&str)) -> &'t str {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(text.len());
    let path = format!("{prefix}{}", &text[..end]);
    let Some(mut rest) = text[end..].strip_prefix('{') else {
        each(path.trim_end_matches(':'));
        return &text[end..];
    };
    loop {
        rest = expand(&path, rest.trim_start(), each).trim_start();
        // `name as other`
        rest = rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c.is_whitespace());
        match rest.strip_prefix(',') {
            Some(more) if !more.trim_start().starts_with('}') => rest = more,
            Some(more) => return more.trim_start().trim_start_matches('}'),
            None => return rest.trim_start_matches('}'),
        }
    }
}

/// Returns the path from the root of the crate that `path` means in `module`.
fn absolute(module: &str, path: &str) -> String {
    let mut base: Vec<&str> = module.split("::").collect();
    let mut segments = path.split("::").peekable();
    match segments.next() {
        Some("crate") => base.clear(),
        Some("super") => {
            base.pop();
            while segments.next_if_eq(&"super").is_some() {
                base.pop();
            }
        }
        _ => {}
    }
    base.extend(segments);
    base.join("::")
}

fn imports(sources: &BTreeMap<String, String>) -> Imports {
    let all: BTreeMap<&String, Vec<(bool, String)>> = sources
        .iter()
        .map(|(module, text)| {
            let named = paths(text).into_iter();
            (
                module,
                named
                    .map(|(is_export, path)| (is_export, absolute(module, &path)))
                    .collect(),
            )
        })
        .collect();
    // A name that a module hands on belongs to the file that defines it.
    let exports: BTreeMap<String, String> = sources
        .keys()
        .flat_map(|module| {
            let text = &sources[module];
            text.match_indices("pub use ")
                .chain(text.match_indices("pub(crate) use "))
                .flat_map(move |(at, word)| {
                    let mut handed = Vec::new();
                    expand("", &text[at + word.len()..], &mut |path| {
                        let name = path.rsplit("::").next().unwrap().to_owned();
                        let target = match path.split("::").next() {
                            Some("crate" | "super" | "self") => absolute(module, path),
                            _ => format!("{module}::{path}"),
                        };
                        handed.push((format!("{module}::{name}"), target));
                    });
                    handed
                })
        })
        .collect();
    let owner = |path: &str| {
        let mut path = path.to_owned();
        for _ in 0..4 {
            let Some(known) = prefixes(&path).find_map(|prefix| Some((prefix, exports.get(prefix)?))) else {
                break;
            };
            path = format!("{}{}", known.1, &path[known.0.len()..]);
        }
        prefixes(&path)
            .find(|prefix| sources.contains_key(*prefix))
            .map(str::to_owned)
    };
    all.into_iter()
        .map(|(module, named)| {
            let named = named.iter().filter(|(is_export, _)| !is_export);
            let owners = named
                .filter_map(|(_, path)| owner(path))
                .filter(|owner| owner != module);
            (module.clone(), owners.collect())
        })
        .collect()
}

/// `a::b::c`, `a::b`, `a`.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once("::").map(|(rest, _)| rest))
}

/// Returns the modules that can be reached from `from`.
fn reached(imports: &Imports, from: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = vec![from.to_owned()];
    while let Some(module) = left.pop() {
        for next in imports.get(&module).into_iter().flatten() {
            if found.insert(next.clone()) {
                left.push(next.clone());
            }
        }
    }
    found
}

fn circles(imports: &Imports) -> BTreeSet<BTreeSet<String>> {
    let reachable: BTreeMap<&String, BTreeSet<String>> = imports
        .keys()
        .map(|module| (module, reached(imports, module)))
        .collect();
    imports
        .keys()
        .filter(|module| reachable[module].contains(*module))
        .map(|module| {
            let both = reachable[module]
                .iter()
                .filter(|other| reachable[other].contains(module));
            both.cloned().collect()
        })
        .collect()
}

/// Whether `module` is `folder` or below it. Everything is below the root, which has no name.
fn is_in(module: &str, folder: &str) -> bool {
    let rest = module.strip_prefix(folder);
    folder.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn forbidden(imports: &Imports) -> Vec<String> {
    let mut found = Vec::new();
    for (module, imported) in imports {
        if !MAY.iter().any(|(folder, _)| is_in(module, folder)) {
            found.push(format!("{module} is in no line of the table"));
        }
        for (folder, may) in MAY.iter().filter(|(folder, _)| is_in(module, folder)) {
            let layer = folder.rsplit_once("::").map_or("", |(layer, _)| layer);
            let allowed = |other: &&String| is_in(other, folder) || may.iter().any(|part| is_in(other, part));
            let others = imported.iter().filter(|other| is_in(other, layer));
            found.extend(
                others
                    .filter(|other| !allowed(other))
                    .map(|other| format!("{module} imports {other}")),
            );
        }
    }
    found
}

#[test]
fn every_folder_imports_only_what_it_may() {
    assert_eq!(forbidden(&imports(&sources())), Vec::<String>::new());
}

#[test]
fn no_circle_of_imports_is_larger_than_two_files() {
    let mut large = circles(&imports(&sources()));
    large.retain(|circle| circle.len() > 2);
    assert_eq!(large, BTreeSet::new());
}

#[test]
fn the_structure_is_read_from_groups_names_that_are_handed_on_and_paths_in_code() {
    let files = [
        (
            "store",
            "mod file;\npub use ledger::coverage::{Coverage, Span as Range};\n",
        ),
        ("store::ledger", "pub mod coverage;\n"),
        (
            "store::ledger::coverage",
            "fn now() { super::super::origin::points::write() }\n",
        ),
        ("store::origin", ""),
        (
            "store::origin::points",
            "// crate::cli::run\nuse crate::store::{Coverage,\n    file};\n",
        ),
        (
            "store::file",
            "#[cfg(test)]\nmod tests { use crate::store::origin::points::X; }\n",
        ),
    ];
    let sources = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    let imports = imports(&sources);
    let of = |module: &str| imports[module].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("store::ledger::coverage"), ["store::origin::points"]);
    assert_eq!(
        of("store::origin::points"),
        ["store::file", "store::ledger::coverage"]
    );
    assert_eq!(of("store::file"), Vec::<&str>::new());
    let circle = ["store::ledger::coverage", "store::origin::points"].map(str::to_owned);
    assert_eq!(circles(&imports), BTreeSet::from([BTreeSet::from(circle)]));
    assert_eq!(
        forbidden(&imports),
        [
            "store::ledger::coverage imports store::origin::points",
            "store::origin::points imports store::ledger::coverage",
        ]
    );
}
