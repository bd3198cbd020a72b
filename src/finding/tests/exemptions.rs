//! What exemptions accept, one test a rule of theirs.

use super::*;

#[test]
fn an_exemption_matches_by_every_key_it_gives() {
    let keys = [
        "kind: quota",
        "rule: quota.raised",
        "rule: 'quota.*'",
        "account: payments-prod",
        "account: '222222222222'",
        "ou: /Workloads",
        "ou: /Workloads/Prod",
        "tag: {tier: prod}",
        "region: eu-west-1",
        "region: 'eu-*'",
        "partition: aws",
        "service: ec2",
        "code: L-1216C47A",
        "name: 'Standard*'",
        "id: ec2/L-1216C47A",
        "subject: Standard instances",
        "kind: quota, region: [us-east-1, eu-west-1]",
    ];
    for key in keys {
        assert_eq!(status(&format!("match: {{{key}}}"), quota(640.0)), Status::Exempt, "{key}");
    }
    let others = [
        "kind: region",
        "rule: quota.lowered",
        "account: legacy",
        "ou: /Sandbox",
        "tag: {tier: dev}",
        "region: us-east-1",
        "partition: aws-cn",
        "service: lambda",
        "code: L-0",
        "name: Standard",
        "id: x",
        "subject: x",
        "target: x",
        "resource: x",
        "type: service_control",
        "finding: gl-0000000000000000",
        "kind: quota, region: us-east-1",
    ];
    for key in others {
        assert_eq!(status(&format!("match: {{{key}}}"), quota(640.0)), Status::Open, "{key}");
    }
}

#[test]
fn an_exemption_can_name_one_finding_by_its_id() {
    let id = judged("", quota(640.0), None, NOW).id;
    assert_eq!(status(&format!("match: {{finding: {id}}}"), quota(640.0)), Status::Exempt);
    assert_eq!(status(&format!("match: {{finding: {id}}}"), region("222222222222")), Status::Open);
}

#[test]
fn a_policy_matches_by_type_name_target_and_unit() {
    let organization = Scope::organization(Provider::Aws, "o-a1b2c3d4e5");
    let on = |target: &str| {
        let id = format!("p-ab12cd34@{target}");
        drift(Rule::PolicyDetached, Kind::Policy, Aspect::Attachment, organization.clone(), &id, "deny-outside-eu")
    };
    let unit = || on("ou-ab12-c3d4e5f6");
    for key in
        ["type: service_control", "name: deny-outside-eu", "id: p-ab12cd34", "target: /Workloads", "ou: /Workloads"]
    {
        assert_eq!(status(&format!("match: {{{key}}}"), unit()), Status::Exempt, "{key}");
    }
    assert_eq!(status("match: {target: /Renamed}", unit()), Status::Open, "the declared path counts, not the live one");
    assert_eq!(status("match: {target: payments-prod}", on("222222222222")), Status::Exempt);
    assert_eq!(status("match: {target: /}", on("r-ab12")), Status::Exempt);
    assert_eq!(status("match: {account: '*'}", unit()), Status::Open, "an attachment on a unit is in no account");
}

#[test]
fn placement_is_declared_and_a_live_name_tag_or_place_buys_nothing() {
    // Live: called sandbox-not, in /Sandbox. Declared: payments-prod, in /Workloads/Prod.
    for key in ["account: sandbox-not", "ou: /Sandbox"] {
        assert_eq!(status(&format!("match: {{{key}}}"), quota(640.0)), Status::Open, "{key}");
    }
    // An invited account that took the name of a declared one.
    assert_eq!(status("match: {account: legacy}", region("777777777777")), Status::Open);
    assert_eq!(status("match: {account: legacy}", region("444444444444")), Status::Exempt);
    // Created here and expected by a pattern: placed by it. Invited: where it hangs.
    assert_eq!(status("match: {ou: /Sandbox}", region("555555555555")), Status::Exempt);
    assert_eq!(status("match: {tag: {tier: prod}}", region("555555555555")), Status::Open);
    assert_eq!(status("match: {ou: /Sandbox}", region("666666666666")), Status::Open);
}

#[test]
fn beyond_its_bound_an_exemption_does_not_reach_and_says_so() {
    let entry = exempting("match: {kind: quota}, max: 500");
    assert_eq!(judged(&entry, quota(500.0), None, NOW).status, Status::Exempt);
    let beyond = judged(&entry, quota(640.0), None, NOW);
    assert_eq!(beyond.status, Status::Open);
    assert_eq!(beyond.notes, ["exemption `kind quota` does not reach: 640 is above max 500"]);
    assert!(beyond.exempted_by.is_empty());
}

#[test]
fn every_sort_of_bound_holds_and_an_unknown_state_is_beyond_each() {
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*"}]});
    // Whoever attaches a digest to an exemption made it of the document in any of its spellings.
    let written_otherwise = json!({"Statement": {"Action": ["*"], "Effect": "Deny"}, "Version": "2012-10-17"});
    let digest = digest(&canonical(document).to_string());
    let claiming = json!({"digest": digest, "Statement": []});
    for (bound, within, outside) in [
        ("max: 500".to_owned(), json!(500), json!(500.5)),
        ("min: 10".to_owned(), json!({"value": 10}), json!(9)),
        ("value: true".to_owned(), json!(true), json!("true")),
        ("value: audit-mode".to_owned(), json!({"value": "audit-mode"}), json!("off")),
        ("status: ENABLED".to_owned(), json!({"status": "ENABLED"}), json!("DISABLING")),
        (format!("digest: '{digest}'"), written_otherwise, claiming),
    ] {
        let aspect = if bound.starts_with("digest") { Aspect::Content } else { Aspect::Value };
        let with =
            |actual: Value| status(&format!("match: {{kind: quota}}, {bound}"), Drift { actual, aspect, ..quota(0.0) });
        assert_eq!(with(within), Status::Exempt, "{bound}");
        assert_eq!(with(outside), Status::Open, "{bound}");
        assert_eq!(with(Value::Null), Status::Open, "{bound}");
    }
}

