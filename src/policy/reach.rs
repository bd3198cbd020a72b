//! Can compute still be created in a region? In come the guardrails of an account, some regions and the account; out comes a
//! proof that nothing gets through there, a request that does, or why it cannot be told. The calls that count are data:
//! `policies/aws/provisioning-actions.yaml`.
//!
//! How: a guardrail that stops exactly these requests and nothing else is put beside the account's own, and the decision
//! procedure is asked for a request that only the first one stops. So every request with one of these actions counts, by
//! anybody in the account, with any other condition key; the region is the only thing that is laid down.
//!
//! Service-linked roles are left out, since service control policies do not bind them, exempt or not:
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html>

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::decide::{Direction, Engine};
use super::document::Kind;
use super::evaluate::keys;
use super::organization::parsed;
use super::stack::Stack;
use crate::baseline::pattern::fits;

static ACTIONS: LazyLock<Vec<String>> =
    LazyLock::new(|| match serde_yaml::from_str(include_str!("../../policies/aws/provisioning-actions.yaml")) {
        Ok(actions) => actions,
        Err(error) => {
            unreachable!("`policies/aws/provisioning-actions.yaml` is part of the program and cannot be read: {error}")
        }
    });

/// The keys that say to which account the one who asks belongs.
const ACCOUNT: &str = "aws:principalaccount";
const ARN: &str = "aws:principalarn";

/// The calls that create compute.
#[must_use]
pub fn actions() -> &'static [String] {
    &ACTIONS
}

/// Whether a call that creates compute gets through in one of some regions.
#[derive(Clone, Debug)]
pub struct Question {
    /// What stops exactly such calls.
    pub gate: Stack,
}

impl Question {
    /// About some regions, and about requests of somebody in `account`, where the stack [asks](asks_who) for that.
    ///
    /// # Errors
    /// The regions cannot be asked about.
    pub fn new(regions: &[&str], account: Option<&str>) -> Result<Self, String> {
        let mut equals = Map::from_iter([("aws:RequestedRegion".to_owned(), json!(regions))]);
        let mut condition = Map::new();
        if let Some(account) = account {
            equals.insert("aws:PrincipalAccount".to_owned(), json!(account));
            condition.insert("ArnLike".to_owned(), json!({"aws:PrincipalArn": format!("arn:*:*::{account}:*")}));
            // Where nobody asks who it is, they are like everybody else.
            let linked = "arn:*:iam::*:role/aws-service-role/*";
            condition.insert("ArnNotLike".to_owned(), json!({"aws:PrincipalArn": linked}));
        }
        condition.insert("StringEquals".to_owned(), Value::Object(equals));
        // In this version nothing in a name is taken for a variable.
        let gate = json!({"Version": "2008-10-17", "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": actions(), "Resource": "*", "Condition": condition},
        ]});
        let name = "compute outside the allowed regions";
        Ok(Self { gate: Stack::single(Kind::Scp, name, parsed(name, &gate.to_string())?) })
    }

    /// What gets through a stack. The engine must have been made for the stack and for this question's gate.
    #[must_use]
    pub fn ask(&self, engine: &Engine, stack: &Stack) -> Direction {
        engine.direction(&self.gate, stack)
    }
}

/// Whether a stack asks who makes a request, so that the account has to be laid down too.
#[must_use]
pub fn asks_who(stack: &Stack) -> bool {
    let asked = keys(stack);
    [ACCOUNT, ARN].iter().any(|key| asked.contains_key(*key))
}

