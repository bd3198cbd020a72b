//! What is published with the program: the schema is the model's, and the example baselines are right.

use std::{fs, path::Path};

use super::super::{load, schema::json_schema};

fn policies() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/policies"))
}

/// `GUARDLINE_WRITE_SCHEMA=1 cargo test --lib published` writes it anew.
#[test]
fn the_published_schema_is_that_of_the_model() {
    let path = policies().join("schema/baseline-v1.json");
    let schema = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    if std::env::var_os("GUARDLINE_WRITE_SCHEMA").is_some() {
        fs::write(&path, &schema).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap();
    assert!(published == schema, "run `GUARDLINE_WRITE_SCHEMA=1 cargo test --lib published`");
}

#[test]
fn every_key_of_the_schema_is_described() {
    fn undescribed(schema: &serde_json::Value, at: &str, found: &mut Vec<String>) {
        if let Some(keys) = schema.get("properties").and_then(serde_json::Value::as_object) {
            let bare = keys.iter().filter(|(_, key)| key.get("description").is_none());
            found.extend(bare.map(|(name, _)| format!("{at}/{name}")));
        }
        for (name, inner) in schema.get("$defs").and_then(serde_json::Value::as_object).into_iter().flatten() {
            undescribed(inner, name, found);
        }
    }
    let mut found = Vec::new();
    undescribed(&json_schema(), "", &mut found);
    assert_eq!(found, [""; 0]);
}

#[test]
fn the_example_baselines_are_right_and_name_their_schema() {
    let folder = policies().join("baselines");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|suffix| suffix != "yaml") {
            continue;
        }
        let baseline = load(&path, &[]).unwrap_or_else(|error| panic!("{}", error.diagnostics.render(false, 100)));
        assert!(!baseline.has_remarks(), "{}", baseline.remarks.render(false, 100));
        let text = fs::read_to_string(&path).unwrap();
        let named = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
        assert!(folder.join(named).is_file(), "{named}");
        names.push(path.file_name().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["control-tower.yaml", "small.yaml", "standalone.yaml"]);
}
