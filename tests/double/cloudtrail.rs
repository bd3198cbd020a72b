//! AWS CloudTrail: trails, their state and selectors, event data stores, and the event history.
//!
//! In: an [`Ask`]. Out: the members of the answer. A trail is seen in its home region, everywhere if multi-region,
//! and in every member account if it is the organisation's; an account's history is shown to that account alone.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/Welcome.html>

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::ask::{Answer, Ask, Handler, Pager};
use super::estate::{Account, Event, EventDataStore, Trail};
use super::refusal::Refusal;
use super::wire::{epoch, pruned};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("DescribeTrails", describe_trails),
    ("GetTrailStatus", get_trail_status),
    ("GetEventSelectors", get_event_selectors),
    ("ListEventDataStores", list_event_data_stores),
    ("GetEventDataStore", get_event_data_store),
    ("LookupEvents", lookup_events),
];

fn arn(ask: &Ask, owner: &Account, trail: &Trail) -> String {
    format!("arn:{}:cloudtrail:{}:{}:trail/{}", ask.estate.partition, trail.home_region, owner.id, trail.name)
}

/// Every trail the caller can see in the region that is asked, with its owner.
fn visible<'a>(ask: &'a Ask) -> Vec<(&'a Account, &'a Trail)> {
    let mut all = Vec::new();
    for owner in ask.estate.accounts.values() {
        let own = owner.id == ask.caller.account;
        let both_in = ask.estate.is_member(&owner.id) && ask.estate.is_member(&ask.caller.account);
        for trail in &owner.trails {
            let here = trail.multi_region || trail.home_region == ask.region();
            if here && (own || (trail.organization && both_in)) {
                all.push((owner, trail));
            }
        }
    }
    all
}

fn default_selectors() -> Value {
    json!([{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": []}])
}

fn describe_trails(ask: &Ask) -> Answer {
    let shadows = ask.request.input.get("includeShadowTrails").and_then(Value::as_bool).unwrap_or(true);
    let names = ask.request.input.get("trailNameList").and_then(Value::as_array).filter(|list| !list.is_empty());
    let mut rows = Vec::new();
    for (owner, trail) in visible(ask) {
        let home = trail.home_region == ask.region();
        let arn = arn(ask, owner, trail);
        let named = names.is_none_or(|list| list.contains(&json!(arn)) || (home && list.contains(&json!(trail.name))));
        // Named by its ARN a shadow is given in any case.
        if named && (home || shadows || names.is_some()) {
            rows.push(pruned(json!({
                "Name": trail.name,
                "S3BucketName": trail.bucket,
                "IncludeGlobalServiceEvents": trail.global_service_events,
                "IsMultiRegionTrail": trail.multi_region,
                "HomeRegion": trail.home_region,
                "TrailARN": arn,
                "LogFileValidationEnabled": trail.log_file_validation,
                "KmsKeyId": trail.kms_key,
                "HasCustomEventSelectors": !trail.selectors.is_empty() || !trail.advanced_selectors.is_empty(),
                "HasInsightSelectors": false,
                "IsOrganizationTrail": trail.organization,
            })));
        }
    }
    Ok(json!({"trailList": rows}))
}

/// The trail that a name (in its home region) or an ARN (anywhere) means.
fn trail<'a>(ask: &'a Ask, member: &str) -> Result<(&'a Account, &'a Trail), Refusal> {
    let wanted = ask.need(member, "InvalidTrailNameException")?;
    let means = |(owner, trail): &(&Account, &Trail)| {
        arn(ask, owner, trail) == wanted || (trail.name == wanted && trail.home_region == ask.region())
    };
    let found = visible(ask).into_iter().find(means);
    found.ok_or_else(|| {
        let text = format!("Unknown trail: {wanted} for the user: {}", ask.caller.account);
        Refusal::bad("TrailNotFoundException", text)
    })
}

fn get_trail_status(ask: &Ask) -> Answer {
    let (_, trail) = trail(ask, "Name")?;
    let delivered = trail.last_delivery.unwrap_or(trail.stopped.unwrap_or(ask.now));
    let word = |at: Option<Timestamp>| at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
    let digest = trail.log_file_validation.then(|| epoch(delivered));
    Ok(pruned(json!({
        "IsLogging": trail.logging,
        "LatestDeliveryTime": epoch(delivered),
        "LatestDeliveryError": trail.delivery_error,
        "StartLoggingTime": epoch(trail.started),
        "StopLoggingTime": trail.stopped.map(epoch),
        "LatestDigestDeliveryTime": digest,
        "LatestDigestDeliveryError": trail.digest_error,
        "LatestDeliveryAttemptTime": word(Some(delivered)),
        "LatestNotificationAttemptTime": "",
        "LatestNotificationAttemptSucceeded": "",
        "LatestDeliveryAttemptSucceeded": word(trail.delivery_error.is_none().then_some(delivered)),
        "TimeLoggingStarted": word(Some(trail.started)),
        "TimeLoggingStopped": word(trail.stopped),
    })))
}

fn get_event_selectors(ask: &Ask) -> Answer {
    let (owner, trail) = trail(ask, "TrailName")?;
    let arn = arn(ask, owner, trail);
    if !trail.advanced_selectors.is_empty() {
        return Ok(json!({"TrailARN": arn, "AdvancedEventSelectors": trail.advanced_selectors}));
    }
    let basic = if trail.selectors.is_empty() { default_selectors() } else { json!(trail.selectors) };
    Ok(json!({"TrailARN": arn, "EventSelectors": basic}))
}

fn stores<'a>(ask: &'a Ask) -> &'a [EventDataStore] {
    let account = ask.estate.accounts.get(&ask.caller.account);
    account.and_then(|a| a.event_data_stores.get(ask.region())).map(Vec::as_slice).unwrap_or_default()
}

