//! How much work judging is. In: an estate as large as real ones are. Out: nothing. It counts what was decided and worked
//! out, never the time that it took.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::world::{TRIES, World};
use super::{Effort, judge};
use crate::compare::drift::{Direction, Drift, Reach};
use crate::compare::rule::Rule;
use crate::compare::sides::Sides;
use crate::compare::tests::estate::{ROOT, account, known, live, policy, snapshot, unit, value};
use crate::compare::tests::load_with;
use crate::compare::undecided::Undecided;
use crate::compare::{links, policies};
use crate::estate::{Policy, Snapshot};
use crate::policy::document::Kind;

const TYPE: &str = "SERVICE_CONTROL_POLICY";
const FULL: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
const REGIONS: &str = r#"{"Version": "2012-10-17", "Statement": {"Sid": "Outside", "Effect": "Deny", "NotAction": ["iam:*",
    "sts:*"], "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1"]},
    "ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/Admin"]}}}}"#;

/// How many policies there are beside `FullAWSAccess`.
const POLICIES: usize = 40;

/// A ban on some services, for all but a role.
fn ban(number: usize) -> String {
    let services = ["ec2", "s3", "lambda", "rds", "dynamodb", "kms", "sqs", "sns"];
    let service = services[number % services.len()];
    format!(
        "{{\"Version\": \"2012-10-17\", \"Statement\": {{\"Effect\": \"Deny\", \"Action\": [\"{service}:Delete*\", \
         \"{service}:Put{number}*\"], \"Resource\": \"*\", \"Condition\": {{\"ArnNotLike\": {{\"aws:PrincipalArn\": \
         \"arn:aws:iam::*:role/Keeper{number}\"}}}}}}}}"
    )
}

/// An organisation: ten units, ten below each of them, and some below each of these; accounts hang on the lowest.
struct Large {
    /// By id: what it hangs on, and its path.
    units: BTreeMap<String, (String, String)>,
    /// By id: the unit.
    accounts: BTreeMap<String, String>,
    /// By policy: where it hangs.
    targets: BTreeMap<usize, BTreeSet<String>>,
}

impl Large {
    fn new(lowest: usize, accounts: usize) -> Self {
        let mut large = Self { units: BTreeMap::new(), accounts: BTreeMap::new(), targets: BTreeMap::new() };
        large.attach(0, ROOT);
        let mut lowest_units = Vec::new();
        for top in 0..10 {
            let top_id = large.unit(ROOT, "", top);
            large.attach(1 + top, &top_id);
            for middle in 0..10 {
                let middle_id = large.unit(&top_id, &format!("/u{top}"), middle);
                large.attach(11 + middle, &middle_id);
                for low in 0..lowest {
                    let id = large.unit(&middle_id, &format!("/u{top}/u{middle}"), low);
                    if low % 5 == 0 {
                        large.attach(21 + (top + middle + low) % (POLICIES - 21), &id);
                    }
                    lowest_units.push(id);
                }
            }
        }
        for number in 0..accounts {
            let unit = lowest_units[number % lowest_units.len()].clone();
            large.accounts.insert(format!("{:012}", 200_000_000_000_usize + number), unit);
        }
        large
    }

    fn unit(&mut self, parent: &str, above: &str, number: usize) -> String {
        let id = format!("ou-ab12-{:08}", self.units.len());
        self.units.insert(id.clone(), (parent.to_owned(), format!("{above}/u{number}")));
        id
    }

    fn attach(&mut self, policy: usize, target: &str) {
        self.targets.entry(policy).or_default().insert(target.to_owned());
    }

    fn path<'a>(&'a self, unit: &'a str) -> &'a str {
        self.units.get(unit).map_or("/", |(_, path)| path)
    }

    /// Which policies bind an account that hangs on a unit, level by level; what stands twice counts once.
    fn levels(&self, unit: &str) -> BTreeSet<BTreeSet<usize>> {
        let (mut levels, mut here) = (BTreeSet::from([BTreeSet::new()]), Some(unit));
        while let Some(node) = here {
            levels.insert(
                self.targets.iter().filter(|(_, targets)| targets.contains(node)).map(|(policy, _)| *policy).collect(),
            );
            here = self.units.get(node).map(|(parent, _)| parent.as_str());
        }
        levels
    }

    fn document(number: usize) -> String {
        if number == 0 { REGIONS.to_owned() } else { ban(number) }
    }

