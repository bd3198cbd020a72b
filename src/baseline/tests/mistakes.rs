//! One file with many mistakes: all are said, each at its place, each with its fix.

use super::{example::files, said};

#[test]
fn every_mistake_is_said_in_one_run() {
    let text = include_str!("mistakes.yaml");
    insta::assert_snapshot!(said(&files(text)));
}

#[test]
fn hostile_text_is_shown_as_escapes_and_pointed_at_in_the_right_column() {
    let text = "version: 1\nestate: x\naws: {}\nevil\u{202e}: {a\u{200b}: 1} # \u{85}\u{1b}[2J\n";
    insta::assert_snapshot!(said(&[("baseline.yaml", text)]));
    let text = "version: 1\nestate: x\naws: {}\n? \"evil\\e[2J\u{202e}\"\n: 1\n";
    insta::assert_snapshot!(said(&[("baseline.yaml", text)]));
}
