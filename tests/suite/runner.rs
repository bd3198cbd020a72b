//! The program as its users run it: the one runner of all tests.
//!
//! In: a project (a baseline and its documents) and arguments. Out: what the process said and its exit code. It passes
//! nothing of this machine's environment on, and never looks at what a test is about.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::double::Server;

/// A directory of its own for one test.
pub(crate) struct Project(tempfile::TempDir);

/// What a process left behind.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

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

impl Project {
    /// A project with this baseline.
    pub(crate) fn new(baseline: &str) -> Self {
        let project = Self(tempfile::tempdir().expect("a directory"));
        project.write("guardline.yaml", baseline);
        project
    }

    /// The baseline that the double's sample estate is in line with.
    pub(crate) fn acme() -> Self {
        Self::acme_with(&[])
    }

    /// The same with some of its text replaced.
    pub(crate) fn acme_with(changes: &[(&str, &str)]) -> Self {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/acme");
        let mut baseline = fs::read_to_string(fixture.join("guardline.yaml")).expect("the fixture");
        for (from, to) in changes {
            assert!(baseline.contains(from), "the fixture does not say `{from}`");
            baseline = baseline.replace(from, to);
        }
        let project = Self::new(&baseline);
        for document in ["scp/deny-leave.json", "scp/deny-outside-eu.json"] {
            project.write(document, &fs::read_to_string(fixture.join(document)).expect("a document of the fixture"));
        }
        project
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn run(&self, arguments: &[&str], environment: &[(&str, String)]) -> Run {
        guardline(self.0.path(), arguments, environment).into()
    }

    /// A scan against the double as its management account's user; the report goes to stdout as JSON.
    pub(crate) fn scan(&self, server: &Server, arguments: &[&str]) -> Run {
        self.run(&[&["scan", "--format", "json"], arguments].concat(), &server.env())
    }

    /// What a scan of the double reads.
    pub(crate) fn snapshot(&self, server: &Server) -> Value {
        let run = self.scan(server, &["--snapshot", "snapshot.json"]);
        // Nothing was written where the run could not even begin.
        assert!(self.path("snapshot.json").exists(), "exit {}: {}", run.code, run.stderr);
        serde_json::from_str(&self.read("snapshot.json")).expect("a snapshot is JSON")
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Self {
            code: output.status.code().expect("an exit code and no signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Run {
    /// The JSON report on stdout.
    pub(crate) fn report(&self) -> Value {
        let parsed = serde_json::from_str(&self.stdout);
        parsed.unwrap_or_else(|error| panic!("no report ({error}); exit {}: {}", self.code, self.stderr))
    }

    /// The one line that explains the exit code; empty where the code is 0.
    pub(crate) fn why(&self) -> &str {
        let mut lines = self.stderr.lines().filter(|line| line.starts_with("exit ") || line.starts_with("error: "));
        let why = lines.next().unwrap_or_default();
        assert_eq!(lines.next(), None, "one line says why");
        why
    }
}

/// Every finding as a line: `rule subject @place: expected -> actual; outcome (confidence) who`.
pub(crate) fn lines(report: &Value) -> Vec<String> {
    list(&report["findings"]).iter().map(line).collect()
}

/// The same for findings that nothing accepts.
pub(crate) fn open(report: &Value) -> Vec<String> {
    list(&report["findings"]).iter().filter(|finding| finding["status"] == "open").map(line).collect()
}

fn line(finding: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let scope = &finding["scope"];
    let place: Vec<&str> =
        ["organization", "account", "region"].iter().filter_map(|part| scope[part].as_str()).collect();
    let who = match &finding["attribution"] {
        Value::Null => "nobody looked".to_owned(),
        attribution => {
            let principal = &attribution["principal"];
            let who = principal["arn"].as_str().map(|arn| format!(" {arn}")).unwrap_or_default();
            format!("{} ({}){who}", text(&attribution["outcome"]), text(&attribution["confidence"]))
        }
    };
    format!(
        "{} {} @{}: {} -> {}; {who}",
        text(&finding["rule"]),
        text(&finding["subject"]["id"]),
        place.join("/"),
        finding["expected"],
        finding["actual"],
    )
}

/// The coverage rows whose source begins so.
pub(crate) fn coverage<'a>(of: &'a Value, source: &str) -> Vec<&'a Value> {
    list(&of["coverage"]).iter().filter(|row| row["source"].as_str().is_some_and(|s| s.starts_with(source))).collect()
}

/// The coverage row of a source in an account.
pub(crate) fn covered<'a>(of: &'a Value, source: &str, account: &str) -> &'a Value {
    let rows = coverage(of, source);
    let found = rows.iter().find(|row| row["scope"]["account"] == account);
    found.unwrap_or_else(|| panic!("no coverage of {source} in {account}: {rows:?}"))
}

/// The items of a list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}
