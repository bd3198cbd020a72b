//! Which live unit a declared path means.
//!
//! In: the declared units and the tree as it was read. Out: the id of the unit or root behind a declared path. An id
//! that the baseline gives decides; else the name below the parent, which itself is found in this way, so that one
//! renamed unit does not lose everything below it. It never takes an unread tree for an empty one.

use std::collections::BTreeMap;

use crate::baseline::model::{Aws, OuPath};
use crate::estate::{Observation, Organization, Unit};

/// The tree of an organisation, as declared and as it is.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    root: Observation<&'a str>,
    units: Observation<BTreeMap<&'a str, &'a Unit>>,
    children: BTreeMap<(&'a str, &'a str), &'a Unit>,
    declared: BTreeMap<&'a OuPath, &'a str>,
}

impl<'a> Tree<'a> {
    /// Puts the declared units beside those of an organisation.
    pub(crate) fn new(aws: &'a Aws, organization: &'a Organization) -> Self {
        let read = || organization.units.known().into_iter().flatten();
        let declared = aws.organizational_units.iter().flatten();
        Self {
            root: organization.root.as_ref().map(String::as_str),
            units: organization.units.as_ref().map(|units| units.iter().map(|unit| (unit.id.as_str(), unit)).collect()),
            children: read().map(|unit| ((unit.parent.as_str(), unit.name.as_str()), unit)).collect(),
            declared: declared.filter_map(|unit| unit.id.as_deref().map(|id| (&unit.path, id))).collect(),
        }
    }

    /// The id of the unit or root that a declared path means; absent when there is no such unit.
    pub(crate) fn find(&self, path: &OuPath) -> Observation<&'a str> {
        let Some((name, parent)) = path.names().last().zip(path.parent()) else {
            return self.root.clone();
        };
        let units = match &self.units {
            Observation::Known(units) => units,
            Observation::Absent => return Observation::Absent,
            Observation::Unknown(gap) => return Observation::Unknown(gap.clone()),
        };
        if let Some(id) = self.declared.get(path) {
            return units.get(id).map_or(Observation::Absent, |unit| Observation::Known(unit.id.as_str()));
        }
        match self.find(&parent) {
            Observation::Known(parent) => {
                let unit = self.children.get(&(parent, name.as_str()));
                unit.map_or(Observation::Absent, |unit| Observation::Known(unit.id.as_str()))
            }
            other => other,
        }
    }

    /// The live path behind an id, for people; the id itself where it was not read.
    pub(crate) fn show(&self, id: &'a str) -> &'a str {
        if self.root.known() == Some(&id) {
            return "/";
        }
        self.units.known().and_then(|units| units.get(id)).map_or(id, |unit| unit.path.as_str())
    }
}
