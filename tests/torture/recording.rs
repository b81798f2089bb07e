//! What a command wrote and synced, in order, and the states that a power loss can leave of it.

use std::collections::BTreeMap;

use crate::sandbox::{Ended, Sandbox, ended};
use crate::trace::{CALLS, Event, parse};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A command's calls, and what stood in its directory before; directories have no content.
#[derive(Debug)]
pub(crate) struct Recording {
    before: BTreeMap<String, Option<Vec<u8>>>,
    events: Vec<Event>,
    pub(crate) ended: Ended,
}

/// The content of the disk after a power loss.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) files: BTreeMap<String, Option<Vec<u8>>>,
    /// The standard output up to then.
    pub(crate) told: String,
}

impl Recording {
    /// Runs `args` under `strace`, which sees every call, also those that pass by the C library.
    pub(crate) fn of(sandbox: &Sandbox, args: &[&str]) -> Self {
        let root = sandbox.path("");
        let before = crate::listing::files(&root);
        let trace = tempfile::NamedTempFile::new().unwrap();
        let (calls, into) = (format!("trace={CALLS}"), trace.path().to_str().unwrap());
        let strace = [
            "strace",
            "-f",
            "-qq",
            "-y",
            "-xx",
            "-s",
            "1000000000",
            "-o",
            into,
            "-e",
            &calls,
        ];
        let ended = ended(sandbox.command_under(&strace, args).output().unwrap());
        let events = parse(&std::fs::read_to_string(trace.path()).unwrap(), &root);
        Self {
            before,
            events,
            ended,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// A state that a power loss after the first `calls` calls can leave: all that was synced, and any of the rest.
    pub(crate) fn state(&self, calls: usize, rng: &mut fastrand::Rng) -> State {
        let mut disk = Disk::new(self);
        for event in &self.events[..calls] {
            disk.apply(event);
        }
        disk.lose(rng)
    }
}

/// The content that is surely on the disk, and the writes that are on their way.
#[derive(Default)]
struct Disk {
    files: Vec<File>,
    /// The names that are on the disk.
    names: BTreeMap<String, Option<usize>>,
    /// The names as the program sees them.
    seen: BTreeMap<String, Option<usize>>,
    /// Changes of names by the directory that must be synced for them.
    pending: Vec<(String, Event, Option<usize>)>,
    told: String,
}

#[derive(Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Event>,
}

impl Disk {
    fn new(recording: &Recording) -> Self {
        let mut disk = Self::default();
        for (name, content) in &recording.before {
            let file = content.as_ref().map(|content| disk.add(content.clone()));
            disk.names.insert(name.clone(), file);
        }
        disk.seen = disk.names.clone();
        disk
    }

    fn add(&mut self, synced: Vec<u8>) -> usize {
        let pending = Vec::new();
        self.files.push(File { synced, pending });
        self.files.len() - 1
    }

    fn file(&self, name: &str) -> Option<usize> {
        self.seen.get(name).copied().flatten()
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Open { name, truncates } => {
                if !self.seen.contains_key(name) {
                    let file = self.add(Vec::new());
                    self.rename(name, event, Some(file));
                } else if *truncates && let Some(file) = self.file(name) {
                    let (name, length) = (name.clone(), 0);
                    self.files[file].pending.push(Event::Truncate { name, length });
                }
            }
            Event::Write { name, .. } | Event::Truncate { name, .. } => {
                if let Some(file) = self.file(name) {
                    self.files[file].pending.push(event.clone());
                }
            }
            Event::Copy {
                from,
                name,
                offset,
                length,
            } => {
                if let Some((from, file)) = self.file(from).zip(self.file(name)) {
                    let source = self.files[from].as_seen();
                    let data = source[*offset..offset + length].to_vec();
                    let (name, offset) = (name.clone(), *offset);
                    self.files[file].pending.push(Event::Write { name, offset, data });
                }
            }
            Event::Sync { name } => {
                if let Some(file) = self.file(name) {
                    let file = &mut self.files[file];
                    file.synced = file.as_seen();
                    file.pending.clear();
                } else {
                    let all = std::mem::take(&mut self.pending).into_iter();
                    let (done, left): (Vec<_>, Vec<_>) = all.partition(|(directory, _, _)| directory == name);
                    self.pending = left;
                    for (_, event, file) in done {
                        change(&mut self.names, &event, file);
                        // What was moved away does not come back with its old directory.
                        if let Event::Rename { from, .. } = &event {
                            let comes =
                                |made: &Event| matches!(made, Event::Open { name, .. } if name == from);
                            self.pending.retain(|(_, made, _)| !comes(made));
                        }
                    }
                }
            }
            Event::Unlink { name } | Event::Mkdir { name } => self.rename(name, event, None),
            Event::Rename { from, to } | Event::Link { from, to } => {
                // The file gets its new name even where the old one never reached the disk.
                let file = self.file(from);
                self.rename(to, event, file);
            }
            Event::Exchange { to, .. } => self.rename(to, event, None),
            Event::Told(text) => self.told.push_str(text),
        }
    }

