//! What stands under `deploy/` keeps its word: the roles grant what the program prints, and detection teams are told what it
//! does.
//!
//! In: the files as text, and what the program prints. CI has each of them checked by a linter of its own besides.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use guardline::provider::limits::{LimitTable, SHARE};
use serde_yaml::Value;

use crate::double::Server;
use crate::double::estate::Estate;
use crate::grants_test::WHOLE;
use crate::runner::Project;

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).expect("YAML")
}

/// What the program prints for a baseline with every section.
fn printed(role: &str, format: &str) -> String {
    let run = Project::new(WHOLE).run(&["permissions", "--role", role, "--format", format], &[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    run.stdout
}

const ROLES: [(&str, &str); 3] =
    [("agent", "agent-policy"), ("management", "management-role"), ("member", "member-role")];

/// What a template leaves open, and what the baseline of the test says there.
const OPEN: [(&str, &str); 3] = [
    ("${ManagementAccountId}:role/${ManagementRoleName}", "111111111111:role/GuardlineOrgRead"),
    ("role/${MemberRoleName}", "role/GuardlineRead"),
    ("${var.management_account_id}:role/${var.management_role_name}", "111111111111:role/GuardlineOrgRead"),
];

fn filled(text: &str) -> String {
    let text = text.replace("${var.member_role_name}", "GuardlineRead");
    OPEN.iter().fold(text, |text, (open, said)| text.replace(open, said))
}

#[test]
fn the_templates_grant_what_is_printed() {
    for (role, name) in ROLES {
        let template = yaml(&filled(&file(&format!("deploy/aws/{name}.yaml"))));
        let resources = template["Resources"].as_mapping().expect("resources");
        assert_eq!(resources.len(), 1, "{name}: one resource");
        let properties = &resources.values().next().expect("a resource")["Properties"];
        let granted = match role {
            "agent" => &properties["PolicyDocument"],
            _ => {
                assert_eq!(properties["Policies"].as_sequence().map(Vec::len), Some(1), "{name}: one policy");
                assert!(properties.get("ManagedPolicyArns").is_none(), "{name}: nothing else is granted");
                &properties["Policies"][0]["PolicyDocument"]
            }
        };
        let resource = format!("Guardline{}{}Policy", &role[..1].to_uppercase(), &role[1..]);
        let printed = yaml(&printed(role, "cloudformation"));
        assert!(granted.is_mapping(), "{name}");
        assert_eq!(*granted, printed["Resources"][resource.as_str()]["Properties"]["PolicyDocument"], "{name}");
    }
}

#[test]
fn the_roles_let_in_the_agent_alone_and_with_the_external_id() {
    for (_, name) in &ROLES[1..] {
        let template = yaml(&file(&format!("deploy/aws/{name}.yaml")));
        let trust = &template["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"];
        let expected = "[{Sid: Agent, Effect: Allow, Principal: {AWS: {Ref: AgentArn}}, Action: 'sts:AssumeRole', \
                        Condition: {StringEquals: {'sts:ExternalId': {Ref: ExternalId}}}}]";
        assert_eq!(*trust, yaml(expected), "{name}");
        assert!(
            template["Parameters"]["ExternalId"].get("Default").is_none(),
            "{name}: everybody has an id of their own"
        );
        let module = file(&format!("deploy/terraform/{name}/main.tf"));
        for part in ["identifiers = [var.agent_arn]", "variable = \"sts:ExternalId\"", "values   = [var.external_id]"] {
            assert!(module.contains(part), "{name}: {part}");
        }
    }
}

#[test]
fn the_modules_grant_what_is_printed() {
    for (role, name) in ROLES {
        let module = filled(&file(&format!("deploy/terraform/{name}/policy.tf")));
        let (comment, policy) = module.split_once("\n\n").expect("a comment and a policy");
        assert!(comment.contains(&format!("guardline permissions --role {role} --format terraform")), "{name}");
        assert_eq!(policy, printed(role, "terraform"), "{name}");
        let main = file(&format!("deploy/terraform/{name}/main.tf"));
        assert_eq!(main.matches("policy_document.guardline_").count(), 1, "{name}: one policy");
        assert!(main.contains(&format!("data.aws_iam_policy_document.guardline_{role}.json")), "{name}");
    }
}

#[test]
fn detection_teams_are_told_the_names() {
    let note = file("deploy/README.md");
    let server = Server::start(Estate::sample());
    Project::acme().scan(&server, &["--kind", "setting", "--region", "us-east-1"]);
    let calls = server.calls();
    let member = calls.iter().find(|call| call.account == "222222222222").expect("a call in a member");
    let (_, session) = member.caller.split_once(":assumed-role/").expect("a session");
    assert!(note.contains(&format!("`:assumed-role/{session}`")), "{session}");
    let name = session.rsplit('/').next().expect("a name");
    assert!(note.contains(&format!("Role session name: `{name}`")), "{name}");
    let word = member.user_agent.split(' ').find(|word| word.starts_with("app/")).expect("the agent's own word");
    assert!(note.contains(&format!("contains `{word}`")), "{word}");
}

#[test]
fn detection_teams_are_told_every_call_and_its_rate() {
    let note = file("deploy/README.md");
    let mut told = BTreeMap::new();
    for row in note.lines().filter_map(|line| line.strip_prefix("> | `")) {
        let cells: Vec<&str> =
            row.trim_end_matches('|').split('|').map(|cell| cell.trim().trim_end_matches('`')).collect();
        let [call, rate, burst] = cells[..] else { panic!("three cells: {row}") };
        let limit = (rate.parse::<f64>().expect("a rate"), burst.parse::<u32>().expect("a burst"));
        assert!(told.insert(call.to_owned(), limit).is_none(), "{call} stands there twice");
    }
    let limits: LimitTable = serde_yaml::from_str(&file("policies/aws/rate-limits.yaml")).expect("the table");
    for (call, told) in &told {
        let limit = limits.limit(call);
        assert_eq!(*told, (limit.rate, limit.burst), "{call}");
    }
    let facts = yaml(&file("policies/aws/permissions.yaml"));
    let services = facts["dependencies"].as_mapping().expect("services").values();
    let dependencies: BTreeSet<&str> =
        services.flat_map(|actions| actions.as_sequence().expect("a list")).filter_map(Value::as_str).collect();
    for action in &dependencies {
        assert!(note.contains(&format!("`{action}`")), "{action}");
    }
    // The organisation is asked for itself too.
    let mut calls: BTreeSet<String> = BTreeSet::from(["sts:GetCallerIdentity".to_owned()]);
    for (role, _) in ROLES {
        let document: serde_json::Value = serde_json::from_str(&printed(role, "json")).expect("JSON");
        let statements = document["Statement"].as_array().expect("statements").iter();
        let actions = statements.flat_map(|one| one["Action"].as_array().expect("a list"));
        let actions = actions.map(|action| action.as_str().expect("a name"));
        let is_own = |action: &&str| role == "management" && action.starts_with("organizations:");
        let never = "organizations:DescribeAccount";
        calls.extend(
            actions
                .filter(|action| *action != never && (is_own(action) || !dependencies.contains(action)))
                .map(str::to_owned),
        );
    }
    assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), calls);
    let quotas = limits.services["servicequotas"];
    let below = format!("{:.0} % below", (1.0 - SHARE) * 100.0);
    let flat = note.replace("\n> ", " ").split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        below,
        format!(
            "at most {} calls a second in an account, and {} in the organisation",
            quotas.account, quotas.organization
        ),
    ] {
        assert!(flat.contains(&part), "{part}");
    }
}

