//! Mistakes of meaning in accounts, OUs, regions, quotas, settings and access. In comes the tree; out go diagnostics.
//! Policies and references by name have their own files.

use serde_json::Value;

use super::{
    super::{
        diagnostic::{Diagnostic, listed, nearest},
        document::Content,
        model::OuPath,
        schema::CHECKER,
    },
    Check,
};
use wildmatch::WildMatch;

pub(super) fn check(check: &mut Check<'_>) {
    scope(check);
    accounts(check);
    organizational_units(check);
    delegated_administrators(check);
    regions(check);
    quotas(check);
    settings(check);
    access(check);
}

/// `scope` says which accounts are read. A region there would read as one that is left alone, and every enabled region is
/// polled.
fn scope(check: &mut Check<'_>) {
    for list in ["/aws/scope/include", "/aws/scope/exclude"] {
        for pointer in check.each(list) {
            let region = format!("{pointer}/region");
            if check.has(&region) {
                let help = "remove it, and write `where: {region: …}` on the rules that are for some regions only";
                check.error(check.key_span(&region), "`scope` chooses accounts, not regions", help);
            }
        }
    }
}

fn accounts(check: &mut Check<'_>) {
    let placed = check.has("/aws/organization") || check.has("/aws/organizational_units");
    for pointer in check.each("/aws/accounts") {
        let [id, matches, name, ou] = ["id", "match", "name", "ou"].map(|key| format!("{pointer}/{key}"));
        let span = check.value_span(&pointer);
        match (check.has(&id), check.has(&matches)) {
            (false, false) => {
                let help = "add `id: \"…\"` (12 digits, in quotes), or `match: …` for any number of accounts";
                check.error(span, "this account has neither `id` nor `match`", help);
            }
            (true, true) => {
                let help = "keep `id` for one account, `match` for any number of them";
                check.error(check.key_span(&matches), "`id` and `match` exclude each other", help);
            }
            (false, true) if check.has(&name) => {
                let help = "remove `name`: `match` is the pattern for names";
                check.error(check.key_span(&name), "`match` and `name` exclude each other", help);
            }
            _ => {}
        }
        if placed && !check.has(&ou) {
            check.error(span, "this account has no `ou`", "add `ou: /…`; `/` is the root");
        }
    }
    check.once("account", check.column("/aws/accounts", "id"));
}

fn organizational_units(check: &mut Check<'_>) {
    let paths = check.column("/aws/organizational_units", "path");
    let parsed: Vec<(&str, OuPath)> =
        paths.iter().filter_map(|(at, path)| Some((at.as_str(), OuPath::parse(path).ok()?))).collect();
    for (at, path) in &parsed {
        let span = check.value_span(at);
        match path.parent() {
            None => check.error(span, "`/` is the root, not an OU", "remove this entry"),
            Some(parent) if check.complete && !parent.is_root() && !parsed.iter().any(|(_, path)| *path == parent) => {
                let wrong = format!("`{path}` hangs under `{parent}`, which is not declared");
                check.error(span, wrong, format!("add `- {{path: {parent}}}`"));
            }
            Some(_) => {}
        }
    }
    check.once("OU", paths);
    check.once("OU", check.column("/aws/organizational_units", "id"));
}

fn delegated_administrators(check: &mut Check<'_>) {
    let list = "/aws/delegated_administrators";
    let pairs = check.each(list).into_iter().filter_map(|pointer| {
        let account: String = check.get(&format!("{pointer}/account"))?;
        let service: String = check.get(&format!("{pointer}/service"))?;
        Some((format!("{pointer}/account"), format!("{account} for {service}")))
    });
    check.once("delegated administrator", pairs.collect());
    check.once("trusted service", check.texts("/aws/trusted_services"));
}

fn regions(check: &mut Check<'_>) {
    for pointer in check.each("/aws/regions") {
        let allowed_at = format!("{pointer}/allowed");
        let allowed: Vec<WildMatch> = check.texts(&allowed_at).iter().map(|(_, text)| WildMatch::new(text)).collect();
        for (at, region) in check.texts(&format!("{pointer}/required")) {
            let span = check.value_span(&at);
            if region.contains(['*', '?']) {
                check.error(span, format!("`{region}` is a pattern"), "name each region that must be on");
            } else if check.has(&allowed_at) && !allowed.iter().any(|pattern| pattern.matches(&region)) {
                let wrong = Diagnostic::error(span, format!("`{region}` is required but not allowed"));
                let wrong = wrong.related(check.key_span(&allowed_at), "not among these");
                check.said.push(wrong.help(format!("add `{region}` to `allowed`, or remove it here")));
            }
        }
    }
}

