//! `guardline compare`: what people and scripts see of the decision procedure.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

use serde_json::{Value, json};

use crate::double::Server;
use crate::double::estate::Estate;
use crate::runner::{Project, Run};

const FULL: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
const EU: &str = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "Outside", "Effect": "Deny", "NotAction": "iam:*",
    "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1"]}}}]}"#;

fn project() -> Project {
    let project = Project::acme();
    let wider = EU.replace("[\"eu-west-1\"]", "[\"eu-west-1\", \"eu-south-2\"]");
    let elsewhere = EU.replace("eu-west-1", "eu-central-1");
    let odd = EU.replace("StringNotEquals", "StringResembles");
    for (name, text) in [
        ("eu.json", EU),
        ("words.json", &EU.replace("StringNotEquals", "StringNotLike")),
        ("wider.json", &wider),
        ("elsewhere.json", &elsewhere),
        ("odd.json", &odd),
        ("allow.json", FULL),
        ("broken.json", "{\"Statement\": [\n  {\"Effect\": \"Perhaps\", \"Action\": \"*\"}]}"),
        ("bare.json", &format!("[[{EU}]]")),
        ("levels.json", &format!("[[{FULL}], [{FULL}, {EU}]]")),
        ("opened.json", &format!("[[{FULL}], [{FULL}]]")),
        ("before/1-root/scp/full.json", FULL),
        ("before/1-root/rcp/mine.json", &rcp("o-exampleorgid")),
        ("after/1-root/scp/full.json", FULL),
    ] {
        project.write(name, text);
    }
    project
}

fn rcp(organization: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": organization}}}})
    .to_string()
}

fn compare(project: &Project, arguments: &[&str]) -> Run {
    project.run(&[&["compare"], arguments].concat(), &[])
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).expect("JSON on stdout")
}

#[test]
fn the_code_follows_from_the_verdict() {
    let project = project();
    for (arguments, verdict, code) in [
        (vec!["eu.json", "words.json"], "equivalent", 0),
        (vec!["wider.json", "eu.json"], "stricter", 0),
        (vec!["eu.json", "wider.json"], "weaker", 3),
        (vec!["eu.json", "elsewhere.json"], "mixed", 3),
        (vec!["eu.json", "odd.json"], "unknown", 4),
        (vec!["eu.json", "odd.json", "--allow-unknown"], "unknown", 0),
        (vec!["levels.json", "opened.json"], "weaker", 3),
        (vec!["before", "after"], "weaker", 3),
        (vec!["after", "before"], "stricter", 0),
        (vec!["before", "after", "--kind", "scp"], "equivalent", 0),
        (vec!["eu.json", "wider.json", "--bind", "aws:RequestedRegion=us-east-1"], "equivalent", 0),
        (vec!["eu.json", "wider.json", "--max-states", "3"], "unknown", 4),
    ] {
        let run = compare(&project, &[arguments.as_slice(), &["-f", "json"]].concat());
        assert_eq!(json(&run)["verdict"], verdict, "{arguments:?} {}", run.stderr);
        assert_eq!(run.code, code, "{arguments:?}");
        let shown = json(&run)["witnesses"].as_array().is_some_and(|witnesses| !witnesses.is_empty());
        assert_eq!(shown, verdict == "weaker" || verdict == "mixed", "{arguments:?}");
        assert_eq!(json(&run)["reason"].is_string(), verdict == "unknown", "{arguments:?}");
    }
}

