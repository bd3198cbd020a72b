//! What only a terminal gets: a bar and colour.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::double::estate::Estate;
use crate::double::{Options, Server};
use crate::runner::Project;

/// An organisation that answers slowly enough for a bar to be worth while, with something to report.
fn server() -> Server {
    let mut estate = Estate::sample();
    estate.account_mut("222222222222").quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
    Server::start_with(estate, Options { latency: Duration::from_millis(20), ..Options::default() })
}

/// Everything that a scan writes to a terminal; nothing where no terminal can be made.
fn on_a_terminal(arguments: &str, environment: &[(&str, &str)]) -> Option<String> {
    let (server, project) = (server(), Project::acme());
    let shown = format!("{} scan {arguments}", env!("CARGO_BIN_EXE_guardline"));
    // `-e` gives back the exit code of what ran: 3, for the raised quota.
    let output = Command::new("script")
        .args(["-qec", &shown, "/dev/null"])
        .current_dir(project.path("."))
        .stdin(Stdio::null())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TERM", "xterm-256color")
        .envs(server.env())
        .envs(environment.iter().copied())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Another `script` than that of util-linux knows other flags.
    if output.status.code() == Some(1) && text.is_empty() {
        return None;
    }
    assert_eq!(output.status.code(), Some(3), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("quota.raised"), "{text}");
    Some(text)
}

/// Whether a text sets a colour or a weight: an escape sequence that ends in `m`.
fn coloured(text: &str) -> bool {
    text.split("\u{1b}[")
        .skip(1)
        .any(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
}

#[test]
fn a_terminal_gets_a_bar_and_colour_unless_it_says_otherwise() {
    let Some(shown) = on_a_terminal("", &[]) else {
        // Without a way to make a terminal there is nothing to show; what a pipe gets is shown beside this.
        return;
    };
    assert!(coloured(&shown), "{shown}");
    for (arguments, environment) in [("", &[("NO_COLOR", "1")][..]), ("--color never", &[])] {
        let shown = on_a_terminal(arguments, environment).expect("a terminal, as before");
        assert!(!coloured(&shown), "{arguments} {environment:?}: {shown}");
        assert!(shown.contains(" calls, ") && shown.contains(" left"), "the bar stays: {shown}");
    }
    assert!(shown.contains(" calls, ") && shown.contains(" left"), "{shown}");
}

#[test]
fn a_pipe_gets_neither() {
    let (server, project) = (server(), Project::acme());
    let run = project.run(&["scan"], &server.env());
    assert_eq!(run.code, 3, "{}", run.stderr);
    for text in [&run.stdout, &run.stderr] {
        assert!(!text.contains('\u{1b}') && !text.contains('\r') && !text.contains(" calls, "), "{text}");
    }
    // Unless colour is asked for.
    let run = project.run(&["scan", "--color", "always"], &server.env());
    assert!(coloured(&run.stdout) && !run.stdout.contains(" calls, "), "{}", run.stdout);
}
