//! Reads policy documents. In comes a text, JSON or YAML; out comes a [`Document`] with everything that AWS would not
//! take listed beside it, or what cannot be read, by line and column. Never drops a part of a statement in silence, and
//! never says what a pattern matches.

use crate::baseline::{
    diagnostic::{Diagnostic, Diagnostics, Sources, Span, listed, nearest},
    document::{Content, Entry, Node},
    read_document,
};

use super::document::{
    Clause, Condition, Document, Effect, Operator, Order, PrincipalClause, PrincipalKind, PrincipalName, Quantifier,
    Refusal, Statement, Version,
};

/// The most bytes a document may have; AWS's own limits are far below.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// How many mistakes of one document are told.
const MAX_MISTAKES: usize = 50;

/// Reads one document. `name` is shown in messages; a name that ends in `.yaml` or `.yml` is read as YAML.
///
/// # Errors
/// What cannot be read, each with its place.
pub fn parse(name: &str, text: &str) -> Result<Document, Diagnostics> {
    let mut sources = Sources::default();
    let file = sources.add(name.as_ref(), text.to_owned());
    let whole = Span { file, start: 0, end: 0 };
    if text.len() > MAX_BYTES {
        let list =
            vec![Diagnostic::error(whole, format!("the document has {} bytes, more than {MAX_BYTES}", text.len()))];
        return Err(Diagnostics { sources, list });
    }
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    match read_document(file, text, is_yaml).and_then(|node| document(&node)) {
        Ok(document) => Ok(document),
        Err(list) => Err(Diagnostics { sources, list: first_of(list) }),
    }
}

/// The first of very many mistakes, and how many there are beyond them: to find the place of each takes time.
pub(super) fn first_of(mut mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let more = mistakes.len().saturating_sub(MAX_MISTAKES);
    if let Some(next) = mistakes.get(MAX_MISTAKES).and_then(|mistake| mistake.span).filter(|_| more > 0) {
        mistakes.truncate(MAX_MISTAKES);
        mistakes.push(Diagnostic::error(next, format!("{more} more mistakes are not shown")));
    }
    mistakes
}

/// Reads one document from a tree.
///
/// # Errors
/// What cannot be read, each with its place.
pub fn document(node: &Node) -> Result<Document, Vec<Diagnostic>> {
    let mut reader = Reader::default();
    let document = reader.document(node);
    match document {
        Some(document) if reader.mistakes.is_empty() => Ok(Document { refusals: reader.refusals, ..document }),
        _ => Err(reader.mistakes),
    }
}

#[derive(Default)]
struct Reader {
    mistakes: Vec<Diagnostic>,
    refusals: Vec<Refusal>,
}

const DOCUMENT_KEYS: [&str; 3] = ["Version", "Id", "Statement"];
const STATEMENT_KEYS: [&str; 9] =
    ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"];

impl Reader {
    fn document(&mut self, node: &Node) -> Option<Document> {
        let Content::Map(entries) = &node.content else {
            self.mistake(node.span, "a policy document is an object with a `Statement`");
            return None;
        };
        let (mut version, mut statements, mut seen) = (Version::default(), Vec::new(), false);
        self.once(entries, &DOCUMENT_KEYS);
        for entry in entries {
            match self.word(entry, &DOCUMENT_KEYS) {
                Some("Version") => version = self.version(&entry.value),
                Some("Statement") => {
                    seen = true;
                    statements = one_or_many(&entry.value).iter().filter_map(|node| self.statement(node)).collect();
                }
                _ => {}
            }
        }
        if !seen {
            self.mistake(node.span, "the document has no `Statement`");
        } else if statements.is_empty() && self.mistakes.is_empty() {
            self.refuse(node.span, "`Statement` is empty");
        }
        Some(Document { version, statements, refusals: Vec::new() })
    }

    fn version(&mut self, node: &Node) -> Version {
        // YAML reads a bare date as text; a number or a list is no version at all.
        match node.as_text() {
            Some("2012-10-17") => Version::V2012,
            Some("2008-10-17") => Version::V2008,
            other => {
                let word = other.map_or_else(|| node.to_value().to_string(), ToOwned::to_owned);
                self.refuse(node.span, &format!("the version `{word}` does not exist; it is read as `2012-10-17`"));
                Version::V2012
            }
        }
    }

