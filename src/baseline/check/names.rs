//! References by name, id and OU path. In comes the tree; out go diagnostics: a name that two declared accounts share is
//! an error wherever it is used, a name that nothing declared bears is a warning where the declaration claims to be whole
//! (it may still exist in the cloud; a scan of the whole estate says so).

use std::collections::BTreeMap;

use wildmatch::WildMatch;

use super::{
    super::{
        diagnostic::{Diagnostic, nearest},
        model::OuPath,
    },
    Check,
};

/// Sections of which each entry may have a `where`.
const RULES: [&str; 4] = ["/aws/regions", "/aws/quotas", "/aws/settings", "/aws/audit_logs/trails"];
/// Sections of which each entry is a `where`.
const PLACES: [&str; 2] = ["/aws/scope/include", "/aws/scope/exclude"];
/// Sections of which each entry has a `match`. They may speak of what is there unlisted.
const MATCHES: [&str; 2] = ["/exemptions", "/approved_changes"];

pub(super) fn check(check: &mut Check<'_>) {
    let declared = Declared::of(check);
    for pointer in check.each_of(&RULES) {
        place(check, &declared, &format!("{pointer}/where"), true);
    }
    for pointer in check.each_of(&PLACES) {
        place(check, &declared, &pointer, true);
    }
    for pointer in check.each_of(&MATCHES) {
        place(check, &declared, &format!("{pointer}/match"), false);
    }
    for pointer in check.each("/aws/accounts") {
        for written in texts(check, &format!("{pointer}/ou")) {
            ou(check, &declared, &written, Missing::Error);
        }
    }
    for pointer in check.each("/aws/delegated_administrators") {
        for written in texts(check, &format!("{pointer}/account")) {
            account(check, &declared, &written, true);
        }
    }
    for pointer in check.each("/aws/policies") {
        let targets = format!("{pointer}/targets");
        // A single word is `everywhere`, or the schema has said what it should be.
        for written in texts(check, &targets).into_iter().filter(|written| written.pointer != targets) {
            target(check, &declared, &written);
        }
    }
}

/// What the baseline declares, by the names that refer to it.
struct Declared {
    names: BTreeMap<String, Vec<String>>,
    ids: Vec<String>,
    patterns: Vec<String>,
    all_accounts: bool,
    units: Vec<OuPath>,
    all_units: bool,
}

impl Declared {
    fn of(check: &Check<'_>) -> Self {
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (pointer, name) in check.column("/aws/accounts", "name") {
            names.entry(name).or_default().push(pointer);
        }
        let texts = |list: Vec<(String, String)>| list.into_iter().map(|(_, text)| text);
        let mut ids: Vec<String> = texts(check.column("/aws/accounts", "id")).collect();
        ids.extend(check.get::<String>("/aws/management_account"));
        let units = texts(check.column("/aws/organizational_units", "path"));
        Self {
            names,
            ids,
            patterns: texts(check.column("/aws/accounts", "match")).collect(),
            all_accounts: check.complete && check.has("/aws/accounts"),
            units: units.filter_map(|path| OuPath::parse(&path).ok()).collect(),
            all_units: check.complete && check.has("/aws/organizational_units"),
        }
    }
}

/// A text of the baseline that refers to something.
struct Written {
    pointer: String,
    text: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Missing {
    Error,
    Warning,
    Silent,
}

fn texts(check: &Check<'_>, pointer: &str) -> Vec<Written> {
    check.texts(pointer).into_iter().map(|(pointer, text)| Written { pointer, text }).collect()
}

fn place(check: &mut Check<'_>, declared: &Declared, pointer: &str, whole: bool) {
    for written in texts(check, &format!("{pointer}/account")) {
        account(check, declared, &written, whole);
    }
    let missing = if whole { Missing::Warning } else { Missing::Silent };
    for written in texts(check, &format!("{pointer}/ou")) {
        ou(check, declared, &written, missing);
    }
    if !whole {
        for written in texts(check, &format!("{pointer}/target")) {
            account_name(check, declared, &written);
        }
    }
}

fn target(check: &mut Check<'_>, declared: &Declared, written: &Written) {
    if written.text == "everywhere" {
        check.error(check.value_span(&written.pointer), "`everywhere` stands in a list", "write `targets: everywhere`");
    } else if written.text.starts_with('/') {
        ou(check, declared, written, Missing::Warning);
    } else {
        account(check, declared, written, true);
    }
}

fn account(check: &mut Check<'_>, declared: &Declared, written: &Written, whole: bool) {
    let text = written.text.as_str();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && text.len() != 12 {
        let span = check.value_span(&written.pointer);
        check.error(span, format!("`{text}` is not an account id"), "an account id has 12 digits");
        return;
    }
    if account_name(check, declared, written) || !whole || !declared.all_accounts || text.contains(['*', '?']) {
        return;
    }
    let listed = if is_number { declared.ids.iter().any(|id| id == text) } else { declared.names.contains_key(text) };
    let matched = || !is_number && declared.patterns.iter().any(|pattern| WildMatch::new(pattern).matches(text));
    if listed || matched() {
        return;
    }
    let names = declared.names.keys().chain(&declared.ids).map(String::as_str);
    let help = nearest(text, names)
        .map_or_else(|| "add it to `accounts`, or correct it".to_owned(), |near| format!("did you mean `{near}`?"));
    let what = if is_number { "has the id" } else { "is called" };
    let wrong = Diagnostic::warning(check.value_span(&written.pointer), format!("no declared account {what} `{text}`"));
    check.said.push(wrong.help(help));
}

/// Whether the text is a name that several declared accounts bear; that is said.
fn account_name(check: &mut Check<'_>, declared: &Declared, written: &Written) -> bool {
    let Some([first, second, ..]) = declared.names.get(&written.text).map(Vec::as_slice) else {
        return false;
    };
    let ids: Vec<String> = [first, second]
        .iter()
        .filter_map(|pointer| check.get::<String>(&pointer.replace("/name", "/id")))
        .map(|id| format!("\"{id}\""))
        .collect();
    let wrong = Diagnostic::error(
        check.value_span(&written.pointer),
        format!("several accounts are called `{}`", written.text),
    );
    let wrong = wrong.related(check.value_span(second), "one of them");
    check.said.push(wrong.help(format!("write the id instead: {}", ids.join(" or "))));
    true
}

fn ou(check: &mut Check<'_>, declared: &Declared, written: &Written, missing: Missing) {
    let span = check.value_span(&written.pointer);
    let path = match OuPath::parse(&written.text) {
        Ok(path) => path,
        // The schema says so for the `ou` of an account.
        Err(_) if missing == Missing::Error => return,
        Err(wrong) => return check.said.push(Diagnostic::error(span, wrong)),
    };
    let is_pattern = written.text.contains(['*', '?']);
    if missing == Missing::Silent
        || is_pattern
        || path.is_root()
        || !declared.all_units
        || declared.units.contains(&path)
    {
        return;
    }
    let paths: Vec<String> = declared.units.iter().map(ToString::to_string).collect();
    let help = nearest(&written.text, paths.iter().map(String::as_str)).map_or_else(
        || format!("add `- {{path: {path}}}` to `organizational_units`, or correct it"),
        |near| format!("did you mean `{near}`?"),
    );
    let said = format!("OU `{path}` is not declared");
    let wrong = if missing == Missing::Error { Diagnostic::error(span, said) } else { Diagnostic::warning(span, said) };
    check.said.push(wrong.help(help));
}
