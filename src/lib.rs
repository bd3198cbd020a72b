//! Guardline audits how a cloud estate's compute is governed: how much may be bought (quotas), where (regions), by which
//! accounts and under which organisation (links), and under which tenant-wide rules (policies). It compares what it reads
//! with a declared baseline, and says for every difference who made it.
//!
//! Modules are listed in the order of import: each knows only those above it.

pub mod baseline;
pub mod estate;

pub mod compare;
