//! The calls of a traced command that change files below a directory, read from what `strace -xx -y` writes.

use std::collections::BTreeMap;
use std::path::Path;

/// The calls that `strace` records: all that change a file or a name, and all that write it to the disk.
pub(crate) const CALLS: &str = "?open,openat,?creat,write,writev,pwrite64,pwritev,pwritev2,lseek,ftruncate,truncate,fallocate,\
    copy_file_range,sendfile,fsync,fdatasync,sync_file_range,syncfs,sync,?unlink,unlinkat,?rmdir,?rename,?renameat,renameat2,\
    ?link,linkat,?symlink,symlinkat,?mkdir,mkdirat";

/// One call; names are relative to the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Made if it is not there, and emptied if `truncates`.
    Open {
        name: String,
        truncates: bool,
    },
    Write {
        name: String,
        offset: usize,
        data: Vec<u8>,
    },
    Copy {
        from: String,
        name: String,
        offset: usize,
        length: usize,
    },
    Truncate {
        name: String,
        length: usize,
    },
    Sync {
        name: String,
    },
    Unlink {
        name: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Exchange {
        from: String,
        to: String,
    },
    Link {
        from: String,
        to: String,
    },
    Mkdir {
        name: String,
    },
    /// What went to standard output.
    Told(String),
}

/// Reads the calls in the order in which they ended.
pub(crate) fn parse(text: &str, root: &Path) -> Vec<Event> {
    let mut reader = Reader {
        root: format!("{}/", root.canonicalize().unwrap().display()),
        positions: BTreeMap::new(),
        events: Vec::new(),
    };
    let mut unfinished: BTreeMap<&str, &str> = BTreeMap::new();
    for line in text.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, begun);
        } else if let Some((_, rest)) = call.split_once(" resumed>") {
            let begun = unfinished.remove(thread).unwrap_or_default();
            reader.call(&format!("{begun}{rest}"));
        } else {
            reader.call(call);
        }
    }
    reader.events
}

struct Reader {
    root: String,
    /// Where the next `write` to a file goes.
    positions: BTreeMap<String, usize>,
    events: Vec<Event>,
}

impl Reader {
    fn call(&mut self, line: &str) {
        let Some((name, rest)) = line.split_once('(') else {
            return;
        };
        let Some((args, result)) = rest.rsplit_once(" = ") else {
            return;
        };
        if result.starts_with('-') || result.starts_with('?') {
            return;
        }
        let args: Vec<&str> = args.trim_end().trim_end_matches(')').split(", ").collect();
        let number = |text: &str| {
            text.split(['<', ' '])
                .next()
                .and_then(|number| number.parse::<usize>().ok())
        };
        let done = number(result).unwrap_or_default();
        let arg = |at: usize| args.get(at).copied().unwrap_or_default();
        match name {
            "open" | "openat" | "creat" => {
                let Some(path) = self.below(&descriptor(result)) else {
                    return;
                };
                let changes = ["O_CREAT", "O_TRUNC"].iter().any(|flag| line.contains(flag));
                self.positions.insert(path.clone(), 0);
                if changes {
                    let truncates = line.contains("O_TRUNC");
                    self.events.push(Event::Open {
                        name: path,
                        truncates,
                    });
                }
            }
            "lseek" => {
                if let Some(path) = self.below(&descriptor(arg(0))) {
                    self.positions.insert(path, done);
                }
            }
            "write" | "writev" => self.write(arg(0), &args[1..].join(", "), None, done),
            "pwrite64" => self.write(arg(0), arg(1), number(arg(3)), done),
            "copy_file_range" | "sendfile" => {
                let (from, to) = if name == "sendfile" {
                    (arg(1), arg(0))
                } else {
                    (arg(0), arg(2))
                };
                let to = self.below(&descriptor(to));
                if let Some((name, from)) = to.zip(self.below(&descriptor(from))) {
                    let offset = self.advance(&name, done);
                    self.events.push(Event::Copy {
                        from,
                        name,
                        offset,
                        length: done,
                    });
                }
            }
            "ftruncate" | "truncate" => {
                let path = if name == "ftruncate" {
                    descriptor(arg(0))
                } else {
                    text(arg(0))
                };
                if let Some((name, length)) = self.below(&path).zip(number(arg(1))) {
                    self.events.push(Event::Truncate { name, length });
                }
            }
            "fsync" | "fdatasync" => {
                if let Some(name) = self.below(&descriptor(arg(0))) {
                    self.events.push(Event::Sync { name });
                }
            }
            "unlink" | "rmdir" => self.push(&["", arg(0)], |name, _| Event::Unlink { name }),
            "unlinkat" => self.push(&[arg(0), arg(1)], |name, _| Event::Unlink { name }),
            "mkdir" => self.push(&["", arg(0)], |name, _| Event::Mkdir { name }),
            "mkdirat" => self.push(&[arg(0), arg(1)], |name, _| Event::Mkdir { name }),
            "rename" => self.push(&["", arg(0), "", arg(1)], |from, to| Event::Rename { from, to }),
            "link" => self.push(&["", arg(0), "", arg(1)], |from, to| Event::Link { from, to }),
            "linkat" => self.push(&args[..4], |from, to| Event::Link { from, to }),
            "renameat" | "renameat2" if line.contains("RENAME_EXCHANGE") => {
                self.push(&args[..4], |from, to| Event::Exchange { from, to });
            }
            "renameat" | "renameat2" => self.push(&args[..4], |from, to| Event::Rename { from, to }),
            // A space for later data, which no state of the disk can do without.
            "fallocate" => {}
            other => panic!("a call that power loss does not know yet: {other}"),
        }
    }

