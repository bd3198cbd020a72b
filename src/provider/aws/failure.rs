//! Why a call brought nothing.
//!
//! In: an error of the SDK. Out: a [`Gap`] that says what happened in the provider's words, and of which sort it is. It
//! never turns an error into an empty answer.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::LazyLock;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::Deserialize;

use crate::estate::{CoverageStatus, Gap};
use crate::provider::shipped;

/// What the provider's error codes mean, by the status in which a read with that code ends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Codes {
    denied: BTreeSet<String>,
    throttled: BTreeSet<String>,
    unsupported: BTreeSet<String>,
    identity: Identity,
}

/// What helps where the provider does not say who asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    fixes: Vec<Fix>,
    otherwise: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fix {
    codes: BTreeSet<String>,
    fix: String,
}

static CODES: LazyLock<Codes> =
    LazyLock::new(|| shipped("policies/aws/error-codes.yaml", include_str!("../../../policies/aws/error-codes.yaml")));

/// The code of an error, where the service gave one.
pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// What helps where the provider does not say who asks, by the code it gave.
pub(super) fn identity_fix(code: Option<&str>) -> &'static str {
    let identity = &CODES.identity;
    let found = identity.fixes.iter().find(|fix| code.is_some_and(|code| fix.codes.contains(code)));
    found.map_or(&identity.otherwise, |found| &found.fix)
}

/// What an error leaves unknown, and why.
pub(super) fn gap<E>(error: SdkError<E, HttpResponse>) -> Gap
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    gap_of(&error)
}

/// The same for an error that is kept.
pub(super) fn gap_of<E>(error: &SdkError<E, HttpResponse>) -> Gap
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let (code, message) = (service.err().code(), service.err().message().unwrap_or_default());
            match code {
                Some(code) => Gap { status: sort(code), reason: said(code, message) },
                None if status == 429 => Gap { status: CoverageStatus::Throttled, reason: format!("HTTP {status}") },
                None if matches!(status, 401 | 403) => {
                    Gap { status: CoverageStatus::Denied, reason: format!("HTTP {status} without an error code") }
                }
                None => failed(format!("HTTP {status} without an error code{}", start(service.raw()))),
            }
        }
        SdkError::ResponseError(response) => {
            failed(format!("HTTP {}: {}", response.raw().status().as_u16(), innermost(error)))
        }
        SdkError::TimeoutError(_) => failed("no answer in time".to_owned()),
        _ => failed(innermost(error)),
    }
}

/// A failure that is not the service's.
pub(super) fn failed(reason: impl Into<String>) -> Gap {
    Gap { status: CoverageStatus::Failed, reason: reason.into() }
}

fn sort(code: &str) -> CoverageStatus {
    if CODES.denied.contains(code) {
        CoverageStatus::Denied
    } else if CODES.throttled.contains(code) {
        CoverageStatus::Throttled
    } else if CODES.unsupported.contains(code) {
        CoverageStatus::Unsupported
    } else {
        CoverageStatus::Failed
    }
}

fn said(code: &str, message: &str) -> String {
    if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") }
}

/// The first words of a body that is no error of AWS.
fn start(response: &HttpResponse) -> String {
    let body = response.body().bytes().unwrap_or_default();
    let text = String::from_utf8_lossy(body.get(..body.len().min(60)).unwrap_or_default()).into_owned();
    match text.lines().next().unwrap_or_default() {
        "" => ", with an empty body".to_owned(),
        line => format!(", with a body that starts `{line}`"),
    }
}

/// The cause at the end of the chain: the SDK's own layers say only "dispatch failure".
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_means_one_thing_and_an_unknown_one_a_failure() {
        let Codes { denied, throttled, unsupported, .. } = &*CODES;
        assert!(denied.is_disjoint(throttled) && denied.is_disjoint(unsupported) && throttled.is_disjoint(unsupported));
        for (code, status) in [
            ("AccessDeniedException", CoverageStatus::Denied),
            ("ThrottlingException", CoverageStatus::Throttled),
            ("NoSuchResourceException", CoverageStatus::Unsupported),
            ("ServiceException", CoverageStatus::Failed),
            ("accessdenied", CoverageStatus::Failed),
        ] {
            assert_eq!(sort(code), status, "{code}");
        }
    }

    #[test]
    fn who_is_not_known_is_told_what_helps() {
        let fixes = &CODES.identity.fixes;
        let codes: Vec<&String> = fixes.iter().flat_map(|fix| &fix.codes).collect();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len(), "a code stands twice: {codes:?}");
        for (code, fix) in [
            (Some("ExpiredToken"), "sign in again, or renew the session token"),
            (Some("InvalidClientTokenId"), "check the access key, and that the region is on"),
            (Some("SignatureDoesNotMatch"), "check this machine's clock and the secret access key"),
            (Some("InternalFailure"), "check the network, `AWS_REGION` and `AWS_ENDPOINT_URL`"),
            (None, "check the network, `AWS_REGION` and `AWS_ENDPOINT_URL`"),
        ] {
            assert_eq!(identity_fix(code), fix, "{code:?}");
        }
    }
}
