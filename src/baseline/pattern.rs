//! Matching of text: anchored, `*` and `?` only. In come patterns as a baseline writes them; out comes whether something
//! fits. Never knows what the text means.

use std::collections::BTreeMap;

use wildmatch::WildMatch;

use super::model::{OuPath, Patterns};

/// Whether the whole text fits the pattern.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

/// Whether a text is a pattern and not a plain name.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Patterns of which one must fit; none given: anything fits.
#[derive(Debug, Clone, Default)]
pub struct AnyOf(Option<Vec<WildMatch>>);

impl AnyOf {
    /// Makes them ready for matching.
    #[must_use]
    pub fn of(patterns: Option<&Patterns>) -> Self {
        Self(patterns.map(|patterns| patterns.0.iter().map(|pattern| WildMatch::new(pattern)).collect()))
    }

    /// Whether none is given, so that anything fits, even nothing.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Whether one of the texts fits; no text fits only when no pattern is given.
    pub fn fits<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> bool {
        self.0
            .as_ref()
            .is_none_or(|patterns| texts.into_iter().any(|text| patterns.iter().any(|pattern| pattern.matches(text))))
    }
}

/// OU paths of which one must hold the account; none given: anything fits. Each name of a path is a pattern.
#[derive(Debug, Clone, Default)]
pub struct Below(Option<Vec<Vec<WildMatch>>>);

impl Below {
    /// Makes them ready for matching. A path that cannot be read fits nothing; loading has refused it.
    #[must_use]
    pub fn of(patterns: Option<&Patterns>) -> Self {
        let names = |path: OuPath| path.names().iter().map(|name| WildMatch::new(name)).collect();
        Self(
            patterns.map(|patterns| patterns.0.iter().filter_map(|text| OuPath::parse(text).ok().map(names)).collect()),
        )
    }

    /// Whether the OU is one of these or hangs below one; no OU fits only when no path is given.
    #[must_use]
    pub fn fits(&self, ou: Option<&OuPath>) -> bool {
        let Some(patterns) = &self.0 else { return true };
        let Some(ou) = ou else { return false };
        patterns.iter().any(|names| {
            names.len() <= ou.names().len() && names.iter().zip(ou.names()).all(|(pattern, name)| pattern.matches(name))
        })
    }
}

/// Tags that must all be there; none given: anything fits.
#[derive(Debug, Clone, Default)]
pub struct Tagged(Vec<(String, WildMatch)>);

impl Tagged {
    /// Makes them ready for matching.
    #[must_use]
    pub fn of(tags: &BTreeMap<String, String>) -> Self {
        Self(tags.iter().map(|(key, value)| (key.clone(), WildMatch::new(value))).collect())
    }

    /// Whether all of them are among these tags; no tags at all fit only when none is asked for.
    #[must_use]
    pub fn fits(&self, tags: Option<&BTreeMap<String, String>>) -> bool {
        let has = |(key, value): &(String, WildMatch)| {
            tags.and_then(|tags| tags.get(key)).is_some_and(|there| value.matches(there))
        };
        self.0.iter().all(has)
    }
}