    fn statement(&mut self, node: &Node) -> Option<Statement> {
        let Content::Map(entries) = &node.content else {
            self.mistake(node.span, "a statement is an object");
            return None;
        };
        self.once(entries, &STATEMENT_KEYS);
        let mut effect = None;
        let mut said = Statement {
            span: node.span,
            sid: None,
            effect: Effect::Deny,
            actions: Vec::new(),
            resources: Vec::new(),
            principals: Vec::new(),
            conditions: Vec::new(),
        };
        for entry in entries {
            let value = &entry.value;
            match self.word(entry, &STATEMENT_KEYS) {
                Some("Sid") => said.sid = self.scalar(value, "a Sid"),
                Some("Effect") => effect = self.effect(value),
                Some(key @ ("Action" | "NotAction")) => said.actions.push(self.clause(key, value)),
                Some(key @ ("Resource" | "NotResource")) => said.resources.push(self.clause(key, value)),
                Some(key @ ("Principal" | "NotPrincipal")) => said.principals.push(self.principals(key, value)),
                Some("Condition") => said.conditions = self.conditions(value),
                _ => {}
            }
        }
        if entries.iter().all(|entry| !entry.key.eq_ignore_ascii_case("Effect")) {
            self.mistake(node.span, "the statement has no `Effect`");
        }
        if said.actions.is_empty() {
            self.mistake(node.span, "the statement has neither `Action` nor `NotAction`");
        }
        let both = |many: usize| many > 1;
        if both(said.actions.len()) || both(said.resources.len()) || both(said.principals.len()) {
            self.refuse(node.span, "a statement may hold an element or its `Not` form, not both");
        }
        said.effect = effect?;
        Some(said)
    }

    fn effect(&mut self, node: &Node) -> Option<Effect> {
        let word = self.scalar(node, "`Effect`")?;
        let effect = match word.to_ascii_lowercase().as_str() {
            "allow" => Effect::Allow,
            "deny" => Effect::Deny,
            _ => {
                self.mistake(node.span, format!("`Effect` is `Allow` or `Deny`, not `{word}`"));
                return None;
            }
        };
        if word != "Allow" && word != "Deny" {
            self.refuse(node.span, "`Effect` is written `Allow` or `Deny`");
        }
        Some(effect)
    }

    fn clause(&mut self, key: &str, node: &Node) -> Clause {
        let patterns = self.texts(node, key);
        if patterns.is_empty() {
            self.refuse(node.span, &format!("`{key}` is empty"));
        }
        Clause { negated: key.starts_with("Not"), patterns }
    }

    fn principals(&mut self, key: &str, node: &Node) -> PrincipalClause {
        let negated = key.starts_with("Not");
        let mut principals = Vec::new();
        match &node.content {
            Content::Map(entries) => {
                for entry in entries {
                    self.principals_of(entry, &mut principals);
                }
            }
            // A list of bare stars is one star more than AWS takes.
            Content::Text(text) if text == "*" => {
                principals.push(PrincipalName { kind: PrincipalKind::Everyone, name: "*".to_owned() });
            }
            _ => self.mistake(node.span, format!("`{key}` is `\"*\"` or an object such as `{{\"AWS\": …}}`")),
        }
        PrincipalClause { negated, principals }
    }

    fn principals_of(&mut self, entry: &Entry, principals: &mut Vec<PrincipalName>) {
        let kinds =
            [PrincipalKind::Aws, PrincipalKind::Service, PrincipalKind::Federated, PrincipalKind::CanonicalUser];
        let Some(kind) = kinds.iter().find(|kind| kind.word().eq_ignore_ascii_case(&entry.key)) else {
            let known = listed(kinds.iter().map(PrincipalKind::word));
            self.mistake(entry.key_span, format!("`{}` is no sort of principal: {known}", entry.key));
            return;
        };
        if one_or_many(&entry.value).iter().any(|node| matches!(node.content, Content::Number(_))) {
            self.refuse(entry.value.span, "account ids are text; as a number one may have lost its zeros");
        }
        let names = self.texts(&entry.value, kind.word());
        principals.extend(names.into_iter().map(|name| PrincipalName { kind: kind.clone(), name }));
    }

    fn conditions(&mut self, node: &Node) -> Vec<Condition> {
        let mut conditions = Vec::new();
        let Content::Map(operators) = &node.content else {
            self.mistake(node.span, "`Condition` is an object of operators");
            return conditions;
        };
        for entry in operators {
            let Content::Map(keys) = &entry.value.content else {
                self.mistake(entry.value.span, format!("`{}` is an object of condition keys", entry.key));
                continue;
            };
            let (quantifier, operator, if_exists) = operator(&entry.key);
            if let Operator::Unknown(_) = operator {
                self.refuse(entry.key_span, &format!("the operator `{}` is not known", entry.key));
            }
            for key in keys {
                conditions.push(Condition {
                    quantifier,
                    operator: operator.clone(),
                    if_exists,
                    key: key.key.to_lowercase(),
                    written: key.key.clone(),
                    values: self.texts(&key.value, &key.key),
                });
            }
        }
        conditions
    }

