//! What users see, tested from outside: commands, and the wire-level double they run against.

mod cancel_test;
mod catalogue_test;
mod compare_test;
mod demo_test;
mod deploy_test;
#[path = "../double/double.rs"]
mod double;
mod double_faults_test;
mod double_test;
mod drift_test;
mod earlier_test;
mod exit_test;
mod faults_test;
mod follow_up_test;
mod grants_test;
mod hardship_test;
mod hostile_test;
mod keeping_test;
mod narrowing_test;
mod order_test;
mod organization_drift_test;
mod pace_test;
mod permissions_test;
mod places_test;
mod reading_test;
mod readme_test;
mod record_test;
mod recording_test;
mod runner;
mod secrets_test;
mod sessions_test;
mod simulate_test;
mod terminal_test;
