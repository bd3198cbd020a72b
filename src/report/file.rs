//! Reports in files.
//!
//! In: a path and a text. Out: a file that holds all of it or, after a failure, what it held before.

use std::io::Write;
use std::path::{Path, PathBuf};

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
    let failed = |source| ReportError::Write { path: path.to_owned(), source };
    // A link is followed, so that it stays a link.
    let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if std::fs::metadata(&place).is_ok_and(|about| !about.is_file()) {
        return std::fs::write(&place, text).map_err(failed);
    }
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".guardline-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As the user's mask has it, like any file that is simply written.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    // The name of the file beside it says nothing to a reader.
    let mut file = builder.tempfile_in(folder).map_err(|error| failed(error.kind().into()))?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&place).map_err(|error| failed(error.error))?;
    Ok(())
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
}
