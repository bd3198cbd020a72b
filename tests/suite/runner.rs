//! The one way in which tests run the program: with nothing of this machine's environment.
//!
//! In: a directory, arguments, an environment. Out: what the program said, and its exit code.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

use std::path::Path;
use std::process::{Command, Output};

/// Runs the program. Calls are tried twice, so that a test of a broken answer is over soon.
pub(crate) fn guardline(directory: &Path, arguments: &[&str], environment: &[(&str, String)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_guardline"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("AWS_MAX_ATTEMPTS", "2")
        .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
        .output()
        .expect("the program starts")
}

/// What it said to people.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
