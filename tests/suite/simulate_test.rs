//! `guardline simulate`: what people and scripts see of the evaluator.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

use serde_json::{Value, json};

use crate::double::Server;
use crate::double::estate::Estate;
use crate::runner::{Project, Run};

const OUTSIDE: &str = r#"{"Version": "2012-10-17", "Statement": [{
    "Sid": "OutsideEurope", "Effect": "Deny", "Action": "ec2:*", "Resource": "*",
    "Condition": {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"},
                  "ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Admin"}}}]}"#;
const FULL: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;

fn project() -> Project {
    let project = Project::acme();
    for (name, text) in [
        ("deny.json", OUTSIDE),
        ("levels/1-root/scp/full.json", FULL),
        ("levels/2-prod/scp/full.yaml", "Statement: {Effect: Allow, Action: '*', Resource: '*'}\n"),
        ("levels/2-prod/scp/deny.json", OUTSIDE),
        ("levels/2-prod/scp/NOTES.md", "why"),
        (
            "levels/2-prod/rcp/tls.json",
            r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}}}"#,
        ),
        ("levels.json", &format!("[[{FULL}], [{OUTSIDE}]]")),
    ] {
        project.write(name, text);
    }
    project
}

fn simulate(project: &Project, arguments: &[&str]) -> Run {
    project.run(&[&["simulate", "--action", "ec2:RunInstances"], arguments].concat(), &[])
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).expect("JSON on stdout")
}

#[test]
fn a_document_is_asked_with_what_stands_beside_it() {
    let project = project();
    let allowed = simulate(&project, &["--policy", "deny.json", "--context", "aws:requestedregion=eu-west-1"]);
    assert_eq!(allowed.code, 0, "{}", allowed.stderr);
    assert_eq!(
        allowed.stdout,
        "allowed
  scp: `statement 1` of `FullAWSAccess` on level 1 allows it
assumed: the documents are service control policies; `--kind` says otherwise
assumed: `FullAWSAccess` stands beside the documents, which hold no Allow
assumed: the request does not hold `aws:PrincipalArn`
"
    );
    let denied =
        simulate(&project, &["--policy", "deny.json", "--kind", "scp", "--context", "aws:RequestedRegion=us-east-1"]);
    assert_eq!(denied.code, 3);
    assert!(denied.stdout.starts_with("denied\n  scp: `OutsideEurope` of `deny.json` on level 1 denies it\n"));
    let unknown = simulate(&project, &["--policy", "deny.json", "--unknown", "aws:RequestedRegion"]);
    assert_eq!(unknown.code, 4);
    assert!(unknown.stdout.contains("scp: it hangs on `aws:RequestedRegion`\n"), "{}", unknown.stdout);
    // Identity policies have nothing beside them.
    assert_eq!(simulate(&project, &["--policy", "deny.json", "--kind", "identity"]).code, 3);
}

#[test]
fn a_principal_says_its_arn() {
    let project = project();
    let by = |who: &str| simulate(&project, &["--policy", "deny.json", "--principal", who]);
    assert_eq!(by("arn:aws:iam::222222222222:role/Admin").code, 0);
    assert_eq!(by("222222222222").code, 3);
    assert_eq!(by("ec2.amazonaws.com").code, 3);
    let session = by("arn:aws:sts::222222222222:assumed-role/Admin/ann");
    assert_eq!(session.code, 4);
    assert!(session.stdout.contains("it hangs on `aws:PrincipalArn`"), "{}", session.stdout);
    assert!(session.stdout.contains("assumed: `aws:PrincipalArn` is unknown: a session does not say the path"));
}

#[test]
fn levels_imply_nothing_and_answer_for_each_guardrail() {
    let project = project();
    let folder = simulate(
        &project,
        &[
            "--policy",
            "levels",
            "-f",
            "json",
            "--context",
            "aws:SecureTransport=false",
            "--context",
            "aws:RequestedRegion=eu-west-1",
        ],
    );
    assert_eq!(folder.code, 3, "{}", folder.stderr);
    let said = json(&folder);
    assert_eq!(said["guardrails"][0]["decision"], "allowed");
    assert_eq!(said["guardrails"][0]["decided_by"][1]["document"], "2-prod/scp/full.yaml");
    assert_eq!(said["guardrails"][1]["kind"], "rcp");
    let by = json!([{"level": 2, "document": "2-prod/rcp/tls.json", "statement": 1, "name": "statement 1", "effect": "Deny"}]);
    assert_eq!(said["guardrails"][1]["decided_by"], by);
    let levels =
        simulate(&project, &["--policy", "levels.json", "-f", "json", "--context", "aws:RequestedRegion=eu-west-1"]);
    assert_eq!(json(&levels)["guardrails"][0]["decided_by"], json!([{"level": 2, "lacks": "Allow"}]));
    let only =
        simulate(&project, &["--policy", "levels", "--kind", "scp", "--context", "aws:RequestedRegion=eu-west-1"]);
    assert_eq!(only.code, 0, "{}", only.stdout);
}

