//! What the verbs that keep a baseline share: a report and a finding of it, a baseline that is edited, and its files
//! written back.
//!
//! In: paths and ids. Out: reports, findings, files, and the difference on stdout. It writes nothing that is not read back
//! as meant, and nothing over a file that changed meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ColorChoice};

use super::difference::difference;
use super::{CliError, output, visible};
use crate::baseline::edit::{EditError, Editor};
use crate::baseline::files::Files;
use crate::baseline::{Baseline, LoadError};
use crate::finding::Finding;
use crate::report::{self, REPORT_SCHEMA, Report, Staged};

/// Bytes that a report may have.
const MOST: u64 = 512 * 1024 * 1024;

/// What is edited, and whether.
#[derive(Debug, Args)]
pub(super) struct Edited {
    /// The baseline that is changed
    #[arg(value_name = "BASELINE", default_value = "guardline.yaml")]
    pub(super) baseline: PathBuf,
    /// Show the difference, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// A report in JSON.
pub(super) fn report(path: &Path) -> Result<Report, CliError> {
    let shown = path.display();
    let wrong = |why: &dyn std::fmt::Display| {
        CliError::Arguments(format!("cannot read the report `{shown}`: {why}; give the JSON file that `scan` wrote"))
    };
    let about = fs::metadata(path).map_err(|error| wrong(&error))?;
    if about.is_file() && about.len() > MOST {
        return Err(wrong(&"it is too large"));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let report: Report = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    if report.schema == REPORT_SCHEMA {
        return Ok(report);
    }
    Err(CliError::Arguments(format!("`{shown}` is no report of the format `{REPORT_SCHEMA}`")))
}

/// The finding of an id, or of the beginning of one.
pub(super) fn finding<'r>(report: &'r Report, id: &str, from: &Path) -> Result<&'r Finding, CliError> {
    let start = if id.starts_with("gl-") { id.to_owned() } else { format!("gl-{id}") };
    let found: Vec<&Finding> = report.findings.iter().filter(|finding| finding.id.starts_with(&start)).collect();
    let from = from.display();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(CliError::Arguments(format!("`{from}` holds no finding `{id}`"))),
        several => {
            let all: Vec<String> = several.iter().map(|one| format!("`{}` ({})", one.id, one.rule)).collect();
            Err(CliError::Arguments(format!("`{id}` is not unique in `{from}`: {}", all.join(", "))))
        }
    }
}

/// A baseline that is to be edited; what is to be said about it is said.
pub(super) fn open<'a>(
    files: &'a dyn Files,
    path: &Path,
    known_rules: &'a [&'a str],
    color: ColorChoice,
) -> Result<Editor<'a>, LoadError> {
    Editor::open(files, path, known_rules).inspect_err(|error| {
        let colored = output::colored(color, &std::io::stderr());
        output::stderr(format!("{}\n", error.diagnostics.render(colored, output::width())).as_bytes());
    })
}

/// A word where the report was made with another baseline.
pub(super) fn warn_of_another(report: &Report, baseline: &Baseline, path: &Path) {
    if report.run.baseline.hash != baseline.hash {
        let text = format!(
            "warning: `{}` says something else than the baseline that the report was made with ({}); scan again to be sure\n",
            path.display(),
            report.run.baseline.files.first().map_or("not named", String::as_str),
        );
        output::stderr(visible_lines(&text).as_bytes());
    }
}

/// What a person can do where an edit was not made, over several lines; empty where there is no place for it.
pub(super) fn by_hand(error: &EditError) -> String {
    match error {
        EditError::Refused { paste, .. } => format!("  by hand: {}\n", paste.replace('\n', "\n    ")),
        EditError::NoPlace(_) => String::new(),
    }
}

/// Shows the difference and, unless it is a dry run, writes every file that changed, none of them before all could be
/// written. New files come first, the baseline that names them last.
pub(super) fn write(editor: &Editor<'_>, edited: &Edited) -> Result<(), CliError> {
    let mut changed: Vec<(&Path, &str)> = editor.changed().collect();
    changed.sort_by_key(|(path, _)| (editor.before(path).is_some(), *path));
    let shown: String = changed.iter().map(|(path, text)| difference(path, editor.before(path), text)).collect();
    if !edited.dry_run {
        let marks: Vec<&str> =
            changed.iter().map(|(path, _)| unchanged(path, editor.before(path))).collect::<Result<_, _>>()?;
        let mut staged = Vec::new();
        for ((path, text), mark) in changed.iter().zip(marks) {
            if let Some(folder) = path.parent().filter(|_| editor.before(path).is_none()) {
                fs::create_dir_all(folder).map_err(|source| CliError::Write { path: folder.to_owned(), source })?;
            }
            staged.push(report::stage(path, &format!("{mark}{text}"))?);
        }
        staged.into_iter().try_for_each(Staged::finish)?;
    }
    output::stdout(shown.as_bytes())
}

/// The byte order mark of a file, once it is sure that it is still the one that was read.
fn unchanged(path: &Path, before: Option<&str>) -> Result<&'static str, CliError> {
    const MARK: &str = "\u{feff}";
    let failed = |source| CliError::Write { path: path.to_owned(), source };
    let Some(before) = before else { return Ok("") };
    let now = fs::read_to_string(path).map_err(failed)?;
    match now.strip_prefix(MARK) {
        Some(rest) if rest == before => Ok(MARK),
        None if now == before => Ok(""),
        _ => Err(failed(std::io::Error::other("it changed while it was edited; nothing was written"))),
    }
}

/// A text of several lines, each made safe to show.
pub(super) fn visible_lines(text: &str) -> String {
    text.split('\n').map(|line| visible(line).into_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.yaml");
        fs::write(&path, "\u{feff}old").unwrap();
        assert_eq!(unchanged(&path, Some("old")).unwrap(), "\u{feff}");
        assert!(unchanged(&path, Some("older")).is_err());
        assert_eq!(unchanged(&path, None).unwrap(), "");
    }
    #[test]
    #[cfg(unix)]
    fn where_one_file_cannot_be_written_none_is() {
        use crate::baseline::edit::Change;
        use crate::baseline::files::Disk;
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("b.yaml"), "version: 1\nestate: e\naws: {policies: []}\n").unwrap();
        let before = fs::read_to_string(at("b.yaml")).unwrap();
        let mut editor = Editor::open(&Disk, &at("b.yaml"), &[]).unwrap();
        for path in ["first/c.json", "later/d.json"] {
            let item = serde_json::json!({"name": path, "type": "t", "document": path});
            let document = serde_json::json!({});
            editor.apply(&Change::WithDocument { list: "/aws/policies".to_owned(), item, document }).unwrap();
        }
        // This folder leads nowhere: it cannot be made.
        symlink(at("nowhere/below"), at("later")).unwrap();
        assert!(write(&editor, &Edited { baseline: at("b.yaml"), dry_run: false }).is_err());
        assert_eq!(fs::read_to_string(at("b.yaml")).unwrap(), before);
        assert_eq!(fs::read_dir(at("first")).unwrap().count(), 0, "neither it nor anything beside it");
    }
}
