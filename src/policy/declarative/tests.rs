//! AWS's own worked examples of inheritance, and the orders one by one.

#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::inherit::Effective;
use crate::policy::{
    comparison::{Comparison, compare},
    decide::{Options, Verdict},
    levels::{File, Guardrails, declarative_from_files},
};

fn read(value: &Value) -> Guardrails {
    let file = File { name: "a.json".to_owned(), text: value.to_string() };
    declarative_from_files(vec![file]).map_err(|mistakes| mistakes.render(false, 100)).expect("levels")
}

fn effective(levels: &Value) -> Effective {
    read(levels).settings()
}

/// What holds, by path.
fn values(levels: &Value) -> Vec<(String, Value)> {
    effective(levels).values.into_iter().map(|(path, value)| (path.to_string(), value)).collect()
}

fn compared(old: &Value, new: &Value) -> Comparison {
    compare(read(old), read(new), &Options::default())
}

/// A document that assigns one attribute.
fn assign(path: &str, value: &Value) -> Value {
    with(path, json!({"@@assign": value}))
}

fn with(path: &str, said: Value) -> Value {
    path.rsplit('.').fold(said, |inner, step| json!({ step: inner }))
}

const A: &str = r#"{"tags": {"costcenter": {"tag_key": {"@@assign": "CostCenter"},
    "tag_value": {"@@assign": ["Development", "Support"]}}}}"#;
const B: &str = r#"{"tags": {"costcenter": {"tag_key": {"@@assign": "CostCenter"}, "tag_value": {"@@assign": ["Sandbox"]},
    "enforced_for": {"@@assign": ["redshift:*", "dynamodb:table"]}}}}"#;
const C: &str = r#"{"tags": {"costcenter": {"tag_key": {"@@assign": "CostCenter"}, "tag_value": {"@@append": ["Marketing"]},
    "enforced_for": {"@@append": ["redshift:*", "dynamodb:table"]}}}}"#;
// AWS's page shows `enforced_for` inside of `tag_value`, and the result as if it stood beside it.
const D: &str = r#"{"tags": {"costcenter": {"tag_key": {"@@assign": "CostCenter"},
    "tag_value": {"@@remove": ["Development", "Marketing"]},
    "enforced_for": {"@@remove": ["redshift:*", "dynamodb:table"]}}}}"#;
const E: &str = r#"{"tags": {"project": {
    "tag_key": {"@@operators_allowed_for_child_policies": ["@@none"], "@@assign": "Project"},
    "tag_value": {"@@operators_allowed_for_child_policies": ["@@append"], "@@assign": ["Maintenance", "Escalations"]}}}}"#;
const F: &str = r#"{"tags": {"project": {"tag_key": {"@@assign": "PROJECT"},
    "tag_value": {"@@append": ["Escalations - research"]}}}}"#;
const G: &str = r#"{"tags": {"project": {"tag_value": {
    "@@operators_allowed_for_child_policies": ["@@append"], "@@assign": ["Maintenance"]}}}}"#;
const H: &str = r#"{"tags": {"project": {"tag_value": {
    "@@operators_allowed_for_child_policies": ["@@append", "@@remove"]}}}}"#;
const J: &str =
    r#"{"tags": {"project": {"tag_key": {"@@assign": "PROJECT"}, "tag_value": {"@@append": ["Maintenance"]}}}}"#;
const K: &str = r#"{"tags": {"project": {"tag_key": {"@@assign": "project"}}}}"#;

fn levels(texts: &[&[&str]]) -> Value {
    let document = |text: &&str| serde_json::from_str::<Value>(text).expect("a document");
    texts.iter().map(|level| Value::Array(level.iter().map(document).collect())).collect()
}

