//! Amazon Web Services: how an organisation of accounts, or an account that stands alone, is read.
//!
//! In: the ordinary environment of AWS, a baseline, and perhaps a recording. Out: a snapshot and audit records. It makes
//! no call that changes anything: the operations it knows are those of `policies/aws/rate-limits.yaml`.

mod call;
mod earlier;
mod events;
mod fabric;
mod failure;
mod flags;
mod follow_up;
mod kinds;
mod order;
mod organization;
mod pages;
mod permissions;
mod policies;
mod quotas;
mod regions;
mod session;
mod settings;
mod survey;
mod tags;
mod tasks;
mod trails;
mod wanted;
mod wire;

pub use self::earlier::{Earlier, EarlierError, Reuse};
pub use self::kinds::shows;
pub use self::permissions::{Checked, Format as PermissionFormat, Grant, Lack, Reader, Statement, permissions};
pub use self::survey::{Survey, SurveyError};
pub use self::wanted::Narrowing;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_config::SdkConfig;
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use jiff::Timestamp;
use tokio::sync::OnceCell;

use self::session::Roles;
use self::wire::{Source, Wire};
use super::Progress;
use super::limits::{LimitTable, Limits};
use super::recording::{Manifest, RECORDING_SCHEMA, Recorder, Recording, RecordingError};
use crate::estate::{Coverage, CoverageStatus, Gap, Provider, Scope, Snapshot};

/// How the agent behaves towards AWS.
#[derive(Clone, Debug)]
pub struct Options {
    /// At most this many calls a second, over everything.
    pub max_rps: Option<NonZeroU32>,
    /// At most this many calls at once.
    pub concurrency: usize,
    /// Every published limit is multiplied by this; only of use against a double whose limits are scaled alike.
    pub limit_factor: f64,
    /// Keep every exchange in this directory.
    pub record_to: Option<PathBuf>,
    /// The time at which the run began.
    pub clock: Timestamp,
}

/// Why AWS cannot be asked anything.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No region.
    #[error("no AWS region is configured; set `AWS_REGION`, or `region` in the profile")]
    NoRegion,
    /// Nobody to ask as.
    #[error(
        "no AWS credentials were found ({0}); set `AWS_PROFILE`, sign in with `aws sso login`, or run where a role is attached"
    )]
    NoCredentials(String),
    /// AWS does not know the identity, or cannot be reached.
    #[error("AWS does not answer who the agent is, asked in `{region}`: {reason}; {fix}")]
    NoIdentity {
        /// Where it was asked.
        region: String,
        /// What happened.
        reason: String,
        /// What helps.
        fix: &'static str,
    },
    /// The recording begins with who reads.
    #[error(
        "the recording does not say who read: {0}; check that its files are those that were written, or record anew with `--record-to`"
    )]
    NotRecorded(String),
    /// The recording cannot be written.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The region belongs to no partition that has an organisations service.
    #[error("`{0}` is not a region of a partition that is known; set `AWS_REGION` to one that is")]
    UnknownRegion(String),
}

/// Who reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub account: String,
    /// The ARN.
    pub arn: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

/// AWS, as one identity sees it.
#[derive(Debug)]
pub struct Aws {
    wire: Arc<Wire>,
    own: SdkConfig,
    identity: Identity,
    /// The region in which the partition keeps its global services.
    home: String,
    clock: Timestamp,
    concurrency: usize,
    retries: RetryPartition,
    roles: AccessRoles,
    sessions: Mutex<BTreeMap<String, Arc<KeptSession>>>,
    coverage: Mutex<Coverage>,
    progress: Arc<Progress>,
    earlier: Option<Earlier>,
}

/// A role that is taken once, or the reason why it was not given.
type KeptSession = OnceCell<Result<SdkConfig, Gap>>;

/// The roles that the baseline names.
#[derive(Clone, Debug, Default)]
struct AccessRoles {
    management_account: Option<String>,
    management: Vec<String>,
    member: Vec<String>,
    external_id: Option<String>,
}

impl Aws {
    /// Finds the environment's identity and asks AWS who it is.
    ///
    /// # Errors
    /// When there is no region, no credentials, or no answer.
    pub async fn connect(options: &Options, progress: Arc<Progress>) -> Result<Self, ConnectError> {
        Self::live(&session::environment().await, Wire::live(), options, progress).await
    }

