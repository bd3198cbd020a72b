//! A double of the AWS APIs that Guardline reads, on loopback, for unmodified SDKs through `AWS_ENDPOINT_URL`.
//!
//! In: an [`estate::Estate`], faults and options. Out: a running [`Server`] that answers over HTTP/1.1 and keeps a
//! log of every call. It is written from AWS's published models and shares no code with Guardline, so that it can
//! witness against it. No caller changes its estate: every mutating call is refused and kept in
//! [`Server::unexpected`]; only a test does, at once or [`Server::after`] a call.
#![allow(dead_code, unused_imports, reason = "a test binary or the stand-alone process uses a part of it each")]
#![allow(unreachable_pub, missing_docs, reason = "a module of tests, used by whatever binary includes it")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a mistake in a test's estate must stop the test"
)]

pub mod account;
pub mod ask;
pub mod caller;
pub mod cloudtrail;
pub mod ec2;
pub mod estate;
pub mod faults;
mod full;
mod http;
pub mod inside;
pub mod limits;
pub mod minimum;
pub mod org_policies;
pub mod organizations;
pub mod refusal;
mod sample;
pub mod servicequotas;
mod story;
pub mod sts;
pub mod wire;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::oneshot;
use wildmatch::WildMatch;

use ask::{Answer, Ask, Handler};
use caller::{Caller, Sessions, authenticate};
use estate::Estate;
use faults::{Effect, Fault, Faults};
use limits::Limits;
use refusal::{Cause, Refusal, refuse};
use wire::Request;

/// Everything but the estate.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub faults: Vec<Fault>,
    /// Every answer waits for so long.
    pub latency: Duration,
    /// The published rates times this; none are kept when absent.
    pub limits: Option<f64>,
    /// How far the server's clock is ahead of the real one; requests signed more than five minutes off are refused.
    pub clock_ahead: SignedDuration,
    /// Organizations and Account Management answer in the partition's global region alone, as their true endpoints
    /// do; an SDK under `AWS_ENDPOINT_URL` signs for whatever region it is told.
    pub strict_regions: bool,
    /// Keep what was answered in the log, undamaged: for a test that wants to know what there is to damage.
    pub keep_answers: bool,
    /// Sessions of roles end after so long, whatever was asked for.
    pub session: Option<SignedDuration>,
    /// Calls are counted and not kept: a log of a large estate's would be larger than the estate.
    pub only_count: bool,
}

/// One request, as the server saw it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Call {
    /// The signing name.
    pub service: String,
    pub operation: String,
    /// The caller's account; empty when it is not known.
    pub account: String,
    /// The caller's ARN; empty when it is not known.
    pub caller: String,
    /// The region it is signed for.
    pub region: String,
    pub input: Value,
    pub user_agent: String,
    /// The HTTP status that went out; 0 when the connection was reset instead.
    pub status: u16,
    /// The error's code.
    pub error: Option<String>,
    /// The members of the answer, where [`Options::keep_answers`] asks for them.
    #[serde(skip)]
    pub answer: Option<Value>,
    #[serde(skip)]
    pub at: Instant,
}