/// <https://docs.aws.amazon.com/organizations/latest/userguide/inheritance-examples.html>
#[test]
fn the_examples_of_aws_come_out_as_aws_says() {
    let key = ("tags.costcenter.tag_key".to_owned(), json!("CostCenter"));
    let value = |values: Value| ("tags.costcenter.tag_value".to_owned(), values);
    let enforced = ("tags.costcenter.enforced_for".to_owned(), json!(["redshift:*", "dynamodb:table"]));
    let all = json!(["Development", "Support", "Marketing"]);
    assert_eq!(values(&levels(&[&[A], &[B]])), [enforced.clone(), key.clone(), value(json!(["Sandbox"]))]);
    assert_eq!(values(&levels(&[&[A], &[C]])), [enforced, key.clone(), value(all)]);
    assert_eq!(values(&levels(&[&[A], &[C], &[D]])), [key, value(json!(["Support"]))]);
    let project = |key: &str, values: Value| {
        vec![("tags.project.tag_key".to_owned(), json!(key)), ("tags.project.tag_value".to_owned(), values)]
    };
    let three = json!(["Maintenance", "Escalations", "Escalations - research"]);
    assert_eq!(values(&levels(&[&[E], &[F]])), project("Project", three));
    assert_eq!(values(&levels(&[&[J, K]])), project("PROJECT", json!(["Maintenance"])));
    // G and H together let lower levels append, and not remove.
    let child = r#"{"tags": {"project": {"tag_value": {"@@append": ["More"], "@@remove": ["Maintenance"]}}}}"#;
    for root in [[G, H], [H, G]] {
        let found = values(&levels(&[&root, &[child]]));
        assert_eq!(found, [("tags.project.tag_value".to_owned(), json!(["Maintenance", "More"]))]);
    }
}

/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_ai-opt-out_syntax.html>
#[test]
fn a_lock_holds_for_what_stands_there_and_for_what_is_new_below() {
    let none = json!(["@@none"]);
    let root = json!({"services": {"@@operators_allowed_for_child_policies": none, "default": {
        "opt_out_policy": {"@@operators_allowed_for_child_policies": none, "@@assign": "optOut"}}}});
    let child = json!({"services": {"lex": {"opt_out_policy": {"@@assign": "optIn"}},
        "default": {"opt_out_policy": {"@@assign": "optIn", "@@operators_allowed_for_child_policies": ["@@all"]}}}});
    let locked = effective(&json!([[root], [child.clone()], [child.clone()]]));
    assert_eq!(locked.values.values().collect::<Vec<_>>(), [&json!("optOut")]);
    assert!(locked.allowed.values().all(std::collections::BTreeSet::is_empty));
    // On one level nobody is above the other; the first one holds.
    assert_eq!(values(&json!([[root, child]])).len(), 2);
}

#[test]
fn what_cannot_be_told_is_left_open() {
    let list = |operator: &str, words: &[&str]| with("a.b", json!({ operator: words }));
    for level in [
        json!([list("@@assign", &["x"]), list("@@assign", &["y"])]),
        json!([list("@@append", &["x"]), list("@@remove", &["x"])]),
        json!([with("a.b", json!("x"))]),
        json!([with("a.b", json!({"@@append": "x"}))]),
        json!([with("a.b", json!({"@@assign": {"c": 1}}))]),
        json!([with("a.b", json!({"@@replace": ["x"]}))]),
    ] {
        let found = effective(&json!([level]));
        assert_eq!(found.open.keys().map(ToString::to_string).collect::<Vec<_>>(), ["a.b"], "{level}");
        let strict = compared(&json!([level]), &json!([level]));
        assert_eq!((strict.verdict, strict.reason.is_some()), (Verdict::Unknown, true), "{level}");
    }
    let agreed = json!([list("@@append", &["x"]), list("@@append", &["y", "x"])]);
    assert!(effective(&json!([agreed])).open.is_empty());
    let on_single = json!([[with("a.b", json!({"@@assign": "x"}))], [list("@@append", &["y"])]]);
    assert_eq!(effective(&on_single).open.len(), 1);
}

const VPC: &str = "ec2_attributes.vpc_block_public_access.internet_gateway_block";
const METADATA: &str = "ec2_attributes.instance_metadata_defaults";
const IMAGES: &str = "ec2_attributes.allowed_images_settings";