#[test]
fn several_values_of_a_key_are_a_list() {
    let project = project();
    let run = simulate(
        &project,
        &[
            "--policy",
            "deny.json",
            "-f",
            "json",
            "--context",
            "aws:TagKeys=a",
            "--context",
            "AWS:tagkeys=b",
            "--context",
            "aws:x=y=z",
            "--unknown",
            "aws:u",
        ],
    );
    let context = json!({"aws:TagKeys": ["a", "b"], "aws:x": "y=z", "aws:u": {"unknown": true}});
    assert_eq!(json(&run)["request"]["context"], context);
}

#[test]
fn what_cannot_be_read_is_said_with_its_place() {
    let project = project();
    project.write("broken.json", "{\"Statement\": [{\"Effect\": \"Maybe\"}]}");
    project.write("stray/1-root/policy.json", FULL);
    project.write("nested/1-root/prod/scp/full.json", FULL);
    project.write("none/1-root/rcp/full.json", FULL);
    project.write("settings/1-root/declarative/a.json", "{}");
    let rows: [(&[&str], &str); 9] = [
        (&["--policy", "broken.json"], "error: the policy documents have 2 mistakes"),
        (&["--policy", "missing.json"], "cannot read `missing.json`: No such file"),
        (&["--policy", "stray"], "`stray/1-root/policy.json` is left out"),
        (&["--policy", "nested"], "neither `scp`, `rcp` nor `declarative` of a level"),
        (&["--policy", "settings"], "no level has a folder `scp` or `rcp`"),
        (&["--policy", "none", "--kind", "scp"], "no level has a folder `scp`"),
        (&["--policy", "levels", "deny.json"], "stands alone; give no other path beside it"),
        (&["--policy", "deny.json", "--context", "a=b", "--unknown", "A"], "given a value and said to be unknown"),
        (&["--policy", "deny.json", "--action", "ec2:*"], "a request has one action"),
    ];
    for (arguments, expected) in rows {
        let arguments = if arguments.contains(&"--action") {
            arguments.to_vec()
        } else {
            [arguments, &["--action", "a:B"]].concat()
        };
        let run = project.run(&[&["simulate"], &arguments[..]].concat(), &[]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
    }
    let broken = simulate(&project, &["--policy", "broken.json"]);
    assert!(broken.stderr.contains("broken.json:1:27"), "{}", broken.stderr);
}

#[test]
fn what_a_document_says_cannot_fool_a_terminal() {
    let project = project();
    project.write(
        "evil.json",
        r#"{"Statement": [{"Sid": "\u001b[2Jgone\u202e\nallowed", "Effect": "deny", "Action": "*", "Resource": "*"}]}"#,
    );
    let run = simulate(&project, &["--policy", "evil.json", "--kind", "scp"]);
    assert_eq!(run.code, 3);
    assert!(!run.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", run.stdout);
    assert_eq!(
        run.stdout.lines().nth(1),
        Some("  scp: `\\u{1b}[2Jgone\\u{202e}\\u{a}allowed` of `evil.json` on level 1 denies it")
    );
    assert!(run.stdout.contains("refused by AWS: evil.json:1:"), "{}", run.stdout);
}

/// A project with the snapshot of an estate beside its baseline.
fn with_snapshot(change: impl FnOnce(&mut Estate)) -> Project {
    let project = Project::acme();
    let mut estate = Estate::sample();
    change(&mut estate);
    let server = Server::start(estate);
    project.scan(&server, &["--snapshot", "snapshot.json", "--exit-zero"]);
    project
}

#[test]
fn the_guardrails_of_an_account_are_asked_as_declared_and_as_they_are() {
    let project = with_snapshot(|estate| estate.policy_mut("deny-outside-eu").targets.clear());
    let asked = |source: [&str; 2], account: &str, region: &str| {
        let region = format!("aws:RequestedRegion={region}");
        simulate(&project, &["--account", account, source[0], source[1], "--context", &region])
    };
    let (declared, actual) = (["--baseline", "guardline.yaml"], ["--from-snapshot", "snapshot.json"]);
    for account in ["payments-prod", "222222222222"] {
        let denied = asked(declared, account, "us-west-2");
        assert_eq!(denied.code, 3, "{}", denied.stderr);
        assert!(
            denied.stdout.contains("scp: `DenyOutsideEu` of `deny-outside-eu (declared)` on level 2 denies it"),
            "{}",
            denied.stdout
        );
        // The ban is detached.
        let allowed = asked(actual, account, "us-west-2");
        assert_eq!(allowed.code, 0, "{}{}", allowed.stdout, allowed.stderr);
    }
    assert_eq!(asked(declared, "payments-prod", "eu-west-1").code, 0);
    // A pattern lists it.
    assert_eq!(asked(declared, "sandbox-zoe", "us-west-2").code, 0);
    for source in [declared, actual] {
        let owner = asked(source, "management", "us-west-2");
        assert_eq!(owner.code, 0, "{}", owner.stderr);
        assert!(owner.stdout.contains("which neither service nor resource control policies bind"), "{}", owner.stdout);
        assert_eq!(asked(source, "nobody", "us-west-2").code, 2);
    }
    for arguments in [
        vec!["--account", "payments-prod"],
        vec!["--policy", "scp/deny-leave.json", "--account", "x", "--baseline", "guardline.yaml"],
    ] {
        assert_eq!(simulate(&project, &arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn whom_neither_binds_is_said() {
    let project = Project::acme();
    let by = |who: &str| {
        let run = simulate(
            &project,
            &[
                "--account",
                "payments-prod",
                "--baseline",
                "guardline.yaml",
                "--context",
                "aws:RequestedRegion=us-west-2",
                "--principal",
                who,
            ],
        );
        (run.code, run.stdout)
    };
    let (code, said) = by("arn:aws:iam::222222222222:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS");
    assert!(
        code == 0 && said.matches("is a service-linked role, which neither kind of policy binds").count() == 2,
        "{said}"
    );
    let (code, said) = by("arn:aws:iam::444444444444:role/deploy");
    assert!(
        code == 0
            && said.contains("scp: does not bind: `arn:aws:iam::444444444444:role/deploy` belongs to another account"),
        "{said}"
    );
    assert_eq!(by("arn:aws:iam::222222222222:role/deploy").0, 3);
}

#[test]
fn policies_that_were_not_read_are_no_answer() {
    let project = with_snapshot(|_| {});
    let mut snapshot: Value = serde_json::from_str(&project.read("snapshot.json")).expect("JSON");
    let policies = &mut snapshot["organization"]["known"]["policies"];
    assert!(policies["SERVICE_CONTROL_POLICY"]["known"].is_array(), "{policies}");
    policies["SERVICE_CONTROL_POLICY"] = serde_json::to_value(guardline::estate::Observation::<()>::unknown(
        guardline::estate::CoverageStatus::Denied,
        "no",
    ))
    .expect("JSON");
    project.write("unread.json", &snapshot.to_string());
    let run = simulate(&project, &["--account", "payments-prod", "--from-snapshot", "unread.json", "-f", "json"]);
    assert_eq!(run.code, 4, "{}{}", run.stdout, run.stderr);
    let said = json(&run);
    assert_eq!(said["decision"], "unknown");
    assert_eq!(said["guardrails"][0]["unread"], "the policies of the organisation were not read");
    assert_eq!(said["guardrails"][1]["decision"], "allowed");
}

/// AWS's list of the services that resource control policies bind grows: what one denies beyond it is not certain.
#[test]
fn a_list_that_may_be_old_decides_nothing() {
    let project = with_snapshot(|estate| {
        let deny = json!({"Version": "2012-10-17", "Statement":
            {"Effect": "Deny", "Principal": "*", "Action": "sns:*", "Resource": "*"}});
        estate.add_policy("p-abcd1234", "no-sns", "RESOURCE_CONTROL_POLICY", &deny, &["/"]);
    });
    let ask = |action: &str| {
        let source = ["--account", "222222222222", "--from-snapshot", "snapshot.json", "--action", action];
        project.run(&[&["simulate"], &source[..], &["--context", "aws:RequestedRegion=eu-west-1"]].concat(), &[])
    };
    let open = ask("sns:Publish");
    assert_eq!(open.code, 4, "{}{}", open.stdout, open.stderr);
    assert!(
        open.stdout.contains("`sns` is not among the services that resource control policies bind"),
        "{}",
        open.stdout
    );
    assert_eq!(ask("sqs:SendMessage").code, 0);
}
