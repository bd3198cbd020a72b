//! Figures, goals and how they are printed. In: times. Out: lines of text, and whether every goal was met. It never rounds
//! before it compares.

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often something is repeated, so that one disturbance is no figure.
const TIMES: usize = 15;
/// What the repetitions of one thing may take together, but for the first.
const ENOUGH: Duration = Duration::from_millis(300);

/// What something takes, in milliseconds: the fastest of several runs after one that is not counted. It does the same each
/// time, so that all beyond the fastest is what else the machine does.
pub(crate) fn milliseconds<T>(what: impl Fn() -> T) -> f64 {
    milliseconds_with(|| (), |()| what())
}

/// The same of something that needs what is made anew each time while no clock runs.
pub(crate) fn milliseconds_with<S, T>(made: impl Fn() -> S, what: impl Fn(&S) -> T) -> f64 {
    let _warm = std::hint::black_box(what(&made()));
    let (mut times, begun) = (Vec::with_capacity(TIMES), Instant::now());
    while times.is_empty() || (times.len() < TIMES && begun.elapsed() < ENOUGH) {
        let made = made();
        let start = Instant::now();
        let done = std::hint::black_box(what(&made));
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        drop(done);
    }
    times.into_iter().fold(f64::INFINITY, f64::min)
}

/// Figures in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_unstable_by(f64::total_cmp);
        Self(figures)
    }

    /// The smallest figure that this part of all figures does not exceed.
    pub(crate) fn at(&self, part: f64) -> f64 {
        let rank = (part * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    /// One line.
    pub(crate) fn line(&self, what: &str) -> String {
        let [median, p90, p99, most] = [0.5, 0.9, 0.99, 1.0].map(|part| self.at(part));
        let many = self.0.len();
        format!("{what:40} {many:>6} × median {median:>8.3}  p90 {p90:>8.3}  p99 {p99:>8.3}  max {most:>8.3}")
    }
}

/// What was asked for, and whether it was reached.
#[derive(Default)]
pub(crate) struct Goals {
    missed: usize,
}

impl Goals {
    pub(crate) fn most(&mut self, what: &str, figure: f64, goal: f64) {
        self.say(figure <= goal, &format!("{what} {figure:.3}, goal at most {goal}"));
    }

    pub(crate) fn least(&mut self, what: &str, figure: f64, goal: f64) {
        self.say(figure >= goal, &format!("{what} {figure:.1}, goal at least {goal}"));
    }

    pub(crate) fn say(&mut self, met: bool, what: &str) {
        self.missed += usize::from(!met);
        println!("  {:6} {what}", if met { "ok" } else { "MISSED" });
    }

    pub(crate) fn end(self) -> ExitCode {
        println!("{}", if self.missed == 0 { "every goal was met".into() } else { format!("{} missed", self.missed) });
        if self.missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
