//! The guardrails of one account, asked about one request.
//!
//! In: an account of a baseline or of a snapshot, and a request. Out: what the service control policies and the resource
//! control policies on its way from the root say, apart; and where one of them does not bind, or was not read, that. It
//! never takes policies that were not read for ones that allow.
//!
//! Whom they bind: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html> and
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>

use std::collections::BTreeMap;
use std::path::Path;

use clap::ColorChoice;

use super::{Outcome, Part, Told, absent, implied};
use crate::baseline;
use crate::cli::{CliError, output, scan, snapshot};
use crate::estate::{Observation, Organization, Snapshot};
use crate::policy::account::{self, Attached, guardrails};
use crate::policy::catalogue::Catalogue;
use crate::policy::document::Kind;
use crate::policy::evaluate::{Decision, evaluate, keys};
use crate::policy::levels::Guardrails;
use crate::policy::organization::TYPES;
use crate::policy::request::{ContextValue, Principal, Request};
use crate::policy::stack::Stack;

/// What is known of an account and of the policies on its way.
pub(super) struct Place {
    /// Its id, where it is known.
    id: Option<String>,
    organization: Option<String>,
    /// Why nothing binds it, whatever hangs where.
    free: Option<String>,
    /// The service control policies and the resource control policies, or why they cannot be told.
    bound: Vec<(Kind, Result<Guardrails, String>)>,
    assumed: Vec<String>,
}

/// An account as a baseline declares it.
pub(super) fn declared(path: &Path, reference: &str, color: ColorChoice) -> Result<Place, CliError> {
    let baseline = baseline::load(path, &scan::known_rules()).inspect_err(|error| {
        let colored = output::colored(color, &std::io::stderr());
        output::stderr(format!("{}\n", error.diagnostics.render(colored, output::width())).as_bytes());
    })?;
    let wrong = |why: String| CliError::Arguments(format!("{why} (`{}`)", path.display()));
    let aws = baseline.model.aws.as_ref().ok_or_else(|| wrong("the baseline declares nothing of AWS".to_owned()))?;
    let account = account::declared(aws, reference).map_err(wrong)?;
    let is_owner = account.id.is_some() && account.id == aws.management_account;
    let named = |(policy_type, kind): (&str, Kind)| {
        let policy_type = crate::compare::type_name(policy_type);
        let levels = account::declared_levels(&baseline, aws, &account, &policy_type, kind);
        (kind, levels.and_then(|levels| guardrails(kind, levels)))
    };
    Ok(Place {
        free: is_owner.then(|| owner(reference)),
        organization: aws.organization.clone(),
        bound: TYPES.map(named).into(),
        assumed: vec![format!("the account hangs on `{}`, as the baseline declares", account.unit)],
        id: account.id,
    })
}

/// An account as it was read.
pub(super) fn live(path: &Path, reference: &str) -> Result<Place, CliError> {
    let snapshot = snapshot::read(path)?;
    let assumed = vec![format!("the policies are those that were read at {}", snapshot.taken_at)];
    let unread = |why: &str| TYPES.map(|(_, kind)| (kind, Err(why.to_owned()))).into();
    let organization = match &snapshot.organization {
        Observation::Known(organization) => organization,
        Observation::Absent => return alone(&snapshot, reference, assumed),
        Observation::Unknown(gap) => {
            let why = format!("the organisation was not read: {}", gap.reason);
            return Ok(Place { id: id(reference), organization: None, free: None, bound: unread(&why), assumed });
        }
    };
    let owned = organization.id.clone();
    let Some(account) = member(organization, reference).map_err(CliError::Arguments)? else {
        let why = "the accounts of the organisation were not read";
        return Ok(Place { id: id(reference), organization: Some(owned), free: None, bound: unread(why), assumed });
    };
    let of_kind = |(policy_type, kind): (&str, Kind)| {
        let attached = Attached::of(organization, policy_type, kind);
        let levels = attached.and_then(|attached| attached.levels(account));
        (kind, levels.and_then(|levels| guardrails(kind, levels)))
    };
    Ok(Place {
        free: (account == organization.management_account).then(|| owner(account)),
        id: Some(account.to_owned()),
        organization: Some(owned),
        bound: TYPES.map(of_kind).into(),
        assumed,
    })
}

/// The id of a member by its id or name; none where the members were not read.
fn member<'a>(organization: &'a Organization, reference: &str) -> Result<Option<&'a str>, String> {
    let Some(members) = organization.accounts.known() else { return Ok(None) };
    if let Some(account) = members.iter().find(|account| account.id == reference) {
        return Ok(Some(&account.id));
    }
    let mut named = members.iter().filter(|account| account.name == reference);
    match (named.next(), named.next()) {
        (Some(account), None) => Ok(Some(&account.id)),
        (Some(_), Some(_)) => Err(format!("several accounts are called `{reference}`; give an id")),
        (None, _) => Err(format!(
            "the organisation of the snapshot has no account `{reference}`; give the id or the name of one that it lists"
        )),
    }
}

/// An account that belongs to no organisation is bound by no guardrail.
fn alone(snapshot: &Snapshot, reference: &str, assumed: Vec<String>) -> Result<Place, CliError> {
    if !snapshot.accounts.contains_key(reference) {
        return Err(CliError::Arguments(format!("the snapshot has no account `{reference}`; give its id")));
    }
    let free = Some(format!("`{reference}` belongs to no organisation"));
    let bound = TYPES.map(|(_, kind)| (kind, Err("there is no organisation".to_owned()))).into();
    Ok(Place { id: id(reference), organization: None, free, bound, assumed })
}

