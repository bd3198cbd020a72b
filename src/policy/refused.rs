//! What AWS would not take of a document, by what it is for. In come a document, its kind and its length; out come AWS's
//! reasons, each with the place of the statement. Says nothing about the grammar, which [`parse`](super::parse) knows, and
//! keeps no document from being compared: what AWS would not take may still be what people wrote down.
//!
//! Only what AWS's documentation says plainly is said here; where its pages and its services differ, nothing is.

use std::collections::HashMap;

use super::document::{Clause, Document, Effect, Kind, PrincipalClause, PrincipalKind, Refusal, Statement, Version};
use crate::baseline::diagnostic::{Span, visible};
use crate::baseline::document::Node;

/// Characters of a service control policy, since 15 May 2026; 5,120 before.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const SCP_CHARACTERS: usize = 10_240;
/// Characters of a resource control policy, on the same page.
const RCP_CHARACTERS: usize = 5_120;
/// The longest identity policy that fits anywhere: all inline policies of one role together, without white space. A
/// managed policy, a group and a user take less, and a document does not say which it is.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const IDENTITY_CHARACTERS: usize = 10_240;
/// How much of a word that an attacker may have chosen is repeated.
const SHOWN: usize = 80;

/// What AWS would not take of a document of this kind, in the order of the text. `size` is what [`size`] counts, `whole`
/// is where the document stands.
#[must_use]
pub fn by_aws(document: &Document, kind: Kind, size: usize, whole: Span) -> Vec<Refusal> {
    if kind == Kind::Rcp && is_full_access(document) {
        return Vec::new();
    }
    let mut found = Found::default();
    if let Some((most, what)) = limit(kind).filter(|(most, _)| size > *most) {
        found.say(whole, format!("{what} has {most} characters at most, white space not counted; this has {size}"));
    }
    // "Every SCP must include a Version element with the value 2012-10-17", and the same of RCPs; an unknown version is
    // said by the parser and read as this one.
    // <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_syntax.html>
    // <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>
    if document.version == Version::V2008 && matches!(kind, Kind::Scp | Kind::Rcp) {
        found.say(whole, format!("{} has the `Version` `2012-10-17`", article(kind)));
    }
    let mut sids = HashMap::new();
    for (index, statement) in document.statements.iter().enumerate() {
        found.sid(statement, index, kind, &mut sids);
        found.principals(statement, kind);
        found.actions(statement, kind);
        found.resources(statement, kind);
    }
    found.refusals
}

/// How many characters AWS counts: those of the text without the white space between its words, as AWS's console saves a
/// policy of an organisation and as IAM counts; of YAML, those of the JSON that it stands for.
#[must_use]
pub fn size(node: &Node, text: &str, is_yaml: bool) -> usize {
    if is_yaml {
        return node.to_value().to_string().chars().count();
    }
    let (mut size, mut quoted, mut escaped) = (0, false, false);
    for character in text.chars() {
        size += usize::from(quoted || !character.is_ascii_whitespace());
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    size
}

fn limit(kind: Kind) -> Option<(usize, &'static str)> {
    match kind {
        Kind::Scp => Some((SCP_CHARACTERS, "a service control policy")),
        Kind::Rcp => Some((RCP_CHARACTERS, "a resource control policy")),
        Kind::Identity => Some((IDENTITY_CHARACTERS, "an identity policy")),
        // Each service has a limit of its own.
        Kind::Resource => None,
    }
}

fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::Scp => "a service control policy",
        Kind::Rcp => "a resource control policy",
        Kind::Identity => "an identity policy",
        Kind::Resource => "a resource policy",
    }
}

/// AWS's own `RCPFullAWSAccess`, which breaks the rules that it makes for others.
fn is_full_access(document: &Document) -> bool {
    let is_every = |clauses: &[Clause]| matches!(clauses, [Clause { negated: false, patterns }] if patterns == &["*"]);
    match document.statements.as_slice() {
        [statement] => {
            statement.effect == Effect::Allow
                && is_every(&statement.actions)
                && is_every(&statement.resources)
                && matches!(statement.principals.as_slice(), [clause] if is_everyone(clause))
                && statement.conditions.is_empty()
        }
        _ => false,
    }
}

fn is_everyone(clause: &PrincipalClause) -> bool {
    !clause.negated
        && matches!(clause.principals.as_slice(), [name] if name.name == "*"
            && matches!(name.kind, PrincipalKind::Everyone | PrincipalKind::Aws))
}

#[derive(Default)]
struct Found {
    refusals: Vec<Refusal>,
}

impl Found {
    fn say(&mut self, span: Span, reason: impl Into<String>) {
        self.refusals.push(Refusal { span, reason: reason.into() });
    }

