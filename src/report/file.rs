//! Reports in files.
//!
//! In: a path and a text. Out: a file that holds all of it or, after a failure, what it held before.

use std::fs::Metadata;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

/// A format in which a report can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Format {
    /// For people at a terminal
    Terminal,
    /// `guardline/report/v1`.
    Json,
}

impl Format {
    /// Every format, with its name and the suffix of its files.
    pub const ALL: &[(Self, &str, &str)] = &[(Self::Terminal, "terminal", "txt"), (Self::Json, "json", "json")];

    /// The format of a file, by its suffix.
    ///
    /// # Errors
    /// The suffix belongs to no format.
    pub fn of(path: &Path) -> Result<Self, ReportError> {
        let suffix = path.extension().map(|suffix| suffix.to_string_lossy().to_lowercase());
        let known = Self::ALL.iter().find(|(_, _, known)| suffix.as_deref() == Some(*known));
        known.map(|(format, ..)| *format).ok_or_else(|| ReportError::Suffix(path.to_owned()))
    }
}

/// Why a report was not written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The name does not say the format.
    #[error("the name of `{}` says no format; end it with {}", .0.display(), suffixes())]
    Suffix(PathBuf),
    /// It cannot be JSON.
    #[error("the report cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    /// The system says no.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

fn suffixes() -> String {
    Format::ALL.iter().map(|(_, _, suffix)| format!("`.{suffix}`")).collect::<Vec<_>>().join(" or ")
}

/// Writes a file whole or not at all: beside its place first, then renamed. What is no regular file (a pipe, a terminal)
/// is written to directly.
///
/// # Errors
/// The folder does not exist or cannot be written, or the disk is full.
pub fn write(path: &Path, text: &str) -> Result<(), ReportError> {
    let writing = settled();
    let staged = stage(path, text)?;
    if matches!(staged.content, Content::Text(_)) {
        // Whoever reads it may take as long as he likes.
        drop(writing);
    }
    staged.finish()
}

/// Held while a file stands beside its place.
static WRITING: Mutex<()> = Mutex::new(());

/// Waits until no report is half-written; none is begun until the answer is dropped. For whoever ends the process.
pub fn settled() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that is written, but does not stand at its place yet.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    place: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// A file beside its place.
    Beside(NamedTempFile),
    /// What goes into something that is no file.
    Text(String),
}

/// Writes a file beside its place. Several files are either all put there, or, where one cannot be written, none.
///
/// # Errors
/// As for [`write()`].
pub fn stage(path: &Path, text: &str) -> Result<Staged, ReportError> {
    let failed = |source| ReportError::Write { path: path.to_owned(), source };
    // A link is followed, so that it stays a link.
    let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let there = std::fs::metadata(&place).ok();
    let content = match &there {
        Some(about) if !about.is_file() => Content::Text(text.to_owned()),
        _ => Content::Beside(beside(&place, text, there.as_ref()).map_err(failed)?),
    };
    Ok(Staged { path: path.to_owned(), place, content })
}

impl Staged {
    /// Puts the file at its place.
    ///
    /// # Errors
    /// The system says no; then the place holds what it held before.
    pub fn finish(self) -> Result<(), ReportError> {
        let Self { path, place, content } = self;
        let done = match content {
            Content::Beside(file) => file.persist(&place).map(drop).map_err(|error| error.error),
            Content::Text(text) => std::fs::write(&place, text),
        };
        done.map_err(|source| ReportError::Write { path, source })
    }
}

/// A file beside a place, whole and on the disk, which may be read and written as the one that is there.
fn beside(place: &Path, text: &str, there: Option<&Metadata>) -> std::io::Result<NamedTempFile> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".guardline-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A new one is as the user's mask has it, like any file that is simply written.
        let mode = there.map_or(0o666, |there| there.permissions().mode() & 0o777);
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    // The name of the file beside it says nothing to a reader.
    let mut file = builder.tempfile_in(folder).map_err(|error| std::io::Error::from(error.kind()))?;
    // The mask takes nothing from a mode that was given before; this comes before anything can be read.
    #[cfg(unix)]
    if let Some(there) = there {
        file.as_file().set_permissions(there.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_says_the_format() {
        assert_eq!(Format::of(Path::new("out/r.JSON")).unwrap(), Format::Json);
        assert_eq!(Format::of(Path::new("r.txt")).unwrap(), Format::Terminal);
        let error = Format::of(Path::new("report.docx")).unwrap_err().to_string();
        assert_eq!(error, "the name of `report.docx` says no format; end it with `.txt` or `.json`");
        assert!(Format::of(Path::new("report")).is_err());
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        write(&path, "old").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = write(&folder.path().join("no/r.json"), "x").unwrap_err();
        assert!(error.to_string().starts_with("cannot write `"), "{error}");
    }

    #[test]
    fn nothing_is_begun_while_the_process_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        let ending = settled();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| write(&path, "whole"));
            std::thread::sleep(std::time::Duration::from_millis(100));
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
            drop(ending);
            writer.join().unwrap().unwrap();
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole");
    }

    #[test]
    #[cfg(unix)]
    fn a_link_stays_a_link_and_a_device_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.json"), folder.path().join("link.json"));
        write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        write(Path::new("/dev/null"), "gone").unwrap();
    }
    #[test]
    #[cfg(unix)]
    fn a_file_that_is_replaced_keeps_who_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        write(&path, "new").unwrap();
        for wanted in [0o600, 0o640, 0o666, 0o777, 0o440] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(wanted)).unwrap();
            write(&path, "text").unwrap();
            assert_eq!(mode(), wanted, "{wanted:o}");
        }
    }

    #[test]
    fn what_is_staged_stands_at_its_place_only_when_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        write(&path, "old").unwrap();
        let read = || std::fs::read_to_string(&path).unwrap();
        let staged = stage(&path, "new").unwrap();
        assert_eq!(read(), "old");
        drop(staged);
        assert_eq!((read().as_str(), std::fs::read_dir(folder.path()).unwrap().count()), ("old", 1));
        stage(&path, "new").unwrap().finish().unwrap();
        assert_eq!(read(), "new");
    }
}
