//! What changes quotas in the future: open requests, the request template, automatic management.
//!
//! In: both sides. Out: drift. A request that was answered is no finding: its value is. It never reports what the
//! baseline does not speak of.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::baseline::model::{QuotaAutoManagement, QuotaRequests};
use crate::compare::drift::{Aspect, Direction, Drift, number};
use crate::compare::rule::Rule;
use crate::compare::sides::{Live, Sides, Spot};
use crate::compare::undecided::Undecided;
use crate::estate::{GLOBAL, Observation, QuotaRequest, TemplateRow};

/// States of a request that may still change something:
/// <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_RequestedServiceQuotaChange.html>
const OPEN: [&str; 2] = ["PENDING", "CASE_OPENED"];

/// Open requests, where the baseline expects none. With `quota_auto_management: adjust` those of the provider's own
/// management are expected.
pub(super) fn open(sides: &Sides<'_>, spot: Spot<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    let Some(QuotaRequests::None) = sides.aws.quota_requests else { return };
    let Some(Observation::Known(requests)) = &spot.facts.quota_requests else { return };
    let adjusts = sides.aws.quota_auto_management == Some(QuotaAutoManagement::Adjust);
    let is_expected = |request: &QuotaRequest| request.is_answered() || (request.automatic && adjusts);
    for request in requests.iter().filter(|request| !is_expected(request)) {
        if OPEN.contains(&request.status.as_str()) {
            drifts.push(pending(sides, spot, request));
        } else {
            let source = "servicequotas:ListRequestedServiceQuotaChangeHistory";
            undecided.word(spot.scope(sides), source, &format!("the request {}", request.id), &request.status);
        }
    }
}

fn pending(sides: &Sides<'_>, spot: Spot<'_>, request: &QuotaRequest) -> Drift {
    let (service, code) = (request.quota.service.as_str(), request.quota.code.as_str());
    // A request for a quota of all regions stands in the home region, its value under `global`.
    let now = [spot.place.region, GLOBAL]
        .into_iter()
        .find_map(|region| sides.snapshot.quota(&spot.place.account.id, region, service, code).known().copied());
    let direction = match now.filter(|_| request.resource.is_none()) {
        Some(now) if request.value > now => Direction::Weaker,
        Some(now) if request.value < now => Direction::Stricter,
        _ => Direction::Unknown,
    };
    let mut actual = json!({"value": number(request.value), "status": request.status});
    if let Value::Object(keys) = &mut actual {
        let optional = [
            ("created", request.created.map(|created| created.to_string())),
            ("requester", request.requester.clone()),
            ("resource", request.resource.clone()),
        ];
        keys.extend(optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?)))));
    }
    let drift = Drift::new(Rule::QuotaRequestPending, Aspect::Request, spot.scope(sides), &request.id, &request.name)
        .direction(direction)
        .values("none", actual)
        .at(sides.baseline.position("/aws/quota_requests"))
        .logged(&spot.place.account.id, Some(spot.place.region))
        .names("request", &request.id)
        .names("service", service)
        .names("code", code)
        .effect("value", number(request.value).to_string());
    match &request.resource {
        Some(resource) => drift.names("resource", resource),
        None => drift,
    }
}

/// Whether quotas may grow by themselves. One that was never set up is off.
pub(super) fn auto_management(sides: &Sides<'_>, spot: Spot<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    let Some(declared) = sides.aws.quota_auto_management else { return };
    let state = match &spot.facts.quota_auto_management {
        Some(Observation::Known(state)) => state.as_str(),
        Some(Observation::Absent) => "disabled",
        Some(Observation::Unknown(_)) | None => return,
    };
    let expected = match declared {
        QuotaAutoManagement::Disabled => "disabled",
        QuotaAutoManagement::Notify => "notify",
        QuotaAutoManagement::Adjust => "adjust",
    };
    if state == expected {
        return;
    }
    let name = "automatic management of quotas";
    let reach = |word: &str| ["disabled", "notify", "adjust"].iter().position(|known| *known == word);
    let Some(reached) = reach(state) else {
        let source = "servicequotas:GetAutoManagementConfiguration";
        return undecided.word(spot.scope(sides), source, name, state);
    };
    let direction = if Some(reached) > reach(expected) { Direction::Weaker } else { Direction::Stricter };
    drifts.push(
        Drift::new(Rule::QuotaAutoManagement, Aspect::AutoManagement, spot.scope(sides), "auto-management", name)
            .direction(direction)
            .values(expected, state)
            .at(sides.baseline.position("/aws/quota_auto_management"))
            .logged(&spot.place.account.id, Some(spot.place.region))
            .effect("state", state),
    );
}