impl Call {
    /// `service:Operation`.
    pub fn action(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

/// How often an action (`service:Operation`) was answered with an error of that code, or none.
pub type Counts = std::collections::BTreeMap<(String, Option<String>), u64>;

/// What the server's threads share.
pub(crate) struct Shared {
    estate: RwLock<Estate>,
    sessions: Sessions,
    faults: Mutex<Faults>,
    limits: Mutex<Option<Limits>>,
    calls: Mutex<Vec<Call>>,
    /// Calls by their action and error, where they are only counted.
    counts: Option<Mutex<Counts>>,
    unexpected: Mutex<Vec<Call>>,
    latency: Mutex<Duration>,
    clock_ahead: Mutex<SignedDuration>,
    strict_regions: bool,
    pub(crate) keep_answers: bool,
    turns: Mutex<Vec<Turn>>,
    pub(crate) traffic: Traffic,
}

/// A change of the estate that waits for its call.
struct Turn {
    /// `service:Operation`, `*` and `?` allowed.
    operation: String,
    /// A part of the input that must be in it.
    input: String,
    /// So many calls are still to be answered before it.
    left: u64,
    change: Box<dyn FnOnce(&mut Estate) + Send>,
}

/// How much came at once.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    connections: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

/// One request that is being answered.
pub(crate) struct UnderWay<'a>(&'a Traffic);

impl Traffic {
    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn begin(&self) -> UnderWay<'_> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        UnderWay(self)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What goes back for one request, before it is bytes.
pub(crate) struct Outcome {
    pub answer: Answer,
    pub effect: Option<Effect>,
}

/// A running double; it stops when dropped.
pub struct Server {
    url: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that failed while it held the lock must not fail the others too.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Serves an estate on a free loopback port, without limits and faults.
    pub fn start(estate: Estate) -> Self {
        Self::start_with(estate, Options::default())
    }

    /// Serves an estate on a free loopback port.
    pub fn start_with(estate: Estate, options: Options) -> Self {
        let shared = Arc::new(Shared {
            estate: RwLock::new(estate),
            sessions: Sessions::lasting(options.session),
            faults: Mutex::new(Faults::new(options.faults)),
            limits: Mutex::new(options.limits.map(Limits::published)),
            calls: Mutex::default(),
            counts: options.only_count.then(Mutex::default),
            unexpected: Mutex::default(),
            latency: Mutex::new(options.latency),
            clock_ahead: Mutex::new(options.clock_ahead),
            strict_regions: options.strict_regions,
            keep_answers: options.keep_answers,
            turns: Mutex::default(),
            traffic: Traffic::default(),
        });
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free loopback port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let (stop, stopped) = oneshot::channel();
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || http::serve(listener, &for_thread, stopped));
        Self { url, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The environment under which a program talks to this server as the management account's test user.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        self.env_as("111111111111")
    }