/// Whether a stack speaks of an account by its number, so that it may let other things through there than in accounts that
/// it also binds.
#[must_use]
pub fn names_account(stack: &Stack, account: &str) -> bool {
    let documents = stack.levels.iter().flat_map(|level| &level.documents);
    let conditions = documents.flat_map(|named| &named.document.statements).flat_map(|said| &said.conditions);
    conditions.flat_map(|condition| condition.values.iter().map(move |value| (condition, value))).any(|(on, value)| {
        match on.key.as_str() {
            ACCOUNT => fits(value, account),
            ARN => match value.split(':').nth(4) {
                Some(part) => part != "*" && fits(part, account),
                None => value.contains(account),
            },
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a failing helper fails its test")]

    use super::*;
    use crate::policy::catalogue::Catalogue;
    use crate::policy::decide::Options;
    use crate::policy::request::ContextValue;
    use crate::policy::stack::{Level, Named};

    fn stack(documents: &[&str]) -> Stack {
        let documents = documents
            .iter()
            .map(|text| Named { name: "p".to_owned(), document: parsed("p", text).expect("it can be read").into() });
        let full = Named {
            name: "FullAWSAccess".to_owned(),
            document: crate::policy::document::Document::full_access().into(),
        };
        Stack { kind: Kind::Scp, levels: vec![Level { documents: documents.chain([full]).collect() }] }
    }

    fn asked(stack: &Stack, regions: &[&str], account: &str) -> Direction {
        let question = Question::new(regions, asks_who(stack).then_some(account)).expect("it can be asked");
        let engine = Engine::new([stack, &question.gate], &Options::default()).expect("it is not too complex");
        question.ask(&engine, stack)
    }

    fn is_open(document: &str, region: &str, account: &str) -> bool {
        match asked(&stack(&[document]), &[region], account) {
            Direction::None => false,
            Direction::Some(_) => true,
            Direction::Unknown(why) => panic!("{why}"),
        }
    }

    #[test]
    fn the_calls_that_count_are_known_ones() {
        for action in actions() {
            let known = Catalogue::get().action(action).expect(action);
            assert_eq!(known.to_string(), *action, "AWS's spelling");
        }
    }

    #[test]
    fn a_request_shows_a_region_that_is_open() {
        let Direction::Some(found) = asked(&stack(&[]), &["ap-east-1", "us-west-2"], "222222222222") else {
            panic!("nothing stops anything")
        };
        let region = &found[0].context["aws:RequestedRegion"];
        assert!(
            [ContextValue::One("ap-east-1".to_owned()), ContextValue::One("us-west-2".to_owned())].contains(region)
        );
        assert_eq!(found[0].action, "ec2:RunInstances");
    }

    /// A ban of everything but some calls outside Ireland, with another condition beside the region's.
    fn ban(beside: &str) -> String {
        format!(
            r#"{{"Statement": {{"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*",
                "Condition": {{"StringNotEquals": {{"aws:RequestedRegion": "eu-west-1"}}{beside}}}}}}}"#
        )
    }

    #[test]
    fn a_ban_closes_what_it_bans_and_nothing_else() {
        assert!(!is_open(&ban(""), "us-west-2", "222222222222"));
        assert!(is_open(&ban(""), "eu-west-1", "222222222222"));
        // One call that the ban leaves out is enough.
        let without_one = ban("").replace("sts:*", "lambda:CreateFunction");
        let Direction::Some(found) = asked(&stack(&[&without_one]), &["us-west-2"], "222222222222") else {
            panic!("functions can be created")
        };
        assert_eq!(found[0].action, "lambda:CreateFunction");
        // A ban of other things bans none of these.
        let other = r#"{"Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}}"#;
        assert!(is_open(other, "us-west-2", "222222222222"));
    }

    #[test]
    fn whoever_a_ban_spares_gets_through_but_service_linked_roles_do_not_count() {
        let spares = |role: &str| ban(&format!(r#", "ArnNotLike": {{"aws:PrincipalArn": "{role}"}}"#));
        assert!(is_open(&spares("arn:aws:iam::*:role/BreakGlass"), "us-west-2", "222222222222"));
        assert!(!is_open(&spares("arn:aws:iam::*:role/aws-service-role/*"), "us-west-2", "222222222222"));
    }

    #[test]
    fn a_ban_that_spares_one_account_is_open_in_that_one_alone() {
        let by_account = ban(r#", "StringNotEquals": {"aws:PrincipalAccount": "333333333333"}"#)
            .replace(r#""eu-west-1"}, "StringNotEquals": {"#, r#""eu-west-1", "#);
        let by_arn = ban(r#", "ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::333333333333:role/deploy"}"#);
        for document in [&by_account, &by_arn] {
            assert!(is_open(document, "us-west-2", "333333333333"), "{document}");
            assert!(!is_open(document, "us-west-2", "222222222222"), "{document}");
            let stack = stack(&[document]);
            assert!(names_account(&stack, "333333333333") && !names_account(&stack, "222222222222"), "{document}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_taken_for_closed() {
        let odd = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"StringSounds": {"aws:RequestedRegion": "like Ireland"}}}}"#;
        let answer = asked(&stack(&[odd]), &["us-west-2"], "222222222222");
        assert!(matches!(answer, Direction::Unknown(_)), "{answer:?}");
    }
}
