//! Regions that are on and not allowed, and that the guardrails leave open all the same.
//!
//! In: the regions that are on, the rules, and the service control policies as they are attached now. Out: one difference
//! for each distinct stack of policies and set of regions, with the accounts it is true of and calls that get through. What
//! cannot be decided is no difference: it is noted, and never taken for closed.
//!
//! The subject is that stack and that set: the regions that are on and not allowed, and the policies on the way from the root
//! to the accounts, by their ids and level by level, whatever the order of the levels. What a policy says, what anything is
//! called and which accounts there are is no part of it, nor which of the regions turn out to be open: that is the value.
//!
//! Resource control policies are not asked: they bind no service that creates compute. The management account is bound by
//! no policy, and an account that stands alone by none either; nobody could close a region there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::baseline::Position;
use crate::baseline::pattern::fits;
use crate::compare::digest;
use crate::compare::drift::{Aspect, Direction, Drift, Guardrail};
use crate::compare::rule::Rule;
use crate::compare::sides::{Live, Sides, read};
use crate::compare::undecided::Undecided;
use crate::estate::{CoverageStatus, Gap, Observation};
use crate::policy::comparison::Witness;
use crate::policy::decide::{self, Engine, Options};
use crate::policy::document::Kind;
use crate::policy::organization::{Arrangement, TYPES, Texts, arranged, bound};
use crate::policy::reach::{Question, asks_who, names_account};
use crate::policy::request::Request;
use crate::policy::stack::Stack;

/// How many accounts and policies are named in a sentence.
const NAMED: usize = 5;

/// Requests that are shown of one difference: one for each of its first regions.
const SHOWN: usize = 3;

/// Compares what the guardrails let through with the regions that are allowed.
pub(in crate::compare) fn compare(live: &Live<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    let asked = asked(live.sides);
    let mut unknown = |what: &str, reason: String| {
        let gap = Gap { status: CoverageStatus::Failed, reason };
        undecided.note(live.scope(), "organizations:ListPolicies".to_owned(), what, gap);
    };
    if asked.is_empty() {
        return;
    }
    let (policy_type, kind) = TYPES[0];
    let (members, texts, arrangement) = match (bound(live.organization), arranged(live.organization, policy_type, kind))
    {
        (Ok(members), Ok((texts, arrangement))) => (members, texts, arrangement),
        (Err(why), _) | (_, Err(why)) => {
            return unknown("what the guardrails let through outside the allowed regions", why);
        }
    };
    let mut groups = Groups { texts: &texts, stacks: BTreeMap::new(), accounts: BTreeMap::new() };
    let suspended = suspended(live);
    for account in members.into_iter().filter(|account| !suspended.contains(account)) {
        if let Some(asked) = asked.get(account) {
            groups.add(account, asked, &arrangement);
        }
    }
    for (group, found) in groups.decided() {
        let Some(accounts) = groups.accounts.get(&group) else { continue };
        if let Some(why) = found.why {
            let what = format!("whether compute can be created in {}", found.unknown.join(", "));
            unknown(&what, format!("in {}: {why}", few(accounts.iter().copied())));
        }
        let first = accounts.first().and_then(|account| asked.get(account)).filter(|_| !found.open.is_empty());
        drifts.extend(first.map(|first| group.drift(live, first, accounts, &found.open)));
    }
}

/// What is asked about an account: the regions that are on there and not allowed.
struct Asked<'a> {
    regions: BTreeSet<&'a str>,
    allowed: &'a [String],
    position: Position,
}

/// What is asked, by account.
fn asked<'a>(sides: &'a Sides<'_>) -> BTreeMap<&'a str, Asked<'a>> {
    let mut asked: BTreeMap<&str, Asked<'_>> = BTreeMap::new();
    for (account, facts) in sides.accounts() {
        let Observation::Known(statuses) = &facts.region_status else { continue };
        let on =
            |(_, status): &(&String, &String)| matches!(status.as_str(), "ENABLED_BY_DEFAULT" | "ENABLED" | "ENABLING");
        for (region, _) in statuses.iter().filter(on) {
            let place = sides.place(account, region);
            let Some(chosen) = sides.rules.region(place).filter(|_| sides.rules.in_scope(place)) else { continue };
            let mut allowed = chosen.rule.allowed.iter().chain(&chosen.rule.required);
            if allowed.any(|pattern| fits(pattern, region)) {
                continue;
            }
            let position = || sides.baseline.position(&format!("{}/allowed", chosen.pointer()));
            let rule = || Asked { regions: BTreeSet::new(), allowed: &chosen.rule.allowed, position: position() };
            asked.entry(&account.id).or_insert_with(rule).regions.insert(region);
        }
    }
    asked
}

/// The accounts in which nothing can be created, whatever their guardrails say.
fn suspended<'a>(live: &Live<'a>) -> BTreeSet<&'a str> {
    let members = read(&live.organization.accounts).unwrap_or_default().iter();
    let suspended = members.filter(|account| matches!(account.state.as_str(), "SUSPENDED" | "CLOSED"));
    suspended.map(|account| account.id.as_str()).collect()
}

/// The policies of an account by their ids. In which order the levels stand does not matter, nor how often one is there: a
/// request needs an Allow on each of them, and no Deny on any.
type Levels<'a> = BTreeSet<Vec<&'a str>>;

/// Accounts of which one answer is true.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group<'a> {
    levels: Levels<'a>,
    regions: Vec<&'a str>,
    /// The account, where the policies speak of it by its number.
    own: Option<&'a str>,
}

