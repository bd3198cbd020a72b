//! Guardline audits how a cloud estate's compute is governed: how much may be bought (quotas), where (regions), by which
//! accounts and under which organisation (links), and under which tenant-wide rules (policies). It compares what it reads
//! with a declared baseline, and says for every difference who made it.
//!
//! Modules stand in the order of import: each knows only those above it.

// The order is the point of this list.
#![cfg_attr(rustfmt, rustfmt_skip)]

pub mod baseline;
pub mod estate;
pub mod provider;
pub mod policy;
pub mod compare;
pub mod audit;
pub mod finding;
pub mod record;
pub mod report;
pub mod scan;
pub mod cli;
