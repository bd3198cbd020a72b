//! The command line, one file a verb. In come arguments; out go data on stdout and everything else on stderr. Never
//! decides what is right or wrong.

pub(crate) mod schema;
pub(crate) mod validate;
