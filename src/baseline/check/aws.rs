//! Mistakes of meaning in accounts, OUs, regions, quotas, settings and access. In comes the tree; out go diagnostics.
//! Policies and references by name have their own files.

use serde_json::Value;

use super::{
    super::{
        diagnostic::{Diagnostic, listed, nearest},
        document::Content,
        model::{
            Access, AccountEntry, DelegatedAdministrator, Limit, OrganizationalUnit, OuPath, QuotaLevel, QuotaRule,
            RegionRule,
        },
        schema::CHECKER,
    },
    Check,
};
use wildmatch::WildMatch;

pub(super) fn check(check: &mut Check<'_>) {
    accounts(check);
    organizational_units(check);
    delegated_administrators(check);
    regions(check);
    quotas(check);
    settings(check);
    access(check);
}

fn accounts(check: &mut Check<'_>) {
    let accounts = check.entries::<AccountEntry>("/aws/accounts");
    let placed = check.has("/aws/organization") || check.has("/aws/organizational_units");
    for (pointer, account) in &accounts {
        let span = check.value_span(pointer);
        match (&account.id, &account.matches) {
            (None, None) => check.error(
                span,
                "this account has neither `id` nor `match`",
                "add `id: \"…\"` (12 digits, in quotes), or `match: …` for any number of accounts",
            ),
            (Some(_), Some(_)) => {
                let span = check.key_span(&format!("{pointer}/match"));
                check.error(
                    span,
                    "`id` and `match` exclude each other",
                    "keep `id` for one account, `match` for any number of them",
                );
            }
            (None, Some(_)) if account.name.is_some() => {
                let span = check.key_span(&format!("{pointer}/name"));
                check.error(
                    span,
                    "`match` and `name` exclude each other",
                    "remove `name`: `match` is the pattern for names",
                );
            }
            _ => {}
        }
        if account.ou.is_none() && placed {
            check.error(span, "this account has no `ou`", "add `ou: /…`; `/` is the root");
        }
    }
    let ids = accounts.iter().filter_map(|(pointer, one)| Some((one.id.as_deref()?, format!("{pointer}/id"))));
    check.once("account", ids);
}

fn organizational_units(check: &mut Check<'_>) {
    let units = check.entries::<OrganizationalUnit>("/aws/organizational_units");
    let declared: Vec<&OuPath> = units.iter().map(|(_, unit)| &unit.path).collect();
    for (pointer, unit) in &units {
        let span = check.value_span(&format!("{pointer}/path"));
        match unit.path.parent() {
            None => check.error(span, "`/` is the root, not an OU", "remove this entry"),
            Some(parent) if !parent.is_root() && !declared.contains(&&parent) => {
                check.error(
                    span,
                    format!("`{}` hangs under `{parent}`, which is not declared", unit.path),
                    format!("add `- {{path: {parent}}}`"),
                );
            }
            Some(_) => {}
        }
    }
    let paths: Vec<(String, String)> =
        units.iter().map(|(at, unit)| (unit.path.to_string(), format!("{at}/path"))).collect();
    check.once("OU", paths.iter().map(|(path, at)| (path.as_str(), at.clone())));
    let ids = units.iter().filter_map(|(pointer, unit)| Some((unit.id.as_deref()?, format!("{pointer}/id"))));
    check.once("OU", ids);
}

fn delegated_administrators(check: &mut Check<'_>) {
    let entries = check.entries::<DelegatedAdministrator>("/aws/delegated_administrators");
    let pairs: Vec<(String, String)> = entries
        .iter()
        .map(|(at, one)| (format!("{} for {}", one.account, one.service), format!("{at}/account")))
        .collect();
    check.once("delegated administrator", pairs.iter().map(|(pair, at)| (pair.as_str(), at.clone())));
    let services = check.entries::<String>("/aws/trusted_services");
    check.once("trusted service", services.iter().map(|(pointer, one)| (one.as_str(), pointer.clone())));
}

