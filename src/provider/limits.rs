//! How fast a provider may be asked: token buckets per account × region × operation, and ceilings above them.
//!
//! In: one table of published limits, and the user's own ceilings. Out: a wait before each call. It never lets a call
//! through early, and never gives up.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};
use serde::Deserialize;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

/// A published limit: calls per second, and how many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Calls per second.
    pub rate: f64,
    /// Calls at once.
    pub burst: u32,
}

/// Ceilings over all operations of one service, in calls per second.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// For one account.
    pub account: u32,
    /// For all accounts of one organisation.
    pub organization: u32,
}

/// The table of published limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitTable {
    /// Where nothing is published.
    pub default: Limit,
    /// By service.
    pub services: BTreeMap<String, Ceiling>,
    /// By `service:Operation`.
    pub operations: BTreeMap<String, Limit>,
}

impl LimitTable {
    /// The limit of one `service:Operation`.
    #[must_use]
    pub fn limit(&self, operation: &str) -> Limit {
        self.operations.get(operation).copied().unwrap_or(self.default)
    }

    /// Every limit multiplied, for a test double whose limits are scaled alike.
    #[must_use]
    pub fn scaled(mut self, factor: f64) -> Self {
        let scale = |limit: &mut Limit| limit.rate *= factor;
        scale(&mut self.default);
        self.operations.values_mut().for_each(scale);
        for ceiling in self.services.values_mut() {
            ceiling.account = whole(f64::from(ceiling.account) * factor).get();
            ceiling.organization = whole(f64::from(ceiling.organization) * factor).get();
        }
        self
    }
}

/// Stay this far below what is published, so that jitter on the way does not add up to a refusal.
pub const SHARE: f64 = 0.95;

/// Calls of a run, by `service:Operation`, account and region.
pub type Calls = BTreeMap<(String, String, String), u64>;

/// Buckets in use.
#[derive(Debug)]
pub struct Limits {
    table: LimitTable,
    operations: BTreeMap<String, DefaultKeyedRateLimiter<(String, String)>>,
    others: DefaultKeyedRateLimiter<(String, String, String)>,
    accounts: BTreeMap<String, DefaultKeyedRateLimiter<String>>,
    organizations: BTreeMap<String, Queue>,
    overall: Option<Queue>,
    max_rps: Option<NonZeroU32>,
    at_once: Option<Semaphore>,
}

/// Leave to make one call; the next one may be made when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Turn<'a> {
    _held: Option<SemaphorePermit<'a>>,
}

impl Limits {
    /// Buckets after `table`, and at most `max_rps` calls a second over everything.
    #[must_use]
    pub fn new(table: LimitTable, max_rps: Option<NonZeroU32>) -> Self {
        let operations =
            table.operations.iter().map(|(name, limit)| (name.clone(), RateLimiter::keyed(bucket(*limit)))).collect();
        let ceiling = |rate: u32| bucket(Limit { rate: f64::from(rate), burst: rate.div_ceil(10) });
        let accounts = table
            .services
            .iter()
            .map(|(name, service)| (name.clone(), RateLimiter::keyed(ceiling(service.account))))
            .collect();
        let organizations = table
            .services
            .iter()
            .map(|(name, service)| (name.clone(), Queue::new(ceiling(service.organization))))
            .collect();
        Self {
            others: RateLimiter::keyed(bucket(table.default)),
            operations,
            accounts,
            organizations,
            overall: max_rps.map(|rate| Queue::new(Quota::per_second(rate).allow_burst(NonZeroU32::MIN))),
            max_rps,
            at_once: None,
            table,
        }
    }

    /// The same, with at most so many calls under way at once.
    #[must_use]
    pub fn at_once(self, calls: usize) -> Self {
        Self { at_once: Some(Semaphore::new(calls.clamp(1, Semaphore::MAX_PERMITS))), ..self }
    }

    /// The least time in which these calls can be made.
    #[must_use]
    pub fn least_time(&self, calls: &Calls) -> Duration {
        let mut seconds: f64 = 0.0;
        let mut by_service: BTreeMap<&str, u64> = BTreeMap::new();
        let mut by_account: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for ((operation, account, _), count) in calls {
            seconds = seconds.max(per_second(*count, self.table.limit(operation).rate));
            let service = operation.split(':').next().unwrap_or(operation);
            *by_service.entry(service).or_default() += count;
            *by_account.entry((service, account)).or_default() += count;
        }
        for (service, ceiling) in &self.table.services {
            if let Some(count) = by_service.get(service.as_str()) {
                seconds = seconds.max(per_second(*count, f64::from(ceiling.organization)));
            }
            for (_, count) in by_account.iter().filter(|((of, _), _)| of == service) {
                seconds = seconds.max(per_second(*count, f64::from(ceiling.account)));
            }
        }
        if let Some(rate) = self.max_rps {
            seconds = seconds.max(per_second(calls.values().sum(), f64::from(rate.get())));
        }
        Duration::from_secs_f64(seconds)
    }

