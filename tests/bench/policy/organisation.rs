//! A large organisation of which one policy at the root was edited. In: the labelled pairs, whose documents its policies
//! have, and its size from the environment. Out: what comparing it with its baseline takes, in a process of its own. Its
//! tree and what hangs where follow from the numbers alone.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::time::Instant;

use guardline::baseline::{self, Baseline};
use guardline::compare::{Rule, compare};
use guardline::estate::{
    Account, Observation, Organization, Policy, PolicyTarget, Provider, SNAPSHOT_SCHEMA, Snapshot, TargetKind, Unit,
};
use serde::{Deserialize, Serialize};

use crate::figures::Goals;
use crate::pairs::Pair;
use crate::process;

const POLICIES: usize = 40;
/// Policies of the root, `FullAWSAccess` besides.
const AT_THE_ROOT: usize = 5;
/// Units directly below the root; each of the others has three, as far as they go.
const TOP: usize = 10;
const TYPE: &str = "SERVICE_CONTROL_POLICY";
const OWNER: &str = "111111111111";
const ROOT: &str = "r-ab12";

/// How large it is.
#[derive(Clone, Copy)]
struct Size {
    units: usize,
    accounts: usize,
}

/// What comparing took.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    units: usize,
    accounts: usize,
    wall: f64,
    cpu: f64,
    /// MiB, when there was nothing to be done but to compare.
    before: f64,
    peak: f64,
    /// Distinct stacks of policies.
    stacks: usize,
    weakened: usize,
    undecided: usize,
    /// Accounts that are told to be weaker.
    told: usize,
    findings: usize,
}

/// Builds it, compares it, and says what that took.
pub(crate) fn measure(pairs: &[Pair]) {
    let setting = |name: &str, usual| std::env::var(name).map_or(usual, |text| crate::from_json(&text));
    let size =
        Size { units: setting("GUARDLINE_POLICY_UNITS", 1000), accounts: setting("GUARDLINE_POLICY_ACCOUNTS", 5000) };
    let policies = Policies::of(pairs);
    let baseline = baseline(size, &policies);
    let snapshot = snapshot(size, &policies);
    let before = process::peak();
    let (start, cpu) = (Instant::now(), process::cpu());
    let compared = compare(&baseline, &snapshot);
    let wall = start.elapsed().as_secs_f64();
    let of = |rule: Rule| compared.drifts.iter().filter(move |drift| drift.rule == rule);
    let told: HashSet<&String> =
        of(Rule::PolicyWeakened).flat_map(|drift| &drift.guardrail).flat_map(|guardrail| &guardrail.accounts).collect();
    let done = Done {
        units: size.units,
        accounts: size.accounts,
        wall,
        cpu: process::cpu() - cpu,
        before,
        peak: process::peak(),
        stacks: stacks(size).len(),
        weakened: of(Rule::PolicyWeakened).count(),
        undecided: of(Rule::PolicyUndecided).count() + compared.undecided.len(),
        told: told.len(),
        findings: compared.drifts.len(),
    };
    println!("{}", serde_json::to_string(&done).expect("plain data"));
}

/// Puts the figures beside their goals.
pub(crate) fn judge(done: &Done, goals: &mut Goals) {
    let Done { units, accounts, wall, cpu, before, peak, stacks, weakened, undecided, told, findings } = done;
    println!("an organisation of {units} units, {accounts} accounts, {POLICIES} policies and {stacks} distinct stacks");
    println!("  {wall:.3} s, of them {cpu:.2} s of CPU; {peak:.0} MiB at most, {before:.0} MiB before it is compared");
    let all = *weakened == 1 && *findings == 1 && *told == *accounts;
    let said = format!("{findings} findings, {weakened} weakened, {told} accounts told");
    goals.say(all && *undecided == 0, &format!("one edit at the root: {said}, {undecided} undecided"));
    goals.most("CPU, in seconds", cpu.max(*wall), 10.0);
    goals.most("peak memory, in MiB", *peak, 500.0);
}

/// What the policies say.
struct Policies {
    documents: Vec<String>,
    /// What the first says after it was edited.
    edited: String,
}

