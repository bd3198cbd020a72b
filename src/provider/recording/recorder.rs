//! A recording that is being written.
//!
//! In: where it shall be, and exchanges as they happen. Out: the two files, which only their owner may read. It puts
//! nothing on the disk before the run is known to begin, and never makes a read fail: what cannot be written ends the
//! recording, and that is said when the run is over.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, IntoInnerError, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{EXCHANGES, Exchange, MANIFEST, Manifest, RecordingError};
use crate::provider::redaction;

/// A recording that is being written.
#[derive(Debug)]
pub struct Recorder {
    directory: PathBuf,
    /// Whether the directory was not there before.
    fresh: bool,
    manifest: Manifest,
    tape: Mutex<Tape>,
    /// The last refusal of each role that was not given so far.
    refusals: Mutex<BTreeMap<String, Exchange>>,
}

/// How far the writing is.
#[derive(Debug)]
enum Tape {
    /// The run may not begin at all; these lines are written when it does.
    Waiting(String),
    Running(BufWriter<File>),
    /// A write failed; what comes later is not kept.
    Broken(io::Error),
    Over,
}

impl Recorder {
    /// Looks whether a recording can be made there. Nothing is left behind.
    ///
    /// # Errors
    /// When a recording is there already, or nothing can be written there.
    pub fn prepare(directory: &Path, manifest: Manifest) -> Result<Self, RecordingError> {
        let held = |name: &&str| directory.join(name).symlink_metadata().is_ok();
        if [MANIFEST, EXCHANGES].iter().any(held) {
            return Err(RecordingError::Exists(directory.to_owned()));
        }
        // What is to be made is made in the nearest folder that is there.
        let place = directory.ancestors().find(|folder| folder.symlink_metadata().is_ok());
        tempfile::tempfile_in(place.unwrap_or(Path::new("."))).map_err(unusable(directory))?;
        Ok(Self {
            directory: directory.to_owned(),
            fresh: place != Some(directory),
            manifest,
            tape: Mutex::new(Tape::Waiting(String::new())),
            refusals: Mutex::default(),
        })
    }

    /// The run begins: makes the files, and writes what was noted so far.
    ///
    /// # Errors
    /// When the files cannot be written, or somebody else made them meanwhile. Nothing is left behind.
    pub fn begin(&self) -> Result<(), RecordingError> {
        let mut tape = self.tape();
        let Tape::Waiting(lines) = &*tape else { return Ok(()) };
        let started = self.start(lines);
        let (next, result) = match started {
            Ok(file) => (Tape::Running(file), Ok(())),
            Err(error) => (Tape::Over, Err(error)),
        };
        *tape = next;
        result
    }

    /// Masks and appends one exchange. A recording that cannot be written further stops here.
    pub fn note(&self, mut exchange: Exchange) {
        redaction::mask(&mut exchange.input);
        redaction::mask(&mut exchange.output);
        let line = serde_json::to_string(&exchange).map_err(io::Error::from);
        let mut tape = self.tape();
        let written = match (&mut *tape, line) {
            (Tape::Waiting(lines), Ok(line)) => {
                lines.push_str(&line);
                lines.push('\n');
                Ok(())
            }
            (Tape::Running(file), Ok(line)) => writeln!(file, "{line}"),
            (Tape::Broken(_) | Tape::Over, _) => Ok(()),
            (Tape::Waiting(_) | Tape::Running(_), Err(error)) => Err(error),
        };
        if let Err(error) = written {
            tracing::warn!("the recording stops here, and the run goes on: {error}");
            *tape = Tape::Broken(error);
        }
    }

