//! A directory of API exchanges that can be replayed offline.
//!
//! In: exchanges as they happen, or a directory written earlier. Out: the directory, or the answer to a call. It never
//! writes an exchange that carries credentials (the caller offers none), and masks what is personal or secret in the
//! others before anything reaches the disk.
//!
//! A recording is two files: `recording.json`, which says when and by what version it was made, and `exchanges.jsonl`,
//! one exchange a line. A call that was tried several times has several lines; its last one is the answer.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::redaction;

/// The name and version of the recording format.
pub const RECORDING_SCHEMA: &str = "guardline/recording/v1";

const MANIFEST: &str = "recording.json";
const EXCHANGES: &str = "exchanges.jsonl";

/// What a recording says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always [`RECORDING_SCHEMA`].
    pub schema: String,
    /// The run's clock.
    pub clock: Timestamp,
    /// The version of guardline that wrote it.
    pub version: String,
    /// The region of the identity that read.
    pub region: String,
    /// What the reader should know of it, such as that the estate is made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One call and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// `service:Operation`
    pub operation: String,
    /// The account that asked; `self` before it is known.
    pub account: String,
    /// The region that was asked.
    pub region: String,
    /// The parameters.
    pub input: Value,
    /// The HTTP status.
    pub status: u16,
    /// The headers that carry meaning.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body: JSON where it is JSON, else text.
    pub output: Value,
    /// When the answer came.
    pub time: Timestamp,
}

/// Why a recording cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The directory holds something already.
    #[error("`{0}` holds a recording already; give `--record-to` a new directory")]
    Exists(PathBuf),
    /// A file of it is not there.
    #[error("`{0}` does not exist; give `--replay` a directory that `--record-to` wrote")]
    Missing(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot use `{path}` for a recording; check that it may be read and written")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line or file is not what it should be.
    #[error("`{path}`, line {line}, is not part of a recording; record again with `--record-to`")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// Another format.
    #[error(
        "`{path}` has the format `{found}`, and this version reads `{RECORDING_SCHEMA}`; record again with `--record-to`"
    )]
    Schema {
        /// Which file.
        path: PathBuf,
        /// The format it names.
        found: String,
    },
}

/// A recording that is being written.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
    /// The last refusal of each role that was not given so far.
    refusals: Mutex<BTreeMap<String, Exchange>>,
}

impl Recorder {
    /// Makes the directory and its manifest.
    ///
    /// # Errors
    /// When a recording is there already, or the files cannot be written.
    pub fn create(directory: &Path, manifest: &Manifest) -> Result<Self, RecordingError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| RecordingError::Io { path, source }
        };
        std::fs::create_dir_all(directory).map_err(io(directory))?;
        let (head, path) = (directory.join(MANIFEST), directory.join(EXCHANGES));
        if head.exists() || path.exists() {
            return Err(RecordingError::Exists(directory.to_owned()));
        }
        let mut text = serde_json::to_string_pretty(manifest).map_err(|source| RecordingError::Malformed {
            path: head.clone(),
            line: 1,
            source,
        })?;
        text.push('\n');
        std::fs::write(&head, text).map_err(io(&head))?;
        let file = Mutex::new(BufWriter::new(File::create(&path).map_err(io(&path))?));
        Ok(Self { path, file, refusals: Mutex::default() })
    }

    /// Masks and appends one exchange.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note(&self, mut exchange: Exchange) -> Result<(), RecordingError> {
        redaction::mask(&mut exchange.input);
        redaction::mask(&mut exchange.output);
        let io = |source| RecordingError::Io { path: self.path.clone(), source };
        let line = serde_json::to_string(&exchange).map_err(|source| RecordingError::Malformed {
            path: self.path.clone(),
            line: 0,
            source,
        })?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{line}").map_err(io)
    }

    /// Keeps that a role was refused; it is written at the end, unless the role was given after all.
    pub fn refused(&self, role: &str, exchange: Exchange) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).insert(role.to_owned(), exchange);
    }

    /// Forgets that a role was refused at first: what hands it out is never kept, and only a last refusal says something.
    pub fn given(&self, role: &str) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).remove(role);
    }

    /// Brings everything to the disk.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(&self) -> Result<(), RecordingError> {
        let refusals = std::mem::take(&mut *self.refusals.lock().unwrap_or_else(PoisonError::into_inner));
        refusals.into_values().try_for_each(|refusal| self.note(refusal))?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush().map_err(|source| RecordingError::Io { path: self.path.clone(), source })
    }
}

/// A recording that is being replayed.
#[derive(Debug)]
pub struct Recording {
    manifest: Manifest,
    exchanges: HashMap<(String, String, String, String), Exchange>,
}

impl Recording {
    /// Reads a directory.
    ///
    /// # Errors
    /// When a file is missing, or is not of this format.
    pub fn open(directory: &Path) -> Result<Self, RecordingError> {
        let path = directory.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(|source| unreadable(path, source))?;
        let path = directory.join(EXCHANGES);
        let file = File::open(&path).map_err(|source| unreadable(path, source))?;
        Self::read(directory, &text, BufReader::new(file))
    }

