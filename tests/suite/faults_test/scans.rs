//! Scans within this process: the library against the double, without a process for each run.
//!
//! In: an estate, faults and changes. Out: what the scan brought, as JSON, and the calls that the double saw. It never
//! judges.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use guardline::baseline::Baseline;
use guardline::provider::Progress;
use guardline::provider::aws::{Aws, Options};
use guardline::report::{ExitOptions, verdict};
use guardline::scan::{Request, scan};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::double::{Call, Server};

/// A scan gives up on a call after this. A run in which nothing is slow never comes near it.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// What came of one scan.
#[derive(Clone, Debug)]
pub(super) struct Scanned {
    /// What was read and what is said of it; none where the run could not begin.
    pub(super) said: Option<Said>,
    /// The exit code under `--strict`.
    pub(super) code: u8,
    pub(super) calls: Vec<Call>,
}

#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) snapshot: Value,
    pub(super) report: Value,
}

/// Where scans get their identity from; calls are tried twice, one right after the other.
async fn environment(server: &Server) -> SdkConfig {
    static BASE: OnceCell<SdkConfig> = OnceCell::const_new();
    let base = BASE.get_or_init(|| {
        let retries = RetryConfig::standard().with_max_attempts(2).with_initial_backoff(Duration::from_millis(1));
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKIA111111111111TEST", "not-a-secret", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(PATIENCE).build())
            .retry_config(retries)
            .load()
    });
    let client = aws_smithy_http_client::Builder::new().build_http();
    base.await.to_builder().endpoint_url(server.url()).http_client(client).build()
}

/// Scans what the server holds.
pub(super) async fn scanned(server: &Server, baseline: &Baseline, clock: Timestamp) -> Scanned {
    let options = Options { max_rps: None, concurrency: 16, limit_factor: 1000.0, record_to: None, clock };
    let connected = Aws::connect_with(&environment(server).await, &options, Arc::new(Progress::default())).await;
    let Ok(mut aws) = connected else { return Scanned { said: None, code: 1, calls: server.calls() } };
    let outcome = scan(&mut aws, baseline, &Request::default()).await;
    let outcome = outcome.unwrap_or_else(|error| panic!("a scan with good arguments begins: {error}"));
    let code = verdict(&outcome.report, ExitOptions { strict: true, ..ExitOptions::default() }).exit.code();
    let json = |value: serde_json::Result<Value>| value.expect("JSON");
    let mut said = Said {
        snapshot: json(serde_json::to_value(&outcome.snapshot)),
        report: json(serde_json::to_value(&outcome.report)),
    };
    said.report["run"]["finished"] = Value::Null;
    Scanned { said: Some(said), code, calls: server.calls() }
}
