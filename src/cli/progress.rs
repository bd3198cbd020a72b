//! A bar on stderr while calls are made.
//!
//! In: the counters of the provider. Out: a bar with the time that is left, on a terminal only. It never writes to a file
//! or a pipe.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

use crate::provider::Progress;

/// A bar that follows the counters until it is dropped.
pub(super) struct Bar {
    bar: ProgressBar,
    follow: JoinHandle<()>,
}

impl Bar {
    /// Shows a bar, if stderr is a terminal.
    pub(super) fn follow(progress: Arc<Progress>) -> Option<Self> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // The template is a constant of this file; a mistake in it would only cost the looks.
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} calls, {eta} left") {
            bar.set_style(style);
        }
        let shown = bar.clone();
        let follow = tokio::spawn(async move {
            loop {
                let (planned, made) = progress.calls();
                shown.set_length(planned);
                shown.set_position(made);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Some(Self { bar, follow })
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.follow.abort();
        self.bar.finish_and_clear();
    }
}
