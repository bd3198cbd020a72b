//! What a finding says of itself: severity, sentence, order and id.

use proptest::prelude::*;

use super::*;

#[test]
fn severity_is_the_table_s_unless_the_baseline_says_otherwise() {
    assert_eq!(judged("", quota(640.0), None, NOW).severity, Severity::High);
    assert_eq!(judged("severity: {quota.raised: low}\n", quota(640.0), None, NOW).severity, Severity::Low);
}

#[test]
fn a_finding_says_what_and_where_in_one_sentence() {
    let finding = judged("", quota(640.0), None, NOW);
    assert_eq!(
        finding.title,
        "Quota Standard instances (ec2/L-1216C47A) is 640 in payments-prod (222222222222), eu-west-1; allowed is at most 256"
    );
    assert_eq!(finding.attack, ["T1578.005", "AN1356"]);
    let global = Drift { scope: aws_account("222222222222", GLOBAL), ..quota(640.0) };
    assert!(judged("", global, None, NOW).title.contains("payments-prod (222222222222), global"));
}

#[test]
fn the_worst_stand_first_then_rule_scope_and_subject() {
    let low = Drift { rule: Rule::QuotaLowered, scope: aws_account("222222222222", "us-east-1"), ..quota(1.0) };
    let mut changes =
        vec![(low, None), (region("444444444444"), None), (quota(640.0), None), (region("222222222222"), None)];
    let order = |changes: &[(Drift, Option<Attribution>)]| -> Vec<String> {
        run("", changes, NOW)
            .iter()
            .map(|finding| format!("{} {}", finding.rule, finding.scope.account.as_ref().unwrap()))
            .collect()
    };
    let first = order(&changes);
    assert_eq!(
        first,
        [
            "quota.raised 222222222222",
            "region.enabled 222222222222",
            "region.enabled 444444444444",
            "quota.lowered 222222222222"
        ]
    );
    changes.reverse();
    assert_eq!(order(&changes), first);
}

proptest! {
    #[test]
    fn the_verdict_on_a_thing_does_not_change_its_id(
        value in any::<f64>(), name in ".{0,20}", severity in "low|critical", lowered: bool, stricter: bool
    ) {
        let changed = Drift {
            rule: if lowered { Rule::QuotaLowered } else { Rule::QuotaRaised },
            direction: if stricter { Direction::Stricter } else { Direction::Unknown },
            subject: Subject { name, ..quota(0.0).subject },
            expected: json!({"min": value}),
            ..quota(value)
        };
        let rule = changed.rule;
        let other = judged(&format!("severity: {{{rule}: {severity}}}\n"), changed, None, NOW);
        prop_assert_eq!(other.id, judged("", quota(640.0), None, NOW).id);
    }

    #[test]
    fn another_thing_has_another_id(subject in "[a-z/]{1,8}", place in "[a-z0-9-]{1,8}") {
        let same = judged("", quota(640.0), None, NOW).id;
        let subject = Drift { subject: Subject { id: subject, name: String::new() }, ..quota(640.0) };
        let elsewhere = Drift { scope: aws_account("222222222222", &place), ..quota(640.0) };
        let request = Drift { aspect: Aspect::Request, ..quota(640.0) };
        for other in [subject, elsewhere, request] {
            prop_assert_ne!(judged("", other, None, NOW).id, same.clone());
        }
    }
}
