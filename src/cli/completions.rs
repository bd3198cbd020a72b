//! `guardline completions`: a script that completes the command line in a shell.
//!
//! In: the name of a shell. Out: the script. It never touches the shell's own files.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, CliError, output};
use crate::report::Exit;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  guardline completions bash > ~/.local/share/bash-completion/completions/guardline")]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<Exit, CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "guardline", &mut script);
        output::stdout(&script)?;
        Ok(Exit::Clean)
    }
}
