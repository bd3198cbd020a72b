//! Arguments to command to exit code, nothing else.

use std::io::Write;
use std::process::ExitCode;

use guardline::cli;

fn main() -> ExitCode {
    match cli::run(cli::arguments()) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            let exit = error.exit();
            let told = format!("{:#}", anyhow::Error::from(error));
            // Nothing is left to say when stderr is closed too.
            let _ = writeln!(std::io::stderr(), "error: {}", cli::visible(&told));
            ExitCode::from(exit.code())
        }
    }
}
