//! The meaning of guardrails.
//!
//! In: policy documents and facts about AWS. Out: what they allow, and what is known about what they name. It asks no
//! provider.

pub mod catalogue;
