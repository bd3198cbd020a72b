//! What an organisation is woven of: its tree, and the policies that hang on it. They are read by many calls, and may change
//! between two of them.
//!
//! In: an identity that may read the organisation. Out: both, of one moment as far as anybody can tell; else the attachments
//! are unknown. It reads nothing twice unless what it read cannot be true at one time.

use std::collections::{BTreeMap, BTreeSet};

use super::failure::failed;
use super::organization::{Reading, Tree};
use crate::estate::{Gap, Observation, Policy};

/// Of these types something is attached to the root, every unit and every account: the last one cannot be detached.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_attach.html>
const EVERYWHERE: [&str; 2] = ["RESOURCE_CONTROL_POLICY", "SERVICE_CONTROL_POLICY"];

/// Root, policy types, tree and policies.
#[derive(Clone, PartialEq)]
pub(super) struct Fabric {
    pub(super) root: Observation<String>,
    pub(super) policy_types: Observation<BTreeMap<String, String>>,
    pub(super) tree: Result<Tree, Gap>,
    pub(super) policies: BTreeMap<String, Observation<Vec<Policy>>>,
}

impl Reading<'_> {
    /// The fabric, read again where it is torn. One that is torn twice in the same way is what it is.
    pub(super) async fn fabric(&self) -> Fabric {
        let first = self.fabric_once().await;
        if first.is_whole() && !self.was_switched_off(&first).await && self.hangs_so(&first).await {
            return first;
        }
        let mut second = self.fabric_once().await;
        if second != first && !second.is_whole() {
            self.untell(&mut second);
        }
        second
    }

    /// Whether a type of which nothing is attached anywhere was switched off since it was listed as on: that detaches all
    /// of its policies at once.
    async fn was_switched_off(&self, fabric: &Fabric) -> bool {
        let bare = fabric.policies.values().filter_map(Observation::known).any(|policies| {
            let is_bare = |policy: &Policy| policy.targets.known().is_some_and(Vec::is_empty);
            !policies.is_empty() && policies.iter().all(is_bare)
        });
        let known = fabric.policy_types.known();
        bare && matches!(self.root().await, Observation::Known((_, types)) if Some(&types) != known)
    }

    /// Whether the provider's own policies still hang where they were found. They hang on everything unless somebody takes
    /// them off; one that hangs on a part may have changed between two pages of its list.
    async fn hangs_so(&self, fabric: &Fabric) -> bool {
        let Ok(tree) = &fabric.tree else { return true };
        let nodes = fabric.nodes(tree);
        for policy in fabric.policies.values().filter_map(Observation::known).flatten() {
            let Some(known) = policy.targets.known().filter(|_| policy.aws_managed) else { continue };
            let targets: BTreeSet<&str> = known.iter().map(|target| target.id.as_str()).collect();
            if !targets.is_empty() && !nodes.is_subset(&targets) && self.targets(&policy.id).await != policy.targets {
                return false;
            }
        }
        true
    }

    async fn fabric_once(&self) -> Fabric {
        let (root, policy_types) = match self.root().await {
            Observation::Known((id, types)) => (Observation::Known(id), Observation::Known(types)),
            Observation::Absent => (Observation::Absent, Observation::Absent),
            Observation::Unknown(gap) => (Observation::Unknown(gap.clone()), Observation::Unknown(gap)),
        };
        let (tree, policies) = tokio::join!(self.tree(&root), self.policies(&policy_types));
        Fabric { root, policy_types, tree, policies }
    }

    /// Nobody can tell what hangs where.
    fn untell(&self, fabric: &mut Fabric) {
        for policy in fabric.policies.values_mut().filter_map(policies_mut).flatten() {
            let source = format!("organizations:ListTargetsForPolicy {}", policy.id);
            let gap = failed("the organisation changed again and again while it was read");
            policy.targets = Observation::Unknown(self.reader.unusable(&source, gap));
        }
    }
}

fn policies_mut(policies: &mut Observation<Vec<Policy>>) -> Option<&mut Vec<Policy>> {
    match policies {
        Observation::Known(policies) => Some(policies),
        Observation::Absent | Observation::Unknown(_) => None,
    }
}

impl Fabric {
    /// What policies can hang on. A closed account is attached to nothing any more.
    fn nodes<'a>(&'a self, tree: &'a Tree) -> BTreeSet<&'a str> {
        let open = tree.accounts.iter().filter(|account| account.state != "CLOSED");
        let nodes = tree.units.iter().map(|unit| &unit.id).chain(open.map(|account| &account.id));
        nodes.chain(self.root.known()).map(String::as_str).collect()
    }

