//! The evaluator that nobody here wrote, as a process. In: a side and requests; out: what it says of each. It is looked for
//! where `GUARDLINE_IAM_SIMULATE` says that the package was installed, and never installed from here.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use guardline::policy::evaluate::Decision;
use guardline::policy::request::Request;
use serde::Deserialize;
use serde_json::json;

use super::side::Side;

/// Where the package is.
fn installed() -> PathBuf {
    let directory = std::env::var_os("GUARDLINE_IAM_SIMULATE").map(PathBuf::from);
    let installed = |directory: &PathBuf| directory.join("node_modules/@cloud-copilot/iam-simulate").is_dir();
    directory.filter(installed).unwrap_or_else(|| {
        panic!("GUARDLINE_IAM_SIMULATE names no directory with the package; `.ci/run` says how to install it")
    })
}

/// What it says of a request.
pub(super) type Answer = Result<Decision, String>;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Decision(String),
    Error(String),
}

pub(super) struct Other {
    process: Child,
    input: BufWriter<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Other {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/iam-simulate/answer.mjs");
        let mut node = Command::new("node");
        node.arg(script).current_dir(installed()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = node.spawn().expect("node starts");
        let input = BufWriter::new(process.stdin.take().expect("a stdin"));
        let output = BufReader::new(process.stdout.take().expect("a stdout"));
        Self { process, input, output }
    }

    /// Asks about each request, in their order.
    pub(super) fn ask(&mut self, side: &Side, requests: &[Request]) -> Vec<Answer> {
        let asked = json!({"kind": side.stack.kind.word(), "levels": side.levels, "requests": requests});
        writeln!(self.input, "{asked}").and_then(|()| self.input.flush()).expect("node reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("node answers");
        let said: Vec<Said> = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(said.len(), requests.len());
        let answer = |said: Said| match said {
            Said::Decision(word) if word == "allowed" => Ok(Decision::Allowed),
            Said::Decision(word) if word == "denied" => Ok(Decision::Denied),
            Said::Decision(word) => panic!("no such decision: {word}"),
            Said::Error(why) => Err(why),
        };
        said.into_iter().map(answer).collect()
    }

    fn stop(self) {
        let Self { mut process, input, output } = self;
        drop((input, output));
        assert!(process.wait().expect("an end").success(), "node failed");
    }
}

/// Does some work for each number below an end, with a few processes at once; the results come in no order.
pub(super) fn each<T: Send>(end: usize, work: impl Fn(usize, &mut Other) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from) + 1;
    let worker = || {
        let mut other = Other::start();
        let numbers = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < end));
        let done: Vec<T> = numbers.map(|number| work(number, &mut other)).collect();
        other.stop();
        done
    };
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        started.into_iter().flat_map(|worker| worker.join().expect("a worker goes on to its end")).collect()
    })
}
