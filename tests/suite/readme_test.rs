//! The README keeps its word: its commands run, its demo is the demo's, its baseline is one.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::path::Path;

use crate::double::Server;
use crate::double::estate::Estate;
use crate::runner::{guardline, said};

const VERBS: [&str; 11] = [
    "scan",
    "demo",
    "explain",
    "exempt",
    "record",
    "compare",
    "simulate",
    "validate",
    "permissions",
    "schema",
    "completions",
];

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    std::fs::read_to_string(checkout().join("README.md")).expect("the README")
}

/// The fenced blocks of a language, without their indentation.
fn blocks(language: &str) -> Vec<String> {
    let (text, mut found, mut open) = (readme(), Vec::new(), None::<(usize, String)>);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match &mut open {
            None if line.trim_start() == format!("```{language}") => open = Some((indent, String::new())),
            None => {}
            Some((_, block)) if line.trim() == "```" => {
                found.push(std::mem::take(block));
                open = None;
            }
            Some((indent, block)) => {
                block.push_str(line.get(*indent..).unwrap_or_default());
                block.push('\n');
            }
        }
    }
    found
}

/// The commands of the README, in its order and in one directory, against an organisation that is as declared.
#[test]
fn every_command_runs() {
    let (server, directory) = (Server::start(Estate::sample()), tempfile::tempdir().expect("a directory"));
    let fixture = checkout().join("tests/fixtures/acme");
    std::fs::create_dir(directory.path().join("scp")).expect("a directory");
    for file in ["guardline.yaml", "scp/deny-leave.json", "scp/deny-outside-eu.json"] {
        std::fs::copy(fixture.join(file), directory.path().join(file)).expect("a copy");
    }
    let commands: Vec<String> = blocks("console").iter().flat_map(|block| block.lines()).map(str::to_owned).collect();
    assert!(commands.len() >= 7, "{commands:?}");
    for command in &commands {
        let arguments = command.strip_prefix("$ guardline ").unwrap_or_else(|| panic!("not a command: {command}"));
        let (arguments, into) = arguments.split_once(" > ").map_or((arguments, None), |(run, file)| (run, Some(file)));
        let words: Vec<&str> = arguments.split(' ').collect();
        // A replay needs neither the cloud nor anybody's credentials.
        let environment = if words.contains(&"--replay") { Vec::new() } else { server.env() };
        let output = guardline(directory.path(), &words, &environment);
        assert_eq!(output.status.code(), Some(0), "{command}: {}", said(&output));
        if let Some(file) = into {
            std::fs::write(directory.path().join(file), &output.stdout).expect("a file");
        }
    }
    for file in [
        "recorded/guardline.yaml",
        "report.json",
        "snapshot.json",
        "baseline-v1.json",
        "recordings/today/exchanges.jsonl",
    ] {
        assert!(directory.path().join(file).exists(), "{file}");
    }
}

#[test]
fn the_demo_says_what_is_shown_of_it() {
    let output = guardline(checkout(), &["demo"], &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    let shown = blocks("text");
    assert_eq!(shown.len(), 2);
    for part in shown {
        assert!(text.contains(&part), "the demo does not say:\n{part}");
    }
}

#[test]
fn the_baseline_in_one_page_is_a_baseline() {
    let directory = tempfile::tempdir().expect("a directory");
    let shown = blocks("yaml");
    assert_eq!(shown.len(), 1);
    std::fs::write(directory.path().join("guardline.yaml"), &shown[0]).expect("a file");
    let output = guardline(directory.path(), &["validate", "guardline.yaml"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

/// What the tables promise exists: commands and flags.
#[test]
fn every_verb_and_flag_that_is_named_exists() {
    let text = readme();
    for verb in VERBS {
        assert!(text.contains(&format!("`guardline {verb}")), "{verb} is not in the README");
        assert_eq!(guardline(checkout(), &[verb, "--help"], &[]).status.code(), Some(0), "{verb}");
    }
    let help = |verb| String::from_utf8_lossy(&guardline(checkout(), &[verb, "--help"], &[]).stdout).into_owned();
    let help: String = VERBS.map(help).concat();
    let flags: Vec<&str> = text.split(['`', ' ', '\n', ')']).filter(|word| word.starts_with("--")).collect();
    assert!(flags.len() > 10, "{flags:?}");
    let of_cargo = ["--", "--bench", "--path"];
    for flag in flags.into_iter().filter(|flag| !of_cargo.contains(flag)) {
        assert!(help.contains(flag), "no verb has `{flag}`");
    }
}