impl Policies {
    /// The first is one that was weakened; the others are the next distinct documents of the file.
    fn of(pairs: &[Pair]) -> Self {
        let service = || pairs.iter().filter(|pair| pair.kind == "scp");
        let edit = service().find(|pair| pair.weaker).expect("a policy that was weakened");
        let mut documents = vec![edit.old.to_string()];
        for text in service().flat_map(|pair| [&pair.old, &pair.new]).map(ToString::to_string) {
            if documents.len() < POLICIES && !documents.contains(&text) {
                documents.push(text);
            }
        }
        assert_eq!(documents.len(), POLICIES, "too few distinct documents");
        Self { documents, edited: edit.new.to_string() }
    }
}

fn unit_id(unit: usize) -> String {
    format!("ou-ab12-{unit:08}")
}

fn account_id(account: usize) -> String {
    format!("{}", 200_000_000_000 + account)
}

/// The unit above; none where that is the root.
fn above(unit: usize) -> Option<usize> {
    unit.checked_sub(TOP).map(|rest| rest / 3)
}

fn unit_path(unit: usize) -> String {
    format!("{}/Unit{unit:04}", above(unit).map_or_else(String::new, unit_path))
}

/// The policies of a unit: two of those that are not the root's.
fn of_unit(unit: usize) -> [usize; 2] {
    let others = POLICIES - AT_THE_ROOT;
    [unit * 7 % others, (unit * 11 + 3) % others].map(|at| AT_THE_ROOT + at)
}

/// The policy of every tenth account.
fn of_account(account: usize) -> Option<usize> {
    account.is_multiple_of(10).then(|| AT_THE_ROOT + account / 10 * 13 % (POLICIES - AT_THE_ROOT))
}

/// The unit an account hangs on.
fn home(account: usize, size: Size) -> usize {
    account % size.units
}

/// Every distinct stack of sets of policies.
fn stacks(size: Size) -> HashSet<Vec<Vec<usize>>> {
    let set = |policies: &[usize]| {
        let mut policies = policies.to_vec();
        policies.sort_unstable();
        policies.dedup();
        policies
    };
    let stack = |account: usize| {
        let mut levels = vec![set(of_account(account).as_slice())];
        let mut unit = Some(home(account, size));
        while let Some(here) = unit {
            levels.push(set(&of_unit(here)));
            unit = above(here);
        }
        levels
    };
    (0..size.accounts).map(stack).collect()
}

/// By policy: what it is attached to, as the units and accounts that a function names.
fn attached(size: Size, unit: impl Fn(usize) -> String, account: impl Fn(usize) -> String) -> Vec<Vec<String>> {
    let mut targets = vec![Vec::new(); POLICIES];
    for one in 0..size.units {
        let [first, second] = of_unit(one);
        targets[first].push(unit(one));
        if second != first {
            targets[second].push(unit(one));
        }
    }
    for one in 0..size.accounts {
        if let Some(policy) = of_account(one) {
            targets[policy].push(account(one));
        }
    }
    targets
}

/// What is declared: everything as it is, but for the edit.
fn baseline(size: Size, policies: &Policies) -> Baseline {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut accounts, mut units, mut declared) = (String::new(), String::new(), String::new());
    for one in 0..size.accounts {
        let path = unit_path(home(one, size));
        writeln!(accounts, "    - {{id: \"{}\", name: account-{one:04}, ou: {path}}}", account_id(one))
            .expect("memory");
    }
    for one in 0..size.units {
        writeln!(units, "    - {{path: {}}}", unit_path(one)).expect("memory");
    }
    for (at, targets) in attached(size, unit_path, account_id).iter_mut().enumerate() {
        if at < AT_THE_ROOT {
            targets.push("/".to_owned());
        }
        std::fs::write(directory.path().join(format!("{at}.json")), &policies.documents[at]).expect("a file");
        let targets = serde_json::to_string(targets).expect("plain data");
        writeln!(
            declared,
            "    - {{name: policy-{at:02}, type: service_control, document: {at}.json, targets: {targets}}}"
        )
        .expect("memory");
    }
    let text = format!(
        "version: 1\nestate: organisation\naws:\n  accounts:\n    - {{id: \"{OWNER}\", name: management, ou: /}}\n{accounts}  \
         organizational_units:\n{units}  policy_types: [service_control]\n  policies:\n    \
         - {{name: FullAWSAccess, type: service_control, aws_managed: true, targets: everywhere}}\n{declared}"
    );
    let path = directory.path().join("guardline.yaml");
    std::fs::write(&path, text).expect("a file");
    match baseline::load(&path, &[]) {
        Ok(baseline) => baseline,
        Err(error) => panic!("{error}"),
    }
}

