//! The double as a process of its own.
//!
//! In: options and, from files, an estate and faults. Out: one line `{"url":"http://127.0.0.1:PORT"}`, then
//! answers until standard input ends or SIGTERM comes; the calls it refused as unknown are named at the end.
#![allow(clippy::expect_used, clippy::panic, reason = "a wrong argument ends this test program at once")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "standard output is this program's contract")]

#[path = "double.rs"]
mod double;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use double::estate::Estate;
use double::faults::Fault;
use double::{Options, Server};

/// Answers like AWS on loopback.
#[derive(Parser)]
struct Args {
    /// The estate to serve, as JSON.
    #[arg(long, conflicts_with = "sample")]
    estate: Option<PathBuf>,
    /// A ready-made estate: `sample`, `full`, `standalone`, `story` or `ACCOUNTSxREGIONSxROWS`.
    #[arg(long, default_value = "sample")]
    sample: String,
    /// Faults, as a JSON list.
    #[arg(long)]
    faults: Option<PathBuf>,
    /// Milliseconds every answer waits.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Request rates: `off`, `published`, or a factor to multiply the published ones with.
    #[arg(long, default_value = "off")]
    limits: String,
    /// Seconds the server's clock is ahead.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    clock_ahead: i64,
    /// Refuse Organizations and Account Management outside the global region.
    #[arg(long)]
    strict_regions: bool,
    /// Cut lists into pages of at most so many.
    #[arg(long)]
    page: Option<usize>,
    /// Put an empty page before every page.
    #[arg(long)]
    empty_pages: bool,
    /// Print the chosen estate as JSON and end.
    #[arg(long)]
    print_estate: bool,
    /// Print the operations that are answered as a JSON list and end.
    #[arg(long)]
    operations: bool,
}

fn main() {
    let args = Args::parse();
    if args.operations {
        println!("{}", serde_json::json!(double::operations()));
        return;
    }
    let mut estate = estate(&args);
    if args.print_estate {
        println!("{}", estate.to_json());
        return;
    }
    estate.paging.cap = args.page.or(estate.paging.cap);
    estate.paging.empty_pages |= args.empty_pages;
    let faults: Vec<Fault> = args.faults.as_ref().map(from_json).unwrap_or_default();
    let limits = match args.limits.as_str() {
        "off" => None,
        "published" => Some(1.0),
        factor => Some(factor.parse().expect("`--limits` takes `off`, `published` or a number")),
    };
    let options = Options {
        faults,
        latency: Duration::from_millis(args.latency_ms),
        limits,
        clock_ahead: jiff::SignedDuration::from_secs(args.clock_ahead),
        strict_regions: args.strict_regions,
        keep_answers: false,
        session: None,
        only_count: false,
    };
    let server = Server::start_with(estate, options);
    println!("{}", serde_json::json!({"url": server.url()}));
    wait();
    for call in server.unexpected() {
        eprintln!("unexpected: {} by {}", call.action(), call.account);
    }
}

fn from_json<T: serde::de::DeserializeOwned>(path: &PathBuf) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn estate(args: &Args) -> Estate {
    if let Some(path) = &args.estate {
        return from_json(path);
    }
    let sizes: Vec<usize> = args.sample.split('x').map_while(|n| n.parse().ok()).collect();
    match (args.sample.as_str(), sizes.as_slice()) {
        ("sample", _) => Estate::sample(),
        ("full", _) => Estate::full(),
        ("standalone", _) => Estate::standalone(),
        ("story", _) => Estate::story(),
        (_, [accounts, regions, rows]) => Estate::generate(*accounts, *regions, *rows),
        (other, _) => {
            panic!("no sample `{other}`: take `sample`, `full`, `standalone`, `story` or `ACCOUNTSxREGIONSxROWS`")
        }
    }
}

/// Returns when standard input ends or SIGTERM comes.
fn wait() {
    let (ended, end) = std::sync::mpsc::channel();
    let by_input = ended.clone();
    std::thread::spawn(move || {
        let _copied = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _nobody_waits = by_input.send(());
    });
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let kind = tokio::signal::unix::SignalKind::terminate();
            tokio::signal::unix::signal(kind).expect("a signal handler").recv().await;
        });
        let _nobody_waits = ended.send(());
    });
    let _ended = end.recv();
}
