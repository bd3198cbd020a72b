//! The example of the contract.

use super::load_texts;

/// The contract's example, word for word.
pub(super) const EXAMPLE: &str = include_str!("example.yaml");
pub(super) const DELEGATION: &str = r#"{"Version": "2012-10-17", "Statement": []}"#;
pub(super) const DENY: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}"#;

pub(super) fn files(baseline: &str) -> [(&str, &str); 3] {
    [("baseline.yaml", baseline), ("org/delegation.json", DELEGATION), ("scp/deny-outside-eu.json", DENY)]
}

#[test]
fn the_example_of_the_contract_loads() {
    let baseline =
        load_texts(&files(EXAMPLE)).unwrap_or_else(|error| panic!("{}", error.diagnostics.render(false, 100)));
    insta::assert_snapshot!(baseline.remarks.render(false, 100));
}