#[test]
fn a_weaker_one_comes_with_its_request_and_what_was_taken_for_granted() {
    let run = compare(&project(), &["eu.json", "wider.json", "-f", "json"]);
    let said = json(&run);
    assert_eq!(said["schema"], "guardline/compare/v1");
    let witness = &said["witnesses"][0];
    assert_eq!((&witness["guardrail"], &witness["action"]), (&json!("scp"), &json!("ec2:RunInstances")));
    assert_eq!(witness["context"], json!({"aws:RequestedRegion": "eu-south-2"}));
    assert_eq!(said["extent"]["regions"], json!(["eu-south-2"]));
    assert_eq!(said["assumed"], json!(["`FullAWSAccess` stands beside the documents, which hold no Allow"]));
    // One side with an Allow: nothing is taken to stand beside either.
    let run = compare(&project(), &["eu.json", "allow.json", "-f", "json"]);
    assert_eq!((run.code, &json(&run)["stopped"]), (3, &json!([])));
    assert!(json(&run)["assumed"].to_string().contains("does not stand beside"));
    // With levels nothing is implied: without an Allow nothing was let through before either.
    let run = compare(&project(), &["bare.json", "bare.json", "-f", "json"]);
    assert_eq!((run.code, &json(&run)["assumed"]), (0, &json!([])));
}

#[test]
fn people_read_it_as_text_or_markdown_and_nothing_gets_out_of_its_place() {
    let project = project();
    let hostile = EU.replace("eu-west-1", "`</code>\\u001b[31m\\n# x");
    project.write("hostile.json", &hostile);
    for format in ["text", "markdown"] {
        let run = compare(&project, &["hostile.json", "eu.json", "-f", format]);
        assert_eq!(run.code, 3, "{}", run.stderr);
        assert!(!run.stdout.contains('\u{1b}') && !run.stdout.contains("\n# x"), "{}", run.stdout);
    }
    let run = compare(&project, &["eu.json", "wider.json"]);
    assert!(run.stdout.starts_with("weaker: requests get through that were stopped before\n"), "{}", run.stdout);
    assert!(run.stdout.contains("with       aws:RequestedRegion = eu-south-2"), "{}", run.stdout);
}

