//! `guardline simulate`: would these guardrails let one request through?
//!
//! In: policy documents, or an account of a baseline or a snapshot, and a request as far as it is known. Out: allowed, denied, or that it cannot be told, with the
//! statements that decide and the keys that are missing, on stdout. It asks no provider, and takes nothing for granted
//! without saying so.

mod account;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ColorChoice, ValueEnum};
use serde_json::{Value, json};

use super::{CliError, guardrails, output, visible};
use crate::policy::document::{Effect, Kind};
use crate::policy::evaluate::{Answer, Decider, Decision, evaluate, keys};
use crate::policy::levels::{Form, Refused};
use crate::policy::request::{ContextValue, Principal, Request};
use crate::policy::stack::Stack;
use crate::report::{self, Exit};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guardline simulate --policy deny-outside-eu.json --action ec2:RunInstances --context aws:RequestedRegion=us-east-1
  guardline simulate --policy levels/ --action ec2:RunInstances --principal arn:aws:iam::222222222222:role/deploy \\
    --unknown aws:RequestedRegion
  guardline simulate --account payments-prod --baseline guardline.yaml --action ec2:RunInstances \\
    --context aws:RequestedRegion=us-west-2
  guardline simulate --account 222222222222 --from-snapshot snapshot.json --action s3:GetObject --principal anonymous
  guardline simulate --policy bucket.json --kind resource --action s3:GetObject --resource arn:aws:s3:::data/x \\
    --principal anonymous -f json

A policy is a document in JSON or YAML; several stand together on one level. Or it is one file with a list of levels from
the root down to the account, each a list of documents. Or it is a folder with a subfolder for each level, in the order of
their names, in which scp/ and rcp/ hold the documents.

With --account they are those on the way from the root to an account: as a baseline declares them, or as `scan --snapshot`
read them. What its principals may do (scp) and what may be done to its resources (rcp) is answered apart; a request inside the
account needs both. Neither binds the management account or service-linked roles; that is said, and so is a service that
resource control policies do not know. Policies that were not read are no answer.

With levels nothing is implied: FullAWSAccess has to be among the documents. Beside documents of kind scp that hold no Allow
it is taken to stand; rcp has its implicit Allow; identity and resource have none. What was taken for granted is said.

A context key that is not given is absent from the request, which is an answer too: say --unknown for a key that may be
anything. aws:PrincipalArn and aws:PrincipalAccount are taken from the principal where they are not given.

Exit codes: 0 allowed, 1 the answer could not be written, 2 bad arguments or documents, 3 denied, 4 it cannot be told.")]
pub(super) struct Arguments {
    /// Documents, a file with a list of levels, or a folder of levels
    #[arg(long, required_unless_present = "account", num_args = 1.., value_name = "FILE|DIR", conflicts_with = "account")]
    policy: Vec<PathBuf>,
    /// The account whose guardrails are asked, by its id or name
    #[arg(long, value_name = "ID|NAME", requires = "source")]
    account: Option<String>,
    /// The baseline that declares them
    #[arg(long, value_name = "FILE", group = "source", requires = "account")]
    baseline: Option<PathBuf>,
    /// The snapshot that holds them, as `scan --snapshot` writes it
    #[arg(long, value_name = "FILE", group = "source", requires = "account")]
    from_snapshot: Option<PathBuf>,
    /// What the documents are [default: scp; for a folder, what it holds]
    #[arg(long, value_enum, value_name = "KIND", conflicts_with = "account")]
    kind: Option<KindWord>,
    /// The action, `ec2:RunInstances`
    #[arg(long, value_parser = action)]
    action: String,
    /// The ARN that it is made on, or `*` for an action that takes none
    #[arg(long, value_name = "ARN", default_value = "*")]
    resource: String,
    /// Who makes it: an ARN, an account, a service (`ec2.amazonaws.com`), `federated:NAME`, `canonical-user:ID`, `anonymous`
    #[arg(long, value_name = "WHO", value_parser = principal)]
    principal: Option<Principal>,
    /// A condition key and its value; several values of one key are a list
    #[arg(long, value_name = "KEY=VALUE", value_parser = context)]
    context: Vec<(String, String)>,
    /// A condition key that may be anything, or missing
    #[arg(long, value_name = "KEY")]
    unknown: Vec<String>,
    /// How the answer is written
    #[arg(long, short, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// `guardline/simulate/v1`
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum KindWord {
    /// Service control policies: what the principals of an account may do at most
    Scp,
    /// Resource control policies: what may be done to the resources of an account at most
    Rcp,
    /// Identity-based policies
    Identity,
    /// A resource-based policy
    Resource,
}

impl From<KindWord> for Kind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Scp => Self::Scp,
            KindWord::Rcp => Self::Rcp,
            KindWord::Identity => Self::Identity,
            KindWord::Resource => Self::Resource,
        }
    }
}

fn action(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        Some((service, name)) if !service.is_empty() && !name.is_empty() && !text.contains(['*', '?']) => {
            Ok(text.to_owned())
        }
        _ => Err("a request has one action, written `ec2:RunInstances`".to_owned()),
    }
}

