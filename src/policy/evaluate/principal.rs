//! Who makes a request. In come a principal that a policy names and the one of the request; out goes whether the first
//! stands for the second. Never matches a part of a name: AWS takes no wildcard in a principal but the bare `*`.
//!
//! - `*` is "all principals", services and anonymous callers too. AWS calls `{"AWS": "*"}` equivalent "for anonymous users"
//!   and does not say whether it leaves out services; here it is the same for all.
//! - An account, by its number or the ARN of its root, is every principal of the account.
//! - A role is its sessions too. A session's ARN does not hold the role's path, and a role's name is unique in its
//!   account whatever the path.
//! - Users, sessions, services, identity providers and canonical users are themselves.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use crate::policy::{
    document::{PrincipalKind, PrincipalName},
    request::Principal,
};

/// Whether the name stands for everyone, whoever that is.
pub(super) fn is_everyone(name: &PrincipalName) -> bool {
    matches!(name.kind, PrincipalKind::Everyone | PrincipalKind::Aws) && name.name == "*"
}

/// Whether a name of a policy stands for a principal.
pub(super) fn covers(name: &PrincipalName, principal: &Principal) -> bool {
    let text = name.name.as_str();
    is_everyone(name)
        || match (&name.kind, principal) {
            (PrincipalKind::Aws, Principal::Aws(arn)) => text == arn || is_its_account(text, arn) || is_role(text, arn),
            (PrincipalKind::Service, Principal::Service(other))
            | (PrincipalKind::Federated, Principal::Federated(other))
            | (PrincipalKind::CanonicalUser, Principal::CanonicalUser(other)) => text == other,
            _ => false,
        }
}

/// The parts of an ARN that principals differ in.
struct Parts<'a> {
    partition: &'a str,
    service: &'a str,
    account: &'a str,
    rest: &'a str,
}

fn parts(arn: &str) -> Option<Parts<'_>> {
    let mut segments = arn.splitn(6, ':');
    let mut next = || segments.next();
    match (next()?, next()?, next()?, next()?, next()?, next()?) {
        ("arn", partition, service, "", account, rest) => Some(Parts { partition, service, account, rest }),
        _ => None,
    }
}

/// Whether a name is the account of a principal: its number, or the ARN of its root.
fn is_its_account(name: &str, arn: &str) -> bool {
    let Some(found) = parts(arn) else { return false };
    if name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return name == found.account;
    }
    parts(name).is_some_and(|root| {
        root.service == "iam"
            && root.rest == "root"
            && root.account == found.account
            && root.partition == found.partition
    })
}

/// Whether a name is the role of a session.
fn is_role(name: &str, session: &str) -> bool {
    let (Some(role), Some(found)) = (parts(name), parts(session)) else { return false };
    let role_name = role.rest.strip_prefix("role/").and_then(|path| path.rsplit('/').next());
    let of_session = found.rest.strip_prefix("assumed-role/").and_then(|rest| rest.split_once('/'));
    role.service == "iam"
        && found.service == "sts"
        && role.account == found.account
        && role.partition == found.partition
        && role_name.is_some_and(|name| of_session.is_some_and(|(of, _)| of == name))
}
