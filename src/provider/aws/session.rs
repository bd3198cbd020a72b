//! Whose identity a call is made with.
//!
//! In: the ordinary environment of AWS (`AWS_PROFILE`, SSO, web identity, container, IMDS, …) and the roles that the
//! baseline names. Out: an SDK configuration for the agent's own account and for each member. It never keeps credentials
//! anywhere but in memory, and asks for each role once.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use tokio::sync::Mutex;

use super::failure;
use super::wire::{Wire, WireClient};
use crate::estate::Gap;

/// The session name and user-agent word by which defenders recognise the agent.
pub(super) const SESSION_NAME: &str = "guardline";

/// What stands for the account's id in the ARN of a role.
pub(super) const ACCOUNT: &str = "{account}";

/// Credentials are asked for anew this long before they end.
const MARGIN: Duration = Duration::from_secs(300);

/// Enough tries to outlast a minute of throttling; `AWS_MAX_ATTEMPTS` overrides it.
const ATTEMPTS: u32 = 7;

/// Credentials that are asked for once, and again shortly before they end.
#[derive(Debug)]
struct Kept<P> {
    provider: P,
    wire: Arc<Wire>,
    /// The account they speak for; none for the agent's own.
    account: Option<String>,
    held: Mutex<Option<Credentials>>,
}

impl<P: ProvideCredentials> Kept<P> {
    async fn get(&self) -> Result<Credentials, CredentialsError> {
        let mut held = self.held.lock().await;
        if let Some(credentials) = held.as_ref()
            && credentials.expiry().is_none_or(|end| end > SystemTime::now() + MARGIN)
        {
            return Ok(credentials.clone());
        }
        let credentials = self.provider.provide_credentials().await?;
        if let Some(account) = &self.account {
            self.wire.speaks_for(credentials.access_key_id(), account);
        }
        *held = Some(credentials.clone());
        Ok(credentials)
    }
}

impl<P: ProvideCredentials> ProvideCredentials for Kept<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get())
    }
}

fn kept(
    wire: &Arc<Wire>,
    account: Option<&str>,
    provider: impl ProvideCredentials + 'static,
) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Kept {
        provider,
        wire: Arc::clone(wire),
        account: account.map(str::to_owned),
        held: Mutex::default(),
    })
}

/// The environment's configuration, before any call of the service APIs.
pub(super) async fn environment() -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(Wire::live());
    if let Ok(name) = AppName::new(concat!("guardline-", env!("CARGO_PKG_VERSION"))) {
        loader = loader.app_name(name);
    }
    if std::env::var_os("AWS_MAX_ATTEMPTS").is_none() {
        loader = loader.retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    }
    loader.load().await
}

/// A configuration that looks up no credentials and opens no connection, for replays.
pub(super) async fn offline(region: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new("REPLAY", "none", None, None, "replay"))
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

/// The configuration of the agent's own identity, over the wire.
///
/// The SDK's own watch for stalled streams is off: it would take a call that waits for its turn for one that stalls, and
/// fail it after five seconds. The wire gives up on calls by itself.
pub(super) fn own(environment: &SdkConfig, wire: &Arc<Wire>) -> Option<SdkConfig> {
    let provider = environment.credentials_provider()?;
    Some(
        environment
            .to_builder()
            .http_client(WireClient(Arc::clone(wire)))
            .credentials_provider(kept(wire, None, provider))
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build(),
    )
}

/// Whether there is anybody to ask as; each place that was looked in is named where there is not.
pub(super) async fn present(own: &SdkConfig) -> Result<(), String> {
    let Some(provider) = own.credentials_provider() else { return Err("no provider is configured".to_owned()) };
    let told =
        |error: CredentialsError| failure::innermost(&error).lines().map(str::trim).collect::<Vec<_>>().join("; ");
    provider.provide_credentials().await.map(drop).map_err(told)
}

/// A role, or a chain of them, to be taken in one account.
#[derive(Clone, Debug)]
pub(super) struct Roles<'a> {
    pub(super) partition: &'a str,
    /// Names, ARNs, or ARNs with `{account}`; each is taken with the one before.
    pub(super) names: &'a [String],
    pub(super) external_id: Option<&'a str>,
}

impl Roles<'_> {
    pub(super) fn arn(&self, name: &str, account: &str) -> String {
        if name.starts_with("arn:") {
            name.replace(ACCOUNT, account)
        } else {
            format!("arn:{}:iam::{account}:role/{name}", self.partition)
        }
    }
}

/// The configuration of a role in `account`, which is taken now.
///
/// # Errors
/// When one of the roles is not given; the reason names it.
pub(super) async fn assume(
    own: &SdkConfig,
    wire: &Arc<Wire>,
    roles: &Roles<'_>,
    account: &str,
) -> Result<SdkConfig, Gap> {
    let mut config = own.clone();
    for name in roles.names {
        let arn = roles.arn(name, account);
        let owner = arn.split(':').nth(4).unwrap_or(account).to_owned();
        let mut role = AssumeRoleProvider::builder(&arn).session_name(SESSION_NAME).configure(&config);
        if let Some(id) = roles.external_id {
            role = role.external_id(id);
        }
        let provider = kept(wire, Some(&owner), role.build().await);
        provider.provide_credentials().await.map_err(|error| refused(&arn, &error))?;
        config = config.to_builder().credentials_provider(provider).build();
    }
    Ok(config)
}

/// What a refused role leaves unknown.
fn refused(arn: &str, error: &CredentialsError) -> Gap {
    let service = error.source().and_then(|source| source.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>());
    let gap = match service {
        Some(error) => failure::gap_of(error),
        None => failure::failed(failure::innermost(error)),
    };
    Gap { reason: format!("cannot assume `{arn}`: {}", gap.reason), ..gap }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_smithy_runtime_api::client::http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_runtime_api::shared::IntoShared;
    use aws_smithy_types::body::SdkBody;

    use super::*;
    use crate::provider::Progress;
    use crate::provider::aws::wire::Source;
    use crate::provider::limits::{Limit, LimitTable, Limits};

    /// Answers every call at once.
    #[derive(Debug)]
    struct Prompt;

    impl HttpClient for Prompt {
        fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
            SharedHttpConnector::new(Self)
        }
    }

    impl HttpConnector for Prompt {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let body = "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>";
            HttpConnectorFuture::ready(Ok(HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from(body))))
        }
    }

    #[tokio::test]
    async fn a_call_that_waits_for_its_turn_does_not_stall() {
        // The second call has to wait for longer than the five seconds after which the SDK takes a stream for stalled.
        let default = Limit { rate: 0.15, burst: 1 };
        let table = LimitTable { default, services: BTreeMap::new(), operations: BTreeMap::new() };
        let source = Source::Live(Prompt.into_shared());
        let wire = Arc::new(Wire::new(source, Limits::new(table, None), None, Arc::new(Progress::default())));
        let environment = offline("us-east-1").await;
        let client = aws_sdk_sts::Client::new(&own(&environment, &wire).unwrap());

        let start = std::time::Instant::now();
        let both = tokio::join!(client.get_caller_identity().send(), client.get_caller_identity().send());
        assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
        assert!(start.elapsed() > Duration::from_millis(6500), "there was nothing to wait for");
    }
}
