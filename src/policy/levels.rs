//! Documents put together to what binds an account. In come texts: single documents, a list of levels, or the files of a
//! folder of levels; out come stacks, or every mistake with its place. Never reads the disk, and implies no document
//! but where it is asked to, and then says so.
//!
//! - A document is an object with a `Statement`.
//! - A list of levels is a list, from the root down to the account, of lists of documents.
//! - A folder of levels has a subfolder for each level, in the order of their names; in it `scp/`, `rcp/`
//!   and `declarative/` hold the documents.

use std::path::Path;
use std::sync::Arc;

use super::declarative::{self, Policy, inherit};
use super::document::{Document, Effect, Kind};
use super::parse::{self, MAX_BYTES};
use super::refused;
use super::stack::{Level, Named, Stack};
use crate::baseline::diagnostic::{Diagnostic, Diagnostics, Position, Sources, Span, visible};
use crate::baseline::document::{Content, Node};
use crate::baseline::read_document;

/// The most bytes that all texts of one stack may have together.
const MAX_TOGETHER: usize = 4 * MAX_BYTES;

/// How many of the reasons are given for which AWS would not take documents; to find the place of each takes time.
const MAX_REFUSED: usize = 100;

/// What binds an account, as it was read.
#[derive(Clone, Debug)]
pub struct Guardrails {
    /// One stack a kind of document.
    pub stacks: Vec<Stack>,
    /// The declarative and management policies, from the root down; none where the side has none of these.
    pub declarative: Option<Vec<Vec<Policy>>>,
    /// Whether levels were given, or documents alone.
    pub form: Form,
    /// What is taken for granted beyond what was read, as sentences without a stop.
    pub assumed: Vec<String>,
    /// The texts.
    pub sources: Sources,
}

/// How documents were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Documents that stand on one level, without the documents that stand beside them.
    Documents,
    /// Levels with everything that is attached to them.
    Levels,
}

/// What AWS would not take, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where.
    pub position: Position,
    /// AWS's reason, as a fragment.
    pub reason: String,
}

/// A file that was read: what it is called, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// What it is called in messages; a name that ends in `.yaml` or `.yml` is read as YAML.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// A level of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// The files of `scp/`, where there is one.
    pub scp: Option<Vec<File>>,
    /// The files of `rcp/`, where there is one.
    pub rcp: Option<Vec<File>>,
    /// The files of `declarative/`, where there is one.
    pub declarative: Option<Vec<File>>,
}

impl Guardrails {
    /// Whether any document allows anything.
    #[must_use]
    pub fn holds_an_allow(&self) -> bool {
        self.documents().any(|named| named.document.statements.iter().any(|said| said.effect == Effect::Allow))
    }

    /// Puts `FullAWSAccess` on each level of the service control policies.
    pub fn put_full_access_beside(&mut self) {
        let full_access = Named { name: "FullAWSAccess".to_owned(), document: Arc::new(Document::full_access()) };
        for stack in self.stacks.iter_mut().filter(|stack| stack.kind == Kind::Scp) {
            for level in &mut stack.levels {
                level.documents.push(full_access.clone());
            }
        }
        self.assumed.push("`FullAWSAccess` stands beside the documents, which hold no Allow".to_owned());
    }

    /// The stack of a kind.
    #[must_use]
    pub fn stack(&self, kind: Kind) -> Option<&Stack> {
        self.stacks.iter().find(|stack| stack.kind == kind)
    }

    /// What AWS would not take of the documents.
    #[must_use]
    pub fn refused(&self) -> Vec<Refused> {
        let declarative = self.declarative.iter().flatten().flatten().flat_map(|policy| &policy.refusals);
        let mut refusals = self.documents().flat_map(|named| &named.document.refusals).chain(declarative);
        let position = |span| self.sources.position(span);
        let mut refused: Vec<Refused> = (refusals.by_ref().take(MAX_REFUSED))
            .map(|refusal| Refused { position: position(refusal.span), reason: refusal.reason.clone() })
            .collect();
        if let Some(next) = refusals.next() {
            let more = 1 + refusals.count();
            refused
                .push(Refused { position: position(next.span), reason: format!("{more} more reasons are not shown") });
        }
        refused
    }

