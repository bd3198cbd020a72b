//! What only a terminal gets: a bar and colour.

#![allow(clippy::print_stderr, reason = "a test that cannot be made here says so")]

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

/// Everything that the program writes to a terminal, and its exit code; nothing where no terminal can be made.
fn on_a_terminal(project: &Project, arguments: &str, environment: &[(&str, String)]) -> Option<(Option<i32>, String)> {
    // `-e` gives back the exit code of what ran.
    let output = Command::new("script")
        .args(["-qec", &format!("{} {arguments}", env!("CARGO_BIN_EXE_guardline")), "/dev/null"])
        .current_dir(project.path("."))
        .stdin(Stdio::null())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TERM", "xterm-256color")
        .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
        .output();
    // Another `script` than that of util-linux knows other flags, and says so on stderr.
    let text = output.as_ref().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    if text.is_empty() {
        eprintln!("skipped: there is no `script` of util-linux to make a terminal with");
        return None;
    }
    Some((output.ok()?.status.code(), text))
}

/// Whether a text sets a colour or a weight: an escape sequence that ends in `m`.
fn coloured(text: &str) -> bool {
    text.split("\u{1b}[")
        .skip(1)
        .any(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
}

#[test]
fn a_terminal_gets_a_bar_and_colour_unless_it_says_otherwise() {
    let no_color = ("NO_COLOR", "1".to_owned());
    for (arguments, more, colour) in
        [("scan", None, true), ("scan", Some(&no_color), false), ("scan --color never", None, false)]
    {
        let (server, project) = (server(), Project::acme());
        let environment: Vec<_> = server.env().into_iter().chain(more.cloned()).collect();
        let Some((code, shown)) = on_a_terminal(&project, arguments, &environment) else { return };
        assert_eq!(code, Some(3), "{shown}");
        assert!(shown.contains("quota.raised"), "{shown}");
        assert_eq!(coloured(&shown), colour, "{arguments} {more:?}: {shown}");
        assert!(shown.contains(" calls, ") && shown.contains(" left"), "there is a bar, whatever the colour: {shown}");
    }
}

#[test]
fn help_and_mistakes_keep_to_the_same() {
    let project = Project::new("");
    for (words, colour) in [("", true), ("--color never", false), ("--color=never", false)] {
        for what in ["scan --help", "scan --bogus", "validate none.yaml", "demo"] {
            let Some((_, shown)) = on_a_terminal(&project, &format!("{words} {what}"), &[]) else { return };
            assert_eq!(coloured(&shown), colour, "{words} {what}: {shown}");
        }
    }
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