    /// Reads the two texts of a recording, such as those in the program itself.
    ///
    /// # Errors
    /// When a line is not of this format; `directory` stands in the message.
    pub fn read(directory: &Path, manifest: &str, exchanges: impl BufRead) -> Result<Self, RecordingError> {
        let path = directory.join(MANIFEST);
        let manifest: Manifest = serde_json::from_str(manifest).map_err(|source| RecordingError::Malformed {
            path: path.clone(),
            line: source.line(),
            source,
        })?;
        if manifest.schema != RECORDING_SCHEMA {
            return Err(RecordingError::Schema { path, found: manifest.schema });
        }
        let path = directory.join(EXCHANGES);
        let mut held = HashMap::new();
        for (index, line) in exchanges.lines().enumerate() {
            let line = line.map_err(|source| RecordingError::Io { path: path.clone(), source })?;
            let exchange: Exchange = serde_json::from_str(&line).map_err(|source| RecordingError::Malformed {
                path: path.clone(),
                line: index + 1,
                source,
            })?;
            let key = key(&exchange.operation, &exchange.account, &exchange.region, &exchange.input);
            held.insert(key, exchange);
        }
        Ok(Self { manifest, exchanges: held })
    }

    /// What the recording says of itself.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What was asked of an operation, in no order.
    pub fn inputs<'a>(&'a self, operation: &'a str) -> impl Iterator<Item = &'a Value> {
        self.exchanges.values().filter(move |exchange| exchange.operation == operation).map(|exchange| &exchange.input)
    }

    /// The answer to a call, if the recording holds one.
    #[must_use]
    pub fn answer(&self, operation: &str, account: &str, region: &str, input: &Value) -> Option<&Exchange> {
        let mut input = input.clone();
        redaction::mask(&mut input);
        self.exchanges.get(&key(operation, account, region, &input))
    }
}

/// Why a file that a recording should have cannot be read.
fn unreadable(path: PathBuf, source: std::io::Error) -> RecordingError {
    match source.kind() {
        ErrorKind::NotFound => RecordingError::Missing(path),
        _ => RecordingError::Io { path, source },
    }
}

/// Inputs are compared as canonical JSON: `serde_json` keeps keys in order.
fn key(operation: &str, account: &str, region: &str, input: &Value) -> (String, String, String, String) {
    (operation.to_owned(), account.to_owned(), region.to_owned(), input.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn exchange(status: u16, output: Value) -> Exchange {
        Exchange {
            operation: "organizations:ListAccounts".to_owned(),
            account: "111111111111".to_owned(),
            region: "us-east-1".to_owned(),
            input: json!({"NextToken": "t"}),
            status,
            headers: BTreeMap::new(),
            output,
            time: Timestamp::UNIX_EPOCH,
        }
    }

    fn manifest() -> Manifest {
        Manifest {
            schema: RECORDING_SCHEMA.to_owned(),
            clock: Timestamp::UNIX_EPOCH,
            version: "0".to_owned(),
            region: "us-east-1".to_owned(),
            note: None,
        }
    }

    #[test]
    fn the_last_answer_to_a_call_is_replayed_and_masked() {
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::create(directory.path(), &manifest()).unwrap();
        recorder.note(exchange(500, json!("<html>"))).unwrap();
        recorder.note(exchange(200, json!({"Accounts": [{"Email": "root@acme.example"}]}))).unwrap();
        recorder.finish().unwrap();

        let recording = Recording::open(directory.path()).unwrap();
        let answer =
            recording.answer("organizations:ListAccounts", "111111111111", "us-east-1", &json!({"NextToken": "t"}));
        assert_eq!(answer.unwrap().status, 200);
        assert!(!answer.unwrap().output.to_string().contains("root@acme.example"));
        let other =
            recording.answer("organizations:ListAccounts", "222222222222", "us-east-1", &json!({"NextToken": "t"}));
        assert!(other.is_none());
    }

    #[test]
    fn a_recording_is_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        Recorder::create(directory.path(), &manifest()).unwrap();
        let again = Recorder::create(directory.path(), &manifest()).unwrap_err();
        assert!(again.to_string().contains("new directory"), "{again}");
    }

    #[test]
    fn what_is_no_recording_is_said_with_the_fix() {
        let directory = tempfile::tempdir().unwrap();
        let nothing = Recording::open(&directory.path().join("none")).unwrap_err().to_string();
        assert!(nothing.contains("none/recording.json` does not exist; give `--replay`"), "{nothing}");
        std::fs::write(directory.path().join(MANIFEST), "{}").unwrap();
        let half = Recording::open(directory.path()).unwrap_err().to_string();
        assert!(half.contains("exchanges.jsonl` does not exist"), "{half}");
    }

    #[test]
    fn a_broken_line_is_named() {
        let text = serde_json::to_string(&manifest()).unwrap();
        let broken = Recording::read(Path::new("r"), &text, "{\"operation\":1}\n".as_bytes()).unwrap_err();
        assert!(broken.to_string().contains("exchanges.jsonl`, line 1"), "{broken}");
    }
}
