//! `guardline compare`: did a policy change weaken a guardrail?
//!
//! In: two sides, each a document, a list of levels or a folder of levels; or a file of many pairs. Out: the verdict on
//! stdout, with requests that show it. It asks no provider, and takes nothing for granted without saying so.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ColorChoice, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{CliError, guardrails, output, snapshot};
use crate::baseline::diagnostic::listed;
use crate::policy::comparison::{self, Comparison};
use crate::policy::decide::{Limits, Options, Verdict};
use crate::policy::document::Kind;
use crate::policy::levels::{self, Guardrails};
use crate::policy::parse::MAX_BYTES;
use crate::report::{self, Exit};

mod shown;
mod snapshots;

/// The schema of the JSON output.
const SCHEMA: &str = "guardline/compare/v1";

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  guardline compare old.json new.json
  guardline compare --kind identity old.json new.json -f json
  guardline compare before/ after/ --bind aws:PrincipalOrgID=o-a1b2c3d4e5
  guardline compare yesterday.json today.json
  guardline compare --batch pairs.jsonl > verdicts.jsonl

A side is a document in JSON or YAML; or a file with a list of levels from the root down to the account, each a list of
documents; or a folder with a subfolder for each level, in the order of their names, in which scp/, rcp/ and
declarative/ hold the documents. Or both sides are snapshots, as `scan --snapshot` writes them: then what binds each account
is compared, once for all accounts that the same policies bind.

With levels nothing is implied: FullAWSAccess has to be among the documents. Beside single documents of kind scp it is taken
to stand exactly when neither side holds an Allow; rcp has its implicit Allow; identity and resource have none. What was
taken for granted is said.

Of declarative policies (and AI services opt-out policies) it is worked out what holds for the account, and compared setting
by setting; those of one level are taken in the order in which they are given, which AWS takes to be that of their attachment.

`not weaker` is only ever the result of a proof, and every `weaker` comes with a request that a second evaluator confirmed.

A line of --batch is {\"id\": …, \"kind\": \"scp\", \"old\": …, \"new\": …} with a document or a list of levels a side; each gets
one line of JSON, in order.

Exit codes: 0 proven not weaker, 1 the answer could not be written, 2 bad arguments or a document that cannot be parsed,
3 weaker or mixed, 4 it cannot be told. With --batch: 0 every line got a verdict, 2 a line could not be read.")]
pub(super) struct Arguments {
    /// What was
    #[arg(required_unless_present = "batch", value_name = "OLD")]
    old: Option<PathBuf>,
    /// What is to be, or is
    #[arg(required_unless_present = "batch", value_name = "NEW")]
    new: Option<PathBuf>,
    /// What the documents are [default: scp; for folders, what they hold]
    #[arg(long, value_enum, value_name = "KIND", conflicts_with = "batch")]
    kind: Option<What>,
    /// Look only at requests in which a condition key has this value; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = bound)]
    bind: Vec<(String, String)>,
    /// End with 0 where it cannot be told
    #[arg(long)]
    allow_unknown: bool,
    /// Compare the pairs of a file, one a line; `-` is stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["old", "new", "allow_unknown"])]
    batch: Option<PathBuf>,
    /// How many steps one direction may take; two million are about a second
    #[arg(long, value_name = "STEPS", default_value_t = Limits::default().steps)]
    max_steps: usize,
    /// How many states the patterns of one dimension may have
    #[arg(long, value_name = "STATES", default_value_t = Limits::default().states)]
    max_states: usize,
    /// How the verdict is written
    #[arg(long, short, value_enum, default_value = "text", conflicts_with = "batch")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Service control policies: what the principals of an account may do at most
    Scp,
    /// Resource control policies: what may be done to the resources of an account at most
    Rcp,
    /// Identity-based policies
    Identity,
    /// A resource-based policy
    Resource,
    /// Declarative and management policies: settings that are laid down for accounts
    Declarative,
}

impl What {
    /// The kind of permission policy; none for settings.
    fn kind(self) -> Option<Kind> {
        match self {
            Self::Scp => Some(Kind::Scp),
            Self::Rcp => Some(Kind::Rcp),
            Self::Identity => Some(Kind::Identity),
            Self::Resource => Some(Kind::Resource),
            Self::Declarative => None,
        }
    }

    fn word(self) -> &'static str {
        self.kind().map_or("declarative", Kind::word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// `guardline/compare/v1`
    Json,
    /// For a comment on a change
    Markdown,
}

fn bound(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write `key=value`".to_owned()),
    }
}

impl Arguments {
    pub(super) fn run(&self, color: ColorChoice) -> Result<Exit, CliError> {
        let options = self.options()?;
        if let Some(batch) = &self.batch {
            return each_line(batch, &options);
        }
        if let (Some(old), Some(new)) = (&self.old, &self.new) {
            match (snapshot::is_one(old), snapshot::is_one(new)) {
                (true, true) => return self.snapshots(old, new, &options),
                (false, false) => {}
                (is_old, _) => {
                    let (one, other) = if is_old { (old, new) } else { (new, old) };
                    let (one, other) = (one.display(), other.display());
                    let why = format!(
                        "`{one}` is a snapshot and `{other}` is none; give two snapshots, or documents on both sides"
                    );
                    return Err(CliError::Arguments(why));
                }
            }
        }
        let colored = output::colored(color, &std::io::stderr());
        let read = |path: &Option<PathBuf>| match path {
            Some(path) => match self.kind {
                None => guardrails::read_everything(path, colored),
                Some(What::Declarative) => guardrails::read_declarative(path, colored),
                Some(what) => guardrails::read(std::slice::from_ref(path), what.kind(), colored),
            },
            None => Err(CliError::Arguments("give both sides".to_owned())),
        };
        let comparison = comparison::compare(read(&self.old)?, read(&self.new)?, &options);
        let text = match self.format {
            Format::Text => shown::text(&comparison),
            Format::Json => report::json(&Written { schema: SCHEMA, comparison: &comparison })?,
            Format::Markdown => shown::markdown(&comparison),
        };
        output::stdout(text.as_bytes())?;
        Ok(self.exit(comparison.verdict))
    }

    fn snapshots(&self, old: &Path, new: &Path, options: &Options) -> Result<Exit, CliError> {
        let kind = match self.kind {
            None => None,
            Some(What::Scp) => Some(Kind::Scp),
            Some(What::Rcp) => Some(Kind::Rcp),
            Some(other) => {
                let why = format!("of snapshots `scp` and `rcp` are compared, not `{}`", other.word());
                return Err(CliError::Arguments(why));
            }
        };
        let changed = snapshots::compare(&snapshot::read(old)?, &snapshot::read(new)?, kind, options)
            .map_err(CliError::Arguments)?;
        let text = match self.format {
            Format::Text => changed.text(),
            Format::Json => report::json(&changed)?,
            Format::Markdown => changed.markdown(),
        };
        output::stdout(text.as_bytes())?;
        Ok(self.exit(changed.verdict))
    }

    fn exit(&self, verdict: Verdict) -> Exit {
        match verdict {
            Verdict::Equivalent | Verdict::Stricter => Exit::Clean,
            Verdict::Weaker | Verdict::Mixed => Exit::Findings,
            Verdict::Unknown if self.allow_unknown => Exit::Clean,
            Verdict::Unknown => Exit::Incomplete,
        }
    }

    fn options(&self) -> Result<Options, CliError> {
        let mut bind = BTreeMap::new();
        for (key, value) in &self.bind {
            if bind.insert(key.to_lowercase(), value.clone()).is_some_and(|before| before != *value) {
                return Err(CliError::Arguments(format!("`{key}` is bound to two values; a key has one")));
            }
        }
        let limits = Limits { steps: self.max_steps, states: self.max_states, ..Limits::default() };
        Ok(Options { limits, bind })
    }
}

/// A comparison as a document of its own.
#[derive(Serialize)]
struct Written<'a> {
    schema: &'static str,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

/// The answer to one line of a batch.
#[derive(Serialize)]
struct Answer<'a> {
    id: &'a Value,
    #[serde(flatten)]
    comparison: Comparison,
}

