//! The two sides of a comparison, and what every kind needs to find its way between them.
//!
//! In: a baseline and a snapshot. Out: accounts as rules see them, the live organisation beside the declared one, and
//! scopes. It never compares.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::Tree;
use crate::baseline::Baseline;
use crate::baseline::model::{Aws, OuPath, Where};
use crate::baseline::placement::{AccountView, Listed, LiveAccount, Placement};
use crate::baseline::rules::{Place, Rules};
use crate::estate::{Account, AccountFacts, Observation, Organization, RegionFacts, Scope, Snapshot};

const UNREAD_ACCOUNTS: Unplaced =
    Unplaced { source: "organizations:ListAccountsForParent", reason: "the organisation's accounts were not read" };
const UNREAD_TAGS: Unplaced =
    Unplaced { source: "organizations:ListTagsForResource", reason: "the account's tags were not read" };

/// A baseline's AWS section and a snapshot, side by side.
#[derive(Debug)]
pub(super) struct Sides<'a> {
    pub(super) baseline: &'a Baseline,
    pub(super) aws: &'a Aws,
    pub(super) snapshot: &'a Snapshot,
    pub(super) rules: Rules<'a>,
    pub(super) placement: Placement<'a>,
    /// Accounts that were read within, or that the organisation lists, as rules see them.
    pub(super) views: BTreeMap<&'a str, AccountView>,
    /// Accounts that were read within, and of which nobody says where they hang or what they carry while rules ask for
    /// it.
    pub(super) unplaced: BTreeMap<&'a str, Unplaced>,
}

/// Why it cannot be told which rules apply to an account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unplaced {
    pub(super) source: &'static str,
    pub(super) reason: &'static str,
}

/// The organisation as it was read, with its tree beside the declared one.
#[derive(Debug)]
pub(super) struct Live<'a> {
    pub(super) sides: &'a Sides<'a>,
    pub(super) organization: &'a Organization,
    pub(super) tree: Tree<'a>,
}

/// What was read in one region of one account, and where that is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    pub(super) place: Place<'a>,
    pub(super) facts: &'a RegionFacts,
}

impl<'a> Sides<'a> {
    pub(super) fn new(baseline: &'a Baseline, aws: &'a Aws, snapshot: &'a Snapshot) -> Self {
        let placement = Placement::of(aws);
        let mut views: BTreeMap<&str, AccountView> =
            snapshot.accounts.keys().map(|id| (id.as_str(), unlisted(&placement, id))).collect();
        let members = snapshot.organization.known().and_then(|organization| organization.accounts.known());
        views.extend(members.into_iter().flatten().map(|account| (account.id.as_str(), view(&placement, account))));
        let rules = Rules::of(aws);
        let unlisted = views.iter().filter(|(_, view)| view.listed == Listed::No).map(|(id, _)| *id);
        let unlisted: BTreeSet<&str> = unlisted.filter(|id| snapshot.accounts.contains_key(*id)).collect();
        let unplaced = match (members, &snapshot.organization) {
            (None, Observation::Known(_) | Observation::Unknown(_)) if asks_for_place(aws) => {
                unlisted.into_iter().map(|id| (id, UNREAD_ACCOUNTS)).collect()
            }
            (Some(members), _) if rules.ask_for_tags() => {
                let untagged = members.iter().filter(|account| is_untagged(account)).map(|account| account.id.as_str());
                untagged.filter(|id| unlisted.contains(id)).map(|id| (id, UNREAD_TAGS)).collect()
            }
            _ => BTreeMap::new(),
        };
        Self { baseline, aws, snapshot, rules, placement, views, unplaced }
    }

