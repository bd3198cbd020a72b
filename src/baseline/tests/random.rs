//! Random and mutated files: never a panic, never both a baseline and an error, and what the schema passes loads.

use proptest::prelude::*;

use super::{
    super::{diagnostic::visible, model::OuPath, schema::CHECKER},
    example::{EXAMPLE, files},
    load_texts,
};

/// Shows what follows from right to left.
const RIGHT_TO_LEFT: char = '\u{202e}';

/// Loads and draws everything, as `guardline validate` does.
fn survive(text: &str) {
    match load_texts(&files(text)) {
        Ok(baseline) => {
            assert_eq!(baseline.remarks.errors(), 0);
            assert_eq!(baseline.remarks.render(true, 80).is_empty(), !baseline.has_remarks());
        }
        Err(error) => {
            assert!(error.diagnostics.errors() > 0);
            let drawn = error.diagnostics.render(false, 80);
            assert!(
                !drawn.contains(|letter: char| (letter.is_control() && letter != '\n') || letter == RIGHT_TO_LEFT),
                "{drawn:?}"
            );
            // What the schema passes must be what the model takes: this message would say that they differ.
            assert!(!drawn.contains("not a baseline:"), "{drawn}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_text_never_panics(text in "(?s).{0,200}") {
        survive(&text);
    }

    #[test]
    fn random_yaml_marks_never_panic(text in r"[-\[\]{}:,#&*!|>'%@`? \t\r\n\x00\x1b\u{202e}\u{feff}a1é\x22]{0,120}") {
        survive(&text);
    }

    #[test]
    fn mutated_baselines_never_panic(
        cuts in prop::collection::vec((0_usize..EXAMPLE.len(), 0_usize..20, r"[-\[\]{}:,#&*'~ \na1\x22]{0,4}"), 1..4)
    ) {
        let mut text = EXAMPLE.to_owned();
        for (at, length, put) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(end) {
                text.replace_range(at..end, &put);
            }
        }
        survive(&text);
    }

    #[test]
    fn swapped_values_never_panic(line in 0_usize..100, value in prop::sample::select(vec![
        "", "~", "1", "-1", "1.5", "true", "[]", "{}", "[1]", "{a: 1}", "'*'", "/", "none", "default", "everywhere", "2027-03-01", "*x", "[[]]", "{s3: {}}", "{files: x}", "{role: 1}",
    ])) {
        let changed = EXAMPLE.lines().enumerate().map(|(index, text)| match text.split_once(": ") {
            Some((key, _)) if index == line => format!("{key}: {value}\n"),
            _ => format!("{text}\n"),
        });
        survive(&changed.collect::<String>());
    }

    #[test]
    fn ou_paths_survive_a_round_trip(names in prop::collection::vec(".{1,12}", 0..5)) {
        let path = OuPath::from_names(names);
        prop_assert_eq!(OuPath::parse(&path.to_string()), Ok(path));
    }

    #[test]
    fn nothing_treacherous_is_shown(text in "(?s).{0,60}") {
        let shown = visible(&text);
        prop_assert!(!shown.contains(|letter: char| letter.is_control() || letter == RIGHT_TO_LEFT));
    }
}

#[test]
fn the_schema_compiles() {
    assert!(CHECKER.validator.is_ok());
}
