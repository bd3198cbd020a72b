//! What readers of a report see: both widths, JSON, hostile text, exit codes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::audit::{Confidence, EventRecord, Outcome, Principal, PrincipalKind};
use crate::baseline::Position;
use crate::baseline::model::{Category, Severity};
use crate::compare::{Aspect, Direction, Rule, Subject};
use crate::estate::{CoverageRow, CoverageStatus, Kind, Provider, Scope};
use crate::finding::{Acceptance, Approval, Authorship, Finding, Status, id};

/// A name as an attacker would choose it: colours, a new line, reordering, an invisible tail.
const HOSTILE: &str = "\u{1b}[2J\u{1b}[32mALL GOOD\nin line: yes\r\u{202e}gnihton\u{200b}\u{7}";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn account(region: &str) -> Scope {
    Scope::account(Provider::Aws, "222222222222").in_region(region)
}

fn organization() -> Scope {
    Scope::organization(Provider::Aws, "o-a1b2c3d4e5")
}

fn finding(rule: Rule, kind: Kind, aspect: Aspect, severity: Severity, scope: Scope, subject: (&str, &str)) -> Finding {
    let subject = Subject { id: subject.0.to_owned(), name: subject.1.to_owned() };
    Finding {
        id: id(kind, aspect, &scope, &subject),
        rule,
        kind,
        aspect,
        severity,
        status: Status::Open,
        direction: Direction::Weaker,
        title: format!("{} differs", subject.name),
        account_name: scope.account.is_some().then(|| "payments-prod".to_owned()),
        scope,
        subject,
        expected: json!("as declared"),
        actual: json!("not so"),
        baseline: Some(Position { file: "guardline.yaml".to_owned(), line: 41, column: 7 }),
        witnesses: Vec::new(),
        accounts: BTreeSet::new(),
        units: BTreeSet::new(),
        stacks: 0,
        extent: None,
        causes: Vec::new(),
        causes_incomplete: None,
        attribution: None,
        approved_by: Vec::new(),
        exempted_by: Vec::new(),
        notes: Vec::new(),
        first_seen: time("2026-11-24T06:00:00Z"),
        last_seen: time("2026-11-24T06:00:00Z"),
        attack: vec!["T1578.005".to_owned(), "AN1356".to_owned()],
        controls: Vec::new(),
        remediation: "Put it back, or declare it.".to_owned(),
    }
}

fn role_session(name: &str) -> Principal {
    Principal {
        arn: format!("arn:aws:sts::222222222222:assumed-role/deploy/{name}"),
        account: Some("222222222222".to_owned()),
        role: Some("arn:aws:iam::222222222222:role/deploy".to_owned()),
        session_name: Some(name.to_owned()),
        ..bare(PrincipalKind::Role)
    }
}

fn bare(kind: PrincipalKind) -> Principal {
    Principal {
        kind,
        arn: String::new(),
        account: None,
        role: None,
        session_name: None,
        source_identity: None,
        user: None,
        mfa: None,
        access_key: None,
        session_since: None,
        invoked_by: None,
    }
}

fn event(name: &str, at: &str, principal: Principal, error: Option<&str>) -> EventRecord {
    EventRecord {
        id: "6f1c2a34-0000-4000-8000-000000000001".to_owned(),
        time: time(at),
        source: "servicequotas.amazonaws.com".to_owned(),
        name: name.to_owned(),
        account: "222222222222".to_owned(),
        region: "eu-west-1".to_owned(),
        error: error.map(str::to_owned),
        principal,
        source_ip: Some("203.0.113.7".to_owned()),
        user_agent: Some("aws-cli/2.27".to_owned()),
    }
}

fn authorship(outcome: Outcome, reason: &str) -> Authorship {
    Authorship {
        outcome,
        confidence: Confidence::High,
        reason: reason.to_owned(),
        events: Vec::new(),
        attempts: Vec::new(),
        principal: None,
        chain: Vec::new(),
        source_ip: None,
        user_agent: None,
        mfa: None,
        approved_change: None,
    }
}

