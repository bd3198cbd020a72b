//! Does one trail keep to what is demanded?
//!
//! In: a trail and the demand. Out: in what it fails, and whether something that is not known could still fail. A trail
//! that records more than demanded keeps to it. It never takes an unread status for one in order.

use serde_json::{Map, Value, json};

use crate::baseline::model::{ManagementEvents, TrailExpectation};
use crate::estate::{Observation, Trail};

/// A trail held against a demand.
pub(super) struct Judged<'a> {
    pub(super) trail: &'a Trail,
    /// It does not log.
    pub(super) stopped: bool,
    /// What it is demanded to be and is not: key, demanded, there.
    pub(super) lacks: Vec<(&'static str, Value, Value)>,
    /// Its last delivery failed.
    pub(super) delivery_error: Option<&'a str>,
}

impl Judged<'_> {
    /// In how many ways it fails.
    pub(super) fn failures(&self) -> usize {
        usize::from(self.stopped) + self.lacks.len() + usize::from(self.delivery_error.is_some())
    }

    /// Whether it fails in nothing, as far as it was read.
    pub(super) fn may_fit(&self) -> bool {
        self.failures() == 0
    }
}

/// Holds a trail against a demand; every demand asks that it logs and delivers.
pub(super) fn judge<'a>(expected: &TrailExpectation, organization: bool, trail: &'a Trail) -> Judged<'a> {
    let mut lacks = Vec::new();
    let mut lack = |key: &'static str, demanded: bool, there: bool| {
        if demanded && !there {
            lacks.push((key, json!(demanded), json!(there)));
        }
    };
    lack("organization", organization, trail.organization);
    lack("multi_region", expected.multi_region == Some(true), trail.multi_region);
    lack("log_file_validation", expected.log_file_validation == Some(true), trail.log_file_validation);
    if let Some(demanded) = expected.management_events {
        lacks.extend(events(demanded, trail));
    }
    Judged {
        trail,
        stopped: trail.logging.known() == Some(&false),
        lacks,
        delivery_error: trail.delivery_error.known().and_then(Option::as_deref),
    }
}

/// What of the demanded management events is not recorded.
fn events(demanded: ManagementEvents, trail: &Trail) -> Vec<(&'static str, Value, Value)> {
    let mut lacks = Vec::new();
    if demanded == ManagementEvents::None {
        return lacks;
    }
    let word = word(demanded);
    if let Observation::Known(there) = &trail.management_events
        && there != word
        && there != "all"
    {
        lacks.push(("management_events", json!(word), json!(there)));
    }
    if let Observation::Known(excluded) = &trail.excluded_sources
        && !excluded.is_empty()
    {
        lacks.push(("excluded_sources", json!([]), json!(excluded)));
    }
    lacks
}

const fn word(events: ManagementEvents) -> &'static str {
    match events {
        ManagementEvents::All => "all",
        ManagementEvents::Write => "write",
        ManagementEvents::Read => "read",
        ManagementEvents::None => "none",
    }
}

/// The demand as the baseline says it.
pub(super) fn said(expected: &TrailExpectation) -> Value {
    let said = [
        ("log_file_validation", expected.log_file_validation.map(Value::from)),
        ("management_events", expected.management_events.map(|events| json!(word(events)))),
        ("multi_region", expected.multi_region.map(Value::from)),
        ("name", expected.name.as_deref().map(Value::from)),
    ];
    Value::Object(said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Map<_, _>>())
}
