//! Documents before they are text. In come drawn parts; out goes JSON as people write it, or as it would be if what is not
//! understood in it meant something. Never draws anything.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::pools::{Family, RESOURCES};

#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub version: Option<&'static str>,
    pub statements: Vec<Said>,
}

/// A statement. Each list comes with whether it is the `Not…` of its element.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    pub allow: bool,
    pub actions: (bool, Vec<&'static str>),
    pub resources: Option<(bool, Vec<&'static str>)>,
    pub principals: Option<(bool, Vec<(&'static str, &'static str)>)>,
    pub conditions: Vec<Conditioned>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    ForAnyValue,
    ForAllValues,
}

/// A condition on one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditioned {
    pub quantifier: Option<Quantifier>,
    pub operator: &'static str,
    pub if_exists: bool,
    pub key: &'static str,
    pub family: Family,
    pub values: Vec<&'static str>,
    /// How its operator and key are spelled: case does not matter.
    pub spelling: usize,
}

/// What takes the place of what is not understood; alike on both sides, or it would not be one thing.
pub type Meaning = Option<usize>;

/// How many meanings are tried.
pub const MEANINGS: usize = 3;

impl Conditioned {
    pub fn is_quantified(&self) -> bool {
        self.quantifier.is_some() && self.operator != Said::UNKNOWN_OPERATOR
    }

    fn operator(&self, meaning: Meaning) -> String {
        let plain = match (self.operator, meaning) {
            (Said::UNKNOWN_OPERATOR, Some(0)) => "StringEquals",
            (Said::UNKNOWN_OPERATOR, Some(1)) => "StringNotLike",
            (Said::UNKNOWN_OPERATOR, Some(_)) => "NumericLessThan",
            // What `ForAllValues:Null` means nobody says; `Bool` of the same values is something else.
            ("Null", Some(1)) if self.quantifier.is_some() => "Bool",
            (plain, _) => plain,
        };
        let is_null = plain == "Null" && meaning.is_some();
        let prefix = match self.quantifier {
            Some(Quantifier::ForAnyValue) if !is_null => "ForAnyValue:",
            Some(Quantifier::ForAllValues) if !is_null => "ForAllValues:",
            _ => "",
        };
        format!("{prefix}{plain}{}", if self.if_exists { "IfExists" } else { "" })
    }

    /// Whether a value of it says nothing. What begins like a variable is text where there are no variables.
    fn is_nonsense(&self, value: &str, variables: bool) -> bool {
        let may = match self.family {
            Family::Text => variables && self.operator != "BinaryEquals",
            Family::Truth => matches!(self.operator, "Bool" | "Null"),
            Family::Number | Family::Date | Family::Address => true,
        };
        may && value == self.family.nonsense()
    }

    fn values(&self, meaning: Meaning, variables: bool) -> Vec<&'static str> {
        let meant = |value: &&'static str| match meaning {
            Some(which) if self.is_nonsense(value, variables) => self.family.values()[which],
            _ => value,
        };
        self.values.iter().map(meant).collect()
    }

    /// In what way it reads its key; none where it reads no value.
    fn way(&self) -> Option<&'static str> {
        let ways = ["Numeric", "Date", "IpAddress", "NotIpAddress"];
        let scaled =
            ways.into_iter().find(|way| self.operator.starts_with(way)).map(|way| way.trim_start_matches("Not"));
        (self.operator != "Null" && !self.values.is_empty()).then_some(scaled.unwrap_or("letters"))
    }
}

fn spelled(text: &str, spelling: usize) -> String {
    match spelling % 3 {
        0 => text.to_owned(),
        1 => text.to_lowercase(),
        _ => text.to_uppercase(),
    }
}

impl Said {
    pub const UNKNOWN_OPERATOR: &'static str = "StringMatches";
    /// It begins a variable and does not end it.
    pub const ODD_RESOURCE: &'static str = "arn:p:s:::${aws:username";

    /// Spells conditions that ask the same operator of the same key apart, for a key stands once in an object.
    pub fn part(&mut self) {
        // Whom an account in `NotPrincipal` spares, AWS does not say.
        if let Some((true, names)) = &mut self.principals {
            names.retain(|(_, name)| !(name.ends_with(":root") || name.bytes().all(|byte| byte.is_ascii_digit())));
        }
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for condition in &mut self.conditions {
            let count = seen.entry(condition.key.to_owned()).or_default();
            condition.spelling = *count;
            *count += 1;
        }
        self.conditions.retain(|condition| condition.spelling < 3);
    }