    /// The same in an environment that the caller has put together: its region, credentials, endpoint, retries and time
    /// limits hold, and so does its HTTP client.
    ///
    /// # Errors
    /// When there is no region, no credentials, or no answer.
    pub async fn connect_with(
        environment: &SdkConfig,
        options: &Options,
        progress: Arc<Progress>,
    ) -> Result<Self, ConnectError> {
        let client = environment.http_client().unwrap_or_else(Wire::live);
        Self::live(environment, client, options, progress).await
    }

    async fn live(
        environment: &SdkConfig,
        client: SharedHttpClient,
        options: &Options,
        progress: Arc<Progress>,
    ) -> Result<Self, ConnectError> {
        let region = environment.region().ok_or(ConnectError::NoRegion)?.to_string();
        let recorder = match &options.record_to {
            Some(directory) => Some(Recorder::prepare(directory, manifest(options.clock, &region))?),
            None => None,
        };
        let limits =
            Limits::new(limit_table().scaled(options.limit_factor), options.max_rps).at_once(options.concurrency);
        let wire = Arc::new(Wire::new(Source::Live(client), limits, recorder, Arc::clone(&progress)));
        Self::over(wire, environment, &region, options.clock, options.concurrency, progress).await
    }

    /// Opens a recording: the same code, without network, clock or credentials.
    ///
    /// # Errors
    /// When the recording does not say who read.
    pub async fn replay(
        recording: Recording,
        concurrency: usize,
        progress: Arc<Progress>,
    ) -> Result<Self, ConnectError> {
        let (region, clock) = (recording.manifest().region.clone(), recording.manifest().clock);
        let environment = session::offline(&region).await;
        let limits = Limits::new(limit_table(), None);
        let wire = Arc::new(Wire::new(Source::Replay(Arc::new(recording)), limits, None, Arc::clone(&progress)));
        Self::over(wire, &environment, &region, clock, concurrency, progress).await
    }

    async fn over(
        wire: Arc<Wire>,
        environment: &SdkConfig,
        region: &str,
        clock: Timestamp,
        concurrency: usize,
        progress: Arc<Progress>,
    ) -> Result<Self, ConnectError> {
        let own = session::own(environment, &wire)
            .ok_or_else(|| ConnectError::NoCredentials("no provider is configured".to_owned()))?;
        let home = home_region(region).await.ok_or_else(|| ConnectError::UnknownRegion(region.to_owned()))?;
        session::present(&own).await.map_err(ConnectError::NoCredentials)?;
        let identity = identify(&own).await.map_err(|(reason, fix)| match wire.is_replay() {
            true => ConnectError::NotRecorded(reason),
            false => ConnectError::NoIdentity { region: region.to_owned(), reason, fix },
        })?;
        wire.own_account(&identity.account);
        let coverage = Mutex::new(Coverage::at(wire.is_replay().then_some(clock)));
        wire.recorder().map_or(Ok(()), Recorder::begin)?;
        Ok(Self {
            wire,
            own,
            identity,
            home,
            clock,
            concurrency: concurrency.max(1),
            retries: RetryPartition::custom("guardline").token_bucket(TokenBucket::unlimited()).build(),
            roles: AccessRoles::default(),
            sessions: Mutex::default(),
            coverage,
            progress,
            earlier: None,
        })
    }

    /// Who reads.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// When the run began; in a replay, when the recorded run did.
    #[must_use]
    pub const fn clock(&self) -> Timestamp {
        self.clock
    }

