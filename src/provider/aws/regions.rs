//! Which regions are on, account by account, and which Local Zone groups.
//!
//! In: the organisation's identity, and the account's own where that is not enough. Out: the opt-in status of every
//! region. It holds no list of regions: AWS says which there are.
//!
//! <https://docs.aws.amazon.com/accounts/latest/reference/API_ListRegions.html>

use std::collections::BTreeMap;
use std::sync::Mutex;

use aws_config::SdkConfig;

use super::failure::{failed, gap};
use super::organization::into_result;
use super::pages::{Reader, required};
use super::{Aws, client};
use crate::estate::{CoverageStatus, Gap, Observation, Provider, Scope};

/// The status of each region.
pub(super) type Statuses = BTreeMap<String, String>;

const LIST_REGIONS: &str = "account:ListRegions";
const DESCRIBE_REGIONS: &str = "ec2:DescribeRegions";

/// What brings the regions of an account: one of these.
pub(super) const SOURCES: [&str; 2] = [LIST_REGIONS, DESCRIBE_REGIONS];

impl Aws {
    /// The status of every region of `account`: asked from the management or a delegated account where `central`, else
    /// or after a refusal in the account itself.
    pub(super) async fn region_status(&self, account: &str, central: bool) -> Observation<Statuses> {
        if let Some(regions) = self.regions_of_earlier(account) {
            return regions;
        }
        let done = self.progress.unless_cancelled(self.ask_for_regions(account, central)).await;
        done.unwrap_or_else(|gap| {
            self.note_gap(Scope::account(Provider::Aws, account), LIST_REGIONS, &gap);
            Observation::Unknown(gap)
        })
    }

    async fn ask_for_regions(&self, account: &str, central: bool) -> Observation<Statuses> {
        let mut refusals = Vec::new();
        if central && account != self.identity.account {
            match self.list_regions_centrally(account).await {
                Ok(statuses) => return Observation::Known(statuses),
                Err(gap) => refusals.push((LIST_REGIONS, gap)),
            }
        }
        let session = match self.session(account).await {
            Ok(session) => session,
            Err(gap) => return self.all_refused(account, &refusals, ("sts:AssumeRole", gap)),
        };
        match self.list_regions(&session, None).await {
            Ok(statuses) => {
                self.explained(account, &refusals);
                return self.evaluated(account, LIST_REGIONS, statuses);
            }
            Err(gap) => refusals.push(("account:ListRegions in the account", gap)),
        }
        match self.describe_regions(&session).await {
            Ok(statuses) => {
                self.explained(account, &refusals);
                self.evaluated(account, DESCRIBE_REGIONS, statuses)
            }
            Err(gap) => self.all_refused(account, &refusals, (DESCRIBE_REGIONS, gap)),
        }
    }

    async fn list_regions_centrally(&self, account: &str) -> Result<Statuses, Gap> {
        let session = self.organization_session().await?;
        let statuses = self.list_regions(&session, Some(account)).await?;
        self.evaluated(account, LIST_REGIONS, ());
        Ok(statuses)
    }

    async fn list_regions(&self, session: &SdkConfig, account: Option<&str>) -> Result<Statuses, Gap> {
        let client = client!(self, session, self.home, aws_sdk_account);
        let scratch = Mutex::default();
        let scope = self.scope(&self.identity.account, &self.home);
        let regions = Reader::new(&scratch, &scope)
            .list(LIST_REGIONS, |token| async {
                let call = client.list_regions().set_account_id(account.map(str::to_owned)).set_next_token(token);
                let page = call.max_results(50).send().await.map_err(gap)?;
                let regions = required(page.regions, "Regions")?.into_iter().map(|region| {
                    let status = required(region.region_opt_status, "RegionOptStatus")?;
                    Ok((required(region.region_name, "RegionName")?, status.as_str().to_owned()))
                });
                Ok((regions.collect::<Result<Vec<_>, Gap>>()?, page.next_token))
            })
            .await;
        some(into_result(regions)?.into_iter().collect())
    }

    async fn describe_regions(&self, session: &SdkConfig) -> Result<Statuses, Gap> {
        let client = client!(self, session, self.home, aws_sdk_ec2);
        let answer = client.describe_regions().all_regions(true).send().await.map_err(gap)?;
        let regions = required(answer.regions, "Regions")?.into_iter().map(|region| {
            let status = match required(region.opt_in_status, "OptInStatus")?.as_str() {
                "opt-in-not-required" => "ENABLED_BY_DEFAULT".to_owned(),
                "opted-in" => "ENABLED".to_owned(),
                // `not-opted-in` is no word of Account Management's: it stands for more than one of them.
                other => other.to_owned(),
            };
            Ok((required(region.region_name, "RegionName")?, status))
        });
        some(regions.collect::<Result<_, Gap>>()?)
    }

    /// Local and Wavelength Zone groups of one region, and whether they are on.
    pub(super) async fn zone_groups(&self, session: &SdkConfig, region: &str) -> Result<Observation<Statuses>, Gap> {
        let client = client!(self, session, region, aws_sdk_ec2);
        let answer = client.describe_availability_zones().all_availability_zones(true).send().await.map_err(gap)?;
        let mut groups = Statuses::new();
        for zone in required(answer.availability_zones, "AvailabilityZones")? {
            if required(zone.zone_type, "ZoneType")? == "availability-zone" {
                continue;
            }
            let group = required(zone.group_name, "GroupName")?;
            groups.insert(group, required(zone.opt_in_status, "OptInStatus")?.as_str().to_owned());
        }
        Ok(Observation::Known(groups))
    }

    fn evaluated<T>(&self, account: &str, source: &str, value: T) -> Observation<T> {
        self.ledger().evaluated(Scope::account(Provider::Aws, account), source, 1);
        Observation::Known(value)
    }

    /// Refusals that another way of asking made good: named, and not counted as missing.
    fn explained(&self, account: &str, refusals: &[(&str, Gap)]) {
        for (source, gap) in refusals {
            let reason = format!("{}; asked in another way", gap.reason);
            let scope = Scope::account(Provider::Aws, account);
            self.note_gap(scope, &format!("{source} (first way)"), &Gap { status: CoverageStatus::Skipped, reason });
        }
    }

    /// No way of asking brought an answer.
    fn all_refused<T>(&self, account: &str, refusals: &[(&str, Gap)], last: (&str, Gap)) -> Observation<T> {
        let scope = Scope::account(Provider::Aws, account);
        let said: Vec<String> =
            refusals.iter().chain([&last]).map(|(source, gap)| format!("{source}: {}", gap.reason)).collect();
        let gap = Gap { status: last.1.status, reason: said.join("; ") };
        self.note_gap(scope, LIST_REGIONS, &gap);
        Observation::Unknown(gap)
    }
}

/// There is no account without a region.
fn some(statuses: Statuses) -> Result<Statuses, Gap> {
    if statuses.is_empty() { Err(failed("the answer holds no region")) } else { Ok(statuses) }
}
