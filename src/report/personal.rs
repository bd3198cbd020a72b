//! Personal data: the e-mail addresses of accounts.
//!
//! In: findings, or a snapshot. Out: the same, with the addresses masked. It never touches who acted: that is evidence.
//!
//! Addresses stand in what is known of links: parties of handshakes, and accounts whose name is their address.

use serde_json::Value;

use crate::estate::{Kind, Observation, Snapshot};
use crate::finding::Finding;
use crate::provider::redaction::masked_email;

/// Masks the e-mail addresses of accounts in findings. The id of a finding does not change.
pub fn mask_findings(findings: &mut [Finding]) {
    for finding in findings {
        if let Some(name) = &mut finding.account_name {
            *name = mask_text(name);
        }
        finding.title = mask_text(&finding.title);
        finding.notes.iter_mut().for_each(|note| *note = mask_text(note));
        finding.causes.iter_mut().for_each(|cause| cause.sentence = mask_text(&cause.sentence));
        if finding.kind == Kind::Link {
            finding.subject.name = mask_text(&finding.subject.name);
            mask_value(&mut finding.expected);
            mask_value(&mut finding.actual);
        }
    }
}

/// Masks the e-mail addresses of accounts in a snapshot.
pub fn mask_snapshot(snapshot: &mut Snapshot) {
    let Observation::Known(organization) = &mut snapshot.organization else { return };
    if let Observation::Known(accounts) = &mut organization.accounts {
        for account in accounts {
            account.name = mask_text(&account.name);
            account.email = account.email.as_deref().map(mask_text);
        }
    }
    if let Observation::Known(handshakes) = &mut organization.handshakes {
        handshakes.iter_mut().flat_map(|handshake| &mut handshake.parties).for_each(|party| *party = mask_text(party));
    }
}

fn mask_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = mask_text(text),
        Value::Array(items) => items.iter_mut().for_each(mask_value),
        Value::Object(fields) => fields.values_mut().for_each(mask_value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The text with the local part of every e-mail address masked: `ask ***@acme.example`.
#[must_use]
pub fn mask_text(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = rest.split_at(at);
        let start = before.char_indices().rev().take_while(|(_, letter)| is_local(*letter)).last();
        let start = start.map_or(at, |(index, _)| index);
        let domain = after.char_indices().skip(1).take_while(|(_, letter)| is_domain(*letter)).last();
        let end = domain.map_or(at + 1, |(index, letter)| at + index + letter.len_utf8());
        let (Some(head), Some(address), Some(tail)) = (rest.get(..start), rest.get(start..end), rest.get(end..)) else {
            break;
        };
        masked.push_str(head);
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        if start < at && domain.trim_matches('.').contains('.') {
            masked.push_str(&masked_email(address));
        } else {
            masked.push_str(address);
        }
        rest = tail;
    }
    masked.push_str(rest);
    masked
}

/// What may stand before the `@`: <https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3>, and any letter.
fn is_local(letter: char) -> bool {
    letter.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter)
}

fn is_domain(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '-' || letter == '.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_masked_wherever_they_stand_and_nothing_else_is() {
        for (text, masked) in [
            ("EMAIL root+x@acme.example", "EMAIL ***@acme.example"),
            ("a@b.example, ü@c.example!", "***@b.example, ***@c.example!"),
            ("<é.x@ä.example>", "<***@ä.example>"),
            ("p-ab12cd34@ou-ab12-c3d4e5f6", "p-ab12cd34@ou-ab12-c3d4e5f6"),
            ("@@ a @ b.example @", "@@ a @ b.example @"),
            ("x@", "x@"),
            ("", ""),
        ] {
            assert_eq!(mask_text(text), masked);
        }
    }
}
