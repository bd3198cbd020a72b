//! Whether changes are recorded: trails and event data stores.
//!
//! In: an account's identity in one region. Out: each trail of that home region with its state and selectors, each part
//! known or unknown by itself. Shadows of trails that live elsewhere are left out: every trail is read once, at home.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_Operations.html>

use std::collections::BTreeSet;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types as sdk;

use super::failure::{failed, gap};
use super::pages::{Reader, each, required};
use crate::estate::{CoverageStatus, EventDataStore, Gap, Observation, Trail};

/// The trails whose home is this region.
pub(super) async fn trails(client: &Client, reader: &Reader<'_>) -> Observation<Vec<Trail>> {
    let trails = reader
        .one("cloudtrail:DescribeTrails", async {
            let answer = client.describe_trails().include_shadow_trails(false).send().await.map_err(gap)?;
            let trails = required(answer.trail_list, "trailList")?.into_iter().map(described);
            Ok(Observation::Known(trails.collect::<Result<Vec<_>, _>>()?))
        })
        .await;
    let trails = match trails {
        Observation::Known(trails) => trails,
        Observation::Absent => return Observation::Absent,
        Observation::Unknown(gap) => return Observation::Unknown(gap),
    };
    let mut trails = each(trails.into_iter().map(|found| trail(client, reader, found))).await;
    trails.sort_by(|a, b| a.arn.cmp(&b.arn));
    Observation::Known(trails)
}

/// What the list says of a trail; whether it logs, and what, is asked of the trail itself.
fn described(found: sdk::Trail) -> Result<Trail, Gap> {
    fn unasked<T>() -> Observation<T> {
        Observation::unknown(CoverageStatus::Skipped, "not read in this run")
    }
    Ok(Trail {
        arn: required(found.trail_arn, "TrailARN")?,
        name: required(found.name, "Name")?,
        home_region: required(found.home_region, "HomeRegion")?,
        multi_region: required(found.is_multi_region_trail, "IsMultiRegionTrail")?,
        organization: required(found.is_organization_trail, "IsOrganizationTrail")?,
        log_file_validation: required(found.log_file_validation_enabled, "LogFileValidationEnabled")?,
        bucket: found.s3_bucket_name,
        logging: unasked(),
        delivery_error: unasked(),
        management_events: unasked(),
        excluded_sources: unasked(),
    })
}

async fn trail(client: &Client, reader: &Reader<'_>, found: Trail) -> Trail {
    let arn = found.arn.clone();
    let status_source = format!("cloudtrail:GetTrailStatus {arn}");
    let selectors_source = format!("cloudtrail:GetEventSelectors {arn}");
    let status = reader.one(&status_source, async {
        let answer = client.get_trail_status().name(&arn).send().await.map_err(gap)?;
        // Without its digests, a trail that validates its files shows no change to them.
        let digests = answer.latest_digest_delivery_error.filter(|error| !error.is_empty());
        let error = answer.latest_delivery_error.filter(|error| !error.is_empty());
        let error = error.or(digests.map(|error| format!("digests: {error}")));
        Ok(Observation::Known((required(answer.is_logging, "IsLogging")?, error)))
    });
    let selectors = reader.one(&selectors_source, async {
        let answer = client.get_event_selectors().trail_name(&arn).send().await.map_err(gap)?;
        let selected =
            selected(answer.event_selectors.unwrap_or_default(), answer.advanced_event_selectors.unwrap_or_default());
        // AWS gives a trail a selector when it is made, so there is always one.
        selected?.map(Observation::Known).ok_or_else(|| failed("the answer holds no selector"))
    });
    let (status, selectors) = tokio::join!(status, selectors);
    Trail {
        logging: status.as_ref().map(|(logging, _)| *logging),
        delivery_error: status.map(|(_, error)| error),
        management_events: selectors.as_ref().map(|(events, _)| events.clone()),
        excluded_sources: selectors.map(|(_, excluded)| excluded),
        ..found
    }
}

