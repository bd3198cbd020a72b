//! An answer, read to its end, and the members that the SDK makes up where an answer leaves them out: a flag is false
//! then, a text empty; and of XML, where text in place of a structure is one without members.
//!
//! In: an answer. Out: whether it is JSON to its end, an object, and which such member one of its rows lacks; of XML, which
//! structure holds text. It keeps nothing of an answer, as the SDK reads it again into types of its own: what other members
//! are missing shows there. Nearly all answers of a large estate are lists of quotas, so that they are gone through once,
//! and no more.
//!
//! AWS sends each of them in every row: <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ServiceQuota.html>,
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/API_PolicySummary.html>, `API_Tag.html` and
//! `API_HandshakeParty.html` beside it.

use std::cell::Cell;
use std::fmt::{self, Formatter};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Operation, the lists on the way to the rows, members of each row.
const MADE_UP: [(&str, &[&str], &[&str]); 5] = [
    ("organizations:ListHandshakesForOrganization", &["Handshakes", "Parties"], &["Id", "Type"]),
    ("organizations:ListPolicies", &["Policies"], &["AwsManaged"]),
    ("organizations:ListTagsForResource", &["Tags"], &["Key", "Value"]),
    ("servicequotas:ListAWSDefaultServiceQuotas", &["Quotas"], &["Adjustable", "GlobalQuota"]),
    ("servicequotas:ListServiceQuotas", &["Quotas"], &["Adjustable", "GlobalQuota"]),
];

/// What an answer is.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// An object whose rows have all that they should.
    Whole,
    /// An object with a row that lacks this member.
    Lacks(&'static str),
    /// JSON, but not an object.
    NoObject,
}

/// Reads an answer to its end.
///
/// # Errors
/// When it is not JSON; the reason says where.
pub(super) fn read(operation: &str, answer: &[u8]) -> Result<Answer, String> {
    let answer = std::str::from_utf8(answer).map_err(|error| error.to_string())?;
    let lacking = Cell::new(0);
    let watch = MADE_UP.iter().find(|(name, ..)| *name == operation);
    let watch = watch.map(|(_, way, members)| Watch { way, members, lacking: &lacking });
    let mut json = serde_json::Deserializer::from_str(answer);
    let shape = watch.map_or(Place::Elsewhere, Place::Object).deserialize(&mut json);
    let shape = shape.and_then(|shape| json.end().map(|()| shape)).map_err(|error| error.to_string())?;
    let lacks = watch.and_then(|watch| watch.first());
    Ok(match (shape, lacks) {
        (Shape::Object, None) => Answer::Whole,
        (Shape::Object, Some(member)) => Answer::Lacks(member),
        (Shape::Null | Shape::Other, _) => Answer::NoObject,
    })
}

/// Rows that are looked for, and what they were found to lack.
#[derive(Clone, Copy)]
struct Watch<'a> {
    /// The lists that are still on the way to the rows; none in a row itself.
    way: &'static [&'static str],
    members: &'static [&'static str],
    /// A bit for each member.
    lacking: &'a Cell<u8>,
}

impl Watch<'_> {
    /// All members of a row, where this is one.
    fn all(self) -> u8 {
        if self.way.is_empty() { (1 << self.members.len()) - 1 } else { 0 }
    }

    fn note(self, lacking: u8) {
        self.lacking.set(self.lacking.get() | lacking);
    }

    /// The first member that a row lacks.
    fn first(self) -> Option<&'static str> {
        let lacking = self.lacking.get();
        self.members.iter().enumerate().find(|(place, _)| lacking & (1 << place) != 0).map(|(_, member)| *member)
    }

    /// Reads an object: a row, or one with a list on the way to them.
    fn object<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (sought, rest) = self.way.split_at(self.way.len().min(1));
        let mut lacking = self.all();
        let names = Name(if sought.is_empty() { self.members } else { sought });
        while let Some(name) = map.next_key_seed(names)? {
            match name {
                None => {
                    map.next_value_seed(Place::Elsewhere)?;
                }
                Some(_) if !sought.is_empty() => {
                    map.next_value_seed(Place::List(Self { way: rest, ..self }))?;
                }
                // Of a member that comes twice, the SDK takes the last.
                Some(place) => match map.next_value_seed(Place::Elsewhere)? {
                    Shape::Null => lacking |= 1 << place,
                    Shape::Object | Shape::Other => lacking &= !(1 << place),
                },
            }
        }
        self.note(lacking);
        Ok(())
    }
}

/// Which of these names a key is.
#[derive(Clone, Copy)]
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

/// What a value is.
enum Shape {
    Object,
    Null,
    Other,
}