    /// The time; in a replay, that of the recorded run, so that every replay says the same.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        if self.is_replay() { self.clock } else { Timestamp::now().max(self.clock) }
    }

    /// The region in which the partition keeps its global services.
    #[must_use]
    pub async fn home_region(&self) -> &str {
        &self.home
    }

    /// What was read so far, and what could not be.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        self.ledger().clone()
    }

    fn ledger(&self) -> MutexGuard<'_, Coverage> {
        self.coverage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the snapshot's own account of what was read up to date.
    pub fn note_reads(&self, snapshot: &mut Snapshot) {
        let coverage = self.ledger();
        snapshot.coverage = coverage.rows();
        snapshot.read_times = coverage.times();
    }

    /// A ledger for reads that may not count.
    fn scratch(&self) -> Mutex<Coverage> {
        Mutex::new(Coverage::at(self.is_replay().then_some(self.clock)))
    }

    /// Brings a recording to the disk.
    ///
    /// # Errors
    /// When not all of it is there.
    pub fn finish(&self) -> Result<(), RecordingError> {
        self.wire.recorder().map_or(Ok(()), |recorder| recorder.finish(!self.is_cancelled()))
    }

    /// The SDK configuration for calls in `account`; its role is taken at the first call.
    ///
    /// The management account is read with its own role where the baseline names one: member roles are not rolled out
    /// to it.
    async fn session(&self, account: &str) -> Result<SdkConfig, Gap> {
        if account == self.identity.account {
            return Ok(self.own.clone());
        }
        let management = self.roles.management_account.as_deref() == Some(account);
        let names =
            if management && !self.roles.management.is_empty() { &self.roles.management } else { &self.roles.member };
        self.kept_session(account, names).await
    }

    /// The SDK configuration for calls about the organisation.
    async fn organization_session(&self) -> Result<SdkConfig, Gap> {
        if self.roles.management.is_empty() {
            return Ok(self.own.clone());
        }
        let account = self.roles.management_account.as_ref().unwrap_or(&self.identity.account);
        self.kept_session(account, &self.roles.management).await
    }

    async fn kept_session(&self, account: &str, names: &[String]) -> Result<SdkConfig, Gap> {
        let cell = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(sessions.entry(account.to_owned()).or_default())
        };
        cell.get_or_init(|| self.assume(account, names)).await.clone()
    }

    /// Whether the role in this account was asked for already.
    fn has_session(&self, account: &str) -> bool {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(account).is_some_and(|session| session.initialized())
    }

    async fn assume(&self, account: &str, names: &[String]) -> Result<SdkConfig, Gap> {
        if names.is_empty() {
            return Err(Gap {
                status: CoverageStatus::Denied,
                reason: "the baseline names no `access.member_role` to read other accounts with".to_owned(),
            });
        }
        let roles =
            Roles { partition: &self.identity.partition, names, external_id: self.roles.external_id.as_deref() };
        session::assume(&self.own, &self.wire, &roles, account).await
    }

    /// Whether the run was ended before it was done.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.progress.is_cancelled()
    }

    /// Whether a recording answers.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        self.wire.is_replay()
    }

    fn scope(&self, account: &str, region: &str) -> Scope {
        Scope::account(Provider::Aws, account).in_region(region)
    }

    fn note_gap(&self, scope: Scope, source: &str, gap: &Gap) {
        self.ledger().gap(scope, source, gap, 0);
    }
}

/// One client of a service, for one identity and region; all share the connections below them.
macro_rules! client {
    ($aws:expr, $session:expr, $region:expr, $sdk:ident) => {
        $sdk::Client::from_conf(
            $sdk::config::Builder::from($session)
                .region(aws_config::Region::new($region.to_owned()))
                .retry_partition($aws.retries.clone())
                .build(),
        )
    };
}
use client;

/// Who reads, or what happened and what helps in front of a cloud.
async fn identify(own: &SdkConfig) -> Result<Identity, (String, &'static str)> {
    let answer = aws_sdk_sts::Client::new(own).get_caller_identity().send().await;
    let answer = answer.map_err(|error| {
        let fix = failure::identity_fix(failure::code(&error));
        (failure::gap(error).reason, fix)
    })?;
    let (Some(account), Some(arn)) = (answer.account, answer.arn) else {
        return Err(("the answer names no account".to_owned(), "check `AWS_ENDPOINT_URL`"));
    };
    let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
    Ok(Identity { account, arn, partition })
}

/// The region that a partition's global services are signed for, from the SDK's own endpoint rules.
async fn home_region(region: &str) -> Option<String> {
    use aws_sdk_organizations::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
    let parameters = Params::builder().region(region).build().ok()?;
    let endpoint = DefaultResolver::new().resolve_endpoint(&parameters).await.ok()?;
    endpoint.auth_schemes().first()?.get("signingRegion")?.as_string().map(str::to_owned)
}

fn limit_table() -> LimitTable {
    super::shipped("policies/aws/rate-limits.yaml", include_str!("../../policies/aws/rate-limits.yaml"))
}

fn manifest(clock: Timestamp, region: &str) -> Manifest {
    Manifest {
        schema: RECORDING_SCHEMA.to_owned(),
        clock,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        region: region.to_owned(),
        note: None,
        complete: Some(false),
    }
}