    /// The same, as a user of that account.
    pub fn env_as(&self, account: &str) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_ACCESS_KEY_ID", format!("AKIA{account}TEST")),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret".to_owned()),
            ("AWS_REGION", self.estate().global_region.clone()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// The estate, to change while the server runs; calls wait for as long as it is held.
    pub fn estate(&self) -> RwLockWriteGuard<'_, Estate> {
        self.shared.estate.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the estate when the `nth` call (from 1) of an operation (wildcards allowed) whose input holds this text has
    /// been answered: its answer is of the estate before, every later one of the estate after.
    pub fn after(&self, operation: &str, input: &str, nth: u64, change: impl FnOnce(&mut Estate) + Send + 'static) {
        let (operation, input) = (operation.to_owned(), input.to_owned());
        held(&self.shared.turns).push(Turn { operation, input, left: nth, change: Box::new(change) });
    }

    /// How many of these changes still wait for their call.
    pub fn waiting(&self) -> usize {
        held(&self.shared.turns).len()
    }

    /// Replaces all faults.
    pub fn faults(&self, faults: Vec<Fault>) {
        *held(&self.shared.faults) = Faults::new(faults);
    }

    /// Keeps the published rates times a factor from now on, or none.
    pub fn limits(&self, factor: Option<f64>) {
        *held(&self.shared.limits) = factor.map(Limits::published);
    }

    pub fn latency(&self, latency: Duration) {
        *held(&self.shared.latency) = latency;
    }

    pub fn clock_ahead(&self, by: SignedDuration) {
        *held(&self.shared.clock_ahead) = by;
    }

    /// Ends every session of an assumed role.
    pub fn expire_sessions(&self) {
        self.shared.sessions.expire_all();
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.traffic.connections.load(Ordering::Relaxed)
    }

    /// The most requests that were being answered at the same time.
    pub fn most_at_once(&self) -> usize {
        self.shared.traffic.most.load(Ordering::SeqCst)
    }

    /// Every call so far, in the order they were answered.
    pub fn calls(&self) -> Vec<Call> {
        held(&self.shared.calls).clone()
    }

    /// The calls of an operation (`service:Operation`, wildcards allowed).
    pub fn calls_of(&self, action: &str) -> Vec<Call> {
        let pattern = WildMatch::new(action);
        self.calls().into_iter().filter(|call| pattern.matches(&call.action())).collect()
    }

    /// The calls since the last time that this was asked, where they are only counted.
    pub fn take_counts(&self) -> Counts {
        self.shared.counts.as_ref().map(|counts| std::mem::take(&mut *held(counts))).unwrap_or_default()
    }

    /// Calls of operations that only change things, or that the double does not know.
    pub fn unexpected(&self) -> Vec<Call> {
        held(&self.shared.unexpected).clone()
    }

    /// Successful calls that had been made before with the same caller, region and input.
    pub fn repeated(&self) -> Vec<Call> {
        let mut seen = std::collections::HashSet::new();
        let mut calls = self.calls();
        calls.retain(|c| {
            c.status == 200 && !seen.insert(format!("{} {} {} {}", c.action(), c.account, c.region, c.input))
        });
        calls
    }

    /// Forgets the calls so far.
    pub fn forget(&self) {
        held(&self.shared.calls).clear();
        held(&self.shared.unexpected).clear();
    }

    /// The most calls of an operation (wildcards allowed) that one account made in one region within a second.
    pub fn max_rate(&self, action: &str) -> usize {
        let mut times: std::collections::HashMap<(String, String, String), Vec<Instant>> = Default::default();
        for call in self.calls_of(action) {
            times.entry((call.action(), call.account, call.region)).or_default().push(call.at);
        }
        times.values_mut().map(|at| busiest_second(at)).max().unwrap_or(0)
    }

    /// The most calls of an operation (wildcards allowed) within a second, all accounts and regions together.
    pub fn max_rate_overall(&self, action: &str) -> usize {
        busiest_second(&mut self.calls_of(action).iter().map(|call| call.at).collect::<Vec<_>>())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _already_gone = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// The most moments that lie within one second of each other.
fn busiest_second(at: &mut [Instant]) -> usize {
    at.sort();
    let mut most = 0;
    let mut first = 0;
    for last in 0..at.len() {
        while at[last].duration_since(at[first]) >= Duration::from_secs(1) {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most
}

/// Every operation the double answers, as `service:Operation`.
pub fn operations() -> Vec<String> {
    let named = |(service, table): &(&str, &[(&str, Handler)])| {
        table.iter().map(|(name, _)| format!("{service}:{name}")).collect::<Vec<_>>()
    };
    SERVICES.iter().flat_map(named).collect()
}

const SERVICES: &[(&str, &[(&str, Handler)])] = &[
    ("account", account::OPERATIONS),
    ("cloudtrail", cloudtrail::OPERATIONS),
    ("ec2", ec2::OPERATIONS),
    ("organizations", organizations::OPERATIONS),
    ("servicequotas", servicequotas::OPERATIONS),
    ("sts", sts::OPERATIONS),
];

fn handler(request: &Request) -> Option<Handler> {
    let (_, table) = SERVICES.iter().find(|(service, _)| *service == request.service)?;
    table.iter().find(|(name, _)| *name == request.operation).map(|(_, handler)| *handler)
}

impl Shared {
    pub(crate) fn latency(&self) -> Duration {
        *held(&self.latency)
    }

    /// The server's clock.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now() + *held(&self.clock_ahead)
    }

    pub(crate) fn note(&self, call: Call) {
        match &self.counts {
            Some(counts) => *held(counts).entry((call.action(), call.error)).or_default() += 1,
            None => held(&self.calls).push(call),
        }
    }

    /// Answers one request, and turns the estate where a change waits for it.
    pub(crate) fn answer(&self, request: &mut Request) -> (Outcome, Option<Caller>) {
        let mut turns = held(&self.turns);
        if turns.is_empty() {
            drop(turns);
            return self.answer_as_it_is(request);
        }
        // One call at a time, so that none slips between an answer and the change that follows it.
        let answered = self.answer_as_it_is(request);
        let (action, input) = (format!("{}:{}", request.service, request.operation), request.input.to_string());
        let is_due = |turn: &mut Turn| {
            let meant = WildMatch::new(&turn.operation).matches(&action) && input.contains(&turn.input);
            turn.left -= u64::from(meant && turn.left > 0);
            turn.left == 0
        };
        let due: Vec<Turn> = turns.extract_if(.., is_due).collect();
        let mut estate = self.estate.write().unwrap_or_else(PoisonError::into_inner);
        due.into_iter().for_each(|turn| (turn.change)(&mut estate));
        answered
    }

    fn answer_as_it_is(&self, request: &mut Request) -> (Outcome, Option<Caller>) {
        let estate = self.estate.read().unwrap_or_else(PoisonError::into_inner);
        let caller = match authenticate(request, &estate, &self.sessions, self.now()) {
            Ok(caller) => caller,
            Err(refusal) => return (Outcome { answer: Err(refusal), effect: None }, None),
        };
        let global = matches!(request.service.as_str(), "organizations" | "account");
        if self.strict_regions && global && request.region != estate.global_region {
            let answer = Err(refuse(Cause::WrongRegion, request, &caller.arn));
            return (Outcome { answer, effect: None }, Some(caller));
        }
        let Some(handler) = handler(request) else {
            let refusal = refuse(Cause::UnknownOperation, request, &caller.arn);
            held(&self.unexpected).push(call(request, Some(&caller), refusal.status, Some(&refusal)));
            return (Outcome { answer: Err(refusal), effect: None }, Some(caller));
        };
        let Request { service, operation, region, .. } = &*request;
        let admitted = held(&self.limits).as_mut().is_none_or(|l| l.admit(service, operation, &caller.account, region));
        if !admitted {
            let answer = Err(refuse(Cause::Throttled, request, &caller.arn));
            return (Outcome { answer, effect: None }, Some(caller));
        }
        let effect = held(&self.faults).strike(request, &caller.account);
        if let Some(refusal) = effect.as_ref().and_then(|e| e.refusal(request, &caller.arn)) {
            return (Outcome { answer: Err(refusal), effect: None }, Some(caller));
        }
        let asked = request.input.clone();
        if Effect::own_token(request.input.get("NextToken").and_then(Value::as_str))
            && let Some(members) = request.input.as_object_mut()
        {
            members.remove("NextToken");
        }
        let wall = self.now();
        let now = estate.now.unwrap_or(wall);
        let ask = Ask { estate: &estate, sessions: &self.sessions, caller: &caller, request, now, wall };
        let answer = handler(&ask);
        request.input = asked;
        let answer = match &effect {
            Some(effect) => effect.damage(request, answer),
            None => answer,
        };
        (Outcome { answer, effect }, Some(caller))
    }
}

/// The log's line for a request.
pub(crate) fn call(request: &Request, caller: Option<&Caller>, status: u16, refusal: Option<&Refusal>) -> Call {
    Call {
        service: request.service.clone(),
        operation: request.operation.clone(),
        account: caller.map(|c| c.account.clone()).unwrap_or_default(),
        caller: caller.map(|c| c.arn.clone()).unwrap_or_default(),
        region: request.region.clone(),
        input: request.input.clone(),
        user_agent: request.user_agent.clone(),
        status,
        error: refusal.map(|r| r.code.clone()),
        answer: None,
        at: Instant::now(),
    }
}
