//! Errors as each service words them.
//!
//! In: what went wrong and the request. Out: a [`Refusal`] with the HTTP status, code and text that this service
//! uses for it. It never decides that something is wrong.

use super::wire::{Protocol, Request};

/// An error answer.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// Organizations' `Reason` member, on the errors that have one.
    pub reason: Option<String>,
}

impl Refusal {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), reason: None }
    }

    /// The service's own 400.
    pub fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }
}

/// What a request can be refused for, whatever the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Not signed at all.
    Unsigned,
    /// An access key or session nobody knows, or a region that is not switched on.
    UnknownKey,
    /// A session whose time is over.
    Expired,
    /// Signed at another time than the server's.
    Skewed,
    /// Signed for a region where the service is not.
    WrongRegion,
    /// No identity policy allows it.
    Denied,
    /// A service control policy denies it.
    DeniedByScp,
    /// Too fast.
    Throttled,
    /// The service failed.
    Internal,
    /// The service is not there for the moment.
    Unavailable,
    /// No such operation.
    UnknownOperation,
}

/// The service's wording of a cause; `who` is the caller's ARN.
pub fn refuse(cause: Cause, request: &Request, who: &str) -> Refusal {
    let (status, code) = status_and_code(cause, request);
    Refusal::new(status, code, message(cause, request, who))
}

fn status_and_code(cause: Cause, request: &Request) -> (u16, &'static str) {
    use Protocol::{Ec2, Json, Query, RestJson};
    match (cause, request.protocol) {
        (Cause::Unsigned, Json) => (400, "MissingAuthenticationTokenException"),
        (Cause::Unsigned, RestJson) => (403, "MissingAuthenticationTokenException"),
        (Cause::Unsigned, Query) => (403, "MissingAuthenticationToken"),
        (Cause::UnknownKey, Json) => (400, "UnrecognizedClientException"),
        (Cause::UnknownKey, RestJson) => (403, "UnrecognizedClientException"),
        (Cause::UnknownKey, Query) => (403, "InvalidClientTokenId"),
        (Cause::Unsigned | Cause::UnknownKey, Ec2) => (401, "AuthFailure"),
        (Cause::Expired, Json) => (400, "ExpiredTokenException"),
        (Cause::Expired, RestJson) => (403, "ExpiredTokenException"),
        (Cause::Expired, Query) => (403, "ExpiredToken"),
        (Cause::Expired | Cause::Skewed, Ec2) => (400, "RequestExpired"),
        (Cause::Skewed | Cause::WrongRegion, Json) => (400, "InvalidSignatureException"),
        (Cause::Skewed | Cause::WrongRegion, RestJson) => (403, "InvalidSignatureException"),
        (Cause::WrongRegion, Ec2) => (401, "AuthFailure"),
        (Cause::Skewed | Cause::WrongRegion, Query) => (403, "SignatureDoesNotMatch"),
        (Cause::Denied | Cause::DeniedByScp, Json) => (400, "AccessDeniedException"),
        (Cause::Denied | Cause::DeniedByScp, RestJson) => (403, "AccessDeniedException"),
        (Cause::Denied | Cause::DeniedByScp, Query) => (403, "AccessDenied"),
        (Cause::Denied | Cause::DeniedByScp, Ec2) => (403, "UnauthorizedOperation"),
        (Cause::Throttled, Json) if request.service == "cloudtrail" => (400, "ThrottlingException"),
        (Cause::Throttled, Json) => (400, "TooManyRequestsException"),
        (Cause::Throttled, RestJson) => (429, "TooManyRequestsException"),
        (Cause::Throttled, Query) => (400, "Throttling"),
        (Cause::Throttled, Ec2) => (503, "RequestLimitExceeded"),
        (Cause::Internal, Json) if request.service == "cloudtrail" => (500, "InternalFailure"),
        (Cause::Internal, Json) => (500, "ServiceException"),
        (Cause::Internal, RestJson) => (500, "InternalServerException"),
        (Cause::Internal, Query) => (500, "InternalFailure"),
        (Cause::Internal, Ec2) => (500, "InternalError"),
        (Cause::Unavailable, Json | RestJson) => (503, "ServiceUnavailableException"),
        (Cause::Unavailable, Query) => (503, "ServiceUnavailable"),
        (Cause::Unavailable, Ec2) => (503, "Unavailable"),
        (Cause::UnknownOperation, Json) => (400, "UnknownOperationException"),
        (Cause::UnknownOperation, RestJson) => (404, "UnknownOperationException"),
        (Cause::UnknownOperation, Query | Ec2) => (400, "InvalidAction"),
    }
}

fn message(cause: Cause, request: &Request, who: &str) -> String {
    let action = format!("{}:{}", request.service, request.operation);
    let prefix =
        if request.protocol == Protocol::Ec2 { "You are not authorized to perform this operation. " } else { "" };
    match cause {
        Cause::Unsigned => "Missing Authentication Token".to_owned(),
        Cause::UnknownKey if request.protocol == Protocol::Ec2 => {
            "AWS was not able to validate the provided access credentials".to_owned()
        }
        Cause::UnknownKey => "The security token included in the request is invalid.".to_owned(),
        Cause::Expired if request.protocol == Protocol::Ec2 => "Request has expired.".to_owned(),
        Cause::Expired => "The security token included in the request is expired".to_owned(),
        Cause::Skewed => {
            let at = request.signed_at.map(|at| at.strftime("%Y%m%dT%H%M%SZ").to_string()).unwrap_or_default();
            format!("Signature expired: {at} is now earlier than the server's time (5 min. allowed)")
        }
        Cause::WrongRegion => "Credential should be scoped to a valid region.".to_owned(),
        Cause::Denied => format!(
            "{prefix}User: {who} is not authorized to perform: {action} because no identity-based policy allows the {action} action"
        ),
        Cause::DeniedByScp => format!(
            "{prefix}User: {who} is not authorized to perform: {action} with an explicit deny in a service control policy"
        ),
        Cause::Throttled if request.protocol == Protocol::Ec2 => "Request limit exceeded.".to_owned(),
        Cause::Throttled => "Rate exceeded".to_owned(),
        Cause::Internal => "An internal error has occurred".to_owned(),
        Cause::Unavailable => "The service is unavailable. Please try again shortly.".to_owned(),
        Cause::UnknownOperation if request.protocol == Protocol::RestJson || request.protocol == Protocol::Json => {
            String::new()
        }
        Cause::UnknownOperation => format!("The action {} is not valid for this web service.", request.operation),
    }
}
