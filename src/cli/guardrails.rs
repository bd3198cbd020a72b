//! Where policy documents are read from: files, and folders of levels. In come paths; out come stacks, and on stderr every
//! mistake that keeps one from being read. It leaves out nothing in silence that looks like a document.

use std::fs;
use std::path::{Path, PathBuf};

use super::{CliError, output};
use crate::baseline::diagnostic::Diagnostics;
use crate::baseline::files::{Disk, Files, ReadError};
use crate::policy::document::Kind;
use crate::policy::levels::{self, File, Folder, Guardrails};
use crate::policy::parse::MAX_BYTES;

/// Reads what the paths name: permission policies of one kind, a file that holds a list of levels, or a folder of levels.
/// From a folder, only the kind that was asked for is taken; the kind of anything else is `scp` where none was asked for.
pub(super) fn read(paths: &[PathBuf], kind: Option<Kind>, color: bool) -> Result<Guardrails, CliError> {
    let mut guardrails = read_all(paths, color, |files| levels::from_files(kind.unwrap_or(Kind::Scp), files))?;
    guardrails.declarative = None;
    if let Some(kind) = kind {
        guardrails.stacks.retain(|stack| stack.kind == kind);
    }
    if guardrails.stacks.is_empty() {
        return Err(nothing_of(kind.map_or("scp` or `rcp", Kind::word)));
    }
    Ok(guardrails)
}

/// Reads what one path names, and of a folder everything that it holds.
pub(super) fn read_everything(path: &Path, color: bool) -> Result<Guardrails, CliError> {
    let paths = [path.to_owned()];
    let guardrails = read_all(&paths, color, |files| levels::from_files(Kind::Scp, files))?;
    if guardrails.stacks.is_empty() && guardrails.declarative.is_none() {
        return Err(nothing_of("scp`, `rcp` or `declarative"));
    }
    Ok(guardrails)
}

/// Reads declarative policies in the same ways.
pub(super) fn read_declarative(path: &Path, color: bool) -> Result<Guardrails, CliError> {
    let mut guardrails = read_all(&[path.to_owned()], color, levels::declarative_from_files)?;
    guardrails.stacks.clear();
    guardrails.assumed.clear();
    if guardrails.declarative.is_none() { Err(nothing_of("declarative")) } else { Ok(guardrails) }
}

fn nothing_of(kind: &str) -> CliError {
    CliError::Arguments(format!("no level has a folder `{kind}`; see `--help` for how levels are laid out"))
}

fn read_all(
    paths: &[PathBuf],
    color: bool,
    from_files: impl Fn(Vec<File>) -> Result<Guardrails, Diagnostics>,
) -> Result<Guardrails, CliError> {
    let read = match paths {
        [folder] if folder.is_dir() => levels::from_folder(folders(folder)?),
        _ => {
            if let Some(folder) = paths.iter().find(|path| path.is_dir()) {
                return Err(CliError::Arguments(format!(
                    "`{}` is a folder of levels, which stands alone; give no other path beside it",
                    folder.display()
                )));
            }
            let files = paths.iter().map(|path| file(path, path)).collect::<Result<_, _>>()?;
            from_files(files)
        }
    };
    read.map_err(|mistakes| told(&mistakes, color))
}

/// Says every mistake on stderr.
fn told(mistakes: &Diagnostics, color: bool) -> CliError {
    output::stderr(mistakes.render(color, output::width()).as_bytes());
    CliError::Documents(mistakes.errors())
}

fn file(path: &Path, shown: &Path) -> Result<File, CliError> {
    let text = Disk.read(path, MAX_BYTES as u64).map_err(|error| {
        let source = match error {
            ReadError::Io(source) => source,
            other => std::io::Error::other(other),
        };
        CliError::Document { path: path.to_owned(), source }
    })?;
    Ok(File { name: shown.display().to_string(), text })
}

/// The levels of a folder, in the order of their names.
fn folders(root: &Path) -> Result<Vec<Folder>, CliError> {
    let mut levels = Vec::new();
    for level in entries(root)? {
        if !level.is_dir() {
            not_a_document(&level, "a document stands in `scp`, `rcp` or `declarative` of a level")?;
            continue;
        }
        let mut folder = Folder::default();
        for kind in entries(&level)? {
            let files = match kind.file_name().and_then(|name| name.to_str()) {
                Some("scp") if kind.is_dir() => &mut folder.scp,
                Some("rcp") if kind.is_dir() => &mut folder.rcp,
                Some("declarative") if kind.is_dir() => &mut folder.declarative,
                _ if kind.is_dir() => {
                    let shown = kind.display();
                    return Err(CliError::Arguments(format!(
                        "`{shown}` is neither `scp`, `rcp` nor `declarative` of a level; levels do not stand in each other: name them in \
                         their order, `1-root`, `2-workloads`"
                    )));
                }
                _ => {
                    not_a_document(&kind, "a document stands in `scp`, `rcp` or `declarative` of a level")?;
                    continue;
                }
            };
            *files = Some(documents(&kind, root)?);
        }
        levels.push(folder);
    }
    Ok(levels)
}

fn documents(folder: &Path, root: &Path) -> Result<Vec<File>, CliError> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            let shown = path.display();
            return Err(CliError::Arguments(format!("`{shown}` is a folder where documents stand; move it away")));
        }
        if is_document(&path) {
            files.push(file(&path, path.strip_prefix(root).unwrap_or(&path))?);
        }
    }
    Ok(files)
}

fn is_document(path: &Path) -> bool {
    let suffix = path.extension().and_then(|suffix| suffix.to_str()).map(str::to_ascii_lowercase);
    matches!(suffix.as_deref(), Some("json" | "yaml" | "yml"))
}

fn not_a_document(path: &Path, hint: &str) -> Result<(), CliError> {
    if is_document(path) {
        return Err(CliError::Arguments(format!("`{}` is left out: {hint}", path.display())));
    }
    Ok(())
}

/// What stands in a folder, by name; hidden entries are not looked at.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let unread = |source: std::io::Error| CliError::Document { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
