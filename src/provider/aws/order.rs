//! When each read inside accounts is made: as soon as what it hangs on is known, and as many at once as is allowed.
//!
//! In: a [`Survey`]. Out: the snapshot. It never makes a read that no rule of the baseline needs, nor one twice.
//!
//! Regions are asked of one service by one caller, a few accounts a second; the reads inside an account begin when its own
//! are known. An applied quota is kept only where it differs from its default, so that it waits for the defaults of its
//! service in that region, and where the history of requests decides whether it is read at all, for that too. Several
//! accounts are read at a time, because each has a ceiling of its own below that of the organisation.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use futures::stream::{FuturesUnordered, StreamExt};

use super::Aws;
use super::regions::Statuses;
use super::survey::Survey;
use super::tasks::{Attempt, Fact, Task};
use super::wanted::{Narrowing, Polled, Wanted};
use crate::baseline::Baseline;
use crate::estate::{
    AccountFacts, Coverage, CoverageStatus, Observation, Organization, Provider, SNAPSHOT_SCHEMA, Snapshot,
};

/// How many accounts are asked for defaults before these count as refused; one whose role is not given is not asked.
const MOST_ASKED: usize = 5;

/// How many accounts are read at a time.
const ACCOUNTS: usize = 8;

/// One of so many reads at once may be one of regions: these wait long for their turn.
const REGIONS: usize = 4;

/// What is begun.
enum Step<'a> {
    Regions(usize, &'a Polled),
    Defaults(Task),
    Read(Task),
}

/// What is done.
enum Done {
    Regions(usize, Observation<Statuses>),
    Defaults(Task, Attempt),
    Read(Task, Fact),
}

/// The defaults of one service in one region: the same for whoever may ask. The first account that gets an answer speaks
/// for all, and one that is refused is no gap then. When none is answered, the first refusal stands.
#[derive(Default)]
struct Defaults {
    /// Accounts that may be asked, in order.
    candidates: VecDeque<String>,
    asked: usize,
    under_way: bool,
    settled: bool,
    refused: Option<(Task, Attempt)>,
    /// Applied quotas that wait for them.
    waiting: Vec<Task>,
}

/// By region and service.
type Key = (String, String);

impl Aws {
    /// Makes every read that the baseline needs inside the accounts of the survey.
    pub async fn read(&self, survey: Survey, baseline: &Baseline, narrowing: &Narrowing) -> Snapshot {
        let nothing = crate::baseline::model::Aws::default();
        let aws = baseline.model.aws.as_ref().unwrap_or(&nothing);
        let central = survey.is_organization();
        let snapshot = self.nothing_read(survey.organization.clone());
        let mut order = Order {
            aws: self,
            wanted: Wanted::new(aws, &survey.organization, &self.identity, narrowing),
            polled: &survey.polled,
            statuses: survey.statuses,
            snapshot,
            unlisted: 0..survey.polled.len(),
            listing: 0,
            in_turn: 0,
            speakers: BTreeMap::new(),
            defaults: BTreeMap::new(),
            attempts: VecDeque::new(),
            histories: BTreeMap::new(),
            ready: BTreeMap::new(),
            turn: String::new(),
        };
        self.progress.plan((survey.polled.len() - order.statuses.len()) as u64);
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.concurrency
                && let Some(step) = order.next()
            {
                under_way.push(self.make(step, central));
            }
            let Some(done) = under_way.next().await else { break };
            order.note(done);
        }
        let mut snapshot = order.snapshot;
        self.note_reads(&mut snapshot);
        snapshot
    }

    async fn make(&self, step: Step<'_>, central: bool) -> Done {
        match step {
            Step::Regions(place, account) => Done::Regions(place, self.region_status(account.id(), central).await),
            Step::Defaults(task) => {
                let attempt = self.attempt(&task).await;
                Done::Defaults(task, attempt)
            }
            Step::Read(task) => {
                let (task, fact) = self.perform(task).await;
                Done::Read(task, fact)
            }
        }
    }

    fn nothing_read(&self, organization: Observation<Organization>) -> Snapshot {
        Snapshot {
            schema: SNAPSHOT_SCHEMA.to_owned(),
            taken_at: self.clock,
            cancelled: false,
            provider: Provider::Aws,
            partition: self.identity.partition.clone(),
            caller_account: self.identity.account.clone(),
            caller: self.identity.arn.clone(),
            organization,
            accounts: BTreeMap::new(),
            quota_definitions: BTreeMap::new(),
            coverage: Vec::new(),
            read_times: Vec::new(),
        }
    }
}

