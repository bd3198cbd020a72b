//! Mistakes of meaning in policies and policy types. In comes the tree; out go diagnostics. Documents are read elsewhere.

use super::{
    super::{
        diagnostic::{Diagnostic, nearest},
        model::PolicyRule,
    },
    Check,
};

/// AWS's policy types as of November 2026, in a baseline's spelling; AWS adds to them.
/// Source: <https://docs.aws.amazon.com/organizations/latest/APIReference/API_PolicySummary.html>
const KNOWN_POLICY_TYPES: [&str; 15] = [
    "aiservices_opt_out",
    "backup",
    "bedrock",
    "chatbot",
    "declarative_policy_ec2",
    "guardduty",
    "inspector",
    "network_security_director",
    "resource_control",
    "s3",
    "securityhub",
    "securityhub_cspm",
    "service_control",
    "tag",
    "upgrade_rollout",
];

pub(super) fn check(check: &mut Check<'_>) {
    let types = check.entries::<String>("/aws/policy_types");
    for (pointer, name) in &types {
        known_type(check, pointer, name);
    }
    check.once("policy type", types.iter().map(|(pointer, one)| (one.as_str(), pointer.clone())));

    let policies = check.entries::<PolicyRule>("/aws/policies");
    for (pointer, policy) in &policies {
        let at = format!("{pointer}/type");
        let is_known = known_type(check, &at, &policy.policy_type);
        let enabled = types.iter().any(|(_, name)| *name == policy.policy_type);
        if is_known && !enabled && check.has("/aws/policy_types") {
            let span = check.value_span(&at);
            let wrong = Diagnostic::warning(span, format!("`{}` is not among `policy_types`", policy.policy_type));
            check.said.push(wrong.help("a policy has no effect while its type is not enabled: add the type there"));
        }
        pattern(check, pointer, policy);
    }
    let named: Vec<(String, String)> = policies
        .iter()
        .map(|(pointer, policy)| (format!("{} ({})", policy.name, policy.policy_type), format!("{pointer}/name")))
        .collect();
    check.once("policy", named.iter().map(|(name, at)| (name.as_str(), at.clone())));
    let ids = policies.iter().filter_map(|(pointer, one)| Some((one.id.as_deref()?, format!("{pointer}/id"))));
    check.once("policy", ids);
}

/// A pattern stands for many policies, which share neither id nor document.
fn pattern(check: &mut Check<'_>, pointer: &str, policy: &PolicyRule) {
    if !policy.name.contains(['*', '?']) {
        return;
    }
    for (key, given) in [("id", policy.id.is_some()), ("document", policy.document.is_some())] {
        if given {
            let span = check.key_span(&format!("{pointer}/{key}"));
            check.error(
                span,
                format!("`{key}` is given for the pattern `{}`", policy.name),
                "name one policy, or remove this key",
            );
        }
    }
}

fn known_type(check: &mut Check<'_>, pointer: &str, name: &str) -> bool {
    if KNOWN_POLICY_TYPES.contains(&name) {
        return true;
    }
    let span = check.value_span(pointer);
    let help = nearest(name, KNOWN_POLICY_TYPES).map_or_else(
        || "types are AWS's names in lower case without `_POLICY`".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    check
        .said
        .push(Diagnostic::warning(span, format!("`{name}` is not a policy type that AWS is known to have")).help(help));
    false
}
