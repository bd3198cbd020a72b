//! What must not be kept: secrets and the e-mail addresses of accounts.
//!
//! In: a JSON value of an exchange. Out: the same value, masked. It never touches what identifies a caller (ARNs, access
//! key ids, session names): that is evidence. Nor the name of an account, even one that is an address: baselines declare
//! accounts by name and by pattern, and a replay has to find them as the live run did.
//!
//! CloudTrail hands out its records as JSON *inside* strings; those are masked too.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

/// What stands in the place of a secret.
pub const MASK: &str = "***";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    secrets: Vec<String>,
    emails: Vec<String>,
}

struct Keys {
    secrets: BTreeSet<String>,
    emails: BTreeSet<String>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let table: Table = super::shipped("policies/redaction.yaml", include_str!("../../policies/redaction.yaml"));
    let lower = |words: Vec<String>| words.into_iter().map(|word| word.to_lowercase()).collect();
    Keys { secrets: lower(table.secrets), emails: lower(table.emails) }
});

/// Masks a value in place.
pub fn mask(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(fields) => {
            // Handshakes name their parties as `{"Type": "EMAIL", "Id"|"Value": …}`.
            let names_email = fields.iter().any(|(key, value)| {
                key.eq_ignore_ascii_case("type") && value.as_str().is_some_and(|kind| kind.contains("EMAIL"))
            });
            for (key, value) in fields.iter_mut() {
                let key = key.to_lowercase();
                if KEYS.secrets.contains(&key) && !value.is_null() {
                    *value = Value::String(MASK.to_owned());
                } else if KEYS.emails.contains(&key) || (names_email && (key == "id" || key == "value")) {
                    mask_email(value);
                } else {
                    mask(value);
                }
            }
        }
        Value::String(text) if text.starts_with('{') => {
            if let Ok(mut inner @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
                let before = inner.clone();
                mask(&mut inner);
                if inner != before {
                    *text = inner.to_string();
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `root+a@acme.example` → `***@acme.example`
#[must_use]
pub fn masked_email(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_, domain)) => format!("{MASK}@{domain}"),
        None => MASK.to_owned(),
    }
}

fn mask_email(value: &mut Value) {
    match value {
        Value::String(text) => *text = masked_email(text),
        other => mask(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_go_and_evidence_stays() {
        let record = json!({
            "userIdentity": {"arn": "arn:aws:sts::111111111111:assumed-role/R/alice@acme.example", "accessKeyId": "ASIAX"},
            "requestParameters": {"externalId": "planted-id", "roleSessionName": "alice@acme.example"},
            "responseElements": {"credentials": {"accessKeyId": "ASIAY", "sessionToken": "planted-token"}},
        });
        let mut answer = json!({"Events": [{"CloudTrailEvent": record.to_string()}]});
        mask(&mut answer);
        let text = answer.to_string();
        assert!(!text.contains("planted"), "{text}");
        for kept in ["ASIAX", "ASIAY", "alice@acme.example"] {
            assert!(text.contains(kept), "{text}");
        }
    }

    #[test]
    fn emails_of_accounts_and_parties_go() {
        let mut answer = json!({
            "Accounts": [{"Id": "222222222222", "Email": "pay.root@acme.example"}],
            "Handshakes": [{"Parties": [{"Id": "invited@other.example", "Type": "EMAIL"}, {"Id": "o-x", "Type": "ORGANIZATION"}]}],
        });
        mask(&mut answer);
        assert_eq!(answer["Accounts"][0]["Email"], "***@acme.example");
        assert_eq!(answer["Handshakes"][0]["Parties"][0]["Id"], "***@other.example");
        assert_eq!(answer["Handshakes"][0]["Parties"][1]["Id"], "o-x");
    }
}