    /// What the declarative policies come to for the account.
    #[must_use]
    pub fn settings(&self) -> inherit::Effective {
        let levels = self.declarative.iter().flatten();
        inherit::effective(&levels.map(|level| level.iter().collect()).collect::<Vec<_>>())
    }

    fn documents(&self) -> impl Iterator<Item = &Named> {
        self.stacks.iter().flat_map(|stack| &stack.levels).flat_map(|level| &level.documents)
    }
}

/// Reads files that hold documents of one kind, which stand on one level together; or one file that holds a list of
/// levels.
///
/// # Errors
/// What cannot be read, each with its place.
pub fn from_files(kind: Kind, files: Vec<File>) -> Result<Guardrails, Diagnostics> {
    let mut reader = Reader::default();
    let is_alone = files.len() == 1;
    let (mut documents, mut levels) = (Vec::new(), None);
    for file in files {
        let name = file.name.clone();
        match reader.tree(file) {
            Some(Node { content: Content::List(items), span }) if is_alone => {
                levels = Some(reader.levels(&name, kind, span, &items));
            }
            Some(Node { content: Content::List(_), span }) => {
                reader.mistake(span, format!("`{name}` holds levels, which stand alone; give no other file beside it"));
            }
            Some(node) => documents.extend(reader.document(name, kind, &node)),
            None => {}
        }
    }
    let (form, levels) = match levels {
        Some(levels) => (Form::Levels, levels),
        None => (Form::Documents, vec![Level { documents }]),
    };
    reader.done(vec![Stack { kind, levels }], form)
}

/// Reads files that hold declarative or management policies, which stand on one level together in the order in which they
/// were attached; or one file that holds a list of levels.
///
/// # Errors
/// What cannot be read, each with its place.
pub fn declarative_from_files(files: Vec<File>) -> Result<Guardrails, Diagnostics> {
    let mut reader = Reader::default();
    let is_alone = files.len() == 1;
    let (mut alone, mut levels) = (Vec::new(), None);
    for file in files {
        match reader.tree(file) {
            Some(Node { content: Content::List(items), .. }) if is_alone => {
                levels = Some(items.iter().map(|item| reader.policies(item)).collect());
            }
            Some(node) => alone.extend(reader.policy(&node)),
            None => {}
        }
    }
    let form = if levels.is_some() { Form::Levels } else { Form::Documents };
    reader.declarative = Some(levels.unwrap_or_else(|| vec![alone]));
    reader.done(Vec::new(), form)
}

/// Reads a folder of levels. A kind of which no level has a folder does not bind the account.
///
/// # Errors
/// What cannot be read, each with its place.
pub fn from_folder(folders: Vec<Folder>) -> Result<Guardrails, Diagnostics> {
    let mut reader = Reader::default();
    let mut stacks = [Kind::Scp, Kind::Rcp].map(|kind| Stack { kind, levels: Vec::new() });
    let mut is_bound = [false; 2];
    let (mut declared, mut is_declared) = (Vec::new(), false);
    for folder in folders {
        for ((stack, is_bound), files) in stacks.iter_mut().zip(&mut is_bound).zip([folder.scp, folder.rcp]) {
            *is_bound |= files.is_some();
            let (kind, mut level) = (stack.kind, Level::default());
            for file in files.unwrap_or_default() {
                let name = file.name.clone();
                let node = reader.tree(file);
                level.documents.extend(node.and_then(|node| reader.document(name, kind, &node)));
            }
            stack.levels.push(level);
        }
        let mut level = Vec::new();
        is_declared |= folder.declarative.is_some();
        for file in folder.declarative.unwrap_or_default() {
            let node = reader.tree(file);
            level.extend(node.and_then(|node| reader.policy(&node)));
        }
        declared.push(level);
    }
    reader.declarative = is_declared.then_some(declared);
    let stacks = stacks.into_iter().zip(is_bound).filter_map(|(stack, is_bound)| is_bound.then_some(stack)).collect();
    reader.done(stacks, Form::Levels)
}

#[derive(Default)]
struct Reader {
    sources: Sources,
    declarative: Option<Vec<Vec<Policy>>>,
    mistakes: Vec<Diagnostic>,
    bytes: usize,
}