    fn write(&self, text: &mut String, meaning: Meaning, variables: bool) {
        let _ = write!(text, r#"{{"Effect":"{}","#, if self.allow { "Allow" } else { "Deny" });
        let not = |negated: bool| if negated { "Not" } else { "" };
        let (negated, patterns) = &self.actions;
        let _ = write!(text, r#""{}Action":{}"#, not(*negated), list(patterns));
        if let Some((negated, patterns)) = &self.resources {
            let meant = patterns.iter().map(|text| match meaning {
                Some(which) if variables && *text == Self::ODD_RESOURCE => RESOURCES[which],
                _ => *text,
            });
            let meant: Vec<&str> = meant.collect();
            let _ = write!(text, r#","{}Resource":{}"#, not(*negated), list(&meant));
        }
        if let Some((negated, names)) = &self.principals {
            let _ = write!(text, r#","{}Principal":{{"#, not(*negated));
            let sorts = ["AWS", "Service", "Federated", "CanonicalUser"];
            let mut comma = "";
            for sort in sorts {
                let of: Vec<_> = names.iter().filter(|(of, _)| *of == sort).map(|(_, name)| *name).collect();
                if !of.is_empty() {
                    let _ = write!(text, r#"{comma}"{sort}":{}"#, list(&of));
                    comma = ",";
                }
            }
            text.push('}');
        }
        self.write_conditions(text, meaning, variables);
        text.push('}');
    }

    fn write_conditions(&self, text: &mut String, meaning: Meaning, variables: bool) {
        let mut operators: BTreeMap<String, BTreeMap<String, Vec<&str>>> = BTreeMap::new();
        for said in &self.conditions {
            let operator = spelled(&said.operator(meaning), said.spelling);
            let key = spelled(said.key, said.spelling);
            operators.entry(operator).or_default().insert(key, said.values(meaning, variables));
        }
        if operators.is_empty() {
            return;
        }
        text.push_str(r#","Condition":{"#);
        for (at, (operator, keys)) in operators.iter().enumerate() {
            let _ = write!(text, r#"{}"{operator}":{{"#, if at == 0 { "" } else { "," });
            for (at, (key, values)) in keys.iter().enumerate() {
                let _ = write!(text, r#"{}"{key}":{}"#, if at == 0 { "" } else { "," }, list(values));
            }
            text.push('}');
        }
        text.push('}');
    }
}

/// One as it is, more as a list.
fn list(texts: &[&str]) -> String {
    match texts {
        [one] => format!(r#""{one}""#),
        [] => "[]".to_owned(),
        more => format!(r#"["{}"]"#, more.join(r#"",""#)),
    }
}

impl Document {
    pub fn text(&self, meaning: Meaning) -> String {
        let mut text = String::with_capacity(512);
        text.push('{');
        if let Some(version) = self.version {
            let _ = write!(text, r#""Version":"{version}","#);
        }
        text.push_str(r#""Statement":["#);
        for (at, said) in self.statements.iter().enumerate() {
            text.push_str(if at == 0 { "" } else { "," });
            said.write(&mut text, meaning, self.has_version());
        }
        text.push_str("]}");
        text
    }

    pub fn conditions(&self) -> impl Iterator<Item = &Conditioned> {
        self.statements.iter().flat_map(|said| &said.conditions)
    }

    fn has_version(&self) -> bool {
        self.version == Some("2012-10-17")
    }

    /// Whether something in it is not understood.
    pub fn is_odd(&self) -> bool {
        let resources = self.statements.iter().filter_map(|said| said.resources.as_ref()).flat_map(|(_, texts)| texts);
        self.has_version() && resources.into_iter().any(|text| *text == Said::ODD_RESOURCE)
            || self.conditions().any(|said| {
                said.operator == Said::UNKNOWN_OPERATOR
                    || said.values.iter().any(|value| said.is_nonsense(value, self.has_version()))
                    || said.operator == "Null" && said.quantifier.is_some()
            })
    }

    /// Whether it hangs on who asks.
    pub fn has_variables(&self) -> bool {
        let text = self.text(None).to_lowercase();
        self.has_version() && (text.contains("${aws:username}") || text.contains("${aws:username,"))
    }
}

/// Whether some documents read one key in more than one way.
pub fn reads_in_two_ways<'a>(documents: impl Iterator<Item = &'a Document>) -> bool {
    let mut ways: BTreeMap<&str, &str> = BTreeMap::new();
    let read = documents.flat_map(Document::conditions).filter_map(|said| Some((said.key, said.way()?)));
    read.into_iter().any(|(key, way)| *ways.entry(key).or_insert(way) != way)
}