    /// "Within an IAM policy, the Sid value must be unique", and letters and digits are all that it may have; services may
    /// take more in resource policies.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html>
    fn sid<'a>(&mut self, statement: &'a Statement, index: usize, kind: Kind, sids: &mut HashMap<&'a str, usize>) {
        let Some(sid) = statement.sid.as_deref().filter(|sid| !sid.is_empty()) else { return };
        if let Some(first) = sids.get(sid) {
            let shown = shown(sid);
            self.say(statement.span, format!("the Sid `{shown}` is that of statement {} too", first + 1));
        } else {
            sids.insert(sid, index);
        }
        if kind != Kind::Resource && !sid.chars().all(|character| character.is_ascii_alphanumeric()) {
            self.say(statement.span, format!("the Sid `{}` has other characters than letters and digits", shown(sid)));
        }
    }

    fn principals(&mut self, statement: &Statement, kind: Kind) {
        let written = |negated| if negated { "NotPrincipal" } else { "Principal" };
        match kind {
            // "Unsupported elements: NotPrincipal, Principal"
            // <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_syntax.html>
            // "You cannot use the Principal element in an identity-based policy"
            // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
            Kind::Scp | Kind::Identity => {
                for clause in &statement.principals {
                    self.say(statement.span, format!("{} has no `{}`", article(kind), written(clause.negated)));
                }
            }
            // "You can only specify * in the Principal element of an RCP"; NotPrincipal is not supported.
            // <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>
            Kind::Rcp => {
                if statement.principals.iter().any(|clause| clause.negated) {
                    self.say(statement.span, "a resource control policy has no `NotPrincipal`");
                }
                let named: Vec<_> = statement.principals.iter().filter(|clause| !clause.negated).collect();
                if named.is_empty() || !named.iter().all(|clause| is_everyone(clause)) {
                    let reason = "each statement of a resource control policy has `\"Principal\": \"*\"`";
                    self.say(statement.span, format!("{reason}; a `Condition` says whom it is about"));
                }
            }
            // "You must use the Principal element in resource-based policies", and NotPrincipal "must be used with Deny".
            // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>
            Kind::Resource => {
                if statement.principals.is_empty() {
                    self.say(statement.span, "each statement of a resource policy has a `Principal`");
                }
                if statement.effect == Effect::Allow && statement.principals.iter().any(|clause| clause.negated) {
                    self.say(statement.span, "`NotPrincipal` stands only beside the effect `Deny`");
                }
            }
        }
    }

    fn actions(&mut self, statement: &Statement, kind: Kind) {
        // "For RCPs that you create, the value must be Deny"; NotAction is not supported there, and "you cannot use * in the
        // Action element of a customer managed RCP and have to specify the abbreviation for the service".
        // <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>
        if kind == Kind::Rcp {
            if statement.effect == Effect::Allow {
                self.say(statement.span, "only AWS's own `RCPFullAWSAccess` has the effect `Allow`");
            }
            if statement.actions.iter().any(|clause| clause.negated) {
                self.say(statement.span, "a resource control policy has no `NotAction`");
            }
        }
        for action in patterns(&statement.actions) {
            if let Some(reason) = action_refused(action, kind) {
                self.say(statement.span, reason);
            }
        }
    }

    fn resources(&mut self, statement: &Statement, kind: Kind) {
        // A trust policy of a role, which is a resource policy, has none.
        // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
        if statement.resources.is_empty() && kind != Kind::Resource {
            self.say(statement.span, format!("each statement of {} has a `Resource` or `NotResource`", article(kind)));
        }
        // Services have short forms of their own in the policies of their resources.
        if kind == Kind::Resource {
            return;
        }
        for resource in patterns(&statement.resources) {
            if let Some(reason) = resource_refused(resource, kind) {
                self.say(statement.span, reason);
            }
        }
    }
}

fn patterns(clauses: &[Clause]) -> impl Iterator<Item = &String> {
    clauses.iter().flat_map(|clause| &clause.patterns)
}

/// `*`, or `service:action`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>
fn action_refused(action: &str, kind: Kind) -> Option<String> {
    let shown = shown(action);
    if kind == Kind::Rcp && (action == "*" || action.split_once(':').is_some_and(|(service, _)| service.contains('*')))
    {
        return Some(format!("the action `{shown}` of a resource control policy names no service"));
    }
    if action == "*" {
        return None;
    }
    match action.split_once(':') {
        Some((service, name)) if !service.is_empty() && !name.is_empty() => None,
        _ => Some(format!("the action `{shown}` is not written `service:action`")),
    }
}

/// `*`, or an ARN with its six parts; one that ends in `*` may be shorter, since AWS lets it stand for the rest.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html> (Invalid ARN prefix,
/// Missing ARN field, Invalid partition)
fn resource_refused(resource: &str, kind: Kind) -> Option<String> {
    let shown = shown(resource);
    // What stands in a variable is not known before a request is made.
    if resource == "*" || resource.starts_with("${") {
        return None;
    }
    let mut parts = resource.split(':');
    if parts.next() != Some("arn") {
        return Some(format!("the resource `{shown}` is neither an ARN nor `*`"));
    }
    let partition = parts.next().unwrap_or_default();
    if !partition.starts_with("aws") && !partition.contains(['*', '?', '$']) {
        let partition = self::shown(partition);
        return Some(format!("the resource `{shown}` has the partition `{partition}`, which does not exist"));
    }
    // Of an identity policy AWS completes the parts that are missing.
    // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>
    if kind != Kind::Identity && resource.split(':').count() < 6 && !resource.ends_with('*') {
        return Some(format!(
            "the resource `{shown}` is no whole ARN: `arn:partition:service:region:account:resource`"
        ));
    }
    None
}

/// The beginning of a word, without what would act on a terminal.
fn shown(word: &str) -> String {
    let mut short: String = word.chars().take(SHOWN).collect();
    if short.len() < word.len() {
        short.push('…');
    }
    visible(&short).into_owned()
}

#[cfg(test)]
mod tests;