impl Reader {
    /// The tree of a text; its mistakes are kept.
    fn tree(&mut self, file: File) -> Option<Node> {
        let File { name, text } = file;
        let number = self.sources.add(Path::new(&name), text.clone());
        let whole = Span { file: number, start: 0, end: 0 };
        self.bytes = self.bytes.saturating_add(text.len());
        if text.len() > MAX_BYTES {
            self.mistake(whole, format!("the document has {} bytes, more than {MAX_BYTES}", text.len()));
            return None;
        }
        if self.bytes > MAX_TOGETHER {
            self.mistake(whole, format!("the documents have more than {MAX_TOGETHER} bytes together"));
            return None;
        }
        let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        match read_document(number, &text, is_yaml) {
            Ok(node) => Some(node),
            Err(mistakes) => {
                self.mistakes.extend(mistakes);
                None
            }
        }
    }

    fn document(&mut self, name: String, kind: Kind, node: &Node) -> Option<Named> {
        match parse::document(node) {
            Ok(mut document) => {
                let size = self.size(node);
                document.refusals.extend(refused::by_aws(&document, kind, size, node.span));
                document.refusals.sort_by_key(|refusal| refusal.span.start);
                Some(Named { name, document: Arc::new(document) })
            }
            Err(mistakes) => {
                self.mistakes.extend(mistakes);
                None
            }
        }
    }

    /// How long AWS takes a document to be.
    fn size(&self, node: &Node) -> usize {
        let path = self.sources.path(node.span.file);
        let is_yaml = path.extension().is_some_and(|suffix| suffix == "yaml" || suffix == "yml");
        refused::size(node, self.sources.text(node.span), is_yaml)
    }

    fn policy(&mut self, node: &Node) -> Option<Policy> {
        declarative::policy(node, self.size(node)).map_err(|mistakes| self.mistakes.extend(mistakes)).ok()
    }

    fn policies(&mut self, item: &Node) -> Vec<Policy> {
        if !matches!(item.content, Content::List(_)) {
            self.mistake(item.span, "a level is a list of documents, `[{\"ec2_attributes\": …}]`");
        }
        item.items().iter().filter_map(|node| self.policy(node)).collect()
    }