fn known<T>(value: T) -> Observation<T> {
    Observation::Known(value)
}

/// What is there: the baseline with the first policy edited.
fn snapshot(size: Size, policies: &Policies) -> Snapshot {
    let units: Vec<Unit> = (0..size.units)
        .map(|one| Unit {
            id: unit_id(one),
            name: format!("Unit{one:04}"),
            path: unit_path(one),
            parent: above(one).map_or_else(|| ROOT.to_owned(), unit_id),
        })
        .collect();
    let account = |id: String, name: String, parent: String, unit: String| Account {
        id,
        name,
        email: None,
        state: "ACTIVE".to_owned(),
        joined_method: Some("CREATED".to_owned()),
        joined_at: None,
        parent,
        unit,
        tags: None,
    };
    let mut accounts = vec![account(OWNER.to_owned(), "management".to_owned(), ROOT.to_owned(), "/".to_owned())];
    accounts.extend((0..size.accounts).map(|one| {
        let home = home(one, size);
        account(account_id(one), format!("account-{one:04}"), unit_id(home), unit_path(home))
    }));
    let target = |id: &String| PolicyTarget {
        kind: match id.as_str() {
            ROOT => TargetKind::Root,
            id if id.starts_with("ou-") => TargetKind::Unit,
            _ => TargetKind::Account,
        },
        id: id.clone(),
    };
    let everywhere: Vec<String> = std::iter::once(ROOT.to_owned())
        .chain(units.iter().map(|unit| unit.id.clone()))
        .chain(accounts.iter().map(|account| account.id.clone()))
        .collect();
    let policy = |id: String, name: String, document: String, targets: &[String]| Policy {
        id,
        name,
        policy_type: TYPE.to_owned(),
        aws_managed: false,
        document: known(document),
        targets: known(targets.iter().map(target).collect()),
    };
    let full = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let full = policy("p-FullAWSAccess".to_owned(), "FullAWSAccess".to_owned(), full.to_owned(), &everywhere);
    let mut live = vec![Policy { aws_managed: true, ..full }];
    for (at, targets) in attached(size, unit_id, account_id).iter_mut().enumerate() {
        if at < AT_THE_ROOT {
            targets.push(ROOT.to_owned());
        }
        let document = if at == 0 { &policies.edited } else { &policies.documents[at] };
        live.push(policy(format!("p-{at:08}"), format!("policy-{at:02}"), document.clone(), targets));
    }
    let organization = Organization {
        id: "o-abcdefghij".to_owned(),
        management_account: OWNER.to_owned(),
        feature_set: "ALL".to_owned(),
        root: known(ROOT.to_owned()),
        units: known(units),
        accounts: known(accounts),
        policy_types: known(BTreeMap::from([(TYPE.to_owned(), "ENABLED".to_owned())])),
        policies: BTreeMap::from([(TYPE.to_owned(), known(live))]),
        effective_policies: BTreeMap::new(),
        delegated_administrators: known(Vec::new()),
        trusted_services: known(Vec::new()),
        handshakes: known(Vec::new()),
        account_requests: known(Vec::new()),
        resource_policy: Observation::Absent,
        responsibility_transfers: known(Vec::new()),
        quota_template: Observation::Absent,
    };
    Snapshot {
        schema: SNAPSHOT_SCHEMA.to_owned(),
        taken_at: "2026-11-20T00:00:00Z".parse().expect("a time"),
        provider: Provider::Aws,
        partition: "aws".to_owned(),
        caller_account: OWNER.to_owned(),
        caller: format!("arn:aws:sts::{OWNER}:assumed-role/GuardlineOrgRead/guardline"),
        organization: known(organization),
        accounts: BTreeMap::new(),
        quota_definitions: BTreeMap::new(),
        coverage: Vec::new(),
        read_times: Vec::new(),
    }
}
