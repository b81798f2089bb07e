//! One file, written completely under a temporary name before it gets its own.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::error::ExportError;
use super::manifest::sync_directory;
use super::partition::Partition;
use super::relation::DataFormat;
use crate::model::convert::{hex, to_u64};

/// A file that is written under a temporary name. It is deleted unless it is finished.
pub(super) struct PartFile {
    path: PathBuf,
    unfinished: PathBuf,
    out: Option<BufWriter<File>>,
    hash: Context,
    bytes: u64,
}

/// A file that is whole and on the disk, still under its temporary name. It is deleted unless it is published.
#[derive(Debug)]
pub(super) struct WrittenFile {
    pub(super) bytes: u64,
    pub(super) sha256: String,
    path: PathBuf,
    unfinished: PathBuf,
    is_published: bool,
}

impl PartFile {
    /// Begins a part of `partition` below `root`.
    pub(super) fn create(
        root: &Path,
        partition: &Partition,
        format: DataFormat,
        number: usize,
    ) -> Result<Self, ExportError> {
        let mut directory = root.to_owned();
        for name in partition.directories() {
            let above = directory.clone();
            directory.push(name);
            match fs::create_dir(&directory) {
                Ok(()) => sync_directory(&above)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(ExportError::file("make the directory", &directory)(error)),
            }
        }
        // Readers ignore names that begin with a dot.
        let unfinished = directory.join(format!(".{}.tmp", format.part_name(number)));
        let file = File::create(&unfinished).map_err(ExportError::file("write", &unfinished))?;
        Ok(Self {
            path: directory.join(format.part_name(number)),
            unfinished,
            out: Some(BufWriter::with_capacity(1 << 16, file)),
            hash: Context::new(&SHA256),
            bytes: 0,
        })
    }

    /// Returns the final path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the size so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Brings the file to the disk. It keeps its temporary name until it is published.
    pub(super) fn finish(mut self) -> Result<WrittenFile, ExportError> {
        // Dropped on an error, it deletes the file.
        let written = WrittenFile {
            bytes: self.bytes,
            sha256: hex(self.hash.clone().finish().as_ref()),
            path: self.path.clone(),
            unfinished: self.unfinished.clone(),
            is_published: false,
        };
        let finish = |out: Option<BufWriter<File>>| {
            let file = out.ok_or_else(closed)?.into_inner();
            file.map_err(io::IntoInnerError::into_error)?.sync_all()
        };
        finish(self.out.take()).map_err(ExportError::file("write", &self.path))?;
        Ok(written)
    }
}

impl WrittenFile {
    /// Returns the temporary path of the file.
    pub(super) fn unfinished(&self) -> &Path {
        &self.unfinished
    }

    /// Gives the file its final name. It replaces the previous file of that name in one step.
    pub(super) fn publish(mut self) -> Result<(), ExportError> {
        fs::rename(&self.unfinished, &self.path).map_err(ExportError::file("write", &self.path))?;
        self.is_published = true;
        Ok(())
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.as_mut().ok_or_else(closed)?.write(bytes)?;
        self.hash.update(bytes.get(..taken).unwrap_or(bytes));
        self.bytes += to_u64(taken);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().ok_or_else(closed)?.flush()
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if self.out.take().is_some() {
            // If this fails, the next export deletes the file.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

impl Drop for WrittenFile {
    fn drop(&mut self) {
        if !self.is_published {
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

fn closed() -> io::Error {
    io::Error::other("it is closed already")
}
