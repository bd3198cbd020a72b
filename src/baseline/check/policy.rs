//! Mistakes of meaning in policies and policy types. In comes the tree; out go diagnostics. Documents are read elsewhere.

use super::{
    super::diagnostic::{Diagnostic, nearest},
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
    let types = check.texts("/aws/policy_types");
    for (pointer, name) in &types {
        known_type(check, pointer, name);
    }
    let list = "/aws/policies";
    for (at, name) in check.column(list, "type") {
        let is_enabled = types.iter().any(|(_, enabled)| *enabled == name);
        if known_type(check, &at, &name) && !is_enabled && check.has("/aws/policy_types") {
            let wrong = Diagnostic::warning(check.value_span(&at), format!("`{name}` is not among `policy_types`"));
            check.said.push(wrong.help("a policy has no effect while its type is not enabled: add the type there"));
        }
    }
    check.once("policy type", types);
    let named = check.each(list).into_iter().filter_map(|pointer| {
        let (name, kind): (String, String) =
            (check.get(&format!("{pointer}/name"))?, check.get(&format!("{pointer}/type"))?);
        Some((format!("{pointer}/name"), format!("{name} ({kind})")))
    });
    check.once("policy", named.collect());
    check.once("policy", check.column(list, "id"));
    for (at, name) in check.column(list, "name") {
        pattern(check, at.trim_end_matches("/name"), &name);
    }
}

/// A pattern stands for many policies, which share no document. With an id it is one policy's name, letter by letter.
fn pattern(check: &mut Check<'_>, pointer: &str, name: &str) {
    if !name.contains(['*', '?']) || check.has(&format!("{pointer}/id")) {
        return;
    }
    let at = format!("{pointer}/document");
    if check.has(&at) {
        let help = "name one policy, or give the `id` of the one that is called so; else remove this key";
        check.error(check.key_span(&at), format!("`document` is given for the pattern `{name}`"), help);
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