fn quota_raised() -> Finding {
    let who = role_session("alice@acme.example");
    Finding {
        title: "Quota Running On-Demand Standard instances (ec2/L-1216C47A) is 640 in payments-prod (222222222222), \
                eu-west-1; allowed is at most 256"
            .to_owned(),
        expected: json!({"max": 256}),
        actual: json!(640.0),
        notes: vec!["CHG-4711 does not apply: name fits, identity not proven".to_owned()],
        attribution: Some(Authorship {
            events: vec![event("RequestServiceQuotaIncrease", "2026-11-21T02:12:09Z", who.clone(), None)],
            attempts: (1..=5)
                .map(|minute| {
                    let at = format!("2026-11-21T02:0{minute}:00Z");
                    event("RequestServiceQuotaIncrease", &at, who.clone(), Some("AccessDeniedException"))
                })
                .collect(),
            principal: Some(who),
            chain: vec![Principal {
                user: Some("repo:acme/infra:ref:refs/heads/main".to_owned()),
                ..bare(PrincipalKind::WebIdentity)
            }],
            source_ip: Some("203.0.113.7".to_owned()),
            user_agent: Some("aws-cli/2.27".to_owned()),
            mfa: Some(false),
            ..authorship(Outcome::Attributed, "the last change has exactly this effect")
        }),
        ..finding(
            Rule::QuotaRaised,
            Kind::Quota,
            Aspect::Value,
            Severity::High,
            account("eu-west-1"),
            ("ec2/L-1216C47A", "Running On-Demand Standard instances"),
        )
    }
}

fn hostile_policy() -> Finding {
    Finding {
        title: format!("Policy {HOSTILE} (p-ab12cd34) exists and is not declared"),
        actual: json!({"name": HOSTILE, "document": "x".repeat(5000)}),
        expected: Value::Null,
        baseline: None,
        attribution: Some(Authorship {
            events: vec![event("CreatePolicy", "2026-11-21T02:12:09Z", role_session(HOSTILE), None)],
            ..authorship(Outcome::Ambiguous, "two events name the policy")
        }),
        ..finding(
            Rule::PolicyUnexpected,
            Kind::Policy,
            Aspect::Existence,
            Severity::Medium,
            organization(),
            ("p-ab12cd34", HOSTILE),
        )
    }
}

fn approved_and_exempt() -> [Finding; 2] {
    let approved = Finding {
        status: Status::Approved,
        title: "Quota Standard Spot instances (ec2/L-34B43A08) is 512 in payments-prod (222222222222), us-east-1"
            .to_owned(),
        approved_by: vec![Approval {
            id: "CHG-4711".to_owned(),
            reason: "Black Friday capacity".to_owned(),
            accepted_until: "2026-12-05".to_owned(),
            baseline: Position { file: "guardline.yaml".to_owned(), line: 90, column: 5 },
        }],
        ..finding(
            Rule::QuotaRaised,
            Kind::Quota,
            Aspect::Value,
            Severity::High,
            account("us-east-1"),
            ("ec2/L-34B43A08", "Standard Spot instances"),
        )
    };
    let exempt = Finding {
        status: Status::Exempt,
        title: "Region me-south-1 is ENABLED in legacy (444444444444), me-south-1 and not allowed".to_owned(),
        exempted_by: vec![Acceptance {
            id: "kind region, account legacy, region me-south-1".to_owned(),
            reason: "migration to eu-south-1".to_owned(),
            owner: Some("platform".to_owned()),
            category: Category::Mitigated,
            expires: "2027-03-01".to_owned(),
            baseline: Position { file: "guardline.yaml".to_owned(), line: 99, column: 5 },
        }],
        first_seen: time("2026-10-01T06:00:00Z"),
        ..finding(
            Rule::RegionEnabled,
            Kind::Region,
            Aspect::Status,
            Severity::High,
            account("me-south-1"),
            ("me-south-1", "me-south-1"),
        )
    };
    [approved, exempt]
}

fn row(scope: Scope, source: &str, status: CoverageStatus, reason: Option<&str>) -> CoverageRow {
    let reason = reason.map(str::to_owned);
    CoverageRow { reads: 3, ..CoverageRow::new(scope, source, status, reason) }
}

fn coverage() -> Vec<CoverageRow> {
    use CoverageStatus::{Denied, Evaluated, Failed, Skipped, Unsupported};
    let legacy = |region: &str| Scope::account(Provider::Aws, "444444444444").in_region(region);
    let denied = Some("AccessDenied: User is not authorized to perform sts:AssumeRole");
    let mut rows = vec![
        row(organization(), "organizations:ListAccounts", Evaluated, None),
        row(Scope::account(Provider::Aws, "222222222222"), "servicequotas:ListServiceQuotas ec2", Evaluated, None),
        row(organization(), "organizations:DescribeResourcePolicy", Failed, Some(HOSTILE)),
        row(account("eu-west-1"), "ec2:GetAllowedImagesSettings", Unsupported, Some("not offered in this region")),
        row(organization(), "aws.quota_template", Skipped, Some("not in the baseline")),
        row(Scope::account(Provider::Aws, "555555555555"), "account", Skipped, Some("the account is suspended")),
    ];
    for region in ["ap-south-1", "eu-south-1", "eu-west-1", "me-south-1", "us-east-1", "us-west-2"] {
        rows.push(row(legacy(region), "servicequotas:ListServiceQuotas ec2", Denied, denied));
        rows.push(row(legacy(region), "ec2:GetSerialConsoleAccessStatus", Denied, denied));
    }
    rows.sort();
    rows
}

