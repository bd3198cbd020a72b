//! The meaning of guardrails. In come policy documents, level by level; out go whether a request is allowed, and whether
//! one stack of documents lets more through than another, with a request that shows it. Never reads the cloud, never
//! shares code between the [evaluator](evaluate) and the decision procedure, so that each can find the other's mistakes.

pub mod account;
pub mod catalogue;
pub mod cause;
pub mod comparison;
pub mod decide;
pub mod declarative;
pub mod document;
pub mod evaluate;
pub mod levels;
pub mod organization;
pub mod parse;
pub mod reach;
pub mod refused;
pub mod request;
pub mod stack;