#[test]
fn each_order_says_which_value_restricts_less() {
    let orders: Vec<(String, Vec<Value>)> = vec![
        (format!("{VPC}.mode"), vec![json!("block_bidirectional"), json!("block_ingress"), json!("off")]),
        (format!("{VPC}.exclusions_allowed"), vec![json!("disabled"), json!("enabled")]),
        ("ec2_attributes.serial_console_access.status".to_owned(), vec![json!("disabled"), json!("enabled")]),
        (
            "ec2_attributes.image_block_public_access.state".to_owned(),
            vec![json!("block_new_sharing"), json!("unblocked")],
        ),
        (
            "ec2_attributes.snapshot_block_public_access.state".to_owned(),
            vec![json!("block_all_sharing"), json!("block_new_sharing"), json!("unblocked")],
        ),
        (format!("{METADATA}.http_tokens"), vec![json!("required"), json!("optional"), json!("no_preference")]),
        (format!("{METADATA}.http_put_response_hop_limit"), vec![json!("1"), json!(2), json!("64"), json!(-1)]),
        (format!("{METADATA}.http_tokens_enforced"), vec![json!("enabled"), json!("disabled"), json!("no_preference")]),
        (format!("{IMAGES}.state"), vec![json!("enabled"), json!("audit_mode"), json!("disabled")]),
        ("services.default.opt_out_policy".to_owned(), vec![json!("optOut"), json!("optIn")]),
    ];
    for (path, strictest_first) in &orders {
        for (at, one) in strictest_first.iter().enumerate() {
            for (other_at, other) in strictest_first.iter().enumerate() {
                let verdict = compared(&assign(path, one), &assign(path, other)).verdict;
                let expected = match at.cmp(&other_at) {
                    std::cmp::Ordering::Less => Verdict::Weaker,
                    std::cmp::Ordering::Equal => Verdict::Equivalent,
                    std::cmp::Ordering::Greater => Verdict::Stricter,
                };
                assert_eq!(verdict, expected, "{path}: {one} to {other}");
            }
        }
        let strict = assign(path, &strictest_first[0]);
        assert_eq!(compared(&strict, &json!({})).verdict, Verdict::Weaker, "{path} gone");
        assert_eq!(compared(&json!({}), &strict).verdict, Verdict::Stricter, "{path} came");
        let unknown = compared(&strict, &assign(path, &json!("new_word")));
        assert_eq!((unknown.verdict, unknown.reason.is_some()), (Verdict::Unknown, true), "{path}");
    }
    let entries: Vec<Value> =
        serde_yaml::from_str(include_str!("../../../policies/aws/declarative-orders.yaml")).expect("a list");
    let with_order = |entry: &&Value| entry["strictest_first"].is_array() || entry["lower_is_stricter"] == json!(true);
    assert_eq!(entries.iter().filter(with_order).count(), orders.len(), "each order of the table is tried");
}

#[test]
fn what_is_set_off_where_an_account_could_choose_is_mixed() {
    let off = assign(&format!("{VPC}.mode"), &json!("off"));
    assert_eq!(compared(&json!({}), &off).verdict, Verdict::Mixed);
    assert_eq!(compared(&off, &json!({})).verdict, Verdict::Weaker);
    let exclusions = assign(&format!("{VPC}.exclusions_allowed"), &json!("enabled"));
    assert_eq!(compared(&json!({}), &exclusions).verdict, Verdict::Stricter);
}

#[test]
fn a_service_that_is_not_named_is_opted_out_as_the_default_is() {
    let services = |default: &str, lex: Option<&str>| {
        let mut services = json!({"default": {"opt_out_policy": {"@@assign": default}}});
        if let Some(lex) = lex {
            services["lex"] = json!({"opt_out_policy": {"@@assign": lex}});
        }
        json!({ "services": services })
    };
    let verdict = |old: &Value, new: &Value| compared(old, new).verdict;
    assert_eq!(verdict(&services("optOut", None), &services("optOut", Some("optIn"))), Verdict::Weaker);
    assert_eq!(verdict(&services("optOut", None), &services("optOut", Some("optOut"))), Verdict::Equivalent);
    assert_eq!(verdict(&services("optIn", None), &services("optIn", Some("optOut"))), Verdict::Stricter);
    assert_eq!(verdict(&services("optIn", None), &json!({})), Verdict::Equivalent);
}

