//! Guardline audits how a cloud estate's compute is governed.

pub mod baseline;
