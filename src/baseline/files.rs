//! The files of a baseline. In comes a path; out comes its text, or why it was not read. Bounded: size and kind are
//! looked at before anything is read. Never follows what a text says; that is for [`super::load()`].

use std::{
    fs,
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

/// Bytes that one baseline file may have.
pub const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes that one policy document may have; AWS takes 10,240 characters.
pub const MAX_DOCUMENT_BYTES: u64 = 1024 * 1024;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system says no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A folder, a pipe, a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// Larger than the limit.
    #[error("it has more than {} MiB", .0 / 1024 / 1024)]
    TooLarge(u64),
    /// Not text.
    #[error("it is not UTF-8 text (byte {0})")]
    NotText(usize),
}

/// How files are read: from the disk, or from what a program carries.
pub trait Files {
    /// The text of a file of at most `limit` bytes, without a byte order mark.
    ///
    /// # Errors
    /// Says why it was not read.
    fn read(&self, path: &Path, limit: u64) -> Result<String, ReadError>;
}

/// Files on disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, limit: u64) -> Result<String, ReadError> {
        let about = fs::metadata(path)?;
        if !about.is_file() {
            return Err(ReadError::NotAFile);
        }
        if about.len() > limit {
            return Err(ReadError::TooLarge(limit));
        }
        let mut bytes = Vec::new();
        // A file may grow between the two looks.
        fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(ReadError::TooLarge(limit));
        }
        text(bytes)
    }
}

/// Files that a program carries, by path.
#[derive(Debug, Clone, Default)]
pub struct Carried<'a>(pub std::collections::BTreeMap<PathBuf, &'a str>);

impl Files for Carried<'_> {
    fn read(&self, path: &Path, limit: u64) -> Result<String, ReadError> {
        let found = self.0.get(&tidy(path)).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        if found.len() as u64 > limit {
            return Err(ReadError::TooLarge(limit));
        }
        text(found.as_bytes().to_vec())
    }
}

fn text(bytes: Vec<u8>) -> Result<String, ReadError> {
    let text = String::from_utf8(bytes).map_err(|error| ReadError::NotText(error.utf8_error().valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// A path that a file names, relative to that file.
#[must_use]
pub fn beside(file: &Path, named: &str) -> PathBuf {
    tidy(&file.parent().unwrap_or(Path::new("")).join(named))
}

/// The path without `.` and, where that can be said from its text alone, without `..`.
#[must_use]
pub fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidied.components().next_back(), Some(Component::Normal(_))) => {
                tidied.pop();
            }
            other => tidied.push(other),
        }
    }
    tidied
}
