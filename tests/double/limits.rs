//! The published request rates, as token buckets.
//!
//! In: who calls what, where and when. Out: whether the bucket still holds a token. The table is `limits.json`:
//! operation → requests a second and burst, one bucket per account × region × operation; above them stand Service
//! Quotas' ceilings of 50 a second per account and 100 per organisation. It never delays anything.
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
//! <https://docs.aws.amazon.com/servicequotas/latest/userguide/reference.html>

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

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
        let any = format!("{service}:*");
        let rate = self.table.get(&format!("{service}:{operation}")).or_else(|| self.table.get(&any)).copied();
        let mut wanted = Vec::new();
        if let Some((rate, burst)) = rate {
            wanted.push((format!("{service}:{operation} {account} {region}"), rate, burst));
        }
        if service == "servicequotas" {
            wanted.push((format!("servicequotas {account}"), 50.0, 50.0));
            wanted.push(("servicequotas".to_owned(), 100.0, 100.0));
        }
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
