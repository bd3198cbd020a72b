//! The published request rates, as token buckets.
//!
//! In: who calls what, where and when. Out: whether the bucket still holds a token. The table is `limits.json`:
//! operation → requests a second and burst, one bucket per account × region × operation; above them stand Service
//! Quotas' ceilings of 50 a second per account and 100 per organisation. It never delays anything.
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
//! <https://docs.aws.amazon.com/servicequotas/latest/userguide/reference.html>

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use super::minimum::Calls;

/// All buckets of one server.
#[derive(Debug)]
pub struct Limits {
    /// What every rate and burst is multiplied by.
    factor: f64,
    table: BTreeMap<String, (f64, f64)>,
    buckets: HashMap<String, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Limits {
    /// The published rates times a factor.
    pub fn published(factor: f64) -> Self {
        let table = serde_json::from_str(include_str!("limits.json")).expect("the table is whole");
        Self { factor, table, buckets: HashMap::new() }
    }

    /// Takes a token from every bucket the call falls under; false when one of them is empty.
    pub fn admit(&mut self, service: &str, operation: &str, account: &str, region: &str) -> bool {
        let now = Instant::now();
        let wanted = self.over(service, operation, account, region);
        if !wanted.iter().all(|(name, rate, burst)| self.fill(name, *rate, *burst, now) >= 1.0) {
            return false;
        }
        for (name, ..) in &wanted {
            if let Some(bucket) = self.buckets.get_mut(name) {
                bucket.tokens -= 1.0;
            }
        }
        true
    }

    /// The buckets that a call falls under, each with its rate and burst before the factor.
    fn over(&self, service: &str, operation: &str, account: &str, region: &str) -> Vec<(String, f64, f64)> {
        let any = format!("{service}:*");
        let rate = self.table.get(&format!("{service}:{operation}")).or_else(|| self.table.get(&any)).copied();
        let mut over = Vec::new();
        if let Some((rate, burst)) = rate {
            over.push((format!("{service}:{operation} {account} {region}"), rate, burst));
        }
        if service == "servicequotas" {
            over.push((format!("servicequotas {account}"), 50.0, 50.0));
            over.push(("servicequotas".to_owned(), 100.0, 100.0));
        }
        over
    }

    /// The least seconds in which these calls can be made, whatever their order: what the slowest bucket needs once its
    /// burst is spent.
    pub fn least_seconds(&self, calls: &Calls) -> f64 {
        let mut wanted: HashMap<String, (f64, f64, f64)> = HashMap::new();
        for ((service, operation, account, region), count) in calls {
            for (name, rate, burst) in self.over(service, operation, account, region) {
                wanted.entry(name).or_insert((0.0, rate, burst)).0 += *count as f64;
            }
        }
        let seconds = |(count, rate, burst): &(f64, f64, f64)| (count / self.factor - burst) / rate;
        wanted.values().map(seconds).fold(0.0, f64::max)
    }

    /// The tokens of a bucket, after what has flowed in since it was last looked at.
    fn fill(&mut self, name: &str, rate: f64, burst: f64, now: Instant) -> f64 {
        let burst = (burst * self.factor).max(1.0);
        let bucket = self.buckets.entry(name.to_owned()).or_insert(Bucket { tokens: burst, at: now });
        let flowed = now.duration_since(bucket.at).as_secs_f64() * rate * self.factor;
        bucket.tokens = (bucket.tokens + flowed).min(burst);
        bucket.at = now;
        bucket.tokens
    }
}
