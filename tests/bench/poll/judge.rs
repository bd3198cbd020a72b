//! Figures, goals and how they are printed.
//!
//! In: what the double and the client say of each run. Out: a table over the sizes, and the figures of one with their
//! goals. It never rounds before it compares.

use std::fmt::Write;

use crate::client::Done;
use crate::server::Seen;
use crate::{SERVICES, Size, process};

/// One run as both sides saw it.
pub(crate) struct Run {
    pub(crate) client: Done,
    pub(crate) double: Seen,
    /// The machine's load at its end.
    pub(crate) load: String,
}

/// Both runs of one size.
pub(crate) struct Measured {
    pub(crate) size: Size,
    pub(crate) full: Run,
    pub(crate) since: Run,
}

impl Run {
    fn made(&self) -> f64 {
        self.double.made.values().sum::<u64>() as f64
    }

    fn least(&self) -> f64 {
        self.double.least.values().sum::<u64>() as f64
    }

    fn throttled(&self) -> f64 {
        self.double.throttled as f64 / self.made()
    }

    /// Milliseconds of the client a call.
    fn cpu(&self) -> f64 {
        self.client.cpu * 1000.0 / self.made()
    }

    /// The share of the machine that both processes had.
    fn share(&self) -> f64 {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (self.client.cpu + self.double.cpu) / (self.client.wall * cores as f64)
    }
}

/// One line a run.
pub(crate) fn table(measured: &[Measured]) -> String {
    let mut text = format!(
        "{:>8} {:>5} {:>7} {:>7} {:>7} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>9} {:>6} {:>6}\n",
        "accounts",
        "run",
        "calls",
        "least",
        "÷",
        "throttled",
        "wall s",
        "bound s",
        "÷",
        "CPU ms",
        "double",
        "peak MiB",
        "busy",
        "load"
    );
    for Measured { size, full, since } in measured {
        for (name, run) in [("full", full), ("since", since)] {
            writeln!(
                text,
                "{:>8} {name:>5} {:>7} {:>7} {:>7.4} {:>8.3}% {:>7.1} {:>7.1} {:>7.3} {:>7.3} {:>7.3} {:>9.0} {:>5.0}% {:>6}",
                size.accounts,
                run.made(),
                run.least(),
                run.made() / run.least(),
                run.throttled() * 100.0,
                run.client.wall,
                run.double.bound,
                run.client.wall / run.double.bound,
                run.cpu(),
                run.double.cpu * 1000.0 / run.made(),
                run.client.peak,
                run.share() * 100.0,
                run.load,
            )
            .expect("memory");
        }
    }
    text.push_str("CPU: a call, of the client and of the double; busy: the share of the machine that both had");
    text
}

/// Where the calls that were made are not the least.
pub(crate) fn details(measured: &Measured) -> String {
    let mut text = String::new();
    for (name, run) in [("full", &measured.full), ("since", &measured.since)] {
        let Seen { made, least, .. } = &run.double;
        let operations: std::collections::BTreeSet<&String> = made.keys().chain(least.keys()).collect();
        for operation in operations {
            let count = |of: &std::collections::BTreeMap<String, u64>| of.get(operation).copied().unwrap_or_default();
            let (made, least) = (count(made), count(least));
            if made != least {
                writeln!(text, "{name}: {operation} {made}, least {least}").expect("memory");
            }
        }
    }
    if text.is_empty() { "every operation was called as often as is the least".to_owned() } else { text }
}

/// Each figure with its goal, and whether all are met.
pub(crate) fn goals(Measured { size, full, since }: &Measured) -> (String, bool) {
    let mut all = true;
    let mut text = String::new();
    let mut say = |met: bool, line: String| {
        all &= met;
        writeln!(text, "{:6} {line}", if met { "ok" } else { "MISSED" }).expect("memory");
    };
    for (name, run) in [("full", full), ("since", since)] {
        let known = size.accounts * size.regions * SERVICES.len();
        let Done { incomplete, findings, .. } = run.client;
        let whole = run.client.known == known && incomplete == 0 && findings == 0 && run.double.refused == 0;
        let (seen, refused) = (run.client.known, run.double.refused);
        say(
            whole,
            format!(
                "{name}: {seen} of {known} lists of quotas known, {incomplete} incomplete rows, {findings} findings, {refused} refusals"
            ),
        );
    }
    let mut most = |what: &str, figure: f64, goal: f64| {
        say(figure <= goal, format!("{what} {figure:.4}, goal at most {goal}"));
    };
    most("calls ÷ the least", full.made() / full.least(), 1.02);
    most("throttled answers ÷ calls", full.throttled(), 0.001);
    most("wall time ÷ the bound of the limits", full.client.wall / full.double.bound, 1.15);
    most("milliseconds of CPU a call", full.cpu(), 1.0);
    most("peak memory in MiB", full.client.peak, 400.0);
    most("peak memory in MiB from an earlier snapshot", since.client.peak, 400.0);
    most("calls from an earlier snapshot ÷ a full run", since.made() / full.made(), 0.35);
    most("throttled answers ÷ calls from an earlier snapshot", since.throttled(), 0.001);
    if size.accounts >= 1000 {
        say(full.made() >= 72_000.0, format!("{} calls, goal at least 72000", full.made()));
    }
    writeln!(text, "load {}, {} cores", process::load(), std::thread::available_parallelism().map_or(1, usize::from))
        .expect("memory");
    (text, all)
}
