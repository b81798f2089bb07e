//! One file, written completely or not at all.

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

/// The size and the digest of a written file.
#[derive(Debug)]
pub(super) struct WrittenFile {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// Returns the name of an unfinished file. Readers ignore names that begin with a dot.
pub(super) fn unfinished_name(format: DataFormat) -> String {
    format!(".{}.tmp", format.part_name())
}

impl PartFile {
    /// Begins the file of `partition` below `root`.
    pub(super) fn create(
        root: &Path,
        partition: &Partition,
        format: DataFormat,
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
        let unfinished = directory.join(unfinished_name(format));
        let file = File::create(&unfinished).map_err(ExportError::file("write", &unfinished))?;
        Ok(Self {
            path: directory.join(format.part_name()),
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

    /// Syncs the file to the disk and gives it its final name. It replaces the previous file.
    pub(super) fn finish(mut self) -> Result<WrittenFile, ExportError> {
        let finish = |out: Option<BufWriter<File>>| {
            let file = out.ok_or_else(closed)?.into_inner();
            file.map_err(io::IntoInnerError::into_error)?.sync_all()?;
            fs::rename(&self.unfinished, &self.path)
        };
        finish(self.out.take()).map_err(ExportError::file("write", &self.path))?;
        if let Some(directory) = self.path.parent() {
            sync_directory(directory)?;
        }
        Ok(WrittenFile {
            bytes: self.bytes,
            sha256: hex(self.hash.clone().finish().as_ref()),
        })
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

fn closed() -> io::Error {
    io::Error::other("it is closed already")
}
