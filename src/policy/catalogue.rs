//! What is known about AWS's actions: their access levels, the resources they act on, and the condition keys that a request
//! for them can carry.
//!
//! In: `policies/aws/actions.txt.gz` and `policies/aws/condition-keys.yaml`, both part of the program, and names from
//! policies, which anybody may have written. Out: facts. They are as old as [`Source::date`] says, and AWS adds actions
//! every week: the catalogue ranks and illustrates, and what it does not know is never taken as not there. It asks nobody
//! and decides nothing.

mod data;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The known actions, resource types, condition keys and services.
#[derive(Debug)]
pub struct Catalogue {
    source: Source,
    services: Vec<Service>,
    types: Vec<ResourceType>,
    actions: Vec<Action>,
    /// What the actions act on, in one row.
    slots: Vec<Slot>,
    keys: Vec<ConditionKey>,
    /// Places in `keys`, by name.
    by_name: Vec<u16>,
    /// Places in `keys` of those with a variable part.
    patterns: Vec<u16>,
    /// Places in `keys`: few sets of keys are shared by many actions.
    lists: Vec<Box<[u16]>>,
}

/// Whose facts they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The package that they come from.
    pub package: &'static str,
    /// Its version.
    pub version: &'static str,
    /// When it was brought up to date: `2026-09-26T04:46:59.905Z`
    pub date: &'static str,
    /// `MIT`
    pub licence: &'static str,
    /// The line that names the holder.
    pub copyright: &'static str,
    /// The licence's text, as it must come along.
    pub notice: String,
}

/// A service, by the prefix of its actions.
#[derive(Debug)]
pub struct Service {
    /// The prefix: `ec2`
    pub name: &'static str,
    rcp: bool,
    actions: Range<usize>,
}

/// One action.
#[derive(Debug)]
pub struct Action {
    /// Its place in [`Catalogue::actions`]; the same as long as the program runs.
    pub index: usize,
    /// `ec2`
    pub service: &'static str,
    /// `RunInstances`, in AWS's spelling.
    pub name: &'static str,
    /// What it does to what it acts on.
    pub level: AccessLevel,
    keys: u16,
    slots: Range<usize>,
}

/// A resource type of an action.
#[derive(Clone, Copy, Debug)]
struct Slot {
    of: u16,
    required: bool,
    keys: u16,
}

/// What an action acts on.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The type of resource.
    pub resource: &'a ResourceType,
    /// Whether every request names one of this type.
    pub required: bool,
}

/// A type of resource.
#[derive(Debug)]
pub struct ResourceType {
    /// `instance`, unique within its service.
    pub name: &'static str,
    formats: &'static str,
    keys: u16,
}

/// What an action does to what it acts on, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessLevel {
    /// Sees that something is there.
    List,
    /// Sees what is in it.
    Read,
    /// Changes tags and nothing else.
    Tagging,
    /// Creates, changes or deletes.
    Write,
    /// Changes who may do what.
    PermissionsManagement,
    /// A word that is not known; it stands above all, so that nothing is played down.
    Other(&'static str),
}

/// A key of a condition.
#[derive(Debug)]
pub struct ConditionKey {
    /// In AWS's spelling: `aws:RequestedRegion`, `aws:RequestTag/${TagKey}`
    pub name: &'static str,
    /// The type of its values.
    pub value: KeyType,
    /// A second type, for the few keys of which AWS names two.
    pub also: Option<KeyType>,
    /// Whether a request can carry several values: AWS's `ArrayOf…`.
    pub multi_valued: bool,
    /// Which requests carry it.
    pub presence: Presence,
    /// Whether requests to any service can carry it.
    pub global: bool,
    /// Whether, of all actions, only those that the catalogue lists with it are known to carry it.
    listed: bool,
}

