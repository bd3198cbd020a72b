//! A judged change for people. In: a comparison. Out: text for a terminal, or Markdown for a comment; everything from a
//! document is escaped. It decides nothing.

use std::fmt::Write as _;

use crate::cli::visible;
use crate::policy::comparison::{Comparison, Witness};
use crate::policy::decide::{Extent, Verdict};
use crate::policy::declarative::Attribute;

/// What a verdict means, in a sentence.
fn sentence(comparison: &Comparison) -> String {
    let settings_alone =
        !comparison.attributes.is_empty() && comparison.witnesses.is_empty() && comparison.stopped.is_empty();
    if settings_alone {
        return match comparison.verdict {
            Verdict::Equivalent => "equivalent: both sides lay down the same",
            Verdict::Stricter => "stricter: nothing that is laid down restricts less, and some of it restricts more",
            Verdict::Weaker => "weaker: what is laid down restricts less than before",
            Verdict::Mixed => "mixed: some of what is laid down restricts less than before, and some more",
            Verdict::Unknown => "cannot be told",
        }
        .to_owned();
    }
    meaning(comparison.verdict).to_owned()
}

/// What a verdict means for requests.
pub(super) fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Equivalent => "equivalent: both sides let the same requests through",
        Verdict::Stricter => "stricter: nothing more gets through, and some requests are stopped",
        Verdict::Weaker => "weaker: requests get through that were stopped before",
        Verdict::Mixed => "mixed: some requests get through that were stopped before, and others are stopped",
        Verdict::Unknown => "cannot be told",
    }
}

/// For a terminal.
pub(super) fn text(comparison: &Comparison) -> String {
    let mut text = String::new();
    let mut line = |said: &str| {
        let _ = writeln!(text, "{}", visible(said));
    };
    line(&sentence(comparison));
    if let Some(reason) = &comparison.reason {
        line(&format!("  because {reason}"));
    }
    let requests = [("gets through now", &comparison.witnesses), ("is stopped now", &comparison.stopped)];
    for (title, witnesses) in requests {
        for witness in witnesses {
            line(&format!("{title} ({}):", witness.guardrail));
            parts(witness).iter().for_each(|(name, value)| line(&format!("  {name:<10} {value}")));
        }
    }
    if let Some(extent) = &comparison.extent {
        extents(extent).iter().for_each(|said| line(said));
    }
    comparison.attributes.iter().for_each(|attribute| line(&setting(attribute)));
    for said in causes(comparison) {
        line(&format!("cause: {said}"));
    }
    for assumed in &comparison.assumed {
        line(&format!("assumed: {assumed}"));
    }
    for refused in &comparison.refused_by_aws {
        line(&format!("refused by AWS: {}: {}", refused.position, refused.reason));
    }
    text
}

/// For a comment on a change.
pub(super) fn markdown(comparison: &Comparison) -> String {
    let mut text = String::new();
    let mut line = |said: &str| {
        let _ = writeln!(text, "{said}");
    };
    line(&format!("**Guardrails: {}**", sentence(comparison)));
    if let Some(reason) = &comparison.reason {
        line(&format!("\nbecause {}", code(reason)));
    }
    let requests = [("Gets through now", &comparison.witnesses), ("Is stopped now", &comparison.stopped)];
    for (title, witnesses) in requests {
        for witness in witnesses {
            line(&format!("\n{title} ({}):\n", witness.guardrail));
            parts(witness).iter().for_each(|(name, value)| line(&format!("- {name} {}", code(value))));
        }
    }
    if let Some(extent) = &comparison.extent {
        line("");
        extents(extent).iter().for_each(|said| line(&format!("- {}", code(said))));
    }
    if !comparison.attributes.is_empty() {
        line("");
        comparison.attributes.iter().for_each(|attribute| line(&format!("- {}", code(&setting(attribute)))));
    }
    let causes = causes(comparison);
    if !causes.is_empty() {
        line("\nCauses:\n");
        causes.iter().for_each(|said| line(&format!("- {}", code(said))));
    }
    let refused =
        comparison.refused_by_aws.iter().map(|one| format!("refused by AWS: {}: {}", one.position, one.reason));
    let notes: Vec<String> = comparison.assumed.iter().map(|said| format!("assumed: {said}")).chain(refused).collect();
    if !notes.is_empty() {
        line("");
        notes.iter().for_each(|said| line(&format!("- {}", code(said))));
    }
    text
}

fn setting(attribute: &Attribute) -> String {
    let Attribute { path, old, new, direction, reason, .. } = attribute;
    format!("{}: {path}: {old} -> {new}: {reason}", direction.word())
}

/// Text that Markdown shows as it is: a code span whose fence is longer than any run of backticks in it.
pub(super) fn code(said: &str) -> String {
    let said = visible(said);
    let longest = said.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    format!("{fence} {said} {fence}")
}

fn parts(witness: &Witness) -> Vec<(&'static str, String)> {
    let request = &witness.request;
    let mut parts = vec![("action", request.action.clone()), ("resource", request.resource.clone())];
    if let Some(principal) = &request.principal {
        parts.push(("principal", principal.to_string()));
    }
    parts.extend(request.context.iter().map(|(key, value)| ("with", format!("{key} = {value}"))));
    parts
}

/// The causes, each with its kind and place.
fn causes(comparison: &Comparison) -> Vec<String> {
    let told = comparison.causes.iter().map(|cause| {
        let statement = cause.statement.iter().cloned();
        let document = cause.document.iter().filter(|_| cause.position.is_none()).cloned();
        let position = cause.position.iter().map(ToString::to_string);
        let together = cause.together.iter().map(|number| format!("only together with the others of set {number}"));
        let place: Vec<String> = statement.chain(document).chain(position).chain(together).collect();
        let place = if place.is_empty() { String::new() } else { format!(" ({})", place.join(", ")) };
        format!("{}: {}{place}", cause.category, cause.sentence)
    });
    told.chain(comparison.causes_incomplete.clone()).collect()
}

fn extents(extent: &Extent) -> Vec<String> {
    let mut said = Vec::new();
    if extent.actions == 0 {
        said.push("no known action is newly allowed; the catalogue may lag".to_owned());
    } else {
        let levels = extent.by_level.iter().map(|(level, count)| format!("{level} {count}"));
        said.push(format!(
            "newly allowed: {} of {} known actions in {} services ({})",
            extent.actions,
            extent.known_actions,
            extent.by_service.len(),
            levels.collect::<Vec<_>>().join(", ")
        ));
        said.push(format!("among them: {}", extent.examples.iter().take(5).cloned().collect::<Vec<_>>().join(", ")));
    }
    if let Some(regions) = &extent.regions {
        said.push(format!("in regions: {}", regions.join(", ")));
    }
    if let Some(principals) = &extent.principals {
        said.push(format!("for: {}", principals.join(", ")));
    }
    if !extent.complete {
        said.push("there is more: the difference has too many parts to look at them all".to_owned());
    }
    said
}