fn principal(text: &str) -> Result<Principal, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once(':') {
        Some(("arn", _)) => Ok(Principal::Aws(text.to_owned())),
        Some(("federated", name)) => Ok(Principal::Federated(name.to_owned())),
        Some(("canonical-user", id)) => Ok(Principal::CanonicalUser(id.to_owned())),
        None if is_account => Ok(Principal::Aws(format!("arn:aws:iam::{text}:root"))),
        None if text == "anonymous" => Ok(Principal::Anonymous),
        None if text.contains('.') => Ok(Principal::Service(text.to_owned())),
        _ => Err("give an ARN, an account of 12 digits, a service, `federated:…`, `canonical-user:…` or `anonymous`"
            .to_owned()),
    }
}

fn context(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write `key=value`".to_owned()),
    }
}

impl Arguments {
    pub(super) fn run(&self, color: ColorChoice) -> Result<Exit, CliError> {
        let request = self.request()?;
        let told = match &self.account {
            Some(account) => {
                let place = match (&self.baseline, &self.from_snapshot) {
                    (Some(baseline), _) => account::declared(baseline, account, color)?,
                    (None, Some(snapshot)) => account::live(snapshot, account)?,
                    (None, None) => return Err(CliError::Arguments("give --baseline or --from-snapshot".to_owned())),
                };
                place.ask(request)
            }
            None => self.ask_documents(request, color)?,
        };
        let decision = told.decision();
        let text = match self.format {
            Format::Text => text(decision, &told),
            Format::Json => report::json(&json(decision, &told))?,
        };
        output::stdout(text.as_bytes())?;
        Ok(match decision {
            Decision::Allowed => Exit::Clean,
            Decision::Denied => Exit::Findings,
            Decision::Unknown => Exit::Incomplete,
        })
    }

    fn ask_documents(&self, mut request: Request, color: ColorChoice) -> Result<Told, CliError> {
        let kind = self.kind.map(Kind::from);
        let mut read = guardrails::read(&self.policy, kind, output::colored(color, &std::io::stderr()))?;
        let is_scp = read.stacks.iter().any(|stack| stack.kind == Kind::Scp);
        if kind.is_none() && read.form == Form::Documents {
            read.assumed.push("the documents are service control policies; `--kind` says otherwise".to_owned());
        }
        if is_scp && read.form == Form::Documents && !read.holds_an_allow() {
            read.put_full_access_beside();
        }
        let asked = read.stacks.iter().flat_map(keys).collect();
        implied(&asked, &mut request, &mut read.assumed);
        read.assumed.extend(absent(&asked, &request));
        let answered = |stack: &Stack| Part { kind: stack.kind, outcome: Outcome::Answered(evaluate(stack, &request)) };
        let parts = read.stacks.iter().map(answered).collect();
        Ok(Told { refused: read.refused(), parts, request, assumed: read.assumed })
    }

    fn request(&self) -> Result<Request, CliError> {
        // Keys are compared without case, so the first spelling stands for all.
        let mut keys: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
        for (key, value) in &self.context {
            let (_, values) = keys.entry(key.to_lowercase()).or_insert_with(|| (key.clone(), Vec::new()));
            values.push(value.clone());
        }
        if let Some(twice) = self.unknown.iter().find(|key| keys.contains_key(&key.to_lowercase())) {
            return Err(CliError::Arguments(format!("`{twice}` is given a value and said to be unknown; choose one")));
        }
        let known = keys.into_values().map(|(key, mut values)| match (values.pop(), values.is_empty()) {
            (Some(only), true) => (key, ContextValue::One(only)),
            (last, _) => (key, ContextValue::Many(values.into_iter().chain(last).collect())),
        });
        let unknown = self.unknown.iter().map(|key| (key.clone(), ContextValue::UNKNOWN));
        Ok(Request {
            action: self.action.clone(),
            resource: self.resource.clone(),
            principal: self.principal.clone(),
            context: known.chain(unknown).collect(),
        })
    }
}

/// What a principal's ARN says of the request beside who makes it, where the documents ask for that and it was not given.
fn implied(asked: &BTreeMap<String, String>, request: &mut Request, assumed: &mut Vec<String>) {
    let Some(Principal::Aws(arn)) = &request.principal else { return };
    let is_session = arn.split(':').nth(2) == Some("sts");
    let account = arn.split(':').nth(4).unwrap_or_default().to_owned();
    let says = [
        ("aws:principalarn", if is_session { ContextValue::UNKNOWN } else { ContextValue::One(arn.clone()) }),
        ("aws:principalaccount", ContextValue::One(account)),
    ];
    for (key, value) in says {
        let is_given = request.context.keys().any(|given| given.to_lowercase() == key);
        let Some(written) = asked.get(key).filter(|_| !is_given) else { continue };
        assumed.push(match &value {
            ContextValue::One(value) => format!("`{written}` is `{value}`, as the principal says"),
            _ => format!("`{written}` is unknown: a session does not say the path of its role"),
        });
        request.context.insert(written.clone(), value);
    }
}

