//! Where output goes.
//!
//! In: bytes. Out: stdout or stderr. A reader that closes the pipe early is no error.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;

use clap::ColorChoice;

use super::CliError;

/// Writes data to stdout.
pub(super) fn stdout(data: &[u8]) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(data).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::Write { path: PathBuf::from("-"), source: error })
        }
        _ => Ok(()),
    }
}

/// Writes text for people to stderr; when stderr is closed nobody is there to read it.
pub(super) fn stderr(text: &[u8]) {
    let _ = std::io::stderr().lock().write_all(text);
}

/// Whether a stream gets colour: on a terminal, unless `NO_COLOR` is set or the user decides.
pub(super) fn colored(choice: ColorChoice, stream: &impl IsTerminal) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
    }
}

/// The columns of the terminal; 100 where there is none.
pub(super) fn width() -> usize {
    match console::Term::stderr().size_checked() {
        Some((_, columns)) => usize::from(columns),
        None => 100,
    }
}
