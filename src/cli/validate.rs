//! `guardline validate FILE…`: is this baseline right? In come paths; out go a line for each right file on stdout, and
//! every mistake on stderr (as JSON: everything on stdout). Never reads the cloud.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::against::Unmatched;
use crate::baseline::{
    diagnostic::{DiagnosticRecord, Diagnostics, visible},
    load,
};
use crate::report;

/// How the verdict is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// `guardline/validate/v1`.
    Json,
}

/// What to check, and how to say it.
#[derive(Debug, Clone)]
pub(crate) struct Args<'a> {
    /// The baselines.
    pub(crate) files: &'a [PathBuf],
    /// The report in which entries may have matched nothing.
    pub(crate) against: Option<&'a report::Report>,
    /// How the verdict is written.
    pub(crate) format: Format,
    /// The rules that findings can have.
    pub(crate) known_rules: &'a [&'a str],
    /// Whether stderr takes colours.
    pub(crate) color: bool,
    /// Columns of stderr.
    pub(crate) width: usize,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    files: Vec<Verdict>,
}

#[derive(Serialize)]
struct Verdict {
    file: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    diagnostics: Vec<DiagnosticRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Unmatched>,
}

/// Checks every file. Returns how many cannot be used; the exit code is 2 when there is one.
///
/// # Errors
/// When the verdict cannot be written.
pub(crate) fn run(args: &Args<'_>, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<usize> {
    let mut verdicts = Vec::new();
    for path in args.files {
        let (hash, diagnostics) = match load(path, args.known_rules) {
            Ok(baseline) => (Some(baseline.hash), baseline.remarks),
            Err(error) => (None, error.diagnostics),
        };
        let against = args.against.zip(hash.as_deref()).map(|(report, hash)| Unmatched::of(report, hash));
        if args.format == Format::Text {
            write_text(args, path, hash.is_some(), &diagnostics, out, err)?;
            if let Some(unmatched) = &against {
                unmatched.write(out, err)?;
            }
        }
        let file = path.display().to_string();
        verdicts.push(Verdict { file, valid: hash.is_some(), hash, diagnostics: diagnostics.records(), against });
    }
    let wrong = verdicts.iter().filter(|verdict| !verdict.valid).count();
    if args.format == Format::Json {
        let report = Report { schema: "guardline/validate/v1", files: verdicts };
        serde_json::to_writer_pretty(&mut *out, &report)?;
        writeln!(out)?;
    }
    Ok(wrong)
}

fn write_text(
    args: &Args<'_>,
    path: &Path,
    valid: bool,
    diagnostics: &Diagnostics,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<()> {
    if !diagnostics.list.is_empty() {
        writeln!(err, "{}", diagnostics.render(args.color, args.width))?;
    }
    let shown = path.display().to_string();
    let shown = visible(&shown);
    match (valid, diagnostics.errors()) {
        (true, _) => writeln!(out, "{shown}: ok"),
        (false, 1) => writeln!(err, "{shown}: 1 mistake"),
        (false, count) => writeln!(err, "{shown}: {count} mistakes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validate(format: Format, text: &str) -> (usize, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baseline.yaml");
        std::fs::write(&path, text).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let files = [path];
        let args = Args { files: &files, against: None, format, known_rules: &[], color: false, width: 100 };
        let wrong = run(&args, &mut out, &mut err).unwrap();
        let plain = |bytes| String::from_utf8(bytes).unwrap().replace(&folder.path().display().to_string(), "DIR");
        (wrong, plain(out), plain(err))
    }

    #[test]
    fn a_right_baseline_is_said_on_stdout_and_its_notes_on_stderr() {
        let (wrong, out, err) = validate(Format::Text, "version: 1\nestate: x\nhistory: x.db\naws: {}\n");
        assert_eq!((wrong, out.as_str()), (0, "DIR/baseline.yaml: ok\n"));
        assert!(err.contains("note: `history` is not used yet"), "{err}");
    }

    #[test]
    fn a_wrong_baseline_leaves_stdout_empty() {
        let (wrong, out, err) = validate(Format::Text, "version: 1\nestat: x\naws: {}\n");
        assert_eq!((wrong, out.as_str()), (1, ""));
        assert!(err.contains("did you mean `estate`?"), "{err}");
        assert!(err.ends_with("DIR/baseline.yaml: 2 mistakes\n"), "{err}");
    }

    #[test]
    fn json_says_everything_on_stdout() {
        let (wrong, out, err) = validate(Format::Json, "version: 1\nestat: x\naws: {}\n");
        assert_eq!((wrong, err.as_str()), (1, ""));
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["files"][0]["valid"], false);
        assert_eq!(report["files"][0]["diagnostics"][1]["line"], 2);
        assert_eq!(report["files"][0]["diagnostics"][1]["help"], "did you mean `estate`?");
    }
}