/// The keys that the documents ask for and the request does not hold.
fn absent(asked: &BTreeMap<String, String>, request: &Request) -> Option<String> {
    let absent = asked.iter().filter(|(key, _)| request.values(key).is_some_and(<[String]>::is_empty));
    let listed: Vec<String> = absent.map(|(_, written)| format!("`{written}`")).collect();
    (!listed.is_empty()).then(|| format!("the request does not hold {}", listed.join(", ")))
}

/// Everything that there is to say of a request.
struct Told {
    request: Request,
    parts: Vec<Part>,
    assumed: Vec<String>,
    refused: Vec<Refused>,
}

/// What one of the guardrails says.
struct Part {
    kind: Kind,
    outcome: Outcome,
}

/// How one of the guardrails was asked.
enum Outcome {
    /// It binds the request.
    Answered(Answer),
    /// It does not, and why.
    NotBound(String),
    /// It was not read, and why.
    Unread(String),
}

impl Part {
    fn decision(&self) -> Decision {
        match &self.outcome {
            Outcome::Answered(answer) => answer.decision,
            Outcome::NotBound(_) => Decision::Allowed,
            Outcome::Unread(_) => Decision::Unknown,
        }
    }
}

impl Told {
    /// A request gets through where each of the guardrails lets it.
    fn decision(&self) -> Decision {
        let is = |decision| self.parts.iter().any(|part| part.decision() == decision);
        match (is(Decision::Denied), is(Decision::Unknown)) {
            (true, _) => Decision::Denied,
            (false, true) => Decision::Unknown,
            (false, false) => Decision::Allowed,
        }
    }
}

fn text(decision: Decision, told: &Told) -> String {
    let said = match decision {
        Decision::Allowed => "allowed",
        Decision::Denied => "denied",
        Decision::Unknown => "cannot be told",
    };
    let mut text = format!("{said}\n");
    let mut line = |said: String| {
        let _ = writeln!(text, "{}", visible(&said));
    };
    for Part { kind, outcome } in &told.parts {
        match outcome {
            Outcome::Answered(answer) => lines(answer).into_iter().for_each(|said| line(format!("  {kind}: {said}"))),
            Outcome::NotBound(why) => line(format!("  {kind}: does not bind: {why}")),
            Outcome::Unread(why) => line(format!("  {kind}: cannot be told: {why}")),
        }
    }
    for assumed in &told.assumed {
        line(format!("assumed: {assumed}"));
    }
    for refused in &told.refused {
        line(format!("refused by AWS: {}: {}", refused.position, refused.reason));
    }
    text
}

fn lines(answer: &Answer) -> Vec<String> {
    let deciders = answer.decided_by.iter().map(|decider| reason(answer.decision, decider));
    let keys = answer.hangs_on.iter().map(|key| format!("it hangs on `{key}`"));
    let odd = answer.not_understood.iter().map(|what| format!("not understood: {what}"));
    let lines: Vec<String> = deciders.chain(keys).chain(odd).collect();
    // Resource control policies allow what they do not deny, without a statement.
    if lines.is_empty() { vec!["nothing denies it".to_owned()] } else { lines }
}

fn reason(decision: Decision, decider: &Decider) -> String {
    match decider {
        Decider::NoAllow { level } => format!("nothing on level {} allows it", level + 1),
        Decider::Statement { level, document, name, effect, .. } => {
            let does = match (effect, decision) {
                (Effect::Allow, Decision::Unknown) => "may allow it",
                (Effect::Deny, Decision::Unknown) => "may deny it",
                (Effect::Allow, _) => "allows it",
                (Effect::Deny, _) => "denies it",
            };
            format!("`{name}` of `{document}` on level {} {does}", level + 1)
        }
    }
}

fn json(decision: Decision, told: &Told) -> Value {
    let decided = |decider: &Decider| match decider {
        Decider::NoAllow { level } => json!({"level": level + 1, "lacks": "Allow"}),
        Decider::Statement { level, document, statement, name, effect } => json!({
            "level": level + 1,
            "document": document,
            "statement": statement + 1,
            "name": name,
            "effect": if *effect == Effect::Allow { "Allow" } else { "Deny" },
        }),
    };
    let guardrail = |part: &Part| {
        let mut said = json!({
            "kind": part.kind.word(),
            "decision": part.decision().word(),
            "decided_by": [],
            "hangs_on": [],
            "not_understood": [],
        });
        match &part.outcome {
            Outcome::Answered(answer) => {
                said["decided_by"] = answer.decided_by.iter().map(decided).collect();
                said["hangs_on"] = json!(answer.hangs_on);
                said["not_understood"] = json!(answer.not_understood);
            }
            Outcome::NotBound(why) => said["not_bound"] = json!(why),
            Outcome::Unread(why) => said["unread"] = json!(why),
        }
        said
    };
    json!({
        "schema": "guardline/simulate/v1",
        "decision": decision.word(),
        "request": told.request,
        "guardrails": told.parts.iter().map(guardrail).collect::<Vec<_>>(),
        "assumed": told.assumed,
        "refused_by_aws": told.refused
            .iter()
            .map(|refused| json!({"position": refused.position, "reason": refused.reason}))
            .collect::<Vec<_>>(),
    })
}