fn criteria(criteria: &Value) -> Value {
    let assigned = |criterion: &Value| -> Value {
        let criterion = criterion.as_object().expect("a criterion");
        criterion
            .iter()
            .map(|(name, value)| {
                let value = if value.is_number() {
                    let inner = if name.starts_with("creation") {
                        "maximum_days_since_created"
                    } else {
                        "maximum_days_since_deprecated"
                    };
                    json!({ inner: {"@@assign": value} })
                } else {
                    json!({"@@assign": value})
                };
                (name.clone(), value)
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let criteria: serde_json::Map<_, _> = (criteria.as_array().expect("criteria").iter().enumerate())
        .map(|(at, criterion)| (format!("criteria_{}", at + 1), assigned(criterion)))
        .collect();
    with(&format!("{IMAGES}.image_criteria"), criteria.into())
}

#[test]
fn more_images_are_weaker() {
    let days =
        |providers: Value, days: u32| json!({"allowed_image_providers": providers, "creation_date_condition": days});
    let own = json!({"allowed_image_providers": ["amazon"]});
    for (old, new, expected) in [
        (json!([own]), json!([{"allowed_image_providers": ["amazon", "111111111111"]}]), Verdict::Weaker),
        (json!([{"allowed_image_providers": ["a", "b"]}]), json!([own]), Verdict::Mixed),
        (json!([{"allowed_image_providers": ["amazon", "b"]}]), json!([own]), Verdict::Stricter),
        // One criterion with two providers is two criteria with one.
        (
            json!([{"allowed_image_providers": ["a", "b"]}]),
            json!([{"allowed_image_providers": ["b"]},
            {"allowed_image_providers": ["a"]}]),
            Verdict::Equivalent,
        ),
        (json!([own]), json!([own, {"image_names": ["x"]}]), Verdict::Weaker),
        (json!([own]), json!([days(json!(["amazon"]), 30)]), Verdict::Stricter),
        (json!([days(json!(["a"]), 30)]), json!([days(json!(["a"]), 60)]), Verdict::Weaker),
        (json!([days(json!(["a"]), 30)]), json!([days(json!(["a", "b"]), 20)]), Verdict::Mixed),
        (json!([own]), json!([own, {"allowed_image_providers": ["none"]}]), Verdict::Equivalent),
        (json!([{"image_names": ["al2023-*"]}]), json!([{"image_names": ["al2023-1"]}]), Verdict::Stricter),
        (json!([{"image_names": ["al2023-1"]}]), json!([{"image_names": ["al2023-*"]}]), Verdict::Weaker),
        (json!([{"image_names": ["a*"]}]), json!([{"image_names": ["ab*"]}]), Verdict::Unknown),
        (json!([{"colour": ["red"]}]), json!([{"colour": ["blue"]}]), Verdict::Unknown),
        (json!([{"colour": ["red"]}, own]), json!([own, {"colour": ["red"]}]), Verdict::Equivalent),
    ] {
        let found = compared(&criteria(&old), &criteria(&new));
        assert_eq!(found.verdict, expected, "{old} to {new}: {found:?}");
    }
    assert_eq!(compared(&criteria(&json!([own])), &json!({})).verdict, Verdict::Weaker);
}

#[test]
fn what_lower_levels_may_do_counts_too() {
    let locked = |allowed: &[&str]| {
        let said = json!({"@@assign": "disabled", "@@operators_allowed_for_child_policies": allowed});
        with("ec2_attributes.serial_console_access.status", said)
    };
    for (old, new, expected) in [
        (&["@@none"][..], &["@@all"][..], Verdict::Weaker),
        (&["@@all"], &["@@none"], Verdict::Stricter),
        (&["@@assign", "@@append", "@@remove"], &["@@all"], Verdict::Equivalent),
        (&["@@append"], &["@@assign"], Verdict::Mixed),
    ] {
        let found = compared(&locked(old), &locked(new));
        assert_eq!(found.verdict, expected, "{old:?} to {new:?}");
        let category = found.attributes.first().and_then(|attribute| attribute.category.clone());
        let opened = matches!(expected, Verdict::Weaker | Verdict::Mixed);
        assert_eq!(category.as_deref(), opened.then_some("child-operators-opened"));
    }
}

#[test]
fn what_restricts_nothing_and_what_is_not_known() {
    let message = |text: &str| assign("ec2_attributes.exception_message", &json!(text));
    assert_eq!(compared(&message("a"), &message("b")).verdict, Verdict::Equivalent);
    let tags = |value: &str| assign("tags.a.tag_value", &json!([value]));
    let found = compared(&tags("x"), &tags("y"));
    assert_eq!((found.verdict, found.attributes[0].direction), (Verdict::Unknown, Verdict::Unknown));
    // What is certainly weaker is said beside what is unknown.
    let both = |value: &str, status: &str| {
        let mut both = tags(value);
        both["ec2_attributes"] = json!({"serial_console_access": {"status": {"@@assign": status}}});
        both
    };
    let found = compared(&both("x", "disabled"), &both("y", "enabled"));
    assert_eq!((found.verdict, found.attributes.len(), found.reason.is_some()), (Verdict::Weaker, 2, true));
}

#[test]
fn what_is_no_declarative_policy_is_a_mistake() {
    for text in [r#"{"Statement": []}"#, "7", r#"[{"a": {}}]"#, r#"[["a"]]"#] {
        let file = File { name: "a.json".to_owned(), text: text.to_owned() };
        let mistakes = declarative_from_files(vec![file]).err().map_or(0, |mistakes| mistakes.errors());
        assert_eq!(mistakes, 1, "{text}");
    }
    let long = assign("ec2_attributes.exception_message", &json!("x".repeat(10_000)));
    assert!(read(&long).refused()[0].reason.contains("10000 characters at most"));
}

/// A small policy with any operators on two settings.
fn policy() -> impl Strategy<Value = Value> {
    let list = prop::collection::vec(prop::sample::select(vec!["x", "y", "z"]), 1..3);
    let operators = prop::sample::select(vec!["@@assign", "@@append", "@@remove"]);
    let controls = prop::sample::subsequence(vec!["@@assign", "@@append", "@@remove"], 1..3);
    let setting = (prop::option::of((operators, list)), prop::option::of(controls)).prop_map(|(said, control)| {
        let mut setting = serde_json::Map::new();
        setting.extend(said.map(|(operator, list)| (operator.to_owned(), json!(list))));
        setting.extend(control.map(|control| ("@@operators_allowed_for_child_policies".to_owned(), json!(control))));
        Value::Object(setting)
    });
    (setting.clone(), setting).prop_map(|(a, b)| json!({"t": {"a": a, "b": b}}))
}

proptest! {
    #[test]
    fn no_lower_level_widens_what_lower_levels_may_do(levels in prop::collection::vec(policy(), 1..5)) {
        let of = |many: usize| {
            let levels: Vec<Value> = levels[..many].iter().map(|policy| json!([policy])).collect();
            effective(&json!(levels))
        };
        for many in 1..levels.len() {
            let (above, below) = (of(many), of(many + 1));
            for (path, allowed) in &above.allowed {
                prop_assert!(below.allowed[path].is_subset(allowed));
                if allowed.is_empty() {
                    prop_assert_eq!(above.values.get(path), below.values.get(path));
                }
            }
        }
    }

    #[test]
    fn a_side_is_equivalent_to_itself(levels in prop::collection::vec(policy(), 0..4)) {
        let levels: Vec<Value> = levels.iter().map(|policy| json!([policy])).collect();
        let found = compared(&json!(levels), &json!(levels));
        prop_assert_eq!((found.verdict, found.attributes.len()), (Verdict::Equivalent, 0));
    }
}
