//! Adopting by hand: what a new name must not change, and which rule of a quota is changed.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::baseline::edit::{Change, Editor};

const PAYMENTS: &str = "222222222222";

/// The finding that something bears another name.
fn renamed(rest: &str, rule: Rule, id: &str, from: &str, to: &str) -> Finding {
    let scope =
        Scope { provider: Provider::Aws, organization: Some("o-a1b2c3d4e5".to_owned()), account: None, region: None };
    let drift =
        Drift { expected: json!(from), actual: json!(to), ..drift(rule, Kind::Link, Aspect::Name, scope, id, from) };
    judged(rest, drift, None, NOW)
}

/// What adopting an account's new name changes, or what is in its way: lines behind the head of the baseline.
fn adopted(rest: &str, to: &str) -> Result<Vec<Change>, (NotAdopted, Vec<usize>)> {
    let finding = renamed(rest, Rule::LinkAccountRenamed, PAYMENTS, "payments-prod", to);
    told(adoption(&finding, &baseline(rest), None))
}

fn told(outcome: Result<Vec<Change>, NotAdopted>) -> Result<Vec<Change>, (NotAdopted, Vec<usize>)> {
    outcome.map_err(|error| {
        let lines = error.places.iter().map(|place| place.line - HEAD.lines().count()).collect();
        (error, lines)
    })
}

#[test]
fn a_new_name_does_not_change_which_rules_apply_to_an_account() {
    let quotas = "  quotas:\n    - {service: ec2, code: \"*\", max: 9999}\n";
    for (rest, to, lines) in [
        // The stricter rule would apply no more.
        (
            format!("{quotas}    - {{service: ec2, code: \"*\", where: {{account: \"payments-*\"}}, max: default}}\n"),
            "shop",
            vec![3],
        ),
        // A looser one would begin to.
        (
            format!("{quotas}    - {{service: ec2, code: \"*\", where: {{account: \"shop*\"}}, max: 1}}\n"),
            "shop-1",
            vec![3],
        ),
        (
            format!("{quotas}    - {{service: ec2, code: \"*\", where: {{account: legacy}}, max: 1}}\n"),
            "legacy",
            vec![3],
        ),
        ("  scope:\n    exclude: [{account: \"test-*\"}]\n".to_owned(), "test-1", vec![2]),
        ("  scope:\n    include:\n      - {account: \"p*\"}\n      - {ou: /}\n".to_owned(), "test-1", vec![3]),
        ("  regions:\n    - {where: {account: [\"pay*\", legacy]}, allowed: []}\n".to_owned(), "test-1", vec![2]),
        (
            "  settings:\n    - {where: {account: \"????????-prod\"}, serial_console_access: false}\n".to_owned(),
            "payments-proud",
            vec![2],
        ),
        (exempting("match: {kind: region, account: \"shop-*\"}, status: ENABLED"), "shop-1", vec![2]),
        (exempting("match: {kind: link, name: \"payments-*\"}, value: x"), "shop-1", vec![2]),
        (exempting("match: {kind: link, subject: \"*-prod (222222222222)\"}, value: x"), "shop-1", vec![2]),
        (exempting("match: {kind: policy, target: \"shop-*\"}, value: x"), "shop-1", vec![2]),
        (approving("{person: a}", "").replace("account: payments-prod", "account: \"payments-*\""), "shop-1", vec![5]),
    ] {
        let (error, found) = adopted(&rest, to).expect_err(&rest);
        assert_eq!(found, lines, "{rest}: {error}");
        let said = error.to_string();
        assert!(said.starts_with("`link.account.renamed` cannot be adopted: under the new name other"), "{said}");
        assert!(said.contains(&format!("(b.yaml:{}:", lines[0] + HEAD.lines().count())), "{said}");
    }
}

#[test]
fn a_new_name_is_written_wherever_the_old_one_stood() {
    let quotas = "  quotas:\n    - {service: ec2, code: \"*\", where: {account: payments-prod}, max: 1}\n";
    let both = "    - {service: ec2, code: \"*\", where: {account: [\"222222222222\", \"pay*\"]}, max: 1}\n";
    let other = "    - {service: ec2, code: \"*\", where: {account: \"legacy*\"}, max: 1}\n";
    let rest =
        format!("{quotas}{both}{other}{}", exempting("match: {kind: policy, name: \"payments-*\", account: \"*\"}"));
    let changes = adopted(&rest, "shop: 1").unwrap();
    let at = ["/aws/accounts/1/name", "/aws/quotas/0/where/account"];
    let values = at.map(|at| (at.to_owned(), json!("shop: 1"))).to_vec();
    assert_eq!(changes, [Change::SetAll { values }]);
}

