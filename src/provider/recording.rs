//! A directory of API exchanges that can be replayed offline.
//!
//! In: exchanges as they happen, or a directory written earlier. Out: the directory, or the answer to a call. It never
//! writes an exchange that carries credentials (the caller offers none), and masks what is personal or secret in the
//! others before anything reaches the disk.
//!
//! A recording is two files: `recording.json`, which says when and by what version it was made, and `exchanges.jsonl`,
//! one exchange a line. A call that was tried several times has several lines; its last one is the answer.

mod recorder;

pub use self::recorder::Recorder;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

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
    /// Whether it was written to its end; not said where something else than a run put it together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
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
    /// It could not be written to its end; the run itself went on.
    #[error(
        "the recording `{path}` is incomplete, as it could not be written to its end; make room for it, and record again to a new directory"
    )]
    Incomplete {
        /// The directory.
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

/// A recording that is being replayed.
#[derive(Debug)]
pub struct Recording {
    manifest: Manifest,
    exchanges: HashMap<(String, String, String, String), Exchange>,
    /// After how many lines it was cut off, if it was.
    cut_after: Option<usize>,
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

    /// Reads the two texts of a recording, such as those in the program itself. A last line that was not written to its
    /// end is left out, and [`notice`](Self::notice) says so.
    ///
    /// # Errors
    /// When a line is not of this format; `directory` stands in the message.
    pub fn read(directory: &Path, manifest: &str, mut exchanges: impl BufRead) -> Result<Self, RecordingError> {
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
        let (mut held, mut line, mut whole) = (HashMap::new(), Vec::new(), 0);
        let mut cut = manifest.complete == Some(false);
        // Bytes, because a line may end in the middle of a letter.
        while read_line(&mut exchanges, &mut line)
            .map_err(|source| RecordingError::Io { path: path.clone(), source })?
        {
            let exchange: Exchange = match serde_json::from_slice(&line) {
                Ok(exchange) => exchange,
                Err(_) if !line.ends_with(b"\n") => {
                    cut = true;
                    break;
                }
                Err(source) => return Err(RecordingError::Malformed { path, line: whole + 1, source }),
            };
            whole += 1;
            let key = key(&exchange.operation, &exchange.account, &exchange.region, &exchange.input);
            held.insert(key, exchange);
        }
        Ok(Self { manifest, exchanges: held, cut_after: cut.then_some(whole) })
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

    /// What every reader of a report from it must know.
    #[must_use]
    pub fn notice(&self) -> Option<String> {
        let cut = self.cut_after.map(|lines| {
            format!(
                "The recording was cut off after line {lines} of `{EXCHANGES}`: what it does not hold stands in the coverage as failed."
            )
        });
        let said: Vec<String> = self.manifest.note.clone().into_iter().chain(cut).collect();
        (!said.is_empty()).then(|| said.join(" "))
    }

    /// The answer to a call, if the recording holds one.
    #[must_use]
    pub fn answer(&self, operation: &str, account: &str, region: &str, input: &Value) -> Option<&Exchange> {
        let mut input = input.clone();
        redaction::mask(&mut input);
        self.exchanges.get(&key(operation, account, region, &input))
    }
}

/// The next line with its end, if there is one.
fn read_line(text: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    Ok(text.read_until(b'\n', line)? > 0)
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

    pub(super) fn exchange(status: u16, output: Value) -> Exchange {
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

    pub(super) fn manifest() -> Manifest {
        Manifest {
            schema: RECORDING_SCHEMA.to_owned(),
            clock: Timestamp::UNIX_EPOCH,
            version: "0".to_owned(),
            region: "us-east-1".to_owned(),
            note: None,
            complete: Some(false),
        }
    }

    /// What a recording of these bytes is; `complete` as its manifest has it.
    fn read(exchanges: &[u8], complete: Option<bool>) -> Result<Recording, RecordingError> {
        let manifest = Manifest { note: Some("Made up.".to_owned()), complete, ..manifest() };
        Recording::read(Path::new("r"), &serde_json::to_string(&manifest).unwrap(), exchanges)
    }

    fn asked(recording: &Recording) -> Option<u16> {
        let input = json!({"NextToken": "t"});
        recording.answer("organizations:ListAccounts", "111111111111", "us-east-1", &input).map(|answer| answer.status)
    }

    #[test]
    fn the_last_answer_to_a_call_is_replayed_and_masked() {
        let directory = tempfile::tempdir().unwrap();
        let recorder = Recorder::prepare(directory.path(), manifest()).unwrap();
        recorder.begin().unwrap();
        recorder.note(exchange(500, json!("<html>")));
        recorder.note(exchange(200, json!({"Accounts": [{"Email": "root@acme.example"}]})));
        recorder.finish(true).unwrap();

        let recording = Recording::open(directory.path()).unwrap();
        let answer =
            recording.answer("organizations:ListAccounts", "111111111111", "us-east-1", &json!({"NextToken": "t"}));
        assert_eq!(answer.unwrap().status, 200);
        assert!(!answer.unwrap().output.to_string().contains("root@acme.example"));
        let other =
            recording.answer("organizations:ListAccounts", "222222222222", "us-east-1", &json!({"NextToken": "t"}));
        assert!(other.is_none());
        assert_eq!(recording.notice(), None);
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
    fn every_whole_line_of_a_recording_that_was_cut_off_is_used_and_that_is_said() {
        let first = serde_json::to_string(&exchange(500, json!("x"))).unwrap() + "\n";
        let second = serde_json::to_string(&exchange(200, json!("ü"))).unwrap();
        // At every byte, in the middle of a letter too.
        for length in 1..second.len() {
            let cut = [first.as_bytes(), &second.as_bytes()[..length]].concat();
            let recording = read(&cut, None).unwrap();
            assert_eq!(asked(&recording), Some(500), "{length}");
            let notice = recording.notice().unwrap();
            assert!(notice.starts_with("Made up. The recording was cut off after line 1 of `exchanges"), "{notice}");
        }
        // Only the end of the line is missing, or nothing: whether it goes on the manifest knows.
        for end in ["", "\n"] {
            let whole = format!("{first}{second}{end}");
            assert_eq!(asked(&read(whole.as_bytes(), None).unwrap()), Some(200));
            for complete in [None, Some(true)] {
                assert_eq!(read(whole.as_bytes(), complete).unwrap().notice().as_deref(), Some("Made up."));
            }
            let notice = read(whole.as_bytes(), Some(false)).unwrap().notice().unwrap();
            assert!(notice.contains("cut off after line 2"), "{notice}");
        }
    }

    #[test]
    fn a_broken_line_that_was_written_to_its_end_is_named() {
        let whole = serde_json::to_string(&exchange(200, json!("x"))).unwrap();
        for (text, line) in [
            (format!("{{\"operation\":1}}\n{whole}\n"), 1),
            (format!("{whole}\n{{\"operation\n{whole}\n"), 2),
            (format!("{whole}\n\n{whole}\n"), 2),
            (format!("{whole}\n{{\"operation\":1}}\n"), 2),
        ] {
            let broken = read(text.as_bytes(), None).unwrap_err().to_string();
            assert!(broken.contains(&format!("`r/exchanges.jsonl`, line {line}, is not part")), "{broken}");
        }
        let broken = read(&[b"\xff\n", whole.as_bytes()].concat(), None).unwrap_err().to_string();
        assert!(broken.contains("exchanges.jsonl`, line 1"), "{broken}");
    }
}