/// The type of a condition key's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Text.
    String,
    /// The name of a resource.
    Arn,
    /// `true` or `false`.
    Bool,
    /// A number.
    Numeric,
    /// A time.
    Date,
    /// An address, IPv4 or IPv6.
    IpAddress,
    /// A word that is not known.
    Other(&'static str),
}

/// Which requests carry a condition key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// Every one.
    Always,
    /// Every one that is signed: all but the anonymous ones.
    Signed,
    /// Some lack it, or nothing is known.
    #[default]
    Sometimes,
}

static SHIPPED: LazyLock<Catalogue> = LazyLock::new(data::shipped);

impl Catalogue {
    /// The catalogue that is part of the program, unpacked when first asked for.
    #[must_use]
    pub fn get() -> &'static Self {
        &SHIPPED
    }

    /// Where the facts come from, how old they are, and under which licence.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// All known actions, by service and name. An action stands at its [`Action::index`].
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// All known services, by name.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The known actions of a service: `ec2`, in any case. None are known of one that is not.
    #[must_use]
    pub fn of_service(&self, name: &str) -> &[Action] {
        self.service(name).and_then(|service| self.actions.get(service.actions.clone())).unwrap_or_default()
    }

    /// An action by service and name, in any case: `ec2:runinstances`.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&Action> {
        let (service, name) = name.split_once(':')?;
        let of_service = self.of_service(service);
        let place = of_service.binary_search_by(|action| compare(action.name, name)).ok()?;
        of_service.get(place)
    }

    fn service(&self, name: &str) -> Option<&Service> {
        let place = self.services.binary_search_by(|service| compare(service.name, name)).ok()?;
        self.services.get(place)
    }

    /// Whether AWS lists a service, in any case, as one whose resources resource control policies bind. It ranks: a
    /// service that is not on the list may be tomorrow.
    #[must_use]
    pub fn supports_rcp(&self, service: &str) -> bool {
        self.service(service).is_some_and(|service| service.rcp)
    }

    /// The types of resource that an action acts on. Where there are none, a request for it names none, and only `*`
    /// matches it.
    pub fn targets(&self, action: &Action) -> impl Iterator<Item = Target<'_>> {
        let resource = |slot: &Slot| self.types.get(usize::from(slot.of));
        self.slots(action)
            .iter()
            .filter_map(move |slot| Some(Target { resource: resource(slot)?, required: slot.required }))
    }

    fn slots(&self, action: &Action) -> &[Slot] {
        self.slots.get(action.slots.clone()).unwrap_or_default()
    }

    /// The condition keys that are listed for an action: those of its own, of the types it acts on, and of both together.
    /// The global ones are among them where it depends on the action whether a request carries them.
    #[must_use]
    pub fn keys(&self, action: &Action) -> Vec<&ConditionKey> {
        let mut places: Vec<u16> = self.lists(action).flatten().copied().collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|place| self.keys.get(usize::from(place))).collect()
    }

    fn lists(&self, action: &Action) -> impl Iterator<Item = &[u16]> {
        let of_type = |slot: &Slot| self.types.get(usize::from(slot.of)).map(|resource| resource.keys);
        let of_slots = self.slots(action).iter().flat_map(move |slot| [Some(slot.keys), of_type(slot)]).flatten();
        std::iter::once(action.keys)
            .chain(of_slots)
            .filter_map(|list| self.lists.get(usize::from(list)).map(AsRef::as_ref))
    }

    /// Whether a request for an action is known to be able to carry a condition key: `ec2:InstanceType`,
    /// `aws:RequestTag/team`, in any case.
    #[must_use]
    pub fn carries(&self, action: &Action, key: &str) -> bool {
        let Some(place) = self.place(key) else { return false };
        let anywhere = self.keys.get(usize::from(place)).is_some_and(|key| key.global && !key.listed);
        anywhere || self.lists(action).any(|list| list.contains(&place))
    }

    /// A condition key by name, in any case. A key with a variable part is found by what a policy says in its place, too:
    /// `aws:PrincipalTag/team`.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&ConditionKey> {
        self.keys.get(usize::from(self.place(name)?))
    }

    /// The type of a condition key's values, where the key is known.
    #[must_use]
    pub fn key_type(&self, name: &str) -> Option<KeyType> {
        self.key(name).map(|key| key.value)
    }

    fn place(&self, name: &str) -> Option<u16> {
        let named = |place: &u16| self.keys.get(usize::from(*place)).map_or("", |key| key.name);
        if let Ok(exact) = self.by_name.binary_search_by(|place| compare(named(place), name)) {
            return self.by_name.get(exact).copied();
        }
        let fits = self.patterns.iter().filter_map(|place| Some((data::fit(named(place), name)?, *place)));
        fits.max_by_key(|(said, _)| *said).map(|(_, place)| place)
    }
}