#[test]
fn a_name_that_means_more_than_one_account_is_not_written() {
    let rest = "  quotas:\n    - {service: ec2, code: \"*\", where: {account: payments-prod}, max: 1}\n";
    for name in ["*", "p?", "444444444444", "/", "everywhere"] {
        let (error, _) = adopted(rest, name).expect_err(name);
        assert_eq!(error.why, "its new name would be read as a pattern, an id or a path", "{name}");
        // Where nothing refers to it, it is a name like any other.
        assert!(adopted("", name).is_ok(), "{name}");
    }
}

#[test]
fn a_new_name_of_a_unit_does_not_change_which_rules_apply_below_it() {
    let of = |rest: &str, to: &str| {
        let finding = renamed(rest, Rule::LinkOuRenamed, "ou-ab12-c3d4e5f6", "/Workloads", to);
        told(adoption(&finding, &baseline(rest), None))
    };
    let quotas =
        |ou: &str| format!("  quotas:\n    - {{service: ec2, code: \"*\", where: {{ou: \"{ou}\"}}, max: 1}}\n");
    for (ou, to) in [("/Work*", "Free"), ("/*/Prod", "*"), ("/Free*", "Freedom"), ("/Sand*", "Sand")] {
        let (error, lines) = of(&quotas(ou), to).expect_err(ou);
        assert!(lines == [2] || error.why.starts_with("its new name"), "{ou}: {error}");
    }
    for ou in ["/Workloads", "/Workloads/Prod", "/Sand*", "/*"] {
        assert!(of(&quotas(ou), "Free").is_ok(), "{ou}");
    }
}

/// A baseline's quotas after the finding of 640 instances in payments-prod, eu-west-1 was adopted.
fn quotas_after(rules: &[&str], expected: Value) -> Result<String, NotAdopted> {
    let rules: String = rules.iter().map(|rule| format!("    - {rule}\n")).collect();
    let text = format!("{HEAD}  quotas:\n{rules}");
    let finding = judged(&format!("  quotas:\n{rules}"), Drift { expected, ..quota(640.0) }, None, NOW);
    let files = Carried(BTreeMap::from([("b.yaml".into(), text.as_str())]));
    let mut editor = Editor::open(&files, Path::new("b.yaml"), &[]).unwrap();
    editor.apply_all(&adoption(&finding, editor.baseline(), None)?).unwrap();
    let (_, new) = editor.changed().next().unwrap();
    Ok(new.split_once("  quotas:\n").unwrap().1.to_owned())
}

#[test]
fn the_own_rule_of_a_quota_is_changed_and_no_other_one() {
    let own = "{service: ec2, code: L-1216C47A, where: {account: payments-prod, region: eu-west-1}, min: 1, max: 600}  # agreed";
    let all = "{service: ec2, code: \"*\", max: default}";
    let new = |limits: &str| {
        format!(
            "    - {{service: ec2, code: L-1216C47A, where: {{account: payments-prod, region: eu-west-1}}, {limits}}}\n"
        )
    };
    let limits = json!({"max": 600, "min": 1});
    let line = |rule: &str| format!("    - {rule}\n");
    let changed = line(&own.replace("600", "640"));
    assert_eq!(quotas_after(&[all, own], limits.clone()).unwrap(), line(all) + &changed);
    let by_id = own.replace("payments-prod", "\"222222222222\"");
    assert_eq!(quotas_after(&[&by_id], limits.clone()).unwrap(), line(&by_id.replace("600", "640")));
    let between = own.replace("min: 1, max: 600", "between: [1, 600]");
    let after = quotas_after(&[&between], json!({"between": [1, 600]})).unwrap();
    assert_eq!(after, line(&between.replace("600", "640")));
    // Another rule decides, or the rule is for more than this.
    assert_eq!(
        quotas_after(&[own, all], json!({"max": "default"})).unwrap(),
        line(own) + &line(all) + &new("max: 640")
    );
    assert_eq!(quotas_after(&[own, own], limits.clone()).unwrap(), line(own) + &line(own) + &new("max: 640, min: 1"));
    for wider in [
        own.replace(", region: eu-west-1", ""),
        own.replace("L-1216C47A", "L-*"),
        own.replace("payments-prod", "pay*"),
        own.replace("eu-west-1", "[eu-west-1, us-east-1]"),
        own.replace("region: eu", "tag: {tier: prod}, region: eu"),
    ] {
        let after = quotas_after(&[&wider], limits.clone()).unwrap();
        assert_eq!(after, line(&wider) + &new("max: 640, min: 1"));
    }
    // What it says by now is not what the report was made with.
    assert!(quotas_after(&[own], json!({"equals": 600})).is_err());
}
