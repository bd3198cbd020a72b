//! Any bytes as policy documents. In come bytes; nothing may panic, and what is wrong can be shown with its place.

#![no_main]

use guardline::policy::{
    document::Kind,
    levels::{File, declarative_from_files, from_files},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for name in ["a.json", "a.yaml"] {
        let file = || vec![File { name: name.to_owned(), text: text.to_owned() }];
        let read = Kind::ALL.into_iter().map(|kind| from_files(kind, file())).chain([declarative_from_files(file())]);
        for read in read {
            match read {
                Ok(guardrails) => {
                    for refused in guardrails.refused() {
                        assert!(!refused.reason.is_empty() && refused.position.line > 0 && refused.position.column > 0);
                    }
                    let _ = guardrails.settings();
                }
                Err(mistakes) => {
                    assert!(mistakes.errors() > 0);
                    let _ = (mistakes.render(false, 80), mistakes.records());
                }
            }
        }
    }
});