    /// The texts of a scalar or a list of scalars.
    fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        one_or_many(node).iter().filter_map(|node| self.scalar(node, &format!("each value of `{what}`"))).collect()
    }

    fn scalar(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.content {
            Content::Text(text) => Some(text.clone()),
            Content::Bool(bool) => Some(bool.to_string()),
            Content::Number(number) => Some(number.to_string()),
            Content::Null | Content::List(_) | Content::Map(_) => {
                self.mistake(node.span, format!("{what} is a text"));
                None
            }
        }
    }

    /// Two spellings of one element: which of them counts, nobody says.
    fn once(&mut self, entries: &[Entry], known: &[&'static str]) {
        for word in known {
            let mut spelled = entries.iter().filter(|entry| word.eq_ignore_ascii_case(&entry.key));
            if let (Some(first), Some(second)) = (spelled.next(), spelled.next()) {
                self.mistake(second.key_span, format!("`{}` stands beside `{}`; keep one", second.key, first.key));
            }
        }
    }

    /// The known word that a key stands for. AWS takes the words of its grammar in their own spelling only.
    fn word(&mut self, entry: &Entry, known: &[&'static str]) -> Option<&'static str> {
        let found = known.iter().copied().find(|word| word.eq_ignore_ascii_case(&entry.key));
        match found {
            Some(word) if word == entry.key => {}
            Some(word) => self.refuse(entry.key_span, &format!("`{}` is written `{word}`", entry.key)),
            None => {
                let meant = nearest(&entry.key, known.iter().copied());
                let hint = meant.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
                self.refuse(
                    entry.key_span,
                    &format!("`{}` is no element of a policy and says nothing{hint}", entry.key),
                );
            }
        }
        found
    }

    fn mistake(&mut self, span: Span, message: impl Into<String>) {
        self.mistakes.push(Diagnostic::error(span, message));
    }

    fn refuse(&mut self, span: Span, reason: &str) {
        self.refusals.push(Refusal { span, reason: reason.to_owned() });
    }
}

fn one_or_many(node: &Node) -> &[Node] {
    match &node.content {
        Content::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}

/// An operator with its prefix and suffix taken apart; names are compared without case.
fn operator(written: &str) -> (Option<Quantifier>, Operator, bool) {
    let lower = written.to_lowercase();
    let (quantifier, rest) = match lower.split_once(':') {
        Some(("forallvalues", rest)) => (Some(Quantifier::ForAllValues), rest),
        Some(("foranyvalue", rest)) => (Some(Quantifier::ForAnyValue), rest),
        _ => (None, lower.as_str()),
    };
    let (plain, if_exists) = rest.strip_suffix("ifexists").map_or((rest, false), |plain| (plain, true));
    match known_operator(plain) {
        // AWS has no `NullIfExists`.
        Some(Operator::Null) if if_exists => (None, Operator::Unknown(lower), false),
        Some(operator) => (quantifier, operator, if_exists),
        None => (None, Operator::Unknown(lower), false),
    }
}

fn known_operator(word: &str) -> Option<Operator> {
    let order = |word: &str| {
        Some(match word {
            "equals" => Order::Equals,
            "notequals" => Order::NotEquals,
            "lessthan" => Order::LessThan,
            "lessthanequals" => Order::LessThanEquals,
            "greaterthan" => Order::GreaterThan,
            "greaterthanequals" => Order::GreaterThanEquals,
            _ => return None,
        })
    };
    Some(match word {
        "stringequals" => Operator::StringEquals { negated: false },
        "stringnotequals" => Operator::StringEquals { negated: true },
        "stringequalsignorecase" => Operator::StringEqualsIgnoreCase { negated: false },
        "stringnotequalsignorecase" => Operator::StringEqualsIgnoreCase { negated: true },
        "stringlike" => Operator::StringLike { negated: false },
        "stringnotlike" => Operator::StringLike { negated: true },
        "arnequals" | "arnlike" => Operator::Arn { negated: false },
        "arnnotequals" | "arnnotlike" => Operator::Arn { negated: true },
        "bool" => Operator::Bool,
        "binaryequals" => Operator::BinaryEquals,
        "ipaddress" => Operator::IpAddress { negated: false },
        "notipaddress" => Operator::IpAddress { negated: true },
        "null" => Operator::Null,
        _ => match (word.strip_prefix("numeric"), word.strip_prefix("date")) {
            (Some(rest), _) => Operator::Numeric(order(rest)?),
            (_, Some(rest)) => Operator::Date(order(rest)?),
            _ => return None,
        },
    })
}