/// Where a value stands. It is read to its end and not kept.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// Where nothing is looked for.
    Elsewhere,
    /// A row, or an object on the way to rows.
    Object(Watch<'a>),
    /// A list of such.
    List(Watch<'a>),
}

impl Place<'_> {
    /// Something else than an object has no members.
    fn no_object(self, shape: Shape) -> Shape {
        if let Self::Object(watch) = self {
            watch.note(watch.all());
        }
        shape
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        // Not `IgnoredAny`: it takes any depth.
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Shape;

    fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        match self {
            Self::Object(watch) => watch.object(map)?,
            Self::Elsewhere | Self::List(_) => {
                while map.next_key_seed(Name(&[]))?.is_some() {
                    map.next_value_seed(Place::Elsewhere)?;
                }
            }
        }
        Ok(Shape::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
        let place = match self {
            Self::List(watch) => Place::Object(watch),
            Self::Elsewhere | Self::Object(_) => Place::Elsewhere,
        };
        while list.next_element_seed(place)?.is_some() {}
        Ok(self.no_object(Shape::Other))
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(self.no_object(Shape::Other))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(self.no_object(Shape::Other))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(self.no_object(Shape::Other))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(self.no_object(Shape::Other))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(self.no_object(Shape::Other))
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(self.no_object(Shape::Null))
    }
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

    const QUOTAS: &str = "servicequotas:ListServiceQuotas";

    /// Whether an answer is found to lack this, or nothing.
    fn lacks(operation: &str, answer: &str, member: Option<&'static str>) -> bool {
        read(operation, answer.as_bytes()) == Ok(member.map_or(Answer::Whole, Answer::Lacks))
    }

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
        let whole = json!({"Adjustable": false, "GlobalQuota": true});
        for (row, flag) in [
            (json!({"Adjustable": true, "GlobalQuota": null}), Some("GlobalQuota")),
            (json!({"GlobalQuota": false}), Some("Adjustable")),
            (json!({"More": {"Adjustable": true, "GlobalQuota": true}}), Some("Adjustable")),
            (json!(null), Some("Adjustable")),
            (json!("Adjustable"), Some("Adjustable")),
            (json!([whole.clone()]), Some("Adjustable")),
            (whole.clone(), None),
        ] {
            assert!(lacks(QUOTAS, &json!({"Quotas": [whole, row, whole]}).to_string(), flag), "{row}");
        }
        let parties = |party: &str| format!(r#"{{"Handshakes": [{{"Parties": []}}, {{"Parties": [{party}]}}, null]}}"#);
        let handshakes = "organizations:ListHandshakesForOrganization";
        assert!(lacks(handshakes, &parties(r#"{"Id": "1", "Type": "EMAIL"}"#), None));
        assert!(lacks(handshakes, &parties(r#"{"Type": "EMAIL"}"#), Some("Id")));
        assert!(lacks("organizations:ListTagsForResource", r#"{"Tags": [{"Key": "k", "Value": ""}]}"#, None));
        assert!(lacks("organizations:ListPolicies", r#"{"Policies": []}"#, None));
        assert!(lacks("organizations:ListPolicies", r#"{"Policies": null}"#, None));
        assert!(lacks("organizations:ListPolicies", r#"{"Other": [{}]}"#, None));
        assert!(lacks("organizations:ListAccounts", r#"{"Accounts": [{}]}"#, None));
    }

    #[test]
    fn a_member_is_known_by_its_name_however_it_is_spelt_and_by_its_last_value() {
        for (row, flag) in [
            (r#"{"Adjus\u0074able": true, "GlobalQuota": false}"#, None),
            (r#"{"adjustable": true, "GlobalQuota": false}"#, Some("Adjustable")),
            (r#"{"Adjustable": true, "GlobalQuota": true, "GlobalQuota": null}"#, Some("GlobalQuota")),
            (r#"{"Adjustable": null, "Adjustable": true, "GlobalQuota": true}"#, None),
        ] {
            assert!(lacks(QUOTAS, &format!(r#"{{"Quotas": [{row}]}}"#), flag), "{row}");
        }
        // Which of two lists the SDK takes does not matter.
        assert!(lacks(QUOTAS, r#"{"Quotas": [{}], "Quotas": []}"#, Some("Adjustable")));
    }

    #[test]
    fn only_an_object_is_an_answer_and_only_to_its_end() {
        for other in ["[]", "null", "1", r#""{}""#, r#"[{"Quotas": [{}]}]"#] {
            assert_eq!(read(QUOTAS, other.as_bytes()), Ok(Answer::NoObject), "{other}");
        }
        let deep = format!(r#"{{"Quotas": {}{}}}"#, "[".repeat(200), "]".repeat(200));
        for broken in [deep.as_bytes(), br#"{"Quotas": ["#, br#"{"Quotas": []} x"#, b"{\"Quotas\": \"\xff\"}", b""] {
            assert!(read(QUOTAS, broken).is_err(), "{}", String::from_utf8_lossy(broken));
        }
    }
}
