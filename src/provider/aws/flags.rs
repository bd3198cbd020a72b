//! Members that the SDK makes up where an answer leaves them out: a flag is false then, a text empty; and of XML, where text
//! in place of a structure is one without members.
//!
//! In: an answer. Out: the name of such a member that one of its rows lacks, or of a structure that holds text. It never
//! looks at anything else: what other members are missing shows in the SDK's own types.
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

/// Elements of EC2's answers that hold others and no text, and of which the SDK would not miss one.
const STRUCTURES: [&str; 10] = [
    "accountLevel",
    "availabilityZoneInfo",
    "creationDateCondition",
    "deprecationTimeCondition",
    "imageCriterionSet",
    "imageNameSet",
    "imageProviderSet",
    "marketplaceProductCodeSet",
    "regionInfo",
    "vpcBlockPublicAccessOptions",
];

/// Lists whose every item is a structure.
const OF_STRUCTURES: [&str; 3] = ["availabilityZoneInfo", "imageCriterionSet", "regionInfo"];

/// Whether no structure of an XML answer holds text; else, in words, which does.
pub(super) fn structured(operation: &str, answer: &str) -> Result<(), String> {
    let mut within: Vec<&str> = Vec::new();
    for part in answer.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        let name = tag.split_whitespace().next().unwrap_or_default();
        match name.chars().next() {
            Some('/') => drop(within.pop()),
            Some('?' | '!') => {}
            _ if tag.ends_with('/') => {}
            _ => within.push(name),
        }
        let is_structure = match within.as_slice() {
            [.., list, "item"] => OF_STRUCTURES.contains(list),
            [.., name] => STRUCTURES.contains(name),
            [] => false,
        };
        if is_structure && !text.trim().is_empty() {
            let place = within.iter().rev().find(|name| **name != "item").unwrap_or(&"item");
            return Err(format!("the answer to `{operation}` has text in place of what `{place}` holds"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_in_place_of_a_structure_is_found() {
        for (answer, whole) in [
            ("<a xmlns=\"x\"><accountLevel><httpTokens>required</httpTokens></accountLevel></a>", true),
            ("<a><accountLevel>\n <httpTokens>required</httpTokens>\n</accountLevel></a>", true),
            ("<a><accountLevel>none</accountLevel></a>", false),
            ("<a><accountLevel><httpTokens>required</httpTokens>none</accountLevel></a>", false),
            ("<a><regionInfo><item><x>1</x></item></regionInfo></a>", true),
            ("<a><regionInfo><item>none</item></regionInfo></a>", false),
            ("<a><regionInfo/>text of another</a>", true),
            (
                "<a><imageCriterionSet><item><imageProviderSet><item>amazon</item></imageProviderSet></item></imageCriterionSet></a>",
                true,
            ),
            (
                "<a><imageCriterionSet><item><imageProviderSet>amazon</imageProviderSet></item></imageCriterionSet></a>",
                false,
            ),
            ("", true),
            ("<", true),
        ] {
            assert_eq!(structured("ec2:GetAllowedImagesSettings", answer).is_ok(), whole, "{answer}");
        }
    }

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