    /// Keeps that a role was refused; it is written at the end, unless the role was given after all.
    pub fn refused(&self, role: &str, exchange: Exchange) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).insert(role.to_owned(), exchange);
    }

    /// Forgets that a role was refused at first: what hands it out is never kept, and only a last refusal says something.
    pub fn given(&self, role: &str) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).remove(role);
    }

    /// The run does not begin after all: takes back what was written.
    pub fn abandon(&self) {
        if matches!(std::mem::replace(&mut *self.tape(), Tape::Over), Tape::Running(_) | Tape::Broken(_)) {
            self.clear(&[EXCHANGES, MANIFEST]);
        }
    }

    /// Brings everything to the disk; `whole` says whether the run came to its end.
    ///
    /// # Errors
    /// When not everything is there.
    pub fn finish(&self, whole: bool) -> Result<(), RecordingError> {
        let refusals = std::mem::take(&mut *self.refusals.lock().unwrap_or_else(PoisonError::into_inner));
        refusals.into_values().for_each(|refusal| self.note(refusal));
        let tape = std::mem::replace(&mut *self.tape(), Tape::Over);
        let closed = match tape {
            Tape::Running(file) => self.close(file, whole),
            Tape::Broken(error) => Err(error),
            Tape::Waiting(_) | Tape::Over => Ok(()),
        };
        closed.map_err(|source| RecordingError::Incomplete { path: self.directory.clone(), source })
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, waiting: &str) -> Result<BufWriter<File>, RecordingError> {
        private_directory(&self.directory).map_err(unusable(&self.directory))?;
        let exchanges = self.private_file(EXCHANGES)?;
        let head = self.private_file(MANIFEST).inspect_err(|_| self.clear(&[EXCHANGES]))?;
        let mut exchanges = BufWriter::new(exchanges);
        write_manifest(&head, &self.manifest).and_then(|()| exchanges.write_all(waiting.as_bytes())).map_err(
            |source| {
                self.clear(&[EXCHANGES, MANIFEST]);
                unusable(&self.directory)(source)
            },
        )?;
        Ok(exchanges)
    }

    /// A new file that only its owner may read: a recording holds how a whole organisation is set up.
    fn private_file(&self, name: &str) -> Result<File, RecordingError> {
        let path = self.directory.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => RecordingError::Exists(self.directory.clone()),
            _ => unusable(&path)(error),
        })
    }

    /// Removes files that this recorder made, and the directory if it made that and nothing else is in it.
    fn clear(&self, names: &[&str]) {
        // What cannot be removed is refused by the next run, by its name.
        for name in names {
            let _ = std::fs::remove_file(self.directory.join(name));
        }
        if self.fresh {
            let _ = std::fs::remove_dir(&self.directory);
        }
    }

    fn close(&self, file: BufWriter<File>, whole: bool) -> io::Result<()> {
        let file = file.into_inner().map_err(IntoInnerError::into_error)?;
        file.sync_all()?;
        // A file that was removed or replaced takes what is written to it all the same.
        if std::fs::metadata(self.directory.join(EXCHANGES))?.len() != file.metadata()?.len() {
            return Err(io::Error::other(format!("`{EXCHANGES}` was changed by somebody else")));
        }
        let head = tempfile::NamedTempFile::new_in(&self.directory)?;
        write_manifest(head.as_file(), &Manifest { complete: Some(whole), ..self.manifest.clone() })?;
        head.as_file().sync_all()?;
        head.persist(self.directory.join(MANIFEST)).map(drop).map_err(|error| error.error)
    }
}

fn write_manifest(mut file: &File, manifest: &Manifest) -> io::Result<()> {
    let text = serde_json::to_string_pretty(manifest).map_err(io::Error::from)?;
    writeln!(file, "{text}")
}

