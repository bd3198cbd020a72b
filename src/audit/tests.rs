//! What the audit stage promises, shown from outside its files: every entry of the table on a record, real records of
//! others, and who is named for what.

mod asking;
mod case;
mod corpus;
mod people;
mod requests;
mod table;

use serde_json::{Value, json};

/// A record with the four fields that evidence needs, made by a role.
fn record(id: &str, time: &str, source: &str, name: &str) -> Value {
    json!({
        "eventVersion": "1.11",
        "eventID": id,
        "eventTime": time,
        "eventSource": source,
        "eventName": name,
        "eventType": "AwsApiCall",
        "awsRegion": "us-east-1",
        "recipientAccountId": "111111111111",
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "aws-cli/2",
        "readOnly": false,
        "requestParameters": null,
        "responseElements": null,
        "userIdentity": role("Ops", "mallory"),
    })
}

fn role(name: &str, session: &str) -> Value {
    json!({
        "type": "AssumedRole",
        "principalId": format!("AROAX:{session}"),
        "arn": format!("arn:aws:sts::111111111111:assumed-role/{name}/{session}"),
        "accountId": "111111111111",
        "accessKeyId": "ASIAX",
        "sessionContext": {
            "sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::111111111111:role/team/{name}")},
            "attributes": {"creationDate": "2026-11-03T01:00:00Z", "mfaAuthenticated": "true"},
        },
    })
}