    fn baseline(&self) -> String {
        let mut text = "version: 1\nestate: large\naws:\n  policy_types: [service_control]\n  policies:\n    \
             - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}\n"
            .to_owned();
        for (number, targets) in &self.targets {
            let targets: Vec<&str> = targets.iter().map(|target| self.path(target)).collect();
            let _ = writeln!(
                text,
                "    - {{name: guard-{number}, type: service_control, document: {number}.json, targets: [{}]}}",
                targets.join(", ")
            );
        }
        text.push_str("  accounts:\n    - {id: \"111111111111\", name: management, ou: /}\n");
        for (id, unit) in &self.accounts {
            let _ = writeln!(text, "    - {{id: \"{id}\", name: a{id}, ou: {}}}", self.path(unit));
        }
        text
    }

    fn estate(&self, changed: impl Fn(usize) -> String) -> Snapshot {
        let mut estate = snapshot();
        let organization = live(&mut estate);
        let units = self
            .units
            .iter()
            .map(|(id, (parent, path))| unit(id, path.rsplit('/').next().unwrap_or_default(), parent, path));
        organization.units = known(units.collect());
        let members = self.accounts.iter().map(|(id, unit)| account(id, &format!("a{id}"), unit, self.path(unit)));
        value(&mut organization.accounts).extend(members);
        value(&mut organization.policy_types).insert(TYPE.to_owned(), "ENABLED".to_owned());
        let every: Vec<&str> = self.units.keys().chain(self.accounts.keys()).map(String::as_str).collect();
        let every = [vec![ROOT, "111111111111"], every].concat();
        let full = Policy { aws_managed: true, ..policy("p-FullAWSAccess", "FullAWSAccess", TYPE, FULL, &every) };
        let bans = self.targets.iter().map(|(number, targets)| {
            let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
            policy(&format!("p-{number:08}"), &format!("guard-{number}"), TYPE, &changed(*number), &targets)
        });
        organization.policies.insert(TYPE.to_owned(), known(std::iter::once(full).chain(bans).collect()));
        estate
    }

    fn judged(&self, estate: &Snapshot) -> (Vec<Drift>, Effort) {
        let documents: Vec<(String, String)> =
            self.targets.keys().map(|number| (format!("{number}.json"), Self::document(*number))).collect();
        let documents: Vec<(&str, &str)> =
            documents.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
        let baseline = load_with(&self.baseline(), &documents);
        let aws = baseline.model.aws.as_ref().unwrap();
        let sides = Sides::new(&baseline, aws, estate);
        let (live, mut drifts, mut undecided) = (sides.live().unwrap(), Vec::new(), Undecided::default());
        links::compare(&sides, Some(&live), &mut drifts, &mut undecided);
        policies::compare(&live, &mut drifts, &mut undecided);
        let started = std::time::Instant::now();
        let effort = judge(&live, &mut drifts);
        eprintln!("{} differences: {effort:?} in {:?}", drifts.len(), started.elapsed());
        (drifts, effort)
    }
}

/// The documents as declared, but for the one at the root: it leaves a region out.
fn one_more_region(number: usize) -> String {
    Large::document(number).replace("[\"eu-west-1\"]", "[\"eu-west-1\", \"eu-south-2\"]")
}

#[test]
fn an_edit_at_the_root_is_decided_once_for_each_stack() {
    let large = Large::new(9, 5_000);
    assert_eq!((large.units.len(), large.targets.len()), (1_010, POLICIES));
    let (drifts, effort) = large.judged(&large.estate(one_more_region));
    let [drift] = drifts.as_slice() else { panic!("{drifts:#?}") };
    assert_eq!((drift.rule, drift.direction), (Rule::PolicyWeakened, Direction::Weaker));
    let guardrail = drift.guardrail.as_ref().unwrap();
    assert_eq!((guardrail.accounts.len(), guardrail.reach), (5_000, Some(Reach::Root)));
    let stacks: BTreeSet<_> = large.accounts.values().map(|unit| large.levels(unit)).collect();
    assert!(stacks.len() > 200, "{}", stacks.len());
    assert_eq!((effort.decisions, guardrail.stacks), (stacks.len(), stacks.len()));
    // Once as they are, once with the edit.
    assert_eq!(effort.paths, 2 * 5_000);
}