fn quotas(check: &mut Check<'_>) {
    for pointer in check.each("/aws/quotas") {
        for (at, service) in check.texts(&format!("{pointer}/service")) {
            if service.contains(['*', '?']) {
                let help = "name one service code; only `code` takes patterns";
                check.error(check.value_span(&at), format!("`{service}` is a pattern"), help);
            }
        }
        let resource = format!("{pointer}/resource");
        if check.has(&resource) && !check.has(&format!("{pointer}/level")) {
            let help = "add `level: resource`, or remove `resource`";
            check.error(check.key_span(&resource), "`resource` is given for a quota of the account", help);
        }
        conditions(check, &pointer);
    }
}

/// `equals` and `between` each say everything; `min` and `max` may stand together.
fn conditions(check: &mut Check<'_>, pointer: &str) {
    let conditions = ["equals", "between", "min", "max"];
    let given: Vec<&str> = conditions.into_iter().filter(|key| check.has(&format!("{pointer}/{key}"))).collect();
    if given.is_empty() {
        let span = check.value_span(pointer);
        check.error(span, "this quota has no condition", "add one of `equals`, `max`, `min`, `between`");
    }
    if let [first @ ("equals" | "between"), other, ..] = given.as_slice() {
        let span = check.key_span(&format!("{pointer}/{other}"));
        let help = format!("keep one of {}", listed(given.iter().copied()));
        check.error(span, format!("`{first}` and `{other}` exclude each other"), help);
    }
    check.bound(pointer);
    let between = format!("{pointer}/between");
    if let Some([low, high]) = check.get::<[f64; 2]>(&between)
        && low > high
    {
        check.error(
            check.value_span(&between),
            format!("{low} is above {high}"),
            format!("write `between: [{high}, {low}]`"),
        );
    }
}

/// Keys of a settings rule that are not switches.
const NOT_SWITCHES: [&str; 2] = ["where", "managed_by"];

fn settings(check: &mut Check<'_>) {
    let Some(section) = check.root.at("/aws/settings") else {
        return;
    };
    let mut said = Vec::new();
    for (index, rule) in section.items().iter().enumerate() {
        let Content::Map(entries) = &rule.content else {
            continue;
        };
        if entries.iter().all(|entry| NOT_SWITCHES.contains(&entry.key.as_str())) {
            let span = check.value_span(&format!("/aws/settings/{index}"));
            said.push(
                Diagnostic::error(span, "this rule gives no setting")
                    .help("add one, such as `ebs_encryption_by_default: true`"),
            );
        }
        unusual_values(rule, "SettingsRule", &mut said);
    }
    check.said.extend(said);
}

/// EC2's words may grow, so an unknown one is no error; a slip is worth a warning. The model's examples are the known
/// words.
fn unusual_values(rule: &super::Node, type_name: &str, said: &mut Vec<Diagnostic>) {
    let Content::Map(entries) = &rule.content else {
        return;
    };
    let properties = CHECKER.schema.pointer(&format!("/$defs/{type_name}/properties"));
    for entry in entries {
        let Some(property) = properties.and_then(|all| all.get(&entry.key)) else {
            continue;
        };
        if let Some(inner) = property.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/$defs/"))
        {
            unusual_values(&entry.value, inner, said);
        }
        let known: Vec<&str> = property
            .get("examples")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let Some(text) = entry.value.as_text() else {
            continue;
        };
        if known.is_empty() || known.contains(&text) {
            continue;
        }
        let help = nearest(text, known.iter().copied()).map_or_else(
            || format!("EC2 says {}", listed(known.iter().copied())),
            |near| format!("did you mean `{near}`?"),
        );
        said.push(
            Diagnostic::warning(entry.value.span, format!("`{text}` is not a value that EC2 is known to give"))
                .help(help),
        );
    }
}

fn access(check: &mut Check<'_>) {
    for key in ["management_role", "member_role"] {
        let roles = check.texts(&format!("/aws/access/{key}"));
        for (index, (at, role)) in roles.iter().enumerate() {
            let only_last = key == "member_role" && index + 1 == roles.len();
            if let Some((wrong, help)) = wrong_role(role, only_last) {
                check.error(check.value_span(at), format!("`{role}` {wrong}"), help);
            }
        }
    }
}

/// What is wrong with a role to be assumed, and the fix. `in_each` asks for a role that every account has.
fn wrong_role(role: &str, in_each: bool) -> Option<(&'static str, &'static str)> {
    let is_arn = role.starts_with("arn:");
    if role.replace("{account}", "").contains(['{', '}']) {
        Some(("has an unknown placeholder", "`{account}` is the only one"))
    } else if is_arn && (role.split(':').nth(2) != Some("iam") || !role.contains(":role/")) {
        Some(("is not the ARN of a role", "write a role's name, or `arn:aws:iam::{account}:role/NAME`"))
    } else if is_arn && in_each && !role.contains("{account}") {
        Some(("is a role of one account only", "write a role's name, or `{account}` in place of the account id"))
    } else if !is_arn && role.contains([':', '{', '*', ' ']) {
        Some((
            "is not the name of a role",
            "write a name such as `GuardlineRead`, or `arn:aws:iam::{account}:role/NAME`",
        ))
    } else {
        None
    }
}
