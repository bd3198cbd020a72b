//! The exit code, which is all that a scheduler reads.
//!
//! In: what a run found and could not read. Out: one of five codes. It never depends on the output's format.

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// In line, or nothing that was asked to fail on.
    Clean,
    /// Nothing could be evaluated, or the output could not be written.
    Nothing,
    /// Bad arguments, baseline or policy document.
    BadInput,
    /// Open findings at or above `--fail-on`.
    Findings,
    /// Under `--strict`, incomplete coverage.
    Incomplete,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Nothing => 1,
            Self::BadInput => 2,
            Self::Findings => 3,
            Self::Incomplete => 4,
        }
    }
}