#[test]
fn an_exemption_ends_at_its_moment_and_the_end_is_a_finding() {
    let entry = exempting("id: x1, match: {kind: quota}, max: 640");
    // A bare date is that whole day in UTC.
    assert_eq!(judged(&entry, quota(640.0), None, "2027-03-01T23:59:59Z").status, Status::Exempt);
    let over = run(&entry, &[(quota(640.0), None)], "2027-03-02T00:00:00Z");
    let quota = over.iter().find(|finding| finding.rule == Rule::QuotaRaised).unwrap();
    assert_eq!(
        (quota.status, quota.notes.as_slice()),
        (Status::Open, &["exemption `x1` expired 2027-03-01".to_owned()][..])
    );
    let expired = over.iter().find(|finding| finding.rule == Rule::ExemptionExpired).unwrap();
    assert_eq!(expired.title, "Exemption x1 is over, and what it accepted still stands");
    assert_eq!(expired.actual, json!([quota.id]));
    assert_eq!(expired.baseline.as_ref().map(|position| position.file.as_str()), Some("b.yaml"));
}

fn rules(rest: &str, changes: &[(Drift, Option<Attribution>)], now: &str, coverage: Vec<CoverageRow>) -> Vec<Rule> {
    let baseline = baseline(rest);
    let snapshot = Snapshot { coverage, ..snapshot() };
    let found = findings(&Inputs { baseline: &baseline, snapshot: &snapshot, changes, now: time(now) });
    found.into_iter().map(|finding| finding.rule).collect()
}

fn unread(scope: Scope, source: &str, status: CoverageStatus) -> Vec<CoverageRow> {
    vec![CoverageRow { reads: 1, ..CoverageRow::new(scope, source, status, None) }]
}

#[test]
fn an_exemption_that_matches_nothing_is_unused_once_everything_it_means_was_read() {
    use CoverageStatus::{Denied, Skipped, Unsupported};
    let entry = exempting("match: {kind: region, account: legacy, region: me-south-1}, status: ENABLED");
    let after = |scope: Scope, source: &str, status| rules(&entry, &[], NOW, unread(scope, source, status));
    let legacy = || Scope::account(Provider::Aws, "444444444444");
    assert_eq!(rules(&entry, &[], NOW, Vec::new()), [Rule::ExemptionUnused]);
    // What could hide it.
    for (scope, source) in [
        (legacy(), "account:ListRegions"),
        (legacy(), "sts:AssumeRole"),
        (legacy().in_region("me-south-1"), "ec2:DescribeAvailabilityZones"),
        (Scope::organization(Provider::Aws, "o-1"), "organizations:ListAccounts"),
    ] {
        assert_eq!(after(scope.clone(), source, Denied), [], "{source}");
        assert_eq!(after(scope, source, Skipped), [], "{source}");
    }
    // What could not.
    for (scope, source, status) in [
        (legacy(), "account:ListRegions", Unsupported),
        (legacy(), "servicequotas:ListServiceQuotas ec2", Denied),
        (legacy(), "cloudtrail:LookupEvents EnableRegion", Denied),
        (Scope::account(Provider::Aws, "222222222222"), "account:ListRegions", Denied),
        (legacy().in_region("eu-west-1"), "ec2:DescribeAvailabilityZones", Denied),
        (Scope::organization(Provider::Aws, "o-1"), "organizations:ListHandshakesForOrganization", Denied),
    ] {
        assert_eq!(after(scope, source, status), [Rule::ExemptionUnused], "{source}");
    }
}

#[test]
fn an_exemption_without_bound_or_scope_is_told_as_info() {
    let told = |entry: &str| {
        let found = run(&exempting(entry), &[(quota(640.0), None)], NOW);
        let unbounded = found.into_iter().find(|finding| finding.rule == Rule::ExemptionUnbounded);
        unbounded.map(|finding| (finding.severity, finding.actual))
    };
    assert_eq!(told("match: {kind: quota, account: payments-prod}, max: 900"), None);
    assert_eq!(told("match: {kind: quota, account: payments-prod}"), Some((Severity::Info, json!("no bound"))));
    assert_eq!(told("match: {kind: quota, account: '*'}, max: 900"), Some((Severity::Info, json!("no scope"))));
    assert_eq!(told("match: {kind: quota, finding: 'gl-*'}, max: 900"), Some((Severity::Info, json!("no scope"))));
    assert_eq!(told("match: {kind: quota, finding: 'gl-0*'}, max: 900"), None);
    assert_eq!(told("match: {}"), Some((Severity::Info, json!("no bound and no scope"))));
}

#[test]
fn no_exemption_accepts_what_is_wrong_with_exemptions() {
    let found = run(&exempting("match: {}"), &[], NOW);
    assert!(found.iter().any(|finding| finding.rule == Rule::ExemptionUnbounded));
    assert!(found.iter().all(|finding| finding.status == Status::Open));
}

#[test]
fn what_is_wrong_with_one_exemption_has_an_id_each_and_alike_exemptions_too() {
    let twice = "exemptions:\n  - {match: {}, reason: r, expires: 2026-01-01}\n  - {match: {}, reason: r, expires: 2026-01-02}\n";
    let found = run(twice, &[(quota(640.0), None)], NOW);
    let ids: std::collections::BTreeSet<&str> = found.iter().map(|finding| finding.id.as_str()).collect();
    assert_eq!((found.len(), ids.len()), (5, 5), "one drift, two expired, two unbounded");
}
