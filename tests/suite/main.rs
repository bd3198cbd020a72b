//! What users see, tested from outside: commands, and the wire-level double they run against.

mod demo_test;
#[path = "../double/double.rs"]
mod double;
mod double_faults_test;
mod double_test;
mod follow_up_test;
mod order_test;
mod readme_test;
mod runner;
mod scan_test;