/// Makes a directory that only its owner may enter; those above it are made as the user's mask has it.
fn private_directory(directory: &Path) -> io::Result<()> {
    if let Some(parent) = directory.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> RecordingError + use<> {
    let path = path.to_owned();
    move |source| RecordingError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::super::Recording;
    use super::super::tests::{exchange, manifest};
    use super::*;
    use serde_json::json;

    fn names(folder: &Path) -> Vec<String> {
        let files = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_written_before_the_run_begins_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("of/today");
        let recorder = Recorder::prepare(&directory, manifest()).unwrap();
        recorder.note(exchange(200, json!("who")));
        assert!(names(folder.path()).is_empty());
        recorder.begin().unwrap();
        recorder.finish(true).unwrap();
        assert_eq!(names(&directory), [EXCHANGES, MANIFEST]);
        let text = std::fs::read_to_string(directory.join(EXCHANGES)).unwrap();
        assert_eq!((text.lines().count(), text.contains("who")), (1, true), "{text}");
        assert_eq!(Recording::open(&directory).unwrap().manifest().complete, Some(true));
    }

    #[test]
    fn a_run_that_does_not_begin_takes_back_what_it_made_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (own, other) = (folder.path().join("own"), folder.path().join("other"));
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join("notes.txt"), "mine").unwrap();
        for directory in [&own, &other] {
            let recorder = Recorder::prepare(directory, manifest()).unwrap();
            recorder.begin().unwrap();
            assert!(directory.join(EXCHANGES).exists());
            recorder.abandon();
            recorder.note(exchange(200, json!("late")));
            recorder.finish(true).unwrap();
        }
        assert_eq!(names(folder.path()), ["other"]);
        assert_eq!(names(&other), ["notes.txt"]);
    }

    #[test]
    fn a_recording_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (
            Recorder::prepare(folder.path(), manifest()).unwrap(),
            Recorder::prepare(folder.path(), manifest()).unwrap(),
        );
        first.note(exchange(200, json!("first")));
        first.begin().unwrap();
        // Somebody else was faster.
        let late = second.begin().unwrap_err();
        assert!(late.to_string().contains("new directory"), "{late}");
        first.finish(true).unwrap();
        assert!(std::fs::read_to_string(folder.path().join(EXCHANGES)).unwrap().contains("first"));
        std::fs::remove_file(folder.path().join(MANIFEST)).unwrap();
        let again = Recorder::prepare(folder.path(), manifest()).unwrap_err();
        assert!(again.to_string().contains("holds a recording already; give `--record-to` a new"), "{again}");
    }

    #[test]
    fn a_place_that_cannot_hold_a_recording_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "x").unwrap();
        for place in ["file", "file/below"] {
            let error = Recorder::prepare(&folder.path().join(place), manifest()).unwrap_err();
            assert!(matches!(error, RecordingError::Io { .. }), "{error}");
            assert!(error.to_string().contains(&format!("{place}` for a recording; check that")), "{error}");
        }
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    #[cfg(unix)]
    fn only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("of/today");
        let recorder = Recorder::prepare(&directory, manifest()).unwrap();
        recorder.begin().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for moment in ["written", "finished"] {
            let modes = [mode(&directory), mode(&directory.join(MANIFEST)), mode(&directory.join(EXCHANGES))];
            assert_eq!(modes, [0o700, 0o600, 0o600], "{moment}");
            recorder.finish(true).unwrap();
        }
        // Others may use the folder above as the user's mask has it.
        let plain = folder.path().join("plain");
        std::fs::create_dir(&plain).unwrap();
        assert_eq!(mode(&folder.path().join("of")), mode(&plain));
    }

    #[test]
    fn a_write_that_fails_ends_the_recording_and_is_said_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("r");
        let recorder = Recorder::prepare(&directory, manifest()).unwrap();
        recorder.note(exchange(200, json!("kept")));
        recorder.begin().unwrap();
        // From now on the file takes nothing.
        let read_only = BufWriter::with_capacity(0, File::open(directory.join(EXCHANGES)).unwrap());
        *recorder.tape() = Tape::Running(read_only);
        for _ in 0..3 {
            recorder.note(exchange(200, json!("lost")));
        }
        let error = recorder.finish(true).unwrap_err();
        assert!(matches!(error, RecordingError::Incomplete { .. }), "{error}");
        assert!(error.to_string().contains("/r` is incomplete"), "{error}");
        let notice = Recording::open(&directory).unwrap().notice().unwrap();
        assert!(notice.contains("cut off after line 1 "), "{notice}");
    }

    #[test]
    fn a_recording_that_was_removed_or_changed_meanwhile_is_not_finished() {
        for harm in ["removed", "changed"] {
            let folder = tempfile::tempdir().unwrap();
            let directory = folder.path().join("r");
            let recorder = Recorder::prepare(&directory, manifest()).unwrap();
            recorder.begin().unwrap();
            recorder.note(exchange(200, json!("x")));
            std::fs::remove_dir_all(&directory).unwrap();
            if harm == "changed" {
                std::fs::create_dir(&directory).unwrap();
                std::fs::write(directory.join(EXCHANGES), "").unwrap();
            }
            let error = recorder.finish(true).unwrap_err();
            assert!(matches!(error, RecordingError::Incomplete { .. }), "{harm}: {error}");
        }
    }
}
