//! Which live unit a declared path means.
//!
//! In: the declared units and the tree as it was read. Out: the id of the unit or root behind a declared path. An id
//! that the baseline gives decides; else the name below the parent, which itself is found in this way, so that one
//! renamed unit does not lose everything below it. It never takes an unread tree for an empty one.

use std::collections::{BTreeMap, BTreeSet};

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
        let read = organization.units.known().into_iter().flatten();
        let declared = aws.organizational_units.iter().flatten();
        let declared: BTreeMap<&OuPath, &str> =
            declared.filter_map(|unit| unit.id.as_deref().map(|id| (&unit.path, id))).collect();
        // A unit that an id claims goes by that entry alone, whatever it is called now: renaming it must not let it pass
        // for one that is gone.
        let claimed: BTreeSet<&str> = declared.values().copied().collect();
        let free = read.filter(|unit| !claimed.contains(unit.id.as_str()));
        Self {
            root: organization.root.as_ref().map(String::as_str),
            units: organization.units.as_ref().map(|units| units.iter().map(|unit| (unit.id.as_str(), unit)).collect()),
            children: free.map(|unit| ((unit.parent.as_str(), unit.name.as_str()), unit)).collect(),
            declared,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::model::OrganizationalUnit;
    use crate::compare::tests::estate::organization;
    use crate::estate::CoverageStatus;

    fn path(written: &str) -> OuPath {
        OuPath::parse(written).unwrap()
    }

    fn unit(id: &str, name: &str, parent: &str) -> Unit {
        Unit { id: id.to_owned(), name: name.to_owned(), path: format!("/live/{name}"), parent: parent.to_owned() }
    }

    #[test]
    fn a_renamed_parent_is_found_by_its_id_and_its_children_below_it() {
        let aws = Aws {
            organizational_units: Some(vec![OrganizationalUnit { path: path("/Work"), id: Some("ou-1".to_owned()) }]),
            ..Aws::default()
        };
        let mut live = organization();
        live.units = Observation::Known(vec![unit("ou-1", "Renamed", "r-1"), unit("ou-2", "a/b", "ou-1")]);
        live.root = Observation::Known("r-1".to_owned());
        let tree = Tree::new(&aws, &live);
        assert_eq!(tree.find(&path("/")).known(), Some(&"r-1"));
        assert_eq!(tree.find(&path("/Work")).known(), Some(&"ou-1"));
        assert_eq!(tree.find(&path(r"/Work/a\/b")).known(), Some(&"ou-2"));
        assert_eq!(tree.find(&path("/Renamed")), Observation::Absent, "its id says that it is `/Work`");
        assert_eq!(tree.find(&path("/Other")), Observation::Absent);
        assert_eq!(tree.show("ou-1"), "/live/Renamed");
        assert_eq!(tree.show("r-1"), "/");
    }

    #[test]
    fn an_unread_tree_is_not_an_empty_one() {
        let aws = Aws::default();
        let mut live = organization();
        live.units = Observation::unknown(CoverageStatus::Denied, "no");
        assert!(Tree::new(&aws, &live).find(&path("/Work")).gap().is_some());
    }
}