#[test]
fn what_cannot_be_parsed_is_told_by_line_and_column() {
    let project = project();
    let run = compare(&project, &["eu.json", "broken.json"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("broken.json:2:14") && run.stderr.contains("not `Perhaps`"), "{}", run.stderr);
    let run = compare(&project, &["eu.json", "nowhere.json"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("`nowhere.json`"), "{}", run.stderr);
    assert_eq!(compare(&project, &["eu.json"]).code, 2);
    let twice = compare(&project, &["eu.json", "eu.json", "--bind", "a=1", "--bind", "A=2"]);
    assert_eq!(twice.code, 2);
    assert!(twice.stderr.contains("two values"), "{}", twice.stderr);
}

#[test]
fn a_batch_answers_each_line_in_order() {
    let project = project();
    let line =
        |id: &str, new: &str| format!("{{\"id\": \"{id}\", \"kind\": \"scp\", \"old\": {}, \"new\": {new}}}", flat(EU));
    let good = [line("a", &flat(EU)), String::new(), line("b", &format!("[[{}]]", flat(FULL)))].join("\n");
    project.write("good.jsonl", &good);
    let run = compare(&project, &["--batch", "good.jsonl"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let told: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let verdicts: Vec<_> = told.iter().map(|one| (one["id"].as_str(), one["verdict"].as_str())).collect();
    assert_eq!(verdicts, [(Some("a"), Some("equivalent")), (Some("b"), Some("weaker"))]);

    let bad =
        [line("a", "7"), "{".to_owned(), line("c", &flat(EU)).replace("\"scp\"", "\"spc\""), line("d", &flat(EU))];
    project.write("bad.jsonl", &bad.join("\n"));
    let run = compare(&project, &["--batch", "bad.jsonl"]);
    assert_eq!(run.code, 2);
    let told: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let wrong: Vec<bool> = told.iter().map(|one| one["error"].is_string()).collect();
    assert_eq!(wrong, [true, true, true, false]);
    assert_eq!((&told[0]["id"], &told[2]["id"]), (&json!("a"), &json!("c")));
}

fn flat(text: &str) -> String {
    text.replace('\n', " ")
}

/// A snapshot of an estate, in a project.
fn snapshot(project: &Project, name: &str, change: impl FnOnce(&mut Estate)) {
    let mut estate = Estate::sample();
    change(&mut estate);
    let server = Server::start(estate);
    project.scan(&server, &["--snapshot", name, "--exit-zero"]);
}

#[test]
fn two_snapshots_are_compared_once_for_accounts_that_the_same_policies_bind() {
    let project = project();
    snapshot(&project, "old.json", |_| {});
    snapshot(&project, "new.json", |estate| {
        estate.policy_mut("deny-outside-eu").targets.clear();
        estate.move_account("888888888888", "/Sandbox");
    });
    let same = compare(&project, &["old.json", "old.json"]);
    assert_eq!(
        (same.code, same.stdout.as_str()),
        (0, "equivalent: both sides let the same requests through\n"),
        "{}",
        same.stderr
    );

    let opened = compare(&project, &["old.json", "new.json", "-f", "json"]);
    assert_eq!(opened.code, 3, "{}", opened.stderr);
    let said = json(&opened);
    assert_eq!((&said["schema"], &said["verdict"]), (&json!("guardline/compare-snapshots/v1"), &json!("weaker")));
    let accounts: Vec<&Value> = said["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .flat_map(|group| group["accounts"].as_array().expect("accounts"))
        .collect();
    assert_eq!(accounts, [&json!("444444444444"), &json!("222222222222"), &json!("555555555555")]);
    for group in said["groups"].as_array().expect("groups") {
        assert_eq!((&group["guardrail"], &group["verdict"]), (&json!("scp"), &json!("weaker")));
        assert!(group["witnesses"][0]["action"].is_string(), "{group}");
    }
    assert_eq!(said["moved"][0]["account"], "888888888888");

    let text = compare(&project, &["old.json", "new.json"]).stdout;
    assert!(text.starts_with("weaker: requests get through that were stopped before\n\nscp of "), "{text}");
    assert!(text.contains("\nmoved: 888888888888 from /Infrastructure to /Sandbox\n"), "{text}");
    let markdown = compare(&project, &["old.json", "new.json", "-f", "markdown"]).stdout;
    assert!(markdown.contains("### scp of ` "), "{markdown}");
    // Back again is stricter.
    assert_eq!(compare(&project, &["new.json", "old.json"]).code, 0);
    assert_eq!(compare(&project, &["new.json", "eu.json"]).code, 2);
    assert_eq!(compare(&project, &["old.json", "new.json", "--kind", "identity"]).code, 2);
    assert_eq!(compare(&project, &["old.json", "new.json", "--kind", "rcp"]).code, 0);
}

#[test]
fn an_account_that_left_is_bound_by_nothing_and_what_was_not_read_is_not_unchanged() {
    let project = project();
    snapshot(&project, "old.json", |_| {});
    snapshot(&project, "left.json", |estate| {
        estate.accounts.remove("555555555555");
    });
    let left = compare(&project, &["old.json", "left.json"]);
    assert_eq!(left.code, 3, "{}{}", left.stdout, left.stderr);
    assert!(left.stdout.contains("left: 555555555555; no guardrail binds it any more"), "{}", left.stdout);
    let back = compare(&project, &["left.json", "old.json"]);
    assert_eq!(back.code, 0, "{}", back.stdout);
    assert!(back.stdout.contains("new: 555555555555"), "{}", back.stdout);
}

/// What is not judged between snapshots is never a part of a proof.
#[test]
fn policies_of_other_types_that_differ_are_no_proof() {
    let project = Project::acme();
    snapshot(&project, "old.json", |_| {});
    let mut other: Value = serde_json::from_str(&project.read("old.json")).expect("JSON");
    let policies = other["organization"]["known"]["policies"].as_object_mut().expect("policies");
    policies.insert("DECLARATIVE_POLICY_EC2".to_owned(), json!({"known": []}));
    project.write("other.json", &other.to_string());
    let run = project.run(&["compare", "old.json", "other.json"], &[]);
    assert_eq!(run.code, 4, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("policies of the type DECLARATIVE_POLICY_EC2 are not the same"), "{}", run.stdout);
    assert_eq!(project.run(&["compare", "old.json", "other.json", "--kind", "scp"], &[]).code, 0);
    assert_eq!(project.run(&["compare", "other.json", "other.json"], &[]).code, 0);
}