struct Groups<'a> {
    texts: &'a Texts,
    stacks: BTreeMap<Levels<'a>, Result<Stack, String>>,
    accounts: BTreeMap<Group<'a>, BTreeSet<&'a str>>,
}

/// What was found of a group.
#[derive(Default)]
struct Found<'a> {
    open: Vec<(&'a str, Vec<Request>)>,
    unknown: Vec<&'a str>,
    why: Option<String>,
}

impl<'a> Groups<'a> {
    fn add(&mut self, account: &'a str, asked: &Asked<'a>, arrangement: &'a Arrangement) {
        let levels: Levels<'a> = arrangement.policies(account).into_iter().collect();
        let stack = self.stacks.entry(levels.clone()).or_insert_with(|| {
            let mut key = arrangement.key(account);
            key.sort_unstable();
            key.dedup();
            self.texts.stack(&key)
        });
        let own = stack.as_ref().is_ok_and(|stack| names_account(stack, account)).then_some(account);
        let group = Group { levels, regions: asked.regions.iter().copied().collect(), own };
        self.accounts.entry(group).or_default().insert(account);
    }

    /// Every group with what was found of it. All questions stand in one universe, so that each policy is sorted into
    /// classes once.
    fn decided(&self) -> Vec<(Group<'a>, Found<'a>)> {
        let mut questions = Questions::new();
        for key in self.accounts.keys().flat_map(|group| self.keys(group)) {
            questions.entry(key).or_insert_with_key(|(regions, who)| Question::new(regions, *who));
        }
        let stacks = self.stacks.values().filter_map(|stack| stack.as_ref().ok());
        let gates = questions.values().filter_map(|question| Some(&question.as_ref().ok()?.gate));
        let engine = Engine::new(stacks.chain(gates), &Options::default());
        let decided = |group: &Group<'a>| (group.clone(), self.found(group, &questions, engine.as_ref()));
        self.accounts.keys().map(decided).collect()
    }

    /// What there is to ask of a group: all of its regions at once, which is enough where they are closed, and each.
    fn keys(&self, group: &Group<'a>) -> Vec<Asking<'a>> {
        let stack = self.stacks.get(&group.levels).and_then(|stack| stack.as_ref().ok());
        let accounts = self.accounts.get(group).into_iter().flatten();
        let who = accounts.copied().next().filter(|_| stack.is_some_and(asks_who));
        let each = group.regions.iter().map(|region| (vec![*region], who));
        std::iter::once((group.regions.clone(), who)).chain(each).collect()
    }

    fn found(&self, group: &Group<'a>, questions: &Questions<'a>, engine: Result<&Engine, &String>) -> Found<'a> {
        let unknown = |why: &String| decide::Direction::Unknown(why.clone());
        let ask = |key: &Asking<'a>| match (self.stacks.get(&group.levels), questions.get(key), engine) {
            (Some(Ok(stack)), Some(Ok(question)), Ok(engine)) => question.ask(engine, stack),
            (Some(Err(why)), _, _) | (_, Some(Err(why)), _) | (_, _, Err(why)) => unknown(why),
            (None, _, _) | (_, None, _) => unknown(&"a question was lost".to_owned()),
        };
        let keys = self.keys(group);
        let mut found = Found::default();
        let Some((all, each)) = keys.split_first() else { return found };
        let together = ask(all);
        if together == decide::Direction::None {
            return found;
        }
        for key in each {
            let region = key.0.first().copied().unwrap_or_default();
            match if all == key { together.clone() } else { ask(key) } {
                decide::Direction::None => {}
                decide::Direction::Some(requests) => found.open.push((region, requests)),
                decide::Direction::Unknown(why) => {
                    found.unknown.push(region);
                    found.why = found.why.or(Some(why));
                }
            }
        }
        found
    }
}

/// Some regions, and the account of whoever asks, where that matters.
type Asking<'a> = (Vec<&'a str>, Option<&'a str>);

type Questions<'a> = BTreeMap<Asking<'a>, Result<Question, String>>;

impl Group<'_> {
    fn drift(
        &self,
        live: &Live<'_>,
        asked: &Asked<'_>,
        accounts: &BTreeSet<&str>,
        open: &[(&str, Vec<Request>)],
    ) -> Drift {
        let ids: BTreeSet<&str> = self.levels.iter().flatten().copied().collect();
        let policies = live.organization.policies.get(TYPES[0].0).and_then(read).unwrap_or_default();
        let names = ids
            .iter()
            .map(|id| policies.iter().find(|policy| policy.id == **id).map_or(*id, |policy| policy.name.as_str()));
        let names = few(names);
        let stack = digest(&json!([self.levels, self.own]).to_string());
        let stack: String = stack.trim_start_matches("sha256:").chars().take(16).collect();
        let requests = open.iter().filter_map(|(_, requests)| requests.first()).take(SHOWN).cloned();
        let regions: Vec<&str> = open.iter().map(|(region, _)| *region).collect();
        let id = format!("{}/{stack}", self.regions.join(","));
        let guardrail = Guardrail {
            kinds: vec![Kind::Scp.word().to_owned()],
            accounts: accounts.iter().map(|account| (*account).to_owned()).collect(),
            witnesses: requests.map(|request| Witness { guardrail: Kind::Scp.word().to_owned(), request }).collect(),
            stacks: 1,
            ..Guardrail::default()
        };
        let drift = Drift::new(Rule::RegionOpen, Aspect::Reach, live.scope(), id, names)
            .direction(Direction::Weaker)
            .values(json!({"allowed": asked.allowed}), json!(regions))
            .at(asked.position.clone());
        Drift { guardrail: Some(guardrail), ..drift }
    }
}

/// The first of some names, and how many more there are.
fn few<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let first = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}
