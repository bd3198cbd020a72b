//! The documents that bind one account, level by level. In come parsed documents; out goes a [`Stack`] that the evaluator
//! and the decision procedure read alike. Never reads a file and implies no document.

use std::sync::Arc;

use super::document::{Document, Kind};

/// The levels from the root down to the account; a single document is a stack of one level.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// What its documents are.
    pub kind: Kind,
    /// From the root down.
    pub levels: Vec<Level>,
}

/// The documents attached at one place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Level {
    /// In the order of their names.
    pub documents: Vec<Named>,
}

/// A document and what it is called.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The policy's name or file.
    pub name: String,
    /// What it says.
    pub document: Arc<Document>,
}

impl Stack {
    /// A single document.
    #[must_use]
    pub fn single(kind: Kind, name: &str, document: Document) -> Self {
        let named = Named { name: name.to_owned(), document: document.into() };
        Self { kind, levels: vec![Level { documents: vec![named] }] }
    }

    /// Whether a request needs an Allow at each level. Resource control policies only take away: AWS keeps
    /// `RCPFullAWSAccess` at every level and lets nobody detach it
    /// (<https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>).
    #[must_use]
    pub fn needs_allow(&self) -> bool {
        self.kind != Kind::Rcp
    }
}