/// What is left to do, and what was read.
struct Order<'a> {
    aws: &'a Aws,
    wanted: Wanted<'a>,
    polled: &'a [Polled],
    /// Regions that were asked for before.
    statuses: BTreeMap<String, Observation<Statuses>>,
    snapshot: Snapshot,
    /// Accounts that are still to be asked for their regions, by their place in `polled`.
    unlisted: std::ops::Range<usize>,
    listing: usize,
    /// Every account before this one has said which defaults it needs: who is asked for them must not depend on who
    /// answers first, or a replay would ask others.
    in_turn: usize,
    speakers: BTreeMap<usize, Vec<Key>>,
    defaults: BTreeMap<Key, Defaults>,
    attempts: VecDeque<Task>,
    /// By account and region: applied quotas that wait for the history of requests.
    histories: BTreeMap<Key, Vec<Task>>,
    /// By account: what can be read at once.
    ready: BTreeMap<String, VecDeque<Task>>,
    /// The account whose turn was last.
    turn: String,
}

impl<'a> Order<'a> {
    /// The next read, if one can be made.
    fn next(&mut self) -> Option<Step<'a>> {
        while self.listing < (self.aws.concurrency / REGIONS).max(1)
            && let Some(place) = self.unlisted.next()
        {
            let account = self.polled.get(place)?;
            match self.statuses.remove(account.id()) {
                Some(statuses) => self.listed(place, statuses),
                None => {
                    self.listing += 1;
                    return Some(Step::Regions(place, account));
                }
            }
        }
        if let Some(task) = self.attempts.pop_front() {
            return Some(Step::Defaults(task));
        }
        self.ready().map(Step::Read)
    }

    /// A read of one of the first accounts, each in its turn.
    fn ready(&mut self) -> Option<Task> {
        let after = (Bound::Excluded(self.turn.as_str()), Bound::Unbounded);
        let last = self.ready.keys().take(ACCOUNTS).reduce(|_, account| account)?;
        let next = self.ready.range::<str, _>(after).next().map(|(account, _)| account).filter(|next| *next <= last);
        let account = next.or_else(|| self.ready.keys().next())?.clone();
        let tasks = self.ready.get_mut(&account)?;
        let task = tasks.pop_front();
        if tasks.is_empty() {
            self.ready.remove(&account);
        }
        self.turn = account;
        task
    }

    fn note(&mut self, done: Done) {
        match done {
            Done::Regions(place, statuses) => {
                self.listing -= 1;
                self.listed(place, statuses);
            }
            Done::Defaults(task, attempt) => self.attempted(task, attempt),
            Done::Read(task, fact) => self.came(&task, fact),
        }
    }

    /// The regions of an account are known: its reads are planned.
    fn listed(&mut self, place: usize, statuses: Observation<Statuses>) {
        let Some(account) = self.polled.get(place) else { return };
        let tasks = self.aws.inside(&self.wanted, account, &statuses);
        let facts = AccountFacts { region_status: statuses, regions: BTreeMap::new() };
        self.snapshot.accounts.insert(account.id().to_owned(), facts);
        let (quotas, others): (Vec<_>, Vec<_>) =
            tasks.into_iter().partition(|task| matches!(task, Task::Quotas { .. }));
        self.speakers.insert(place, quotas.iter().map(key).collect());
        for task in quotas {
            if self.aws.asks_history() {
                let place = (task.account().to_owned(), task.region().to_owned());
                self.histories.entry(place).or_default().push(task);
            } else {
                self.after_defaults(task);
            }
        }
        others.into_iter().for_each(|task| self.plan(task));
        self.find_speakers();
    }

    /// Lets accounts speak for the defaults they need, in order.
    fn find_speakers(&mut self) {
        while let Some(keys) = self.speakers.remove(&self.in_turn) {
            let account = self.polled.get(self.in_turn).map_or("", Polled::id);
            self.in_turn += 1;
            for key in keys {
                let defaults = self.defaults.entry(key.clone()).or_default();
                if !defaults.settled {
                    defaults.candidates.push_back(account.to_owned());
                    self.pursue(&key);
                }
            }
        }
        if self.in_turn == self.polled.len() {
            let open = self.defaults.iter().filter(|(_, defaults)| !defaults.settled);
            open.map(|(key, _)| key.clone()).collect::<Vec<_>>().iter().for_each(|key| self.pursue(key));
        }
    }

    /// Asks the next account for these defaults, or takes them for refused when nobody is left.
    fn pursue(&mut self, key: &Key) {
        let all_known = self.in_turn == self.polled.len();
        let Some(defaults) = self.defaults.get_mut(key).filter(|defaults| !defaults.under_way && !defaults.settled)
        else {
            return;
        };
        if defaults.asked < MOST_ASKED
            && let Some(account) = defaults.candidates.pop_front()
        {
            defaults.under_way = true;
            let (region, service) = key.clone();
            let task = Task::Definitions { account, region, service };
            self.aws.progress.plan(task.calls());
            self.attempts.push_back(task);
        } else if (defaults.asked == MOST_ASKED || all_known)
            && let Some((task, attempt)) = defaults.refused.take()
        {
            self.settle(key, &task, attempt.fact, Some(attempt.ledger));
        }
    }

    fn attempted(&mut self, task: Task, attempt: Attempt) {
        let key = key(&task);
        let good = match &attempt.fact {
            Fact::Definitions(Observation::Unknown(gap)) => gap.status == CoverageStatus::Unsupported,
            _ => true,
        };
        if good {
            return self.settle(&key, &task, attempt.fact, Some(attempt.ledger));
        }
        if let Some(defaults) = self.defaults.get_mut(&key) {
            defaults.under_way = false;
            defaults.asked += usize::from(attempt.asked);
            defaults.refused.get_or_insert((task, attempt));
        }
        self.pursue(&key);
    }

    /// The defaults are known, or known to be refused: the applied values that waited for them can be read.
    fn settle(&mut self, key: &Key, task: &Task, fact: Fact, ledger: Option<Coverage>) {
        ledger.into_iter().for_each(|ledger| self.aws.absorb(ledger));
        self.aws.merge(&mut self.snapshot, task, fact);
        let defaults = self.defaults.entry(key.clone()).or_default();
        (defaults.settled, defaults.under_way) = (true, false);
        defaults.candidates.clear();
        std::mem::take(&mut defaults.waiting).into_iter().for_each(|task| self.plan(task));
    }

    /// Plans a read of applied quotas for when their defaults are known.
    fn after_defaults(&mut self, task: Task) {
        let key = key(&task);
        if !self.defaults.contains_key(&key) {
            self.defaults.insert(key.clone(), Defaults::default());
            let accounts = self.polled.iter().map(Polled::id);
            if let Some((task, fact)) = self.aws.defaults_of_earlier(accounts, (&key.0, &key.1), &self.snapshot) {
                self.settle(&key, &task, fact, None);
            }
        }
        match self.defaults.get_mut(&key) {
            Some(defaults) if !defaults.settled => defaults.waiting.push(task),
            _ => self.plan(task),
        }
    }

    /// Plans a read, unless there is an answer already.
    fn plan(&mut self, task: Task) {
        let answer =
            self.aws.taken_over(&task, &self.snapshot).or_else(|| self.aws.never_offered(&task, &self.snapshot));
        match answer {
            Some(fact) => self.came(&task, fact),
            None => {
                self.aws.progress.plan(task.calls());
                self.ready.entry(task.account().to_owned()).or_default().push_back(task);
            }
        }
    }

    fn came(&mut self, task: &Task, fact: Fact) {
        self.aws.merge(&mut self.snapshot, task, fact);
        if matches!(task, Task::Requests { .. }) {
            let place = (task.account().to_owned(), task.region().to_owned());
            let waited = self.histories.remove(&place).unwrap_or_default();
            waited.into_iter().for_each(|task| self.after_defaults(task));
        }
    }
}

/// The defaults that a task brings or needs.
fn key(task: &Task) -> Key {
    let service = match task {
        Task::Definitions { service, .. } | Task::Quotas { service, .. } => service.clone(),
        _ => String::new(),
    };
    (task.region().to_owned(), service)
}
