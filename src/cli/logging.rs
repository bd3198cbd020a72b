//! What is said on stderr while work goes on.
//!
//! In: how much is wanted. Out: lines for people. It never lets another crate's lines through: those may hold what was
//! sent or received.

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging; a second start changes nothing.
pub(super) fn start(verbose: u8) {
    let level = match verbose {
        0 => Level::WARN,
        1 => Level::INFO,
        _ => Level::DEBUG,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false)
        .without_time();
    let only_ours = Targets::new().with_target("guardline", level);
    // It fails only when logging was started before.
    let _ = tracing_subscriber::registry().with(only_ours).with(lines).try_init();
}
