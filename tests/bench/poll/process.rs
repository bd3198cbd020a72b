//! Processes: starting one and talking with it in lines of JSON, and what one costs.
//!
//! In: a command. Out: its answers; CPU time, peak memory and load from `/proc`. It never waits for a process that ended.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;

/// A running process; it is told to end, and waited for, when dropped.
pub(crate) struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Talk {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a process");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { input: child.stdin.take(), child, output }
    }

    /// The next answer.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> T {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "process {} ended without an answer", self.child.id());
        crate::from_json(&line)
    }

    pub(crate) fn ask<T: DeserializeOwned>(&mut self, question: &str) -> T {
        writeln!(self.input.as_mut().expect("a pipe"), "{question}").expect("a process that listens");
        self.hear()
    }

    /// The one answer of a process that ends by itself.
    pub(crate) fn last<T: DeserializeOwned>(mut self) -> T {
        let answer = self.hear();
        let status = self.child.wait().expect("a process");
        assert!(status.success(), "process {} ended with {status}", self.child.id());
        answer
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ended = self.child.wait();
    }
}

/// User and system time of this process so far, in seconds.
pub(crate) fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // The name in parentheses may hold anything; user and system time are the 12th and 13th fields after it.
    let fields = stat.rsplit(')').next().expect("a name").split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum();
    // `USER_HZ` is 100 wherever Linux runs.
    ticks as f64 / 100.0
}

/// The most memory that this process held, in MiB.
pub(crate) fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("`VmHWM`");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("kB") / 1024.0
}

/// The machine's load in the last minute.
pub(crate) fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("unknown").to_owned()
}
