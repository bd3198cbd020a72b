//! The order of the house: what a module may know, where the SDK may stand, how long a file may be, and that what the
//! program finds is what the README says it finds.
//!
//! In: the sources as text. It never runs the program.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use guardline::compare::Rule;
use guardline::finding::rule_table;

/// The most lines of a file that are not tests.
const LONGEST: usize = 600;

/// Crates of the AWS SDK, by how their names begin.
const SDK: [&str; 6] = ["aws_config", "aws_credential_types", "aws_runtime", "aws_sdk_", "aws_smithy", "aws_types"];

const PRINTING: [&str; 5] = ["print!", "println!", "eprint!", "eprintln!", "dbg!"];

/// One file of `src`.
struct Source {
    /// From `src` on: `compare/links.rs`
    path: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join("src"), "", &mut found);
    assert!(found.len() > 100, "only {} sources were found", found.len());
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(directory: &Path, prefix: &str, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
        if path.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), found);
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            let text = fs::read_to_string(&path).expect("a text");
            found.push(Source { path: format!("{prefix}{name}"), text });
        }
    }
}

/// The top-level modules, in the order of `src/lib.rs`.
fn order(sources: &[Source]) -> Vec<String> {
    let library = sources.iter().find(|source| source.path == "lib.rs").expect("a library");
    let modules = library.text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    modules.map(str::to_owned).collect()
}

impl Source {
    /// Whether it holds nothing but tests.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Its modules from the top: `["compare", "links"]`
    fn modules(&self) -> Vec<&str> {
        self.path.trim_end_matches(".rs").split('/').collect()
    }

    /// Its lines with their numbers, without modules of tests.
    fn lines(&self) -> Vec<(usize, &str)> {
        let mut kept = Vec::new();
        let mut lines = self.text.lines().enumerate().peekable();
        while let Some((index, line)) = lines.next() {
            match lines.peek() {
                Some((_, next)) if line == "#[cfg(test)]" && next.starts_with("mod ") => {
                    if next.ends_with('{') {
                        break; // It is the last thing in its file: a test below holds that.
                    }
                    lines.next();
                }
                _ => kept.push((index + 1, line)),
            }
        }
        kept
    }

    /// The same without comments.
    fn code(&self) -> Vec<(usize, &str)> {
        self.lines().into_iter().filter(|(_, line)| !line.trim_start().starts_with("//")).collect()
    }

    /// Where a text stands as a word of its own.
    fn mentions(&self, what: &str) -> impl Iterator<Item = String> {
        let begins = |line: &str| {
            line.match_indices(what).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        let found: Vec<_> = self.code().into_iter().filter(|(_, line)| begins(line)).collect();
        found.into_iter().map(|(number, line)| format!("src/{}:{number}: {}", self.path, line.trim()))
    }

    /// The top-level modules that it names by their path, with the line.
    fn knows(&self) -> Vec<(usize, String)> {
        let above = "super::".repeat(self.modules().len());
        let mut known = Vec::new();
        for (number, line) in self.code() {
            for root in ["crate::", above.as_str()] {
                for (at, _) in line.match_indices(root) {
                    known.extend(heads(&line[at + root.len()..]).into_iter().map(|name| (number, name)));
                }
            }
        }
        known
    }
}

/// The first names of a path: `a::b` names `a`, `{a::b, c}` names `a` and `c`.
fn heads(path: &str) -> Vec<String> {
    let head = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![head(path)] };
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(head(&group[start..at]));
                start = at + 1;
                if letter == '}' {
                    return names;
                }
            }
            _ => {}
        }
    }
    panic!("a group of `use` stands on one line here, so that it can be read: `{path}`");
}

/// What a source knows and may not, as the order of modules says.
fn out_of_order(source: &Source, order: &[String]) -> Vec<String> {
    let modules = source.modules();
    let Some(own) = order.iter().position(|module| *module == modules[0]) else { return Vec::new() };
    let wrong = source.knows().into_iter().filter(|(_, name)| {
        // What is no top-level module comes from the crate's root itself, which holds nothing else.
        order.iter().position(|module| module == name).is_none_or(|place| place > own)
    });
    wrong
        .map(|(number, name)| format!("src/{}:{number}: `{}` may not know `{name}`", source.path, modules[0]))
        .collect()
}

