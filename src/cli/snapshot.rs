//! A snapshot that a scan wrote.
//!
//! In: a path. Out: the snapshot, or why the file is none and what to give instead. It never takes one of another format.

use std::io::{Error, ErrorKind};
use std::path::Path;

use serde::Deserialize;

use super::CliError;
use crate::estate::{SNAPSHOT_SCHEMA, Snapshot};

/// What a snapshot of any format says of itself.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

/// The snapshot in a file.
///
/// # Errors
/// When the file cannot be read (the kind of its source says why), or holds no snapshot of the known format.
pub(super) fn read(path: &Path) -> Result<Snapshot, CliError> {
    let wrong = |source| CliError::Snapshot { path: path.to_owned(), source };
    let text = std::fs::read(path).map_err(wrong)?;
    let snapshot: Snapshot = serde_json::from_slice(&text).map_err(|error| {
        // One of another format may lack what this one has: then its format is what is wrong.
        let head = serde_json::from_slice::<Head>(&text).ok().filter(|head| head.schema != SNAPSHOT_SCHEMA);
        wrong(head.map_or_else(|| Error::new(ErrorKind::InvalidData, error), |head| another(&head.schema)))
    })?;
    if snapshot.schema == SNAPSHOT_SCHEMA { Ok(snapshot) } else { Err(wrong(another(&snapshot.schema))) }
}

/// Whether a file is a snapshot of any format of this program.
pub(super) fn is_one(path: &Path) -> bool {
    let is_file = std::fs::metadata(path).is_ok_and(|about| about.is_file());
    let text = if is_file { std::fs::read(path).ok() } else { None };
    let head = text.and_then(|text| serde_json::from_slice::<Head>(&text).ok());
    head.is_some_and(|head| head.schema.starts_with("guardline/snapshot/"))
}

fn another(schema: &str) -> Error {
    let text = format!("it is of the format `{schema}`, and this program reads `{SNAPSHOT_SCHEMA}`");
    Error::new(ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::estate::snapshot;
    use crate::report::Exit;

    /// Why a text is not taken, as a person is told.
    fn refused(text: Option<&str>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.json");
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let error = read(&path).unwrap_err();
        assert_eq!(error.exit(), Exit::BadInput);
        let CliError::Snapshot { source, .. } = &error else { panic!("{error}") };
        assert_eq!(source.kind() == ErrorKind::NotFound, text.is_none());
        assert_eq!(
            error.to_string().replace(&path.display().to_string(), "s.json"),
            "cannot read the snapshot `s.json`; give a file that `guardline scan --snapshot` wrote"
        );
        source.to_string()
    }

    #[test]
    fn only_a_snapshot_of_the_known_format_is_taken() {
        let whole = serde_json::to_string(&snapshot()).unwrap();
        for (text, why) in [
            (None, "No such file or directory"),
            (Some("{}"), "missing field `schema`"),
            (Some("{"), "EOF while parsing"),
            (Some(r#"{"schema": "guardline/snapshot/v1"}"#), "missing field `taken_at`"),
            (Some(r#"{"schema": "guardline/snapshot/v9"}"#), "it is of the format `guardline/snapshot/v9`, and this"),
            (Some(&whole.replace("/v1", "/v0")), "it is of the format `guardline/snapshot/v0`, and this"),
        ] {
            let told = refused(text);
            assert!(told.starts_with(why), "{told}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.json");
        std::fs::write(&path, whole).unwrap();
        assert_eq!(read(&path).unwrap(), snapshot());
    }
}