    /// The organisation beside its declared tree; none where there is none, or it was not read.
    pub(super) fn live(&'a self) -> Option<Live<'a>> {
        let organization = self.snapshot.organization.known()?;
        Some(Live { sides: self, organization, tree: Tree::new(self.aws, organization) })
    }

    /// Every account that was read within and can be told which rules apply to, in the order of the ids.
    pub(super) fn accounts(&'a self) -> impl Iterator<Item = (&'a AccountView, &'a AccountFacts)> {
        let facts = self.snapshot.accounts.iter().filter(|(id, _)| !self.unplaced.contains_key(id.as_str()));
        facts.filter_map(|(id, facts)| Some((self.views.get(id.as_str())?, facts)))
    }

    /// Every region of every account that was read within and is not excluded.
    pub(super) fn spots(&'a self) -> impl Iterator<Item = Spot<'a>> {
        let regions =
            self.accounts().flat_map(|(account, facts)| facts.regions.iter().map(move |facts| (account, facts)));
        regions
            .map(|(account, (region, facts))| Spot { place: self.place(account, region), facts })
            .filter(|spot| self.rules.in_scope(spot.place))
    }

    pub(super) fn place(&'a self, account: &'a AccountView, region: &'a str) -> Place<'a> {
        Place { account, region, partition: &self.snapshot.partition }
    }

    pub(super) fn scope(&self, account: &str) -> Scope {
        Scope::account(self.snapshot.provider, account)
    }

    /// The id that a reference to an account (an id or a declared name) means; of an account that is declared nowhere
    /// the reference itself.
    pub(super) fn account_id<'r>(&self, reference: &'r str) -> &'r str
    where
        'a: 'r,
    {
        self.placement.resolve(reference).unwrap_or(reference)
    }

    /// What people call an account: its declared name, else its live one, else its id.
    pub(super) fn account_name<'n>(&'n self, id: &'n str) -> &'n str {
        let declared = self.aws.accounts.iter().flatten().find(|entry| entry.id.as_deref() == Some(id));
        let live = || {
            let members = self.snapshot.organization.known()?.accounts.known()?;
            members.iter().find(|account| account.id == id).map(|account| account.name.as_str())
        };
        declared.and_then(|entry| entry.name.as_deref()).or_else(live).unwrap_or(id)
    }
}

impl Live<'_> {
    pub(super) fn scope(&self) -> Scope {
        Scope::organization(self.sides.snapshot.provider, &self.organization.id)
    }
}

impl Spot<'_> {
    /// The scope of this account and region.
    pub(super) fn scope(&self, sides: &Sides<'_>) -> Scope {
        sides.scope(&self.place.account.id).in_region(self.place.region)
    }
}

/// The entries of a list; none where it could not be read.
pub(super) fn read<T>(list: &Observation<Vec<T>>) -> Option<&[T]> {
    match list {
        Observation::Known(list) => Some(list),
        Observation::Absent => Some(&[]),
        Observation::Unknown(_) => None,
    }
}

/// A member of the organisation as rules see it.
fn view(placement: &Placement<'_>, account: &Account) -> AccountView {
    let ou = OuPath::parse(&account.unit).ok();
    placement.place(LiveAccount {
        id: &account.id,
        name: &account.name,
        ou: ou.as_ref(),
        tags: account.read_tags(),
        created_here: account.joined_method.as_deref() == Some("CREATED"),
    })
}

/// Whether nobody knows an account's tags.
const fn is_untagged(account: &Account) -> bool {
    matches!(account.tags, None | Some(Observation::Unknown(_)))
}

/// Whether any rule asks for more of an account than its id.
fn asks_for_place(aws: &Aws) -> bool {
    let is_id = |text: &String| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let asks = |applies: &Where| {
        let by_name = applies.account.iter().flat_map(|accounts| &accounts.0).any(|account| !is_id(account));
        by_name || applies.ou.is_some() || !applies.tag.is_empty()
    };
    let scope = aws.scope.iter().flat_map(|scope| scope.include.iter().flatten().chain(&scope.exclude));
    let regions = aws.regions.iter().flatten().map(|rule| &rule.applies);
    let quotas = aws.quotas.iter().flatten().map(|rule| &rule.applies);
    let settings = aws.settings.iter().flatten().map(|rule| &rule.applies);
    let trails = aws.audit_logs.iter().flat_map(|logs| logs.trails.iter().flatten()).map(|rule| &rule.applies);
    scope.chain(regions).chain(quotas).chain(settings).chain(trails).any(asks)
}

/// An account of which only the id is known.
fn unlisted(placement: &Placement<'_>, id: &str) -> AccountView {
    let tags = BTreeMap::new();
    placement.place(LiveAccount { id, name: "", ou: None, tags: &tags, created_here: false })
}
