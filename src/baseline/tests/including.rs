//! `include`: spliced where it stands, in order; declared twice is an error that names both places.

use super::{load_texts, said};

const HEAD: &str = "version: 1\nestate: x\n";

#[test]
fn lists_join_in_order_and_mappings_merge() {
    let main = format!(
        "{HEAD}aws:\n  quotas: [{{service: a, code: '*', max: 1}}]\ninclude: [teams/one.yaml, teams/two.yaml]\nexemptions: []\n"
    );
    let one = "aws: {quotas: [{service: b, code: '*', max: 2}], regions: []}\ninclude: sub/three.yaml\n";
    let two = "aws: {quotas: [{service: d, code: '*', max: 4}]}\n";
    let three = "aws: {quotas: [{service: c, code: '*', max: 3}]}\n";
    let texts = [
        ("baseline.yaml", main.as_str()),
        ("teams/one.yaml", one),
        ("teams/two.yaml", two),
        ("teams/sub/three.yaml", three),
    ];
    let baseline = load_texts(&texts).unwrap_or_else(|error| panic!("{}", error.diagnostics.render(false, 100)));
    let aws = baseline.model.aws.as_ref().unwrap();
    let services: Vec<&str> = aws.quotas.iter().flatten().map(|rule| rule.service.as_str()).collect();
    assert_eq!(services, ["a", "b", "c", "d"]);
    assert_eq!(aws.regions.as_deref(), Some(&[][..]));
    let at = baseline.position("/aws/quotas/2");
    assert_eq!((at.file.as_str(), at.line, at.column), ("teams/sub/three.yaml", 1, 16));
    // What is left out is shown where its section stands.
    assert_eq!(baseline.position("/aws/quotas/2/where/account").line, 1);
    assert_eq!(baseline.position("/aws/policies").file, "baseline.yaml");
}

#[test]
fn an_include_before_its_section_comes_first() {
    let main = format!("{HEAD}include: one.yaml\naws: {{trusted_services: [main]}}\n");
    let baseline =
        load_texts(&[("baseline.yaml", &main), ("one.yaml", "aws: {trusted_services: [included]}")]).unwrap();
    assert_eq!(baseline.model.aws.unwrap().trusted_services.unwrap(), ["included", "main"]);
}

#[test]
fn mistakes_of_includes_name_both_places() {
    let main = format!(
        "{HEAD}aws: {{organization: o-a1b2c3d4e5, accounts: [{{id: \"111111111111\", ou: /}}]}}\ninclude: [one.yaml, gone.yaml, baseline.yaml, 7]\n"
    );
    let one = "estate: y\naws:\n  organization: o-zzzzzzzzzz\n  accounts: [{id: \"111111111111\", ou: /}]\ninclude: one.yaml\n";
    insta::assert_snapshot!(said(&[("baseline.yaml", &main), ("one.yaml", one)]));
}

#[test]
fn an_id_declared_in_two_files_names_both() {
    let main = format!("{HEAD}aws: {{accounts: [{{id: \"111111111111\"}}]}}\ninclude: one.yaml\n");
    let one = "aws: {accounts: [{id: \"111111111111\"}]}\n";
    insta::assert_snapshot!(said(&[("baseline.yaml", &main), ("one.yaml", one)]));
}

#[test]
fn documents_are_relative_to_the_file_that_names_them() {
    let main = format!("{HEAD}include: teams/one.yaml\naws: {{policies: [], resource_policy: none}}\n");
    let one = "aws: {policies: [{name: a, type: service_control, document: ../scp/a.yaml}, {name: b, type: service_control, document: '{\"Statement\": []}'}]}\n";
    let texts = |policy: &'static str| {
        [("baseline.yaml", main.clone()), ("teams/one.yaml", one.to_owned()), ("scp/a.yaml", policy.to_owned())]
    };
    let load = |policy| {
        let texts = texts(policy);
        let texts: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (*path, text.as_str())).collect();
        load_texts(&texts).unwrap_or_else(|error| panic!("{}", error.diagnostics.render(false, 100)))
    };
    let baseline = load("Statement: [{Effect: Deny, Action: '*'}]");
    let document = baseline.policy_document(0).unwrap();
    assert_eq!(document.path.as_deref(), Some("scp/a.yaml"));
    assert_eq!(document.value["Statement"][0]["Effect"], "Deny");
    assert_eq!(baseline.policy_document(1).unwrap().value["Statement"], serde_json::json!([]));
    assert_eq!(baseline.resource_policy(), None);
    // The hash follows what documents say, not how they are written.
    assert_eq!(baseline.hash, load("{\"Statement\": [{\"Action\": \"*\", \"Effect\": \"Deny\"}]}").hash);
    assert_ne!(baseline.hash, load("Statement: [{Effect: Allow, Action: '*'}]").hash);
}

#[test]
fn mistakes_in_documents_are_pointed_at() {
    let main = format!(
        "{HEAD}aws:\n  policies:\n    - {{name: a, type: service_control, document: a.json}}\n    - {{name: b, type: service_control, document: b.json}}\n    - {{name: c, type: service_control, document: c.json}}\n"
    );
    let texts = [
        ("baseline.yaml", main.as_str()),
        ("a.json", "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [,]\n}\n"),
        ("b.json", "{\"Statement\": [], \"Statement\": []}"),
        ("c.json", "[]"),
    ];
    insta::assert_snapshot!(said(&texts));
}
