//! Who calls: access keys, sessions of assumed roles, and whether they may be heard at all.
//!
//! In: a decoded request. Out: a [`Caller`], or the refusal that this service gives for bad credentials, a wrong
//! clock or a region that is not switched on. Signatures are not checked: no secret is known here.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use wildmatch::WildMatch;

use super::estate::Estate;
use super::refusal::{Cause, Refusal, refuse};
use super::wire::{Request, id_of};

/// An authenticated identity.
#[derive(Debug, Clone)]
pub struct Caller {
    pub account: String,
    pub arn: String,
    pub user_id: String,
    /// The role's ARN when the caller is a role's session.
    pub role_arn: Option<String>,
    pub session_name: Option<String>,
    pub source_identity: Option<String>,
}

/// A session handed out by `AssumeRole`.
#[derive(Debug, Clone)]
pub struct Session {
    pub caller: Caller,
    pub role: String,
    pub token: String,
    pub expires: Timestamp,
}

/// Sessions by access key.
#[derive(Debug, Default)]
pub struct Sessions {
    all: Mutex<HashMap<String, Session>>,
    lifetime: Option<SignedDuration>,
}

impl Sessions {
    /// Sessions that end after so long, or when they were asked to.
    pub fn lasting(lifetime: Option<SignedDuration>) -> Self {
        Self { all: Mutex::default(), lifetime }
    }

    /// How long a session lasts that was asked for so long.
    pub fn lifetime(&self, asked: SignedDuration) -> SignedDuration {
        self.lifetime.unwrap_or(asked)
    }

    /// Keeps a session under a new access key and gives the key back.
    pub fn add(&self, session: Session) -> String {
        let mut all = self.all.lock().expect("no holder of this lock panics");
        let key = format!("ASIA{}", id_of(&format!("session {} {}", all.len(), session.caller.arn)));
        all.insert(key.clone(), session);
        key
    }

    /// Ends every session, as when their time is over.
    pub fn expire_all(&self) {
        let mut all = self.all.lock().expect("no holder of this lock panics");
        all.values_mut().for_each(|session| session.expires = Timestamp::UNIX_EPOCH);
    }

    fn get(&self, key: &str) -> Option<Session> {
        self.all.lock().expect("no holder of this lock panics").get(key).cloned()
    }
}

/// The identity behind a request. `now` is the server's clock for signatures.
pub fn authenticate(
    request: &Request,
    estate: &Estate,
    sessions: &Sessions,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    let no = |cause| refuse(cause, request, "unknown");
    if request.key.is_empty() {
        return Err(no(Cause::Unsigned));
    }
    let signed = request.signed_at.ok_or_else(|| no(Cause::Unsigned))?;
    if now.duration_since(signed).abs() > SignedDuration::from_mins(5) {
        return Err(no(Cause::Skewed));
    }
    let caller = match request.key.get(..4) {
        Some("AKIA") => user(&request.key, estate),
        Some("ASIA") => match sessions.get(&request.key) {
            Some(session) if request.token.as_deref() != Some(&session.token) => None,
            Some(session) if session.expires <= now => return Err(no(Cause::Expired)),
            Some(session) => {
                role_may(&session, request, estate)?;
                Some(session.caller)
            }
            None => None,
        },
        _ => None,
    };
    let caller = caller.ok_or_else(|| no(Cause::UnknownKey))?;
    if !estate.region_open(&caller.account, &request.region) {
        return Err(no(Cause::UnknownKey));
    }
    Ok(caller)
}

/// `AKIA`, twelve digits of an account that exists, and anything after them.
fn user(key: &str, estate: &Estate) -> Option<Caller> {
    let account = key.get(4..16)?;
    estate.accounts.get(account)?;
    Some(Caller {
        account: account.to_owned(),
        arn: format!("arn:{}:iam::{account}:user/guardline-test", estate.partition),
        user_id: format!("AIDA{}", id_of(account)),
        role_arn: None,
        session_name: None,
        source_identity: None,
    })
}

/// Refuses what the role's own deny list names.
fn role_may(session: &Session, request: &Request, estate: &Estate) -> Result<(), Refusal> {
    let role = estate.accounts.get(&session.caller.account).and_then(|a| a.roles.get(&session.role));
    let action = format!("{}:{}", request.service, request.operation);
    let denied = role.is_some_and(|r| r.denies.iter().any(|pattern| WildMatch::new(pattern).matches(&action)));
    if denied { Err(refuse(Cause::Denied, request, &session.caller.arn)) } else { Ok(()) }
}
