//! Who made a change, in plain words.
//!
//! In: an authorship. Out: lines of the page. It says what is proven, and of the rest that it is not.

use super::TerminalOptions;
use super::page::Page;
use crate::audit::{Confidence, EventRecord, Outcome, Principal, PrincipalKind};
use crate::finding::Authorship;

/// How many candidates and sorts of attempts are shown.
const SHOWN: usize = 3;

pub(super) fn write(page: &mut Page, authorship: &Authorship, options: &TerminalOptions) {
    match authorship.outcome {
        Outcome::Attributed => attributed(page, authorship, options),
        Outcome::Ambiguous => {
            page.entry(2, "who", &format!("not proven: {}", authorship.reason));
            candidates(page, &authorship.events, options);
        }
        Outcome::Automatic => page.entry(2, "who", &format!("the provider itself: {}", authorship.reason)),
        Outcome::NotFound => page.entry(2, "who", &format!("no record of it: {}", authorship.reason)),
        Outcome::OutsideWindow => {
            page.entry(2, "who", &format!("changed before the time that was searched: {}", authorship.reason));
        }
        Outcome::Blind => {
            page.entry(2, "who", &format!("the audit log could not be read whole: {}", authorship.reason));
        }
    }
    attempts(page, &authorship.attempts, options);
}

fn attributed(page: &mut Page, authorship: &Authorship, options: &TerminalOptions) {
    let principal = authorship.principal.as_ref();
    page.entry(2, "who", &principal.map_or_else(|| "not named by the record".to_owned(), named));
    for behind in &authorship.chain {
        page.entry(2, "behind it", &named(behind));
    }
    if let Some(event) = authorship.events.first() {
        page.entry(2, "when", &format!("{}: {}", options.time(event.time), happened(event)));
    }
    let mfa = match authorship.mfa {
        Some(true) => "with MFA",
        Some(false) => "without MFA",
        None => "MFA not known",
    };
    let ip = authorship.source_ip.as_deref().unwrap_or("an unknown address");
    let agent = authorship.user_agent.as_deref().unwrap_or("an unknown program");
    page.entry(2, "from", &format!("{ip}, {mfa}, by {agent}"));
    match authorship.confidence {
        Confidence::High => {}
        Confidence::Medium | Confidence::Low => page.entry(2, "certainty", &authorship.reason),
    }
}

fn candidates(page: &mut Page, events: &[EventRecord], options: &TerminalOptions) {
    for event in events.iter().take(SHOWN) {
        let text = format!("{}: {} by {}", options.time(event.time), happened(event), named(&event.principal));
        page.entry(2, "candidate", &format!("{text}{}", from(event)));
    }
    if events.len() > SHOWN {
        page.entry(2, "", &format!("and {} more", events.len() - SHOWN));
    }
}

/// Attempts that differ only in their time are one line, with the last of them.
fn attempts(page: &mut Page, events: &[EventRecord], options: &TerminalOptions) {
    let mut sorts: Vec<(&EventRecord, usize)> = Vec::new();
    for event in events {
        let alike = |(first, _): &&mut (&EventRecord, usize)| {
            (&first.source, &first.name, &first.error, &first.principal.arn, &first.source_ip)
                == (&event.source, &event.name, &event.error, &event.principal.arn, &event.source_ip)
        };
        match sorts.iter_mut().find(alike) {
            Some((last, times)) => {
                *times += 1;
                if event.time > last.time {
                    *last = event;
                }
            }
            None => sorts.push((event, 1)),
        }
    }
    for (last, times) in sorts.iter().take(SHOWN) {
        let error = last.error.as_deref().unwrap_or("an error");
        let when = if *times == 1 { String::new() } else { format!("{times} times, last ") };
        let who = named(&last.principal);
        let text = format!(
            "{when}{}: {} by {who}{}, refused with {error}",
            options.time(last.time),
            happened(last),
            from(last)
        );
        page.entry(2, "attempt", &text);
    }
    if sorts.len() > SHOWN {
        page.entry(2, "", &format!("and {} more sorts of attempts", sorts.len() - SHOWN));
    }
}

fn from(event: &EventRecord) -> String {
    event.source_ip.as_ref().map(|ip| format!(" from {ip}")).unwrap_or_default()
}

/// `DetachPolicy (organizations, event 6f1c…)`
fn happened(event: &EventRecord) -> String {
    let service = event.source.strip_suffix(".amazonaws.com").unwrap_or(&event.source);
    format!("{} ({service}, event {})", event.name, event.id)
}

/// What a principal is and what it is called; a session's name is said to be the caller's choice.
fn named(principal: &Principal) -> String {
    let user = principal.user.as_deref().unwrap_or(&principal.arn);
    let what = match principal.kind {
        PrincipalKind::Root => {
            format!("the root user of account {}", principal.account.as_deref().unwrap_or("unknown"))
        }
        PrincipalKind::User => format!("IAM user {user} ({})", principal.arn),
        PrincipalKind::Role => format!("role {}", principal.role.as_deref().unwrap_or(&principal.arn)),
        PrincipalKind::SamlUser => format!("SAML user {user}"),
        PrincipalKind::WebIdentity => format!("OIDC subject {user}"),
        PrincipalKind::IdentityCenterUser => format!("Identity Center user {user}"),
        PrincipalKind::FederatedUser => format!("federated session {}", principal.arn),
        PrincipalKind::ExternalAccount => format!("external account {}", principal.arn),
        PrincipalKind::Service => format!("service {}", principal.arn),
        PrincipalKind::Unknown => format!("an unknown identity {}", principal.arn),
    };
    let session = principal.session_name.as_ref().map(|name| format!(", session name {name}"));
    let source = principal.source_identity.as_ref().map(|name| format!(", source identity {name}"));
    let via = principal.invoked_by.as_ref().map(|service| format!(", through {service}"));
    [Some(what), session, source, via].into_iter().flatten().collect()
}