#[test]
fn a_module_knows_only_those_above_it() {
    let sources = sources();
    let order = order(&sources);
    assert!(order.len() > 5 && order.last().is_some_and(|last| last == "cli"), "{order:?}");
    for module in sources.iter().map(Source::modules) {
        let top = module[0].to_owned();
        assert!(order.contains(&top) || ["lib", "main"].contains(&module[0]), "`{top}` is not in src/lib.rs");
    }
    let wrong: Vec<_> = sources.iter().flat_map(|source| out_of_order(source, &order)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_out_of_order_is_seen() {
    let order = ["estate", "compare", "report"].map(str::to_owned);
    let told =
        |path: &str, text: &str| out_of_order(&Source { path: path.to_owned(), text: text.to_owned() }, &order).len();
    assert_eq!(told("compare/links.rs", "use crate::estate::Scope;\nuse crate::compare::Rule;"), 0);
    assert_eq!(told("compare/links.rs", "use crate::report::Report;"), 1);
    assert_eq!(told("compare.rs", "let x = crate::report::json(y);"), 1);
    assert_eq!(told("compare/links.rs", "use crate::{estate::{A, B}, report};"), 1);
    assert_eq!(told("compare/links.rs", "use super::super::report;"), 1);
    assert_eq!(told("compare/links.rs", "use super::report;"), 0);
    assert_eq!(told("compare.rs", "// crate::report\n#[cfg(test)]\nmod tests {\n    use crate::report;\n}"), 0);
}

#[test]
fn tests_come_last_in_their_file() {
    for source in sources() {
        let Some((_, tests)) = source.text.split_once("\n#[cfg(test)]\nmod tests {\n") else { continue };
        let (_, after) = tests.split_once("\n}\n").expect("a module that ends");
        assert_eq!(after, "", "src/{}: something stands below its tests", source.path);
    }
}

#[test]
fn the_sdk_stands_only_with_the_provider() {
    let (inside, outside): (Vec<_>, Vec<_>) =
        sources().into_iter().partition(|source| source.modules()[0] == "provider");
    let names = |source: &Source| SDK.iter().flat_map(|name| source.mentions(name)).collect::<Vec<_>>();
    assert!(
        inside.iter().any(|source| !names(source).is_empty()),
        "the SDK is looked for under names it does not have"
    );
    let wrong: Vec<_> = outside.iter().flat_map(names).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_printed_past_the_outputs() {
    let program = sources().into_iter().filter(|source| !source.is_test());
    let wrong: Vec<_> =
        program.flat_map(|source| PRINTING.map(|name| source.mentions(name).collect::<Vec<_>>())).collect();
    let wrong = wrong.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let planted = Source { path: "x.rs".to_owned(), text: "/// println!\n    eprintln!(\"x\");\n".to_owned() };
    assert_eq!(PRINTING.iter().map(|name| planted.mentions(name).count()).sum::<usize>(), 1);
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    for source in sources() {
        assert!(source.text.starts_with("//! "), "src/{} does not open with `//!`", source.path);
    }
}

#[test]
fn no_file_is_too_long_to_be_read() {
    for source in sources().iter().filter(|source| !source.is_test()) {
        let lines = source.lines().len();
        assert!(lines <= LONGEST, "src/{} has {lines} lines that are not tests; {LONGEST} are allowed", source.path);
    }
}

#[test]
fn what_is_found_is_what_the_readme_says() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let (_, section) = readme.split_once("\n## What it finds\n").expect("a section `What it finds`");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut told = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [rule, meaning, severity] = cells[..] else { panic!("a row of three cells: {row}") };
        assert!(meaning.len() > 10, "{rule} needs a meaning");
        assert!(
            told.insert(rule.trim_matches('`').to_owned(), severity.to_owned()).is_none(),
            "{rule} stands there twice"
        );
    }
    let table = rule_table();
    for rule in Rule::ALL {
        let entry = table.get(rule).unwrap_or_else(|| panic!("`policies/rules.yaml` says nothing of `{rule}`"));
        let severity = told.remove(rule.as_str()).unwrap_or_else(|| panic!("the README has no row for `{rule}`"));
        assert_eq!(severity, entry.severity.to_string(), "the README gives `{rule}` another severity than the table");
    }
    assert!(told.is_empty(), "the README names rules that do not exist: {told:?}");
}

/// Reads that show no state by themselves: who reads, whether there is an organisation, defaults, tags, details of what
/// another read shows, and who made a change.
const NO_STATE: [&str; 9] = [
    "cloudtrail:GetEventSelectors",
    "cloudtrail:GetTrailStatus",
    "cloudtrail:LookupEvents",
    "organizations:DescribeEffectivePolicy",
    "organizations:DescribeOrganization",
    "organizations:ListTagsForResource",
    "servicequotas:ListAWSDefaultServiceQuotas",
    "sts:AssumeRole",
    "sts:GetCallerIdentity",
];

#[test]
fn every_read_is_known_to_show_a_kind_or_none() {
    let table = fs::read_to_string(root().join("policies/aws/kinds.yaml")).expect("the table");
    let mut known: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("  - ")).chain(NO_STATE).collect();
    known.sort_unstable();
    let sources = sources();
    let provider = sources.iter().filter(|source| source.path.starts_with("provider/aws"));
    let mut made: Vec<&str> = provider.flat_map(|source| source.text.split('"')).filter_map(operation).collect();
    made.sort_unstable();
    made.dedup();
    assert_eq!(made, known);
}

/// `service:Operation`, with what may follow it.
fn operation(text: &str) -> Option<&str> {
    let text = text.split(' ').next()?;
    let (service, name) = text.split_once(':')?;
    let named = name.starts_with(|first: char| first.is_ascii_uppercase()) && name.chars().all(char::is_alphanumeric);
    let services = ["account", "cloudtrail", "ec2", "organizations", "servicequotas", "sts"];
    (named && services.contains(&service)).then_some(text)
}
