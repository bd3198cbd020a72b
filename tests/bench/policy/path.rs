//! A full path: seven levels of ten real policies each, of which one is edited. In: the labelled pairs. Out: figures over
//! many edits. Which policies stand where hangs on the order of the file alone.

use std::collections::HashSet;
use std::sync::Arc;

use guardline::policy::decide::{Options, Verdict, decide};
use guardline::policy::document::{Document, Kind};
use guardline::policy::stack::{Level, Named, Stack};

use crate::figures::{Goals, Spread, milliseconds};
use crate::pairs::Pair;

/// What AWS allows: root, five units below each other, account; and ten policies at each.
const LEVELS: usize = 7;
const POLICIES: usize = 10;
/// With fewer edits that weaken the figures say little of witnesses.
const ENOUGH: usize = 20;

/// The path without an edit, and the edits: which place, and what stands there after it.
struct Path {
    documents: Vec<Arc<Document>>,
    edits: Vec<(usize, Arc<Document>)>,
}

impl Path {
    /// The first distinct documents of the file; edits are what the file says they became, and each loss of one statement
    /// or of one statement's conditions.
    fn of(pairs: &[Pair]) -> Self {
        let (mut documents, mut edits, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        let mut places = std::collections::HashMap::new();
        for pair in pairs.iter().filter(|pair| pair.kind == Kind::Scp.word()) {
            let (old, new) = pair.stacks();
            let first = |stack: &Stack| Arc::clone(&stack.levels[0].documents[0].document);
            let text = pair.old.to_string();
            if documents.len() < LEVELS * POLICIES && seen.insert(text.clone()) {
                places.insert(text.clone(), documents.len());
                documents.push(first(&old));
            }
            if let Some(place) = places.get(&text) {
                edits.push((*place, first(&new)));
            }
        }
        for (place, document) in documents.iter().enumerate() {
            for at in 0..document.statements.len() {
                let mut lost = Document::clone(document);
                if !document.statements[at].conditions.is_empty() {
                    let mut bare = lost.clone();
                    bare.statements[at].conditions.clear();
                    edits.push((place, Arc::new(bare)));
                }
                lost.statements.remove(at);
                edits.push((place, Arc::new(lost)));
            }
        }
        Self { documents, edits }
    }

    fn stack(&self, edit: Option<&(usize, Arc<Document>)>) -> Stack {
        let full = Arc::new(Document::full_access());
        let mut levels = Vec::new();
        for (level, documents) in self.documents.chunks(POLICIES).enumerate() {
            let named = |(at, document): (usize, &Arc<Document>)| {
                let edited = edit.filter(|(place, _)| *place == level * POLICIES + at);
                let document = edited.map_or(document, |(_, document)| document);
                Named { name: format!("policy {level} {at}"), document: Arc::clone(document) }
            };
            let mut documents: Vec<Named> = documents.iter().enumerate().map(named).collect();
            documents.push(Named { name: "FullAWSAccess".to_owned(), document: Arc::clone(&full) });
            levels.push(Level { documents });
        }
        Stack { kind: Kind::Scp, levels }
    }
}

/// Measures every edit.
pub(crate) fn measure(pairs: &[Pair], goals: &mut Goals) {
    let path = Path::of(pairs);
    let old = path.stack(None);
    let full = path.documents.len() == LEVELS * POLICIES;
    goals
        .say(full, &format!("{} policies on {} levels, FullAWSAccess besides", path.documents.len(), old.levels.len()));
    let options = Options::default();
    let (mut times, mut verdicts) = (Vec::new(), Vec::new());
    for edit in &path.edits {
        let new = path.stack(Some(edit));
        verdicts.push(decide(&old, &new, &options).verdict());
        times.push(milliseconds(|| decide(&old, &new, &options)));
    }
    let times = Spread::of(times);
    println!("an edit on a full path, in milliseconds, the fastest of several runs");
    println!("{}", times.line("verdict and witness, both directions"));
    let count = |verdict: Verdict| verdicts.iter().filter(|one| **one == verdict).count();
    let all = [Verdict::Equivalent, Verdict::Stricter, Verdict::Weaker, Verdict::Mixed, Verdict::Unknown];
    let counted: Vec<String> = all.iter().map(|verdict| format!("{} {}", count(*verdict), verdict.word())).collect();
    println!("  {}", counted.join(", "));
    goals.say(count(Verdict::Weaker) >= ENOUGH, "enough edits that weaken");
    goals.most("edits that could not be told", count(Verdict::Unknown) as f64, 0.0);
    goals.most("p99, in milliseconds", times.at(0.99), 50.0);
}
