//! One file with many mistakes: all are said, each at its place, each with its fix.

use super::{example::files, said};

#[test]
fn every_mistake_is_said_in_one_run() {
    let text = include_str!("mistakes.yaml");
    insta::assert_snapshot!(said(&files(text)));
}