#[test]
fn moved_accounts_are_looked_at_alone() {
    let declared = Large::new(9, 5_000);
    let mut moved = Large::new(9, 5_000);
    let units: Vec<String> = moved.accounts.values().cloned().collect();
    for (number, unit) in moved.accounts.values_mut().enumerate().filter(|(number, _)| number % 10 == 0) {
        unit.clone_from(&units[(number + 1_234) % units.len()]);
    }
    let (drifts, effort) = declared.judged(&moved.estate(Large::document));
    assert_eq!(drifts.len(), 500);
    assert!(drifts.iter().all(|drift| drift.rule == Rule::LinkAccountMoved));
    let both = declared.accounts.iter().map(|(id, unit)| (declared.levels(unit), moved.levels(&moved.accounts[id])));
    let pairs: BTreeSet<_> = both.filter(|(before, after)| before != after).collect();
    assert_eq!(effort.decisions, pairs.len());
    // Both guardrails of every account as they are, and of each that moved where it should be.
    assert_eq!(effort.paths, 2 * (5_000 + 500));
    for drift in &drifts {
        let guardrail = drift.guardrail.as_ref().unwrap();
        assert!(guardrail.accounts.iter().all(|account| *account == drift.subject.id), "{guardrail:?}");
        let expected =
            declared.levels(&declared.accounts[&drift.subject.id]) != moved.levels(&moved.accounts[&drift.subject.id]);
        assert_eq!(drift.direction != Direction::Equivalent, expected, "{drift:?}");
    }
}

/// Every policy says something else: only what lies beneath each is looked at.
#[test]
fn many_edits_cost_what_lies_beneath_them() {
    let large = Large::new(1, 500);
    let open =
        |number: usize| Large::document(number).replace("Keeper", "*Keeper").replace("[\"eu", "[\"us-west-1\",\"eu");
    let (drifts, effort) = large.judged(&large.estate(open));
    assert_eq!(drifts.len(), large.targets.len());
    assert!(drifts.iter().all(|drift| drift.rule == Rule::PolicyWeakened), "{drifts:#?}");
    let beneath: usize = large
        .targets
        .keys()
        .map(|policy| {
            large.accounts.values().filter(|unit| large.levels(unit).iter().flatten().any(|one| one == policy)).count()
        })
        .sum();
    // Where another ban stops all that one does, as `s3:Put1*` has `s3:Put17*` in it, that one opens nothing alone: such
    // accounts are looked at once more, with what the rest comes to.
    let covers = |one: &usize, other: &usize| {
        one != other && one % 8 == other % 8 && other.to_string().starts_with(&one.to_string())
    };
    let again = large.accounts.values().filter(|unit| {
        let bans: BTreeSet<usize> = large.levels(unit).into_iter().flatten().collect();
        bans.iter().any(|one| bans.iter().any(|other| covers(one, other)))
    });
    assert_eq!(effort.paths, 500 + beneath + again.count());
}

/// Two bans that say the same, both gone: who is weaker, and why it is not told which of them it needs.
#[test]
fn when_too_much_was_tried_it_is_said() {
    let text = "version: 1
estate: test
aws:
  policies:
    - {name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}
    - {name: one, type: service_control, document: eu.json, targets: [/]}
    - {name: two, type: service_control, document: eu.json, targets: [/]}
";
    let baseline = load_with(text, &[("eu.json", REGIONS)]);
    let mut estate = snapshot();
    let organization = live(&mut estate);
    value(&mut organization.accounts).push(account("222222222222", "payments", ROOT, "/"));
    value(&mut organization.policy_types).insert(TYPE.to_owned(), "ENABLED".to_owned());
    let full = policy("p-FullAWSAccess", "FullAWSAccess", TYPE, FULL, &[ROOT, "111111111111", "222222222222"]);
    organization.policies.insert(TYPE.to_owned(), known(vec![Policy { aws_managed: true, ..full }]));
    let sides = Sides::new(&baseline, baseline.model.aws.as_ref().unwrap(), &estate);
    let (live, mut drifts, mut undecided) = (sides.live().unwrap(), Vec::new(), Undecided::default());
    policies::compare(&live, &mut drifts, &mut undecided);
    let judged = |tries: usize| {
        let mut world = World::new(&live, TYPE, Kind::Scp, &drifts, &[0, 1]).unwrap();
        world.tries = tries;
        world.judge(&drifts)
    };
    for (_, judged) in judged(0) {
        assert_eq!((judged.direction(), judged.together_with.len()), (Direction::Weaker, 1));
    }
    for (_, judged) in judged(TRIES) {
        assert_eq!(judged.direction(), Direction::Unknown);
        let reason = judged.unknown.unwrap();
        assert!(reason.contains("more than 2000 sets were tried"), "{reason}");
    }
}