    fn write(&mut self, file: &str, data: &str, offset: Option<usize>, done: usize) {
        let mut data = bytes(data);
        data.truncate(done);
        if file.starts_with("1<") {
            self.events
                .push(Event::Told(String::from_utf8_lossy(&data).into_owned()));
        } else if let Some(name) = self.below(&descriptor(file)) {
            let offset = offset.unwrap_or_else(|| self.advance(&name, done));
            self.events.push(Event::Write { name, offset, data });
        }
    }

    fn advance(&mut self, name: &str, by: usize) -> usize {
        let position = self.positions.entry(name.to_owned()).or_default();
        *position += by;
        *position - by
    }

    /// An event of one name or two, each given as a directory's descriptor and a path.
    fn push(&mut self, paths: &[&str], event: impl FnOnce(String, String) -> Event) {
        let names: Option<Vec<String>> = paths
            .chunks(2)
            .map(|pair| {
                let (directory, path) = (descriptor(pair[0]), text(pair[1]));
                let is_whole = path.starts_with('/') || directory.is_empty();
                self.below(&if is_whole {
                    path
                } else {
                    format!("{directory}/{path}")
                })
            })
            .collect();
        if let Some(mut names) = names {
            let second = if names.len() > 1 {
                names.remove(1)
            } else {
                String::new()
            };
            self.events.push(event(names.remove(0), second));
        }
    }

    /// The name below the directory, in which the command was started; none of what lies elsewhere.
    fn below(&self, path: &str) -> Option<String> {
        let path = path.trim_end_matches('/').trim_start_matches("./");
        if path == self.root.trim_end_matches('/') {
            return Some(String::new());
        }
        if path.starts_with('/') {
            return path.strip_prefix(&self.root).map(str::to_owned);
        }
        (!path.is_empty()).then(|| path.to_owned())
    }
}

/// The path of a descriptor: `3<\x2f…>`.
fn descriptor(given: &str) -> String {
    let inside = given.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>'));
    inside.map_or_else(String::new, |(path, _)| text(path))
}

/// The path that all `\x` pairs spell.
fn text(given: &str) -> String {
    String::from_utf8_lossy(&bytes(given)).into_owned()
}

/// The bytes of all `\x` pairs.
fn bytes(given: &str) -> Vec<u8> {
    let pairs = given.split("\\x").skip(1);
    pairs
        .filter_map(|pair| u8::from_str_radix(pair.get(..2)?, 16).ok())
        .collect()
}