    fn levels(&mut self, name: &str, kind: Kind, whole: Span, items: &[Node]) -> Vec<Level> {
        if items.is_empty() && !matches!(kind, Kind::Scp | Kind::Rcp) {
            self.mistake(whole, "there are no levels, so there is nothing that could allow anything");
        }
        let mut levels = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let Content::List(nodes) = &item.content else {
                self.mistake(item.span, "a level is a list of documents, `[{\"Statement\": …}]`");
                continue;
            };
            let name = |place: usize| format!("{name} level {} document {}", index + 1, place + 1);
            let documents =
                nodes.iter().enumerate().filter_map(|(place, node)| self.document(name(place), kind, node)).collect();
            levels.push(Level { documents });
        }
        levels
    }

    fn done(mut self, stacks: Vec<Stack>, form: Form) -> Result<Guardrails, Diagnostics> {
        if !self.mistakes.is_empty() {
            let mut mistakes = Diagnostics { sources: self.sources, list: std::mem::take(&mut self.mistakes) };
            mistakes.sort();
            mistakes.list = parse::first_of(mistakes.list);
            return Err(mistakes);
        }
        let mut assumed = Vec::new();
        for stack in &stacks {
            match stack.kind {
                kind if stack.levels.is_empty() => assumed.push(format!("there are no levels, so no {kind} binds")),
                Kind::Rcp => assumed.push("`RCPFullAWSAccess` allows everything on each level".to_owned()),
                _ => {}
            }
        }
        Ok(Guardrails { stacks, declarative: self.declarative, form, assumed, sources: self.sources })
    }

    fn mistake(&mut self, span: Span, message: impl AsRef<str>) {
        self.mistakes.push(Diagnostic::error(span, visible(message.as_ref())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO: &str = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    const YES: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;

    fn file(name: &str, text: &str) -> File {
        File { name: name.to_owned(), text: text.to_owned() }
    }

    fn shape(guardrails: &Guardrails) -> Vec<(Kind, Vec<Vec<&str>>)> {
        guardrails
            .stacks
            .iter()
            .map(|stack| {
                let levels = stack
                    .levels
                    .iter()
                    .map(|level| level.documents.iter().map(|named| named.name.as_str()).collect())
                    .collect();
                (stack.kind, levels)
            })
            .collect()
    }

    fn said(found: Result<Guardrails, Diagnostics>) -> String {
        found.err().map_or_else(|| "no mistake".to_owned(), |mistakes| mistakes.render(false, 100))
    }

    #[test]
    fn documents_stand_on_one_level() {
        let found = from_files(Kind::Scp, vec![file("a.json", NO), file("b.yaml", YES)]).unwrap();
        assert_eq!(found.form, Form::Documents);
        assert_eq!(shape(&found), [(Kind::Scp, vec![vec!["a.json", "b.yaml"]])]);
        assert!(found.holds_an_allow() && found.assumed.is_empty());
    }

    #[test]
    fn full_access_is_put_beside_and_said() {
        let mut found = from_files(Kind::Scp, vec![file("a.json", NO)]).unwrap();
        assert!(!found.holds_an_allow());
        found.put_full_access_beside();
        assert_eq!(shape(&found), [(Kind::Scp, vec![vec!["a.json", "FullAWSAccess"]])]);
        assert!(found.holds_an_allow() && found.assumed.len() == 1);
    }

    #[test]
    fn a_list_is_a_list_of_levels() {
        let found = from_files(Kind::Rcp, vec![file("l.json", &format!("[[{NO}, {YES}], [], [{NO}]]"))]).unwrap();
        assert_eq!(found.form, Form::Levels);
        let names = vec![
            vec!["l.json level 1 document 1", "l.json level 1 document 2"],
            vec![],
            vec!["l.json level 3 document 1"],
        ];
        assert_eq!(shape(&found), [(Kind::Rcp, names)]);
        assert_eq!(found.assumed, ["`RCPFullAWSAccess` allows everything on each level"]);
        assert_eq!(from_files(Kind::Scp, vec![file("l.json", "[]")]).unwrap().assumed.len(), 1);
    }

    #[test]
    fn what_is_neither_is_a_mistake_with_its_place() {
        assert!(said(from_files(Kind::Identity, vec![file("l.json", "[]")])).contains("no levels"));
        assert!(said(from_files(Kind::Scp, vec![file("l.json", &format!("[{NO}]"))])).contains("l.json:1:2"));
        let both = from_files(Kind::Scp, vec![file("l.json", "[]"), file("a.json", NO)]);
        assert!(said(both).contains("give no other file beside it"));
        let two = from_files(Kind::Scp, vec![file("a.json", "{"), file("b.json", "7")]);
        let two = two.err().map(|mistakes| mistakes.errors());
        assert_eq!(two, Some(2));
    }

    #[test]
    fn folders_bind_by_the_kinds_that_they_hold() {
        let level = |scp: &[&str], rcp: Option<&str>| Folder {
            scp: Some(scp.iter().map(|text| file("s.json", text)).collect()),
            rcp: rcp.map(|text| vec![file("r.json", text)]),
            declarative: None,
        };
        let found = from_folder(vec![level(&[YES, NO], None), level(&[], None)]).unwrap();
        assert_eq!(shape(&found), [(Kind::Scp, vec![vec!["s.json", "s.json"], vec![]])]);
        let found = from_folder(vec![level(&[YES], None), level(&[], Some(NO))]).unwrap();
        let expected = [(Kind::Scp, vec![vec!["s.json"], vec![]]), (Kind::Rcp, vec![vec![], vec!["r.json"]])];
        assert_eq!(shape(&found), expected);
    }

    #[test]
    fn what_aws_would_not_take_is_said_with_its_place() {
        let text = "{\"Version\": \"2012-10-17\", \"Statement\": [\n  {\"Effect\": \"allow\", \"Action\": \"*\", \"Resource\": \"*\"}]}";
        let found = from_files(Kind::Scp, vec![file("a.json", YES), file("b.json", text)]).unwrap();
        let refused = found.refused();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].position.to_string().split(':').take(2).collect::<Vec<_>>(), ["b.json", "2"]);
    }
}