/// The order of names: by their letters whatever their case. Policies are matched so.
fn compare(one: &str, other: &str) -> Ordering {
    let first = one.bytes().map(|byte| byte.to_ascii_lowercase());
    first.cmp(other.bytes().map(|byte| byte.to_ascii_lowercase()))
}

impl Action {
    /// Whether a request for it names no resource, so that only `*` as `Resource` matches it.
    #[must_use]
    pub fn names_no_resource(&self) -> bool {
        self.slots.is_empty()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}

impl ResourceType {
    /// How its ARNs are built: `arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}`. A few types have two.
    pub fn formats(&self) -> impl Iterator<Item = &'static str> {
        self.formats.split('\t')
    }
}

impl AccessLevel {
    /// From AWS's words. Where there are several, as in `Tagging, Write`, the narrowest counts: whoever manages permissions
    /// or tags always writes.
    fn of(words: &'static str) -> Self {
        let one = |word| match word {
            "List" => Some(Self::List),
            "Read" => Some(Self::Read),
            "Tagging" => Some(Self::Tagging),
            "Write" => Some(Self::Write),
            "Permissions management" => Some(Self::PermissionsManagement),
            _ => None,
        };
        let Some(mut levels) = words.split(", ").map(one).collect::<Option<Vec<_>>>() else {
            return Self::Other(words);
        };
        levels.sort_unstable();
        match levels[..] {
            [.., Self::Tagging, Self::Write] => Self::Tagging,
            [.., highest] => highest,
            [] => Self::Other(words),
        }
    }

    /// In AWS's words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "List",
            Self::Read => "Read",
            Self::Tagging => "Tagging",
            Self::Write => "Write",
            Self::PermissionsManagement => "Permissions management",
            Self::Other(words) => words,
        }
    }
}

impl fmt::Display for AccessLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl KeyType {
    /// In AWS's words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Arn => "ARN",
            Self::Bool => "Bool",
            Self::Numeric => "Numeric",
            Self::Date => "Date",
            Self::IpAddress => "IPAddress",
            Self::Other(word) => word,
        }
    }

    /// AWS's words for those that are known.
    const WORDS: [&'static str; 6] = ["String", "ARN", "Bool", "Numeric", "Date", "IPAddress"];

    /// From AWS's word, with whether it is the type of a list: `ArrayOfString`.
    fn of(word: &'static str) -> (Self, bool) {
        let (word, many) = word.strip_prefix("ArrayOf").map_or((word, false), |word| (word, true));
        (Self::known(word).unwrap_or(Self::Other(word)), many)
    }

    fn known(word: &str) -> Option<Self> {
        match word {
            "String" => Some(Self::String),
            "ARN" => Some(Self::Arn),
            "Bool" => Some(Self::Bool),
            "Numeric" => Some(Self::Numeric),
            "Date" => Some(Self::Date),
            "IPAddress" => Some(Self::IpAddress),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for KeyType {
    /// A table of ours has no word that is not known.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::known(&word).ok_or_else(|| D::Error::unknown_variant(&word, &Self::WORDS))
    }
}