/// A line of a batch that could not be read.
#[derive(Serialize)]
struct Wrong {
    id: Value,
    error: String,
}

/// A line of a batch. Sides stay text: what is wrong in them is said as it is of a file.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(default)]
    id: Value,
    kind: String,
    #[serde(borrow)]
    old: &'a RawValue,
    #[serde(borrow)]
    new: &'a RawValue,
}

/// Judges a file of pairs line by line, so that its length does not matter.
fn each_line(path: &Path, options: &Options) -> Result<Exit, CliError> {
    let cannot_read = |source| CliError::Document { path: path.to_owned(), source };
    let mut input: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(cannot_read)?))
    };
    let mut exit = Exit::Clean;
    for number in 1.. {
        let Some(line) = line(&mut input).map_err(cannot_read)? else { break };
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut answer = match judged(&line, number, options) {
            Ok(answer) => answer,
            Err(wrong) => {
                exit = Exit::BadInput;
                json_line(&wrong)?
            }
        };
        answer.push('\n');
        output::stdout(answer.as_bytes())?;
    }
    Ok(exit)
}

/// The next line; one that is too long is cut, and cannot be read then.
fn line(input: &mut dyn BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let most = 2 * MAX_BYTES as u64 + 4096;
    let mut line = Vec::new();
    let read = input.take(most).read_until(b'\n', &mut line)?;
    if read as u64 == most && line.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
    }
    Ok((read > 0).then_some(line))
}

fn json_line(value: &impl Serialize) -> Result<String, CliError> {
    let unwritable = |error| CliError::Write { path: PathBuf::from("-"), source: std::io::Error::other(error) };
    serde_json::to_string(value).map_err(unwritable)
}

/// The answer to one line; an error is an answer too, with the line's id where it has one.
fn judged(line: &[u8], number: usize, options: &Options) -> Result<String, Wrong> {
    let pair: Line = serde_json::from_slice(line).map_err(|error| {
        let id = serde_json::from_slice::<Value>(line).ok().and_then(|value| value.get("id").cloned());
        Wrong { id: id.unwrap_or_default(), error: format!("line {number} is no pair: {error}") }
    })?;
    let wrong = |error: String| Wrong { id: pair.id.clone(), error };
    let kind = What::value_variants().iter().copied().find(|kind| kind.word() == pair.kind).ok_or_else(|| {
        let known = listed(What::value_variants().iter().map(|kind| kind.word()));
        wrong(format!("line {number}: `{}` is no kind; choose {known}", pair.kind))
    })?;
    let side = |name: &str, text: &RawValue| side(kind, name, text).map_err(wrong);
    let comparison = comparison::compare(side("old", pair.old)?, side("new", pair.new)?, options);
    json_line(&Answer { id: &pair.id, comparison }).map_err(|error| wrong(error.to_string()))
}

fn side(kind: What, name: &str, text: &RawValue) -> Result<Guardrails, String> {
    let file = levels::File { name: name.to_owned(), text: text.get().to_owned() };
    let read = match kind.kind() {
        Some(kind) => levels::from_files(kind, vec![file]),
        None => levels::declarative_from_files(vec![file]),
    };
    read.map_err(|mistakes| {
        let said = mistakes.records().into_iter().map(|record| match record.position {
            Some(position) => format!("{position}: {}", record.message),
            None => record.message,
        });
        said.collect::<Vec<_>>().join("; ")
    })
}