fn store_arn(ask: &Ask, store: &EventDataStore) -> String {
    let account = &ask.caller.account;
    format!("arn:{}:cloudtrail:{}:{account}:eventdatastore/{}", ask.estate.partition, ask.region(), store.id)
}

fn store_row(ask: &Ask, store: &EventDataStore) -> Value {
    json!({
        "EventDataStoreArn": store_arn(ask, store),
        "Name": store.name,
        "Status": store.status,
        "MultiRegionEnabled": store.multi_region,
        "OrganizationEnabled": store.organization,
        "RetentionPeriod": store.retention_days,
        "TerminationProtectionEnabled": store.termination_protection,
        "CreatedTimestamp": epoch(store.created),
        "UpdatedTimestamp": epoch(store.created),
        "AdvancedEventSelectors": store.advanced_selectors,
    })
}

fn list_event_data_stores(ask: &Ask) -> Answer {
    const STORES: Pager = Pager {
        list: "EventDataStores",
        cap: 1000,
        default: 25,
        bad_size: "InvalidMaxResultsException",
        bad_token: "InvalidNextTokenException",
    };
    // The list gives the ARN and the name; the other members are deprecated there.
    let row = |store| json!({"EventDataStoreArn": store_arn(ask, store), "Name": store.name});
    ask.page(&STORES, stores(ask).iter().map(row).collect())
}

fn get_event_data_store(ask: &Ask) -> Answer {
    let wanted = ask.need("EventDataStore", "InvalidParameterException")?;
    let found = stores(ask).iter().find(|store| store.id == wanted || store_arn(ask, store) == wanted);
    let store = found.ok_or_else(|| {
        let text = "The specified event data store was not found.";
        Refusal::bad("EventDataStoreNotFoundException", text)
    })?;
    let mut row = store_row(ask, store);
    if let Some(mode) = &store.billing_mode {
        row["BillingMode"] = json!(mode);
    }
    Ok(row)
}

/// One lookup attribute's name, and the value it must have.
fn attribute(ask: &Ask) -> Result<Option<(String, String)>, Refusal> {
    let given =
        ask.request.input.get("LookupAttributes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [one] = given else {
        if given.is_empty() {
            return Ok(None);
        }
        let text = "You can specify only one lookup attribute.";
        return Err(Refusal::bad("InvalidLookupAttributesException", text));
    };
    let word = |name: &str| one[name].as_str().map(str::to_owned);
    match (word("AttributeKey"), word("AttributeValue")) {
        (Some(key), Some(value)) => Ok(Some((key, value))),
        _ => Err(Refusal::bad("InvalidLookupAttributesException", "The lookup attribute is not whole.")),
    }
}

fn time(ask: &Ask, name: &str) -> Option<Timestamp> {
    let seconds = ask.request.input.get(name)?.as_f64()?;
    Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()
}

fn lookup_events(ask: &Ask) -> Answer {
    const EVENTS: Pager = Pager {
        list: "Events",
        cap: 50,
        default: 50,
        bad_size: "InvalidMaxResultsException",
        bad_token: "InvalidNextTokenException",
    };
    let wanted = attribute(ask)?;
    let oldest = ask.now - SignedDuration::from_hours(24 * 90);
    let (from, until) = (time(ask, "StartTime").unwrap_or(oldest), time(ask, "EndTime").unwrap_or(ask.now));
    if from > until {
        let text = "Start time cannot be later than end time.";
        return Err(Refusal::bad("InvalidTimeRangeException", text));
    }
    let account = ask.estate.accounts.get(&ask.caller.account);
    let held = account.and_then(|a| a.events.get(ask.region())).map(Vec::as_slice).unwrap_or_default();
    let mut rows: Vec<(Timestamp, Value)> = Vec::new();
    for event in held {
        let Some(at) = event.record["eventTime"].as_str().and_then(|t| t.parse::<Timestamp>().ok()) else { continue };
        let row = event_row(event, at);
        let fits = wanted.as_ref().is_none_or(|(key, value)| matches(&row, key, value));
        if at >= oldest.max(from) && at <= until && fits {
            rows.push((at, row));
        }
    }
    rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    ask.page(&EVENTS, rows.into_iter().map(|(_, row)| row).collect())
}

fn event_row(event: &Event, at: Timestamp) -> Value {
    let record = &event.record;
    let identity = &record["userIdentity"];
    let session = || identity["principalId"].as_str().and_then(|id| id.split_once(':')).map(|(_, name)| json!(name));
    let username = match identity["type"].as_str() {
        Some("Root") => Some(json!("root")),
        Some("AssumedRole") => session(),
        _ => identity.get("userName").cloned(),
    };
    let resources: Vec<Value> =
        event.resources.iter().map(|(kind, name)| json!({"ResourceType": kind, "ResourceName": name})).collect();
    let key = identity.get("accessKeyId").filter(|key| key.as_str().is_some_and(|text| !text.is_empty()));
    pruned(json!({
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "ReadOnly": record["readOnly"].as_bool().map(|b| b.to_string()),
        "AccessKeyId": key,
        "EventTime": epoch(at),
        "EventSource": record["eventSource"],
        "Username": username,
        "Resources": resources,
        "CloudTrailEvent": record.to_string(),
    }))
}

fn matches(row: &Value, key: &str, value: &str) -> bool {
    let resource = |member: &str| row["Resources"].as_array().into_iter().flatten().any(|r| r[member] == value);
    match key {
        "ResourceType" => resource("ResourceType"),
        "ResourceName" => resource("ResourceName"),
        "Username" | "EventId" | "EventName" | "ReadOnly" | "EventSource" | "AccessKeyId" => row[key] == value,
        _ => false,
    }
}