#[test]
fn every_file_that_is_named_exists() {
    let note = file("deploy/README.md");
    let words = note.split(['`', ' ', '\n']).filter(|word| {
        ["aws/", "terraform/", "container/", "kubernetes/", "systemd/", "cron/"]
            .iter()
            .any(|folder| word.starts_with(folder))
    });
    let words: BTreeSet<&str> = words.map(|word| word.trim_end_matches(['.', ',', ';'])).collect();
    assert!(words.len() > 10, "{words:?}");
    for word in words {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(word).exists(), "{word}");
    }
}

/// What runs anywhere runs as nobody, on a root that cannot be written.
#[test]
fn it_runs_without_rights() {
    let container = file("deploy/container/Dockerfile");
    assert!(container.contains("\nFROM scratch\n") && container.contains("\nUSER 65532:65532\n"));
    let objects = file("deploy/kubernetes/guardline.yaml");
    let job = objects.split("---\n").map(yaml).find(|object| object["kind"] == "CronJob").expect("a CronJob");
    assert_eq!(job["spec"]["concurrencyPolicy"], "Forbid");
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(
        (&pod["serviceAccountName"], &pod["securityContext"]["runAsNonRoot"]),
        (&"guardline".into(), &true.into())
    );
    let container = &pod["containers"][0];
    let context = "{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}";
    assert_eq!(container["securityContext"], yaml(context));
    assert!(container["resources"]["limits"]["memory"].is_string());
    // The baseline that stands there is one.
    let config = objects.split("---\n").map(yaml).find(|object| object["kind"] == "ConfigMap").expect("a ConfigMap");
    let baseline = config["data"]["guardline.yaml"].as_str().expect("a baseline");
    let run = Project::new(baseline).run(&["validate", "guardline.yaml"], &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}
