//! AWS STS: who am I, and taking a role.
//!
//! In: an [`Ask`]. Out: the members of the answer. `AssumeRole` keeps a session; nothing else is kept.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use jiff::SignedDuration;
use serde_json::json;
use wildmatch::WildMatch;

use super::ask::{Answer, Ask, Handler};
use super::caller::{Caller, Session};
use super::estate::Role;
use super::refusal::Refusal;
use super::wire::{id_of, pruned, uuid_of};

pub const OPERATIONS: &[(&str, Handler)] = &[("GetCallerIdentity", get_caller_identity), ("AssumeRole", assume_role)];

fn get_caller_identity(ask: &Ask) -> Answer {
    Ok(json!({"UserId": ask.caller.user_id, "Account": ask.caller.account, "Arn": ask.caller.arn}))
}

fn assume_role(ask: &Ask) -> Answer {
    let arn = ask.need("RoleArn", "ValidationError")?;
    let name = ask.need("RoleSessionName", "ValidationError")?;
    let valid = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.len() < 2 || name.len() > 64 || !name.chars().all(valid) {
        let text = "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint";
        return Err(Refusal::bad("ValidationError", text));
    }
    let seconds = ask.text("DurationSeconds").map_or(Ok(3600), str::parse::<i64>);
    let seconds = seconds.map_err(|_| Refusal::bad("ValidationError", "DurationSeconds is not a number"))?;
    let most = if ask.caller.role_arn.is_some() { 3600 } else { 43200 };
    if !(900..=most).contains(&seconds) {
        let text = if most == 3600 {
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        } else {
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        };
        return Err(Refusal::bad("ValidationError", text));
    }
    let (account, role) = find_role(ask, arn).ok_or_else(|| denied(ask, arn))?;
    let short = role.rsplit('/').next().unwrap_or(role);
    let role_id = format!("AROA{}", id_of(arn));
    let caller = Caller {
        account: account.to_owned(),
        arn: format!("arn:{}:sts::{account}:assumed-role/{short}/{name}", ask.estate.partition),
        user_id: format!("{role_id}:{name}"),
        role_arn: Some(arn.to_owned()),
        session_name: Some(name.to_owned()),
        source_identity: ask.text("SourceIdentity").map(str::to_owned).or(ask.caller.source_identity.clone()),
    };
    let expires = ask.wall + ask.sessions.lifetime(SignedDuration::from_secs(seconds));
    let token = format!("double//{}", uuid_of(&format!("{} {arn} {name} {}", ask.caller.arn, ask.wall)));
    let answer = json!({"Arn": caller.arn, "AssumedRoleId": caller.user_id});
    let source_identity = caller.source_identity.clone();
    let key = ask.sessions.add(Session { caller, role: role.to_owned(), token: token.clone(), expires });
    let whole_second = jiff::Timestamp::from_second(expires.as_second()).unwrap_or(expires);
    Ok(pruned(json!({
        "Credentials": {
            "AccessKeyId": key, "SecretAccessKey": format!("secret/{}", uuid_of(&key)),
            "SessionToken": token, "Expiration": whole_second.to_string(),
        },
        "AssumedRoleUser": answer,
        "PackedPolicySize": 6,
        "SourceIdentity": source_identity,
    })))
}

/// The account and name of a role that exists and lets this caller in.
fn find_role<'a>(ask: &'a Ask, arn: &'a str) -> Option<(&'a str, &'a str)> {
    let rest = arn.strip_prefix(&format!("arn:{}:iam::", ask.estate.partition))?;
    let (account, role) = rest.split_once(":role/")?;
    let there = ask.estate.accounts.get(account).filter(|a| a.state == "ACTIVE")?;
    let held = there.roles.get(role)?;
    lets_in(ask, held).then_some((account, role))
}

fn lets_in(ask: &Ask, role: &Role) -> bool {
    let caller = ask.caller;
    let names = [Some(&caller.account), Some(&caller.arn), caller.role_arn.as_ref()];
    let trusted = |pattern: &String| names.iter().flatten().any(|name| WildMatch::new(pattern).matches(name));
    let external = role.external_id.is_none() || ask.text("ExternalId") == role.external_id.as_deref();
    !role.denied && external && (role.trusts.is_empty() || role.trusts.iter().any(trusted))
}

fn denied(ask: &Ask, arn: &str) -> Refusal {
    let text = format!("User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}", ask.caller.arn);
    Refusal::new(403, "AccessDenied", text)
}
