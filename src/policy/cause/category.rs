//! What kind of weakening an edit is. In comes an edit; out comes its [`Category`], by what changed, in which kind of
//! statement, and what the condition key is about. It names what was edited; that it weakens was decided before.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    edit::{Change, Edit, Element},
    words::{About, about},
};
use crate::policy::document::{Condition, Document, Effect, Operator};

/// Declares the categories with their words once.
macro_rules! categories {
    ($($(#[$meta:meta])* $name:ident = $word:literal,)*) => {
        /// The kinds of weakening.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Category {
            $($(#[$meta])* #[serde(rename = $word)] $name,)*
        }

        impl Category {
            /// Every category.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word for it in JSON.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

categories! {
    /// A ban is gone.
    DenyStatementRemoved = "deny-statement-removed",
    /// A ban became a permission.
    EffectFlipped = "effect-flipped",
    /// A ban covers fewer actions.
    DenyActionRemoved = "deny-action-removed",
    /// A ban has more actions as exceptions.
    NotactionWidened = "notaction-widened",
    /// A statement that allows something is new.
    AllowStatementAdded = "allow-statement-added",
    /// More actions are allowed.
    AllowActionAdded = "allow-action-added",
    /// Every action is allowed where some were.
    AllowListReplacedByStar = "allow-list-replaced-by-star",
    /// Actions are allowed on more.
    AllowResourceAdded = "allow-resource-added",
    /// More principals are allowed to do something.
    AllowPrincipalAdded = "allow-principal-added",
    /// Something is allowed without a condition that it had.
    AllowConditionRemoved = "allow-condition-removed",
    /// A ban covers fewer resources.
    DenyResourceNarrowed = "deny-resource-narrowed",
    /// A ban has more resources as exceptions.
    NotresourceWidened = "notresource-widened",
    /// A ban asks for one more thing before it applies.
    ConditionAddedToDeny = "condition-added-to-deny",
    /// A condition lets more through.
    ConditionLoosened = "condition-loosened",
    /// A condition tests in a way that lets more through.
    ConditionOperatorWeakened = "condition-operator-weakened",
    /// Somebody is exempt from a ban.
    ExemptPrincipalAdded = "exempt-principal-added",
    /// A region is open.
    RegionAllowed = "region-allowed",
    /// A network is let in.
    NetworkPerimeterWidened = "network-perimeter-widened",
    /// Another organisation or account is let in.
    OrgPerimeterWidened = "org-perimeter-widened",
    /// A document reads its variables otherwise.
    VersionChanged = "version-changed",
    /// A document is not attached any more.
    PolicyDetached = "policy-detached",
    /// A policy does not exist any more.
    PolicyDeleted = "policy-deleted",
    /// A document made way for another.
    PolicyReplacedByWeaker = "policy-replaced-by-weaker",
    /// A document that allows something is attached.
    PolicyAttached = "policy-attached",
    /// A document is attached elsewhere.
    PolicyMoved = "policy-moved",
    /// What allows everything is attached beside what allowed less.
    FullaccessReattached = "fullaccess-reattached",
    /// A level of the path does not bind any more.
    LevelRemoved = "level-removed",
    /// A whole type of policy does not bind any more.
    PolicyTypeDisabled = "policy-type-disabled",
    /// An account hangs elsewhere.
    AccountMoved = "account-moved",
    /// A unit hangs elsewhere.
    OuMoved = "ou-moved",
    /// An account is no member any more, and nothing of the organisation binds it.
    AccountLeftOrganisation = "account-left-organisation",
    /// Something else in a statement.
    StatementChanged = "statement-changed",
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The category of an edit. `replaced`: on its level a document came.
pub(super) fn of(edit: &Edit, replaced: bool) -> Category {
    use Category::{
        AllowStatementAdded, ConditionLoosened, ConditionOperatorWeakened, DenyStatementRemoved, EffectFlipped,
        FullaccessReattached, LevelRemoved, PolicyAttached, PolicyDetached, PolicyMoved, PolicyReplacedByWeaker,
        PolicyTypeDisabled, StatementChanged, VersionChanged,
    };
    let denies = edit.effect() == Some(Effect::Deny);
    let document = edit.site.document.1.or(edit.site.document.0);
    match &edit.change {
        Change::TypeOff => PolicyTypeDisabled,
        Change::LevelGone => LevelRemoved,
        Change::Detached if replaced => PolicyReplacedByWeaker,
        Change::Detached => PolicyDetached,
        Change::Attached | Change::Moved if document.is_some_and(|named| allows_everything(&named.document)) => {
            FullaccessReattached
        }
        Change::Attached => PolicyAttached,
        Change::Moved => PolicyMoved,
        Change::StatementGone if denies => DenyStatementRemoved,
        Change::StatementCome if !denies => AllowStatementAdded,
        Change::LevelCome | Change::StatementGone | Change::StatementCome => StatementChanged,
        Change::Version => VersionChanged,
        Change::Effect => EffectFlipped,
        Change::Element(element) => of_element(*element, denies),
        Change::Item { element, negated, item, added } => of_item(*element, denies, *negated, *added, item == "*"),
        Change::Condition { condition, added } => of_condition(condition, denies, *added),
        Change::Operator(..) => ConditionOperatorWeakened,
        Change::Values(old, _) if old.operator == Operator::Null => ConditionOperatorWeakened,
        Change::Value { condition, .. } | Change::Values(condition, _) => {
            by_key(condition, denies).unwrap_or(ConditionLoosened)
        }
    }
}

fn of_element(element: Element, denies: bool) -> Category {
    match (element, denies) {
        (Element::Action, true) => Category::DenyActionRemoved,
        (Element::Action, false) => Category::AllowActionAdded,
        (Element::Resource, true) => Category::DenyResourceNarrowed,
        (Element::Resource, false) => Category::AllowResourceAdded,
        (Element::Principal, true) => Category::ExemptPrincipalAdded,
        (Element::Principal, false) => Category::AllowPrincipalAdded,
    }
}

fn of_item(element: Element, denies: bool, negated: bool, added: bool, is_star: bool) -> Category {
    match (element, denies, negated == added) {
        (Element::Action, true, true) if negated => Category::NotactionWidened,
        (Element::Resource, true, true) if negated => Category::NotresourceWidened,
        (Element::Action, false, _) if added && is_star => Category::AllowListReplacedByStar,
        (element, true, true) => of_element(element, true),
        (element, false, false) => of_element(element, false),
        // Such an edit takes something away; alone it does not weaken.
        (_, true, false) | (_, false, true) => Category::StatementChanged,
    }
}

fn of_condition(condition: &Condition, denies: bool, added: bool) -> Category {
    // A ban on everyone but services asks that somebody is none.
    let is_bool = condition.operator == Operator::Bool && about(&condition.key) == About::Principal;
    let exempts = condition.operator.is_negated() || is_bool;
    match (denies, added) {
        (true, true) if exempts => by_key(condition, true).unwrap_or(Category::ConditionAddedToDeny),
        (true, true) => Category::ConditionAddedToDeny,
        (false, false) => by_key(condition, false)
            .filter(|category| *category != Category::AllowPrincipalAdded)
            .unwrap_or(Category::AllowConditionRemoved),
        (true, false) | (false, true) => Category::StatementChanged,
    }
}

fn by_key(condition: &Condition, denies: bool) -> Option<Category> {
    Some(match about(&condition.key) {
        About::Region => Category::RegionAllowed,
        About::Principal if denies => Category::ExemptPrincipalAdded,
        About::Principal => Category::AllowPrincipalAdded,
        About::Network => Category::NetworkPerimeterWidened,
        About::Organisation => Category::OrgPerimeterWidened,
        About::Other => return None,
    })
}

/// Whether a document is what AWS calls `FullAWSAccess`, under any name.
#[must_use]
pub fn allows_everything(document: &Document) -> bool {
    let star = |patterns: &[String]| patterns.iter().any(|pattern| pattern == "*");
    document.statements.iter().any(|said| {
        said.effect == Effect::Allow
            && said.conditions.is_empty()
            && said.principals.is_empty()
            && said.actions.iter().all(|clause| !clause.negated && star(&clause.patterns))
            && said.resources.iter().all(|clause| !clause.negated && star(&clause.patterns))
    })
}