fn run() -> Run {
    Run {
        id: "20261124T060000Z-7f3a".to_owned(),
        started: time("2026-11-24T06:00:00Z"),
        finished: time("2026-11-24T06:02:11Z"),
        version: "0.1.0".to_owned(),
        caller: "arn:aws:sts::111111111111:assumed-role/GuardlineOrgRead/guardline".to_owned(),
        baseline: BaselineUsed {
            files: vec!["guardline.yaml".to_owned()],
            hash: "sha256:44136fa355b3678a".to_owned(),
            idle: Vec::new(),
        },
        window: Window { from: time("2026-11-17T06:00:00Z"), until: time("2026-11-24T06:00:00Z") },
        replayed: true,
        narrowed: false,
        cancelled: false,
        evaluated: true,
        notice: Some("This estate is made up.".to_owned()),
    }
}

fn findings() -> Vec<Finding> {
    let missing = Finding {
        title: "Account gone (666666666666) is declared and does not belong to the organisation".to_owned(),
        attribution: Some(authorship(Outcome::Blind, "the log of us-east-1 could not be read")),
        ..finding(
            Rule::LinkAccountMissing,
            Kind::Link,
            Aspect::Existence,
            Severity::Critical,
            organization(),
            ("666666666666", "gone"),
        )
    };
    let handshake = Finding {
        title: "Handshake h-1 is open: INVITE to EMAIL boss@acme.example".to_owned(),
        actual: json!({"action": "INVITE", "parties": ["EMAIL boss@acme.example"]}),
        attribution: Some(authorship(Outcome::NotFound, "no event names it in the time that was searched")),
        ..finding(
            Rule::LinkHandshakeOpen,
            Kind::Link,
            Aspect::Handshake,
            Severity::Medium,
            organization(),
            ("h-1", "INVITE"),
        )
    };
    let automatic = Finding {
        title: "Quota Concurrent executions (lambda/L-B99A9384) is 2000 in payments-prod (222222222222)".to_owned(),
        attribution: Some(authorship(Outcome::Automatic, "automatic management raises quotas here")),
        ..finding(
            Rule::QuotaRaised,
            Kind::Quota,
            Aspect::Value,
            Severity::Low,
            account("us-east-1"),
            ("lambda/L-B99A9384", "Concurrent executions"),
        )
    };
    let [approved, exempt] = approved_and_exempt();
    vec![missing, quota_raised(), approved, exempt, hostile_policy(), handshake, automatic]
}

fn report() -> Report {
    let mut findings = findings();
    mask_findings(&mut findings);
    Report::new("acme", run(), findings, coverage())
}

fn options(width: usize) -> TerminalOptions {
    TerminalOptions { width, color: false, timezone: TimeZone::get("Europe/Berlin").unwrap() }
}

#[test]
fn eighty_columns() {
    let text = terminal(&report(), &options(80));
    assert_eq!(text.lines().filter(|line| line.chars().count() > 80).collect::<Vec<_>>(), Vec::<&str>::new());
    insta::assert_snapshot!(text);
}

#[test]
fn two_hundred_columns() {
    insta::assert_snapshot!(terminal(&report(), &options(200)));
}

#[test]
fn json_whole() {
    insta::assert_snapshot!(json(&report()).unwrap());
}

#[test]
fn hostile_text_cannot_act_on_a_terminal() {
    for width in [0, 40, 80, 200, 100_000] {
        let text = terminal(&report(), &options(width));
        let acting = text
            .chars()
            .filter(|letter| (letter.is_control() && *letter != '\n') || "\u{202e}\u{200b}".contains(*letter));
        assert_eq!(acting.count(), 0, "width {width}");
        assert!(!text.lines().any(|line| line.starts_with("in line")), "width {width}");
    }
}

#[test]
fn colours_add_nothing_but_colours() {
    let plain = terminal(&report(), &options(80));
    let colored = terminal(&report(), &TerminalOptions { color: true, ..options(80) });
    assert_ne!(colored, plain);
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
}