/// Which management events are recorded, and which sources are left out.
fn selected(
    basic: Vec<sdk::EventSelector>,
    advanced: Vec<sdk::AdvancedEventSelector>,
) -> Result<Option<(String, Vec<String>)>, Gap> {
    if basic.is_empty() && advanced.is_empty() {
        return Ok(None);
    }
    let mut all = Recorded::default();
    for selector in basic {
        if !required(selector.include_management_events, "IncludeManagementEvents")? {
            continue;
        }
        let (reads, writes) = match required(selector.read_write_type, "ReadWriteType")? {
            sdk::ReadWriteType::All => (true, true),
            sdk::ReadWriteType::ReadOnly => (true, false),
            sdk::ReadWriteType::WriteOnly => (false, true),
            other => return Err(failed(format!("a selector records `{}`, which is not known", other.as_str()))),
        };
        all.add(Recorded {
            reads,
            writes,
            custom: false,
            excluded: selector.exclude_management_event_sources.unwrap_or_default().into_iter().collect(),
        });
    }
    for selector in advanced {
        let fields = selector.field_selectors;
        let management = |field: &sdk::AdvancedFieldSelector| {
            field.field == "eventCategory" && field.equals.iter().flatten().any(|word| word == "Management")
        };
        if !fields.iter().any(management) {
            continue;
        }
        let mut this = Recorded { reads: true, writes: true, ..Recorded::default() };
        for field in fields.iter().filter(|field| field.field != "eventCategory") {
            match (field.field.as_str(), &field.equals, &field.not_equals) {
                ("readOnly", Some(words), _) => {
                    this.reads &= words.iter().any(|word| word == "true");
                    this.writes &= words.iter().any(|word| word == "false");
                }
                ("eventSource", None, Some(sources)) => this.excluded.extend(sources.iter().cloned()),
                _ => this.custom = true,
            }
        }
        all.add(this);
    }
    Ok(Some(all.said()))
}

/// What one selector records, or several together.
#[derive(Default)]
struct Recorded {
    reads: bool,
    writes: bool,
    /// Something is left out in a way that has no word here.
    custom: bool,
    /// Sources that are left out.
    excluded: BTreeSet<String>,
}

impl Recorded {
    /// What one selector leaves out, another one may record. Only a selector without exception is known to.
    fn add(&mut self, other: Self) {
        let is_all = |one: &Self| one.reads && one.writes && !one.custom && one.excluded.is_empty();
        if is_all(self) {
            return;
        }
        if is_all(&other) {
            *self = other;
            return;
        }
        self.reads |= other.reads;
        self.writes |= other.writes;
        self.custom |= other.custom;
        self.excluded.extend(other.excluded);
    }

    fn said(self) -> (String, Vec<String>) {
        let word = match (self.custom, self.reads, self.writes) {
            (true, ..) => "custom",
            (_, true, true) => "all",
            (_, true, false) => "read",
            (_, false, true) => "write",
            (_, false, false) => "none",
        };
        (word.to_owned(), self.excluded.into_iter().collect())
    }
}

/// The event data stores of this region.
pub(super) async fn event_data_stores(client: &Client, reader: &Reader<'_>) -> Observation<Vec<EventDataStore>> {
    let arns = reader
        .list("cloudtrail:ListEventDataStores", |token| async {
            let page = client.list_event_data_stores().set_next_token(token).send().await.map_err(gap)?;
            let stores = required(page.event_data_stores, "EventDataStores")?;
            let arns = stores.into_iter().map(|store| required(store.event_data_store_arn, "EventDataStoreArn"));
            Ok((arns.collect::<Result<Vec<_>, _>>()?, page.next_token))
        })
        .await;
    let arns = match arns {
        Observation::Known(arns) => arns,
        Observation::Absent => return Observation::Absent,
        Observation::Unknown(gap) => return Observation::Unknown(gap),
    };
    let mut stores = Vec::new();
    for store in each(arns.into_iter().map(|arn| event_data_store(client, reader, arn))).await {
        match store {
            Observation::Known(store) => stores.push(store),
            Observation::Absent => {}
            Observation::Unknown(gap) => return Observation::Unknown(gap),
        }
    }
    stores.sort_by(|a, b| a.arn.cmp(&b.arn));
    Observation::Known(stores)
}

