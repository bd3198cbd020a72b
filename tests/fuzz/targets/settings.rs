//! Any texts as two sides of declarative policies. In come texts with a NUL between them; a side is equivalent to itself
//! unless it is unclear, and the two directions mirror each other.

#![no_main]

use guardline::policy::{
    comparison::{Comparison, compare},
    decide::{Options, Verdict},
    levels::{File, declarative_from_files},
};
use libfuzzer_sys::fuzz_target;

fn judged(old: &str, new: &str) -> Option<Comparison> {
    let read =
        |text: &str| declarative_from_files(vec![File { name: "a.json".to_owned(), text: text.to_owned() }]).ok();
    Some(compare(read(old)?, read(new)?, &Options::default()))
}

fuzz_target!(|text: &str| {
    let (old, new) = text.split_once('\0').unwrap_or((text, "{}"));
    let (Some(there), Some(back), Some(same)) = (judged(old, new), judged(new, old), judged(old, old)) else { return };
    assert!(matches!(same.verdict, Verdict::Equivalent | Verdict::Unknown), "{old}");
    assert_eq!(there.attributes.len(), back.attributes.len());
    for one in [there, back, same] {
        assert!(one.verdict != Verdict::Unknown || one.reason.is_some());
        assert_eq!(
            one.verdict == Verdict::Equivalent,
            one.attributes.iter().all(|at| at.direction == Verdict::Equivalent)
        );
    }
});