#[test]
fn account_addresses_are_masked_and_who_acted_is_not() {
    let texts = [json(&report()).unwrap(), terminal(&report(), &options(80))];
    for text in &texts {
        assert!(!text.contains("boss@"), "{text}");
        assert!(text.contains("***@acme.example"), "{text}");
        assert!(text.contains("alice@acme.example"), "{text}");
    }
}

#[test]
fn the_same_report_is_the_same_bytes_and_reads_back() {
    let text = json(&report()).unwrap();
    assert_eq!(text, json(&report()).unwrap());
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report());
}

#[test]
fn a_report_keeps_its_own_schema() {
    let validator = jsonschema::validator_for(&report_schema()).unwrap();
    let mut value = serde_json::to_value(report()).unwrap();
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    value["findings"][0]["status"] = json!("fine");
    assert!(!validator.is_valid(&value));
    assert!(!validator.is_valid(&json!({"schema": REPORT_SCHEMA})));
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    for (name, schema) in [("report-v1.json", report_schema()), ("snapshot-v1.json", snapshot_schema())] {
        let path = format!("{}/policies/schema/{name}", env!("CARGO_MANIFEST_DIR"));
        let made = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::env::var_os("GUARDLINE_UPDATE_SCHEMAS").is_some() {
            write(path.as_ref(), &made).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap();
        assert!(
            published == made,
            "not that of the types, run: GUARDLINE_UPDATE_SCHEMAS=1 cargo test published_schemas"
        );
    }
}

/// A report with so many open findings of these severities and one row of coverage of this status besides a read one.
fn small(severities: &[Severity], status: CoverageStatus) -> Report {
    let findings = severities.iter().map(|severity| Finding { severity: *severity, ..quota_raised() }).collect();
    let rows = vec![
        row(organization(), "organizations:ListAccounts", CoverageStatus::Evaluated, None),
        row(account("eu-west-1"), "ec2:GetX", status, Some("why")),
    ];
    Report::new("acme", run(), findings, rows)
}

fn code(report: &Report, options: ExitOptions) -> (u8, String) {
    let verdict = verdict(report, options);
    (verdict.exit.code(), verdict.why.unwrap_or_default())
}

#[test]
fn code_0_in_line() {
    let strict = ExitOptions { strict: true, ..ExitOptions::default() };
    for status in [CoverageStatus::Evaluated, CoverageStatus::Unsupported, CoverageStatus::Skipped] {
        let report = small(&[Severity::Low, Severity::Info], status);
        assert_eq!(code(&report, strict), (0, String::new()), "{status:?}");
    }
}

#[test]
fn code_0_without_strict_although_something_was_denied() {
    let report = small(&[], CoverageStatus::Denied);
    assert_eq!(code(&report, ExitOptions::default()), (0, String::new()));
    assert!(!report.summary.in_line);
    assert_eq!(
        report.summary.sentence,
        "acme: nothing open in what could be read; coverage incomplete: 1 denied (account 222222222222)"
    );
}

#[test]
fn code_1_nothing_could_be_evaluated() {
    let rows = vec![row(organization(), "organizations:ListAccounts", CoverageStatus::Denied, Some("no"))];
    let run = Run { evaluated: false, ..run() };
    let report = Report::new("acme", run, vec![quota_raised()], rows);
    let all = ExitOptions { strict: true, exit_zero: true, ..ExitOptions::default() };
    assert_eq!(code(&report, all), (1, "nothing could be evaluated; the coverage says why".to_owned()));
}

#[test]
fn code_3_findings_at_or_above_the_threshold() {
    let report = small(&[Severity::Medium, Severity::Low], CoverageStatus::Evaluated);
    assert_eq!(code(&report, ExitOptions::default()), (3, "1 open finding is medium or worse".to_owned()));
    let at = |fail_on| ExitOptions { fail_on, ..ExitOptions::default() };
    assert_eq!(code(&report, at(Severity::Low)).1, "2 open findings are low or worse");
    assert_eq!(code(&report, at(Severity::High)), (0, String::new()));
    let accepted = Report::new("acme", run(), approved_and_exempt().into(), report.coverage.clone());
    assert_eq!(code(&accepted, at(Severity::Info)), (0, String::new()));
}

#[test]
fn code_4_incomplete_under_strict_and_3_that_names_both() {
    let strict = ExitOptions { strict: true, ..ExitOptions::default() };
    for status in [CoverageStatus::Denied, CoverageStatus::Throttled, CoverageStatus::Failed] {
        let report = small(&[Severity::Low], status);
        let why = "coverage is incomplete: 1 read was denied, throttled or failed";
        assert_eq!(code(&report, strict), (4, why.to_owned()));
    }
    let both = small(&[Severity::Critical], CoverageStatus::Failed);
    let (three, why) = code(&both, strict);
    assert_eq!(three, 3);
    assert!(why.contains("1 open finding is medium or worse") && why.contains("coverage is incomplete too"), "{why}");
    // `--exit-zero` only removes 3.
    assert_eq!(code(&both, ExitOptions { exit_zero: true, ..strict }).0, 4);
    assert_eq!(code(&both, ExitOptions { exit_zero: true, ..ExitOptions::default() }).0, 0);
}

#[test]
fn a_cancelled_run_counts_as_strict() {
    let cancelled = |mut report: Report| {
        report.run.cancelled = true;
        Report::new("acme", report.run, report.findings, report.coverage)
    };
    let unread = cancelled(small(&[Severity::Low], CoverageStatus::Failed));
    assert_eq!(code(&unread, ExitOptions::default()).0, 4);
    assert!(unread.summary.sentence.ends_with("; cancelled before it was done"), "{}", unread.summary.sentence);
    let found = cancelled(small(&[Severity::High], CoverageStatus::Failed));
    assert_eq!(code(&found, ExitOptions::default()).0, 3);
    assert_eq!(code(&found, ExitOptions { exit_zero: true, ..ExitOptions::default() }).0, 4);
    // It came too late to keep anything from being read.
    let whole = cancelled(small(&[Severity::Low], CoverageStatus::Evaluated));
    assert_eq!(code(&whole, ExitOptions::default()).0, 0);
}

#[test]
fn an_estate_in_line_says_so_only_when_it_was_read_whole() {
    let whole = small(&[Severity::Info], CoverageStatus::Evaluated);
    assert!(whole.summary.in_line);
    assert_eq!(whole.summary.sentence, "acme: in line with its baseline, 1 info open; coverage complete");
    let unread = Report::new("acme", Run { evaluated: false, ..run() }, Vec::new(), Vec::new());
    assert!(!unread.summary.in_line);
    assert_eq!(unread.summary.sentence, "acme: nothing open in what could be read; nothing was read");
}

fn weakened() -> Finding {
    let witness = json!({
        "guardrail": "scp", "action": "ec2:RunInstances", "resource": "*", "context": {"aws:RequestedRegion": HOSTILE},
    });
    let extent = json!({
        "actions": 2, "known_actions": 20_000, "by_level": {"Write": 1, "Read": 1}, "by_service": {"ec2": 2},
        "examples": ["ec2:RunInstances", "ec2:DescribeInstances"], "regions": ["eu-south-2", HOSTILE],
        "principals": null, "complete": false,
    });
    let cause = |number: usize| json!({"category": "region-allowed", "sentence": format!("{HOSTILE} {number}"), "guardrail": "scp", "statement": HOSTILE});
    let policy = finding(
        Rule::PolicyWeakened,
        Kind::Policy,
        Aspect::Content,
        Severity::High,
        organization(),
        ("p-ab12cd34", "deny-outside-eu"),
    );
    Finding {
        witnesses: vec![serde_json::from_value(witness).unwrap()],
        accounts: (0..60).map(|number| format!("2222222222{number:02}")).collect(),
        units: ["/Work".to_owned(), HOSTILE.to_owned()].into(),
        stacks: 3,
        extent: serde_json::from_value(extent).unwrap(),
        causes: (1..=5).map(|number| serde_json::from_value(cause(number)).unwrap()).collect(),
        causes_incomplete: Some("not all sets were tried".to_owned()),
        ..policy
    }
}

#[test]
fn a_weaker_guardrail_is_told_in_few_lines() {
    let report = Report::new("acme", run(), vec![weakened()], Vec::new());
    let text = terminal(&report, &options(120));
    let lines = text.lines().skip_while(|line| !line.contains("witness")).take_while(|line| !line.contains("  do "));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{200b}']));
}

#[test]
fn a_weaker_guardrail_is_explained_in_full() {
    let finding = weakened();
    let explanation = Explanation { finding: &finding, context: &Context::Nowhere, remark: None, steps: &[] };
    let text = explain(&explanation, &options(120));
    let lines = text.lines().skip_while(|line| !line.contains("witness")).take_while(|line| !line.contains("  seen "));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{200b}']));
}