    /// Whether all of it can be true at one time. What was not read says nothing.
    fn is_whole(&self) -> bool {
        let Ok(tree) = &self.tree else { return true };
        let nodes = self.nodes(tree);
        let gone: BTreeSet<&str> = tree.accounts.iter().map(|account| account.id.as_str()).collect();
        self.policies.iter().all(|(name, policies)| {
            let Some(policies) = policies.known() else { return true };
            let known = policies.iter().filter_map(|policy| policy.targets.known()).flatten();
            let targets: BTreeSet<&str> = known.map(|target| target.id.as_str()).collect();
            let all_known = policies.iter().all(|policy| policy.targets.known().is_some());
            let nowhere = targets.difference(&nodes).any(|id| !gone.contains(id));
            let bound = !all_known || !EVERYWHERE.contains(&name.as_str()) || nodes.is_subset(&targets);
            bound && !nowhere
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{Account, CoverageStatus, PolicyTarget, TargetKind, Unit};

    fn account(id: &str, state: &str) -> Account {
        Account {
            id: id.to_owned(),
            name: id.to_owned(),
            email: None,
            state: state.to_owned(),
            joined_method: Some("CREATED".to_owned()),
            joined_at: None,
            parent: "ou-1".to_owned(),
            unit: "/One".to_owned(),
            tags: None,
        }
    }

    fn policy(id: &str, targets: &[&str]) -> Policy {
        let target = |id: &&str| PolicyTarget { kind: TargetKind::Unit, id: (*id).to_owned() };
        Policy {
            id: id.to_owned(),
            name: id.to_owned(),
            policy_type: String::new(),
            aws_managed: false,
            document: Observation::Absent,
            targets: Observation::Known(targets.iter().map(target).collect()),
        }
    }

    /// A root, a unit, an account in use and a closed one, with policies of one type.
    fn fabric(name: &str, policies: Vec<Policy>) -> Fabric {
        let unit =
            Unit { id: "ou-1".to_owned(), name: "One".to_owned(), path: "/One".to_owned(), parent: "r-1".to_owned() };
        Fabric {
            root: Observation::Known("r-1".to_owned()),
            policy_types: Observation::Known([(name.to_owned(), "ENABLED".to_owned())].into()),
            tree: Ok(Tree { units: vec![unit], accounts: vec![account("1", "ACTIVE"), account("2", "CLOSED")] }),
            policies: [(name.to_owned(), Observation::Known(policies))].into(),
        }
    }

    #[test]
    fn a_fabric_is_torn_where_something_hangs_on_nothing_or_nothing_on_something() {
        let scp = "SERVICE_CONTROL_POLICY";
        for (name, policies, whole) in [
            (scp, vec![policy("p-1", &["r-1", "ou-1", "1"])], true),
            (scp, vec![policy("p-1", &["r-1", "ou-1"]), policy("p-2", &["1"])], true),
            (scp, vec![policy("p-1", &["r-1", "ou-1", "1", "2"])], true),
            // An account that joined after the attachments were read, a unit that was deleted after.
            (scp, vec![policy("p-1", &["r-1", "ou-1"])], false),
            (scp, vec![policy("p-1", &["r-1", "ou-1", "1", "ou-2"])], false),
            ("TAG_POLICY", vec![policy("p-1", &["ou-1"])], true),
            ("TAG_POLICY", vec![policy("p-1", &["ou-2"])], false),
            ("TAG_POLICY", vec![policy("p-1", &[])], true),
        ] {
            assert_eq!(fabric(name, policies.clone()).is_whole(), whole, "{name} {policies:?}");
        }
    }

    #[test]
    fn what_was_not_read_tears_nothing() {
        let unread = || Observation::unknown(CoverageStatus::Denied, "no");
        let mut hidden = fabric("SERVICE_CONTROL_POLICY", vec![policy("p-1", &["r-1"])]);
        for policy in hidden.policies.values_mut().filter_map(policies_mut).flatten() {
            policy.targets = unread();
        }
        assert!(hidden.is_whole());
        let mut treeless = fabric("SERVICE_CONTROL_POLICY", vec![policy("p-1", &["ou-9"])]);
        treeless.tree = Err(failed("no"));
        assert!(treeless.is_whole());
    }
}