    fn rename(&mut self, name: &str, event: &Event, file: Option<usize>) {
        let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
        change(&mut self.seen, event, file);
        self.pending.push((directory.to_owned(), event.clone(), file));
    }

    /// Any of what is on its way arrives. How much of it is drawn for each file, from nothing to everything.
    fn lose(mut self, rng: &mut fastrand::Rng) -> State {
        let mut share = || [0.0, 0.1, 0.5, 0.9, 1.0][rng.usize(..5)];
        let (names_share, shares) = (share(), self.files.iter().map(|_| share()).collect::<Vec<f64>>());
        for (_, event, file) in std::mem::take(&mut self.pending) {
            if rng.f64() < names_share {
                change(&mut self.names, &event, file);
            }
        }
        let mut contents = Vec::new();
        for (file, share) in self.files.into_iter().zip(shares) {
            let mut content = file.synced;
            for event in &file.pending {
                write(&mut content, event, || rng.f64() < share);
            }
            contents.push(content);
        }
        // What lies in a directory that is not there is not there.
        let mut files: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
        for (name, file) in self.names {
            let parent = name.rsplit_once('/').map(|(parent, _)| parent);
            if parent.is_none_or(|parent| files.get(parent).is_some_and(Option::is_none)) {
                files.insert(name, file.map(|file| contents[file].clone()));
            }
        }
        State {
            files,
            told: self.told,
        }
    }
}

/// A name appears, goes, or moves.
fn change(names: &mut BTreeMap<String, Option<usize>>, event: &Event, file: Option<usize>) {
    match event {
        Event::Open { name, .. } | Event::Mkdir { name } => {
            names.insert(name.clone(), file);
        }
        Event::Unlink { name } => {
            names.remove(name);
        }
        Event::Rename { from, to } => {
            // A directory takes its content along.
            let inside = format!("{from}/");
            let moved: Vec<String> = names
                .keys()
                .filter(|name| name.starts_with(&inside))
                .cloned()
                .collect();
            for name in moved {
                let file = names.remove(&name).flatten();
                names.insert(format!("{to}/{}", &name[inside.len()..]), file);
            }
            let is_directory = names.remove(from).is_some_and(|moved| moved.is_none());
            if file.is_some() || is_directory {
                names.insert(to.clone(), file);
            }
        }
        Event::Link { to, .. } => {
            names.insert(to.clone(), file);
        }
        Event::Exchange { from, to } => {
            if let (Some(one), Some(other)) = (names.remove(from), names.remove(to)) {
                names.insert(to.clone(), one);
                names.insert(from.clone(), other);
            }
        }
        Event::Write { .. }
        | Event::Copy { .. }
        | Event::Truncate { .. }
        | Event::Sync { .. }
        | Event::Told(_) => {}
    }
}

impl File {
    /// The content as the program sees it.
    fn as_seen(&self) -> Vec<u8> {
        let mut content = self.synced.clone();
        for event in &self.pending {
            write(&mut content, event, || true);
        }
        content
    }
}

/// Applies a write, each of its sectors that `arrives`; or a truncation, if it does.
fn write(content: &mut Vec<u8>, event: &Event, mut arrives: impl FnMut() -> bool) {
    match event {
        Event::Write { offset, data, .. } => {
            let mut at = 0;
            while at < data.len() {
                let end = data.len().min(at + SECTOR - (offset + at) % SECTOR);
                if arrives() {
                    let (from, to) = (offset + at, offset + end);
                    if content.len() < to {
                        content.resize(to, 0);
                    }
                    content[from..to].copy_from_slice(&data[at..end]);
                }
                at = end;
            }
        }
        Event::Truncate { length, .. } if arrives() => content.resize(*length, 0),
        _ => {}
    }
}