    /// Waits until this call may be made. It is under way for as long as the turn is held.
    pub async fn wait(&self, service: &str, operation: &str, account: &str, region: &str) -> Turn<'_> {
        let name = format!("{service}:{operation}");
        match self.operations.get(&name) {
            Some(limiter) => {
                let key = (account.to_owned(), region.to_owned());
                until(|| limiter.check_key(&key)).await;
            }
            None => {
                let key = (name, account.to_owned(), region.to_owned());
                until(|| self.others.check_key(&key)).await;
            }
        }
        if let Some(limiter) = self.accounts.get(service) {
            let key = account.to_owned();
            until(|| limiter.check_key(&key)).await;
        }
        if let Some(queue) = self.organizations.get(service) {
            queue.wait().await;
        }
        // Only now: who waits for a bucket of its own keeps nobody else from calling.
        let held = match &self.at_once {
            // It is never closed.
            Some(calls) => calls.acquire().await.ok(),
            None => None,
        };
        if let Some(queue) = &self.overall {
            queue.wait().await;
        }
        Turn { _held: held }
    }
}

/// A bucket that all calls of a service share. They wait in a line: were each to watch the bucket, all would wake for every
/// call that one of them may make.
#[derive(Debug)]
struct Queue {
    bucket: DefaultDirectRateLimiter,
    first: Mutex<()>,
}

impl Queue {
    fn new(quota: Quota) -> Self {
        Self { bucket: RateLimiter::direct(quota), first: Mutex::default() }
    }

    async fn wait(&self) {
        let _first = self.first.lock().await;
        until(|| self.bucket.check()).await;
    }
}

/// Takes from a bucket as soon as there is something in it, on tokio's clock: the buckets' own has a thread to itself, and
/// each of its ticks crosses to the one that waits.
async fn until(take: impl Fn() -> Result<(), NotUntil<<DefaultClock as Clock>::Instant>>) {
    let clock = DefaultClock::default();
    while let Err(early) = take() {
        tokio::time::sleep(early.wait_time_from(clock.now())).await;
    }
}

fn per_second(calls: u64, rate: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "an estimate of seconds")]
    let calls = calls as f64;
    calls / rate.max(0.001)
}

/// A bucket a little smaller than what is published.
fn bucket(limit: Limit) -> Quota {
    let period = Duration::from_secs_f64(1.0 / (limit.rate * SHARE).max(0.001));
    let burst = NonZeroU32::new(limit.burst.saturating_sub(1)).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst)
}

/// A rate as a whole number of at least one.
fn whole(rate: f64) -> NonZeroU32 {
    // Rates are small positive numbers: the cast saturates, and never below one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating is what is wanted")]
    NonZeroU32::new(rate.ceil() as u32).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> LimitTable {
        LimitTable {
            default: Limit { rate: 5.0, burst: 5 },
            services: BTreeMap::new(),
            operations: BTreeMap::from([("a:Slow".to_owned(), Limit { rate: 10.0, burst: 2 })]),
        }
    }

    #[tokio::test]
    async fn calls_are_spread_below_the_published_rate() {
        let limits = Limits::new(table(), None);
        let start = std::time::Instant::now();
        for _ in 0..4 {
            let _made = limits.wait("a", "Slow", "1", "r").await;
        }
        // Ten a second with a burst of two allows the fourth call after 0.2 s; the bucket is a little slower.
        assert!(start.elapsed() > Duration::from_millis(300), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn accounts_do_not_wait_for_each_other() {
        let limits = Limits::new(table(), None);
        let start = std::time::Instant::now();
        for account in 0..50 {
            let _made = limits.wait("a", "Slow", &account.to_string(), "r").await;
        }
        // One bucket for all would take five seconds.
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn the_users_ceiling_holds_over_all_accounts() {
        let limits = Limits::new(table(), NonZeroU32::new(20));
        let start = std::time::Instant::now();
        for account in 0..6 {
            let _made = limits.wait("a", "Slow", &account.to_string(), "r").await;
        }
        assert!(start.elapsed() >= Duration::from_millis(245), "{:?}", start.elapsed());
    }

    #[test]
    fn the_slowest_bucket_or_ceiling_says_how_long_calls_take() {
        let table = LimitTable {
            services: BTreeMap::from([("a".to_owned(), Ceiling { account: 4, organization: 5 })]),
            ..table()
        };
        let call =
            |operation: &str, account: &str, count| ((operation.to_owned(), account.to_owned(), "r".to_owned()), count);
        let seconds = |max_rps, calls: &[((String, String, String), u64)]| {
            let limits = Limits::new(table.clone(), NonZeroU32::new(max_rps));
            limits.least_time(&calls.iter().cloned().collect()).as_secs_f64()
        };
        assert!((seconds(0, &[])).abs() < 1e-9);
        // Ten a second by itself, four in one account, five over all accounts.
        assert!((seconds(0, &[call("a:Slow", "1", 20)]) - 5.0).abs() < 1e-9);
        let spread: Vec<_> = (0..20).map(|account| call("a:Slow", &account.to_string(), 2)).collect();
        assert!((seconds(0, &spread) - 8.0).abs() < 1e-9);
        assert!((seconds(2, &spread) - 20.0).abs() < 1e-9);
        assert!((seconds(0, &[call("b:Other", "1", 20)]) - 20.0 / table.default.rate).abs() < 1e-9);
    }
}