fn regions(check: &mut Check<'_>) {
    for (pointer, rule) in check.entries::<RegionRule>("/aws/regions") {
        let allowed: Vec<WildMatch> = rule.allowed.iter().map(|pattern| WildMatch::new(pattern)).collect();
        for (index, region) in rule.required.iter().enumerate() {
            let span = check.value_span(&format!("{pointer}/required/{index}"));
            if region.contains(['*', '?']) {
                check.error(span, format!("`{region}` is a pattern"), "name each region that must be on");
            } else if !allowed.iter().any(|pattern| pattern.matches(region)) {
                let related = check.key_span(&format!("{pointer}/allowed"));
                let wrong = Diagnostic::error(span, format!("`{region}` is required but not allowed"));
                check.said.push(
                    wrong
                        .related(related, "not among these")
                        .help(format!("add `{region}` to `allowed`, or remove it here")),
                );
            }
        }
    }
}

fn quotas(check: &mut Check<'_>) {
    for (pointer, rule) in check.entries::<QuotaRule>("/aws/quotas") {
        if rule.service.contains(['*', '?']) {
            let span = check.value_span(&format!("{pointer}/service"));
            check.error(
                span,
                format!("`{}` is a pattern", rule.service),
                "name one service code; only `code` takes patterns",
            );
        }
        if rule.resource.is_some() && rule.level == QuotaLevel::Account {
            let span = check.key_span(&format!("{pointer}/resource"));
            check.error(
                span,
                "`resource` is given for a quota of the account",
                "add `level: resource`, or remove `resource`",
            );
        }
        conditions(check, &pointer, &rule);
    }
}

/// `equals` and `between` each say everything; `min` and `max` may stand together.
fn conditions(check: &mut Check<'_>, pointer: &str, rule: &QuotaRule) {
    let span = check.value_span(pointer);
    let given: Vec<&str> = [
        ("equals", rule.equals.is_some()),
        ("between", rule.between.is_some()),
        ("min", rule.min.is_some()),
        ("max", rule.max.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
    .collect();
    if given.is_empty() {
        check.error(span, "this quota has no condition", "add one of `equals`, `max`, `min`, `between`");
    }
    if let Some(first @ ("equals" | "between")) = given.first().copied()
        && given.len() > 1
    {
        let other = given.get(1).copied().unwrap_or(first);
        let span = check.key_span(&format!("{pointer}/{other}"));
        check.error(
            span,
            format!("`{first}` and `{other}` exclude each other"),
            format!("keep one of {}", listed(given.iter().copied())),
        );
    }
    if let (Some(Limit::Number(min)), Some(Limit::Number(max))) = (rule.min, rule.max)
        && min > max
    {
        let span = check.value_span(&format!("{pointer}/min"));
        check.error(span, format!("`min` {min} is above `max` {max}"), "no value fits: exchange them");
    }
    if let Some([low, high]) = rule.between
        && low > high
    {
        let span = check.value_span(&format!("{pointer}/between"));
        check.error(span, format!("{low} is above {high}"), format!("write `between: [{high}, {low}]`"));
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
    let Some(access) = check.get::<Access>("/aws/access") else {
        return;
    };
    for (key, roles) in [("management_role", &access.management_role), ("member_role", &access.member_role)] {
        let Some(roles) = roles else { continue };
        let pointer = format!("/aws/access/{key}");
        let is_list = check.root.at(&pointer).is_some_and(|node| !node.items().is_empty());
        for (index, role) in roles.0.iter().enumerate() {
            let at = if is_list { format!("{pointer}/{index}") } else { pointer.clone() };
            let span = check.value_span(&at);
            let unknown = role.replace("{account}", "").contains(['{', '}']);
            let is_arn = role.starts_with("arn:");
            let is_last = index + 1 == roles.0.len();
            if unknown {
                check.error(span, format!("`{role}` has an unknown placeholder"), "`{account}` is the only one");
            } else if is_arn && (role.split(':').nth(2) != Some("iam") || !role.contains(":role/")) {
                check.error(
                    span,
                    format!("`{role}` is not the ARN of a role"),
                    "write a role's name, or `arn:aws:iam::{account}:role/NAME`",
                );
            } else if is_arn && is_last && key == "member_role" && !role.contains("{account}") {
                check.error(
                    span,
                    format!("`{role}` is a role of one account only"),
                    "write a role's name, or `{account}` in place of the account id",
                );
            } else if !is_arn && role.contains([':', '{', '*', ' ']) {
                check.error(
                    span,
                    format!("`{role}` is not the name of a role"),
                    "write a name such as `GuardlineRead`, or `arn:aws:iam::{account}:role/NAME`",
                );
            }
        }
    }
}
