//! The least that the agent's identities need in IAM.
//!
//! In: a baseline. Out: for each identity the actions and resources that a run with this baseline can need, or, asked in
//! the real environment, those it lacks. It never asks for anything that changes something.

mod check;
mod document;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

pub use self::check::{Checked, Lack};
pub use self::document::Format;
use self::plan::Plan;
use crate::baseline::Baseline;
use crate::provider::shipped;

/// Facts about IAM.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    actions: BTreeMap<String, Vec<String>>,
    dependencies: BTreeMap<String, Vec<String>>,
    resources: Vec<Scoped>,
    answered: BTreeSet<String>,
}

/// Actions on resources of one sort.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scoped {
    sid: String,
    actions: BTreeSet<String>,
    arns: Vec<String>,
    #[serde(default)]
    central: Vec<String>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| shipped("policies/aws/permissions.yaml", include_str!("../../../policies/aws/permissions.yaml")));

/// An identity that the agent reads with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Reader {
    /// The agent's own identity, where it is not the one that reads the organisation
    Agent,
    /// The identity that reads the organisation: `access.management_role`, else the agent's own
    Management,
    /// The role in each account: `access.member_role`
    Member,
}

impl Reader {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Management => "management",
            Self::Member => "member",
        }
    }
}

/// What one identity needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose it is.
    pub reader: Reader,
    /// The name of a role that is taken only to take the next one; none for the identity that reads.
    pub link: Option<String>,
    /// What is allowed.
    pub statements: Vec<Statement>,
}

/// Actions that are allowed on resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name, unique within the identity.
    pub sid: String,
    /// `service:Action`, sorted.
    pub actions: Vec<String>,
    /// `*`, or ARNs with `{partition}` in the place of the partition.
    pub resources: Vec<String>,
}

/// What each identity needs for runs with this baseline.
#[must_use]
pub fn permissions(baseline: &Baseline) -> Vec<Grant> {
    let plan = Plan::of(baseline);
    let mut grants = Vec::new();
    for reader in plan.readers() {
        let (roles, read) = plan.roles(reader);
        // Each role of a chain is taken with the one before; the last one reads.
        for (index, pair) in roles.windows(2).enumerate() {
            let [role, next] = pair else { continue };
            let assume = assume(&[plan.arn(reader, next)]);
            let link = format!("{} {}", index + 1, last_part(role));
            grants.push(Grant { reader, link: Some(link), statements: vec![assume] });
        }
        let mut statements = statements(&read, plan.is_central(reader));
        let taken = plan.taken_by(reader);
        if !taken.is_empty() {
            statements.push(assume(&taken));
        }
        grants.push(Grant { reader, link: None, statements });
    }
    grants
}

/// The words after the last slash of a role's name or ARN.
fn last_part(role: &str) -> &str {
    role.rsplit('/').next().unwrap_or(role)
}

fn assume(roles: &[String]) -> Statement {
    let resources: BTreeSet<String> = roles.iter().cloned().collect();
    Statement {
        sid: "Roles".to_owned(),
        actions: vec!["sts:AssumeRole".to_owned()],
        resources: resources.into_iter().collect(),
    }
}

/// The statements for operations, one for each sort of resource. What every other service is asked comes with them.
fn statements(read: &Reads, central: bool) -> Vec<Statement> {
    let mut actions: BTreeSet<String> = read.operations.iter().flat_map(|operation| actions_of(operation)).collect();
    let dependencies = read.services.iter().filter_map(|service| TABLE.dependencies.get(service));
    actions.extend(dependencies.flatten().cloned());
    let mut statements = Vec::new();
    for scoped in &TABLE.resources {
        let these: Vec<String> = actions.intersection(&scoped.actions).cloned().collect();
        if these.is_empty() {
            continue;
        }
        actions.retain(|action| !scoped.actions.contains(action));
        let more = if central { scoped.central.as_slice() } else { &[] };
        let resources = scoped.arns.iter().chain(more).cloned().collect();
        statements.push(Statement { sid: scoped.sid.clone(), actions: these, resources });
    }
    if !actions.is_empty() {
        let anything = vec!["*".to_owned()];
        let read = Statement { sid: "Read".to_owned(), actions: actions.into_iter().collect(), resources: anything };
        statements.insert(0, read);
    }
    statements
}

fn actions_of(operation: &str) -> Vec<String> {
    TABLE.actions.get(operation).cloned().unwrap_or_else(|| vec![operation.to_owned()])
}

/// What an identity is used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reads {
    operations: BTreeSet<&'static str>,
    /// The services whose quotas are read.
    services: BTreeSet<String>,
}
