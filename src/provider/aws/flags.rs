//! Members that the SDK makes up where an answer leaves them out: a flag is false then, a text empty.
//!
//! In: an answer of a JSON service. Out: the name of such a member that one of its rows lacks. It never looks at anything
//! else: what other members are missing shows in the SDK's own types.
//!
//! AWS sends each of them in every row: <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ServiceQuota.html>,
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/API_PolicySummary.html>, `API_Tag.html` and
//! `API_HandshakeParty.html` beside it.

use serde_json::Value;

/// Operation, the lists on the way to the rows, members of each row.
const MADE_UP: [(&str, &[&str], &[&str]); 5] = [
    ("organizations:ListHandshakesForOrganization", &["Handshakes", "Parties"], &["Id", "Type"]),
    ("organizations:ListPolicies", &["Policies"], &["AwsManaged"]),
    ("organizations:ListTagsForResource", &["Tags"], &["Key", "Value"]),
    ("servicequotas:ListAWSDefaultServiceQuotas", &["Quotas"], &["Adjustable", "GlobalQuota"]),
    ("servicequotas:ListServiceQuotas", &["Quotas"], &["Adjustable", "GlobalQuota"]),
];

/// Whether every row of an answer has them; else, in words, which is missing.
pub(super) fn complete(operation: &str, answer: &[u8]) -> Result<(), String> {
    if !MADE_UP.iter().any(|(name, ..)| *name == operation) {
        return Ok(());
    }
    let answer: Value =
        serde_json::from_slice(answer).map_err(|error| format!("the answer to `{operation}` is not JSON ({error})"))?;
    match missing(operation, &answer) {
        None => Ok(()),
        Some(member) => Err(format!("a row of the answer to `{operation}` has no `{member}`")),
    }
}

/// A member that a row of this answer does not have.
fn missing(operation: &str, answer: &Value) -> Option<&'static str> {
    let (_, way, members) = MADE_UP.iter().find(|(name, ..)| *name == operation)?;
    let mut rows = vec![answer];
    for list in *way {
        rows = rows.into_iter().filter_map(|row| row.get(*list)?.as_array()).flatten().collect();
    }
    members.iter().copied().find(|member| rows.iter().any(|row| row.get(*member).is_none_or(Value::is_null)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_that_lacks_one_is_found_among_others() {
        let lacks = |operation: &str, answer: Value| missing(operation, &answer);
        let whole = json!({"Adjustable": false, "GlobalQuota": true});
        for (row, flag) in [
            (json!({"Adjustable": true, "GlobalQuota": null}), Some("GlobalQuota")),
            (json!({"GlobalQuota": false}), Some("Adjustable")),
            (whole.clone(), None),
        ] {
            assert_eq!(lacks("servicequotas:ListServiceQuotas", json!({"Quotas": [whole, row]})), flag, "{row}");
        }
        let parties = |party: Value| json!({"Handshakes": [{"Parties": []}, {"Parties": [party]}]});
        let handshakes = "organizations:ListHandshakesForOrganization";
        assert_eq!(lacks(handshakes, parties(json!({"Id": "1", "Type": "EMAIL"}))), None);
        assert_eq!(lacks(handshakes, parties(json!({"Type": "EMAIL"}))), Some("Id"));
        assert_eq!(lacks("organizations:ListTagsForResource", json!({"Tags": [{"Key": "k", "Value": ""}]})), None);
        assert_eq!(lacks("organizations:ListPolicies", json!({"Policies": []})), None);
        assert_eq!(lacks("organizations:ListPolicies", json!({"Policies": null})), None);
        assert_eq!(lacks("organizations:ListAccounts", json!({"Accounts": [{}]})), None);
    }
}