type Key<'a> = (&'a str, &'a str, &'a str);

/// The template of what new accounts ask for: its rows, and whether it is in use.
pub(super) fn template(live: &Live<'_>, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    let Some(declared) = &live.sides.aws.quota_template else { return };
    let (association, rows): (&str, &[TemplateRow]) = match &live.organization.quota_template {
        Observation::Known(template) => (&template.association, &template.rows),
        Observation::Absent => ("DISASSOCIATED", &[]),
        Observation::Unknown(_) => return,
    };
    association_of(live, association, drifts, undecided);
    let there: BTreeMap<Key<'_>, f64> =
        rows.iter().map(|row| ((row.service.as_str(), row.code.as_str(), row.region.as_str()), row.value)).collect();
    let expected: BTreeMap<Key<'_>, (usize, f64)> = declared
        .iter()
        .enumerate()
        .map(|(index, row)| ((row.service.as_str(), row.code.as_str(), row.region.as_str()), (index, row.value)))
        .collect();
    for (key, (index, value)) in &expected {
        let actual = there.get(key).copied();
        let direction = match actual {
            #[allow(clippy::float_cmp, reason = "both were written as decimal text, nothing was computed")]
            Some(actual) if actual == *value => continue,
            Some(actual) if actual > *value => Direction::Weaker,
            Some(_) | None => Direction::Stricter,
        };
        let position = live.sides.baseline.position(&format!("/aws/quota_template/{index}"));
        drifts.push(row(live, *key, Some(*value), actual).direction(direction).at(position));
    }
    let more = there.iter().filter(|(key, _)| !expected.contains_key(*key));
    drifts.extend(more.map(|(key, value)| row(live, *key, None, Some(*value)).direction(Direction::Weaker)));
}

fn row(live: &Live<'_>, (service, code, region): Key<'_>, expected: Option<f64>, actual: Option<f64>) -> Drift {
    let said = |value: Option<f64>| value.map_or(Value::Null, number);
    let id = format!("{service}/{code}/{region}");
    let effect = actual.map_or("absent".to_owned(), |value| number(value).to_string());
    Drift::new(Rule::QuotaTemplateChanged, Aspect::Template, live.scope(), id, format!("{service} {code} in {region}"))
        .values(said(expected), said(actual))
        .logged(&live.organization.management_account, None)
        .names("service", service)
        .names("code", code)
        .names("region", region)
        .effect("value", effect)
}

/// A template that the baseline says is empty must not be in use; any other one must.
fn association_of(live: &Live<'_>, association: &str, drifts: &mut Vec<Drift>, undecided: &mut Undecided) {
    let declared = live.sides.aws.quota_template.as_ref().is_some_and(|rows| !rows.is_empty());
    let expected = if declared { "ASSOCIATED" } else { "DISASSOCIATED" };
    if association == expected {
        return;
    }
    let direction = match association {
        "ASSOCIATED" => Direction::Weaker,
        "DISASSOCIATED" => Direction::Stricter,
        word => {
            let source = "servicequotas:GetAssociationForServiceQuotaTemplate";
            return undecided.word(live.scope(), source, "use of the template", word);
        }
    };
    drifts.push(
        Drift::new(Rule::QuotaTemplateChanged, Aspect::Template, live.scope(), "association", "use of the template")
            .direction(direction)
            .values(expected, association)
            .at(live.sides.baseline.position("/aws/quota_template"))
            .logged(&live.organization.management_account, None)
            .effect("association", association.to_lowercase()),
    );
}