async fn event_data_store(client: &Client, reader: &Reader<'_>, arn: String) -> Observation<EventDataStore> {
    let source = format!("cloudtrail:GetEventDataStore {arn}");
    reader
        .one(&source, async {
            let answer = client.get_event_data_store().event_data_store(&arn).send().await.map_err(gap)?;
            Ok(Observation::Known(EventDataStore {
                name: required(answer.name, "Name")?,
                status: required(answer.status, "Status")?.as_str().to_owned(),
                multi_region: required(answer.multi_region_enabled, "MultiRegionEnabled")?,
                organization: required(answer.organization_enabled, "OrganizationEnabled")?,
                retention_days: answer.retention_period.map_or_else(
                    || Observation::unknown(CoverageStatus::Failed, "the answer does not say for how long"),
                    |days| Observation::Known(i64::from(days)),
                ),
                arn: arn.clone(),
            }))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(kind: &str, management: bool) -> sdk::EventSelector {
        sdk::EventSelector::builder().read_write_type(kind.into()).include_management_events(management).build()
    }

    fn advanced(fields: &[(&str, &[&str], &[&str])]) -> sdk::AdvancedEventSelector {
        let list = |words: &[&str]| (!words.is_empty()).then(|| words.iter().map(|w| (*w).to_owned()).collect());
        let fields = fields.iter().map(|(field, equals, not_equals)| {
            sdk::AdvancedFieldSelector::builder()
                .field(*field)
                .set_equals(list(equals))
                .set_not_equals(list(not_equals))
                .build()
                .unwrap()
        });
        sdk::AdvancedEventSelector::builder().set_field_selectors(Some(fields.collect())).build().unwrap()
    }

    #[test]
    fn selectors_say_which_management_events_are_recorded() {
        let word = |basic, advanced| selected(basic, advanced).unwrap().map(|(word, _)| word);
        assert_eq!(word(vec![basic("All", true)], vec![]).as_deref(), Some("all"));
        assert_eq!(word(vec![basic("WriteOnly", true)], vec![]).as_deref(), Some("write"));
        assert_eq!(word(vec![basic("WriteOnly", true), basic("ReadOnly", true)], vec![]).as_deref(), Some("all"));
        assert_eq!(word(vec![basic("All", false)], vec![]).as_deref(), Some("none"));
        let management: (&str, &[&str], &[&str]) = ("eventCategory", &["Management"], &[]);
        assert_eq!(word(vec![], vec![advanced(&[management])]).as_deref(), Some("all"));
        assert_eq!(
            word(vec![], vec![advanced(&[management, ("readOnly", &["false"], &[])])]).as_deref(),
            Some("write")
        );
        assert_eq!(word(vec![], vec![advanced(&[management, ("eventName", &["X"], &[])])]).as_deref(), Some("custom"));
        assert_eq!(word(vec![], vec![advanced(&[("eventCategory", &["Data"], &[])])]).as_deref(), Some("none"));
        assert_eq!(word(vec![], vec![]), None);
        // What a word means that AWS adds later nobody knows, nor what a selector records that does not say.
        assert!(selected(vec![basic("DeleteOnly", true)], vec![]).is_err());
        assert!(selected(vec![sdk::EventSelector::builder().include_management_events(true).build()], vec![]).is_err());
    }

    #[test]
    fn a_selector_without_exception_makes_up_for_one_with() {
        let management: (&str, &[&str], &[&str]) = ("eventCategory", &["Management"], &[]);
        let plain = || advanced(&[management]);
        let narrow = || advanced(&[management, ("eventName", &["X"], &[])]);
        let leaky = || advanced(&[management, ("eventSource", &[], &["kms.amazonaws.com"])]);
        let all = Some(("all".to_owned(), Vec::new()));
        for several in [vec![plain(), narrow(), leaky()], vec![leaky(), plain()], vec![narrow(), plain()]] {
            assert_eq!(selected(vec![], several).unwrap(), all);
        }
        assert_eq!(selected(vec![], vec![narrow(), leaky()]).unwrap().map(|(word, _)| word).as_deref(), Some("custom"));
    }

    #[test]
    fn sources_that_are_left_out_are_named() {
        let management: (&str, &[&str], &[&str]) = ("eventCategory", &["Management"], &[]);
        let chosen =
            selected(vec![], vec![advanced(&[management, ("eventSource", &[], &["kms.amazonaws.com"])])]).unwrap();
        assert_eq!(chosen, Some(("all".to_owned(), vec!["kms.amazonaws.com".to_owned()])));
    }
}