fn id(reference: &str) -> Option<String> {
    let is_id = reference.len() == 12 && reference.bytes().all(|byte| byte.is_ascii_digit());
    is_id.then(|| reference.to_owned())
}

fn owner(account: &str) -> String {
    format!("`{account}` is the management account, which neither service nor resource control policies bind")
}

impl Place {
    /// What the guardrails say to a request.
    pub(super) fn ask(mut self, mut request: Request) -> Told {
        let read = || self.bound.iter().filter_map(|(_, read)| read.as_ref().ok());
        let asked: BTreeMap<String, String> = read().flat_map(|read| &read.stacks).flat_map(keys).collect();
        let mut assumed = std::mem::take(&mut self.assumed);
        implied(&asked, &mut request, &mut assumed);
        self.implied(&asked, &mut request, &mut assumed);
        assumed.extend(absent(&asked, &request));
        let mut told = Told { request, parts: Vec::new(), assumed, refused: Vec::new() };
        for (kind, read) in &self.bound {
            let outcome = match (self.unbound(*kind, &told.request), read) {
                (Some(why), _) => Outcome::NotBound(why),
                (None, Err(why)) => Outcome::Unread(why.clone()),
                (None, Ok(read)) => {
                    told.assumed.extend(read.assumed.iter().cloned());
                    told.refused.extend(read.refused());
                    match read.stack(*kind) {
                        Some(stack) => answered(stack, &told.request),
                        None => Outcome::Unread("there is no level".to_owned()),
                    }
                }
            };
            told.parts.push(Part { kind: *kind, outcome });
        }
        told
    }

    /// Where nobody is given, somebody of the account makes the request.
    fn implied(&self, asked: &BTreeMap<String, String>, request: &mut Request, assumed: &mut Vec<String>) {
        let (Some(id), None) = (&self.id, &request.principal) else { return };
        let says = [
            ("aws:principalaccount", Some(ContextValue::One(id.clone()))),
            ("aws:principalarn", Some(ContextValue::UNKNOWN)),
            ("aws:principalorgid", self.organization.clone().map(ContextValue::One)),
        ];
        for (key, value) in says {
            let is_given = request.context.keys().any(|given| given.to_lowercase() == key);
            let (Some(written), Some(value), false) = (asked.get(key), value, is_given) else { continue };
            assumed.push(match &value {
                ContextValue::One(value) => {
                    format!("`{written}` is `{value}`: nobody is given, so somebody of the account")
                }
                _ => format!("`{written}` is unknown: nobody is given, so anybody of the account"),
            });
            request.context.insert(written.clone(), value);
        }
    }

    /// Why guardrails of a kind do not bind a request, where they do not.
    fn unbound(&self, kind: Kind, request: &Request) -> Option<String> {
        if let Some(why) = &self.free {
            return Some(why.clone());
        }
        let of = |arn: &str| arn.split(':').nth(4).filter(|account| !account.is_empty()).map(str::to_owned);
        let is_other = |account: &Option<String>| account.is_some() && self.id.is_some() && *account != self.id;
        if let Some(role) = service_linked(request) {
            return Some(format!("`{role}` is a service-linked role, which neither kind of policy binds"));
        }
        if kind == Kind::Scp {
            return match &request.principal {
                Some(Principal::Aws(arn)) if is_other(&of(arn)) => {
                    Some(format!("`{arn}` belongs to another account, whose own service control policies bind it"))
                }
                Some(Principal::Service(name)) => Some(format!("`{name}` is a service, no principal of the account")),
                Some(Principal::Anonymous) => {
                    Some("whoever has not signed in is no principal of the account".to_owned())
                }
                _ => None,
            };
        }
        let owner = of(&request.resource);
        is_other(&owner).then(|| format!("`{}` belongs to another account", request.resource))
    }
}

/// What a stack answers. AWS's list of the services that resource control policies bind may have grown since: where one
/// denies a request to another service, neither is certain.
fn answered(stack: &Stack, request: &Request) -> Outcome {
    let answer = evaluate(stack, request);
    let service = request.action.split_once(':').map_or("", |(service, _)| service);
    let catalogue = Catalogue::get();
    let is_listed = catalogue.of_service(service).is_empty() || catalogue.supports_rcp(service);
    if stack.kind != Kind::Rcp || is_listed || answer.decision == Decision::Allowed {
        return Outcome::Answered(answer);
    }
    Outcome::Unread(format!(
        "one denies it, and `{service}` is not among the services that resource control policies bind, as AWS listed them at {}",
        catalogue.source().date
    ))
}

/// The service-linked role that makes a request.
fn service_linked(request: &Request) -> Option<&str> {
    let principal = match &request.principal {
        Some(Principal::Aws(arn)) => Some(arn.as_str()),
        _ => None,
    };
    let named = request.values("aws:principalarn").into_iter().flatten().map(String::as_str);
    principal.into_iter().chain(named).find(|arn| {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        matches!(parts.as_slice(), ["arn", _, "iam", "", _, rest] if rest.starts_with("role/aws-service-role/"))
    })
}
