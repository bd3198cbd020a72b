//! A baseline that is written from what there is.
//!
//! In: a snapshot, and what it was read with. Out: the text of a baseline with its documents, and a list of everything that
//! is not in it. What was not read is left out and named, never written down as expected; what a baseline cannot say is
//! named too, and where it would be a finding it is accepted by name for a while. What was written is read again and held
//! against the snapshot before anybody gets it. It never touches a file.

mod accepted;
mod documents;
mod everything;
mod notes;
mod organization;
mod places;
mod policies;
mod quotas;
mod regions;
mod settings;
mod text;
mod trails;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::documents::Documents;
use self::places::Ground;
use crate::baseline::files::Carried;
use crate::baseline::model::OuPath;
use crate::baseline::{Baseline, LoadError, load_from};
use crate::compare::{Drift, compare};
use crate::estate::{CoverageStatus, Gap, Kind, Observation, Snapshot};
use crate::finding::{self, Inputs, Status};

pub use everything::{Access, Service, compute_services, everything};
pub use notes::Notes;

/// The name of the baseline's file.
pub const BASELINE: &str = "guardline.yaml";
/// The name of the schema's file beside it, for editors.
pub const SCHEMA: &str = "baseline-v1.json";

/// What a snapshot does not say of itself.
#[derive(Clone, Debug)]
pub struct Options {
    /// The estate's name; else the organisation's or account's id.
    pub estate: Option<String>,
    /// How accounts are reached, for the next scan.
    pub access: Access,
    /// The services of which the quotas of resources were asked for.
    pub resources: BTreeSet<String>,
    /// Where the snapshot comes from, in words.
    pub origin: String,
    /// The time.
    pub now: Timestamp,
    /// Paths below the baseline's folder that hold something already: documents get other names.
    pub taken: BTreeSet<String>,
}

/// A baseline, ready to be kept.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The text of the baseline.
    pub baseline: String,
    /// The policy documents beside it, by their paths below its folder.
    pub documents: BTreeMap<String, String>,
    /// What was not read.
    pub unread: Notes,
    /// What was read and cannot be said.
    pub unsaid: Notes,
    /// What is accepted by exemptions, worst first.
    pub accepted: Vec<String>,
    /// What a scan would still find, worst first.
    pub open: Vec<String>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is nothing to say.
    #[error("nothing was read that a baseline could say: {0}")]
    Nothing(String),
    /// What was written is no baseline.
    #[error("what was read cannot be written as a baseline: {0}; please report it")]
    Unsayable(String),
}

/// A baseline in the making.
struct Record<'a> {
    snapshot: &'a Snapshot,
    options: &'a Options,
    /// The units that can be declared, by id.
    paths: BTreeMap<String, OuPath>,
    ground: Ground,
    unread: Notes,
    unsaid: Notes,
}

/// One section of the baseline: a remark above it, its key, its value.
struct Section {
    remark: &'static str,
    key: &'static str,
    value: Value,
    /// Remarks above entries, by their place.
    remarks: BTreeMap<usize, String>,
}

/// Writes the baseline that a snapshot is in line with.
///
/// # Errors
/// When nothing was read, or what was read makes no baseline.
pub fn record(snapshot: &Snapshot, options: &Options) -> Result<Recorded, RecordError> {
    if let (Observation::Unknown(gap), true) = (&snapshot.organization, snapshot.accounts.is_empty()) {
        return Err(RecordError::Nothing(format!("{}: {}", gap.status.as_str(), gap.reason)));
    }
    let mut record = Record::new(snapshot, options);
    let mut documents = Documents::beside(&options.taken);
    let sections = record.sections(&mut documents);
    record.not_read_within();
    let documents = documents.into_files();
    let draft = record.written(&sections, &[], &[]);
    let baseline = load(&draft, &documents)?;
    let drifts = compare(&baseline, snapshot).drifts;
    let until = accepted::until(options.now);
    // What is wrong with the baseline itself cannot be accepted.
    let about_the_estate = drifts.iter().filter(|drift| drift.kind != Kind::Baseline);
    let mut exemptions: Vec<Value> =
        about_the_estate.clone().map(|drift| accepted::exemption(drift, &until, false)).collect();
    let mut judged = record.judged(&sections, &exemptions, &documents)?;
    if judged.misses {
        exemptions = about_the_estate.map(|drift| accepted::exemption(drift, &until, true)).collect();
        judged = record.judged(&sections, &exemptions, &documents)?;
    }
    let baseline = record.written(&sections, &exemptions, &judged.accepted);
    load(&baseline, &documents)?;
    let Judged { accepted, open, .. } = judged;
    Ok(Recorded { baseline, documents, unread: record.unread, unsaid: record.unsaid, accepted, open })
}

/// What becomes of a baseline with its exemptions.
struct Judged {
    accepted: Vec<String>,
    open: Vec<String>,
    /// Whether something that could be accepted is not.
    misses: bool,
}

/// Sections that an account which stands alone has not.
const OF_ORGANIZATION: [&str; 8] = [
    "organizational_units",
    "delegated_administrators",
    "trusted_services",
    "responsibility_transfers",
    "resource_policy",
    "quota_template",
    "policy_types",
    "policies",
];

impl<'a> Record<'a> {
    fn new(snapshot: &'a Snapshot, options: &'a Options) -> Self {
        let organization = snapshot.organization.known();
        let paths = organization.map(organization::paths).unwrap_or_default();
        let placed = organization.map(|organization| organization::placed(organization, &paths)).unwrap_or_default();
        let ground = Ground::new(placed.iter().map(|(account, unit)| (account.id.as_str(), unit)));
        let mut unread = Notes::default();
        if let Observation::Unknown(gap) = &snapshot.organization {
            unread.gap("the organisation with its accounts, units, links and policies", gap, "");
        }
        Self { snapshot, options, paths, ground, unread, unsaid: Notes::default() }
    }

    /// Notes why something is left out. What the provider does not offer there is nothing that was missed.
    fn gap(&mut self, what: impl Into<String>, gap: &Gap, place: impl Into<String>) {
        let list = match gap.status {
            CoverageStatus::Unsupported => &mut self.unsaid,
            _ => &mut self.unread,
        };
        list.gap(what, gap, place);
    }

    /// Every section that a complete baseline has, in its order.
    fn sections(&mut self, documents: &mut Documents) -> Vec<Section> {
        let organization = self.snapshot.organization.known();
        let id = organization.map(|organization| organization.id.as_str()).filter(|id| is_organization(id));
        let owner = organization.map(|organization| organization.management_account.as_str());
        let access = self.options.access.written();
        let of_nobody = [
            ("organization", id.map(|id| json!(id))),
            ("management_account", owner.filter(|id| is_account(id)).map(|owner| json!(owner))),
            ("access", access),
        ];
        let mut sections: Vec<Section> =
            of_nobody.into_iter().filter_map(|(key, value)| Some(Section::new(key, "", value?))).collect();
        let parts = [
            self.part("accounts", "Every account that belongs, and where it hangs.", organization::accounts),
            self.part("organizational_units", "", organization::units),
            self.part("delegated_administrators", "", organization::delegations),
            self.part("trusted_services", "", organization::trusted_services),
            self.part("responsibility_transfers", "Billing links to other organisations.", organization::transfers),
            self.part("resource_policy", "", |record| organization::resource_policy(record, documents)),
            self.part(
                "regions",
                "The last rule that matches an account decides alone. What is `required` was switched on by somebody.",
                regions::section,
            ),
            self.quotas(),
            self.part("quota_requests", "", quotas::requests),
            self.part("quota_template", "", quotas::template),
            self.part("quota_auto_management", "", quotas::auto_management),
            self.part("policy_types", "", policies::types),
            self.part("policies", "", |record| policies::section(record, documents)),
            self.part("settings", "For each setting, the last rule that gives it decides.", settings::section),
            self.part("audit_logs", "What each trail does today.", trails::section),
        ];
        sections.extend(parts.into_iter().flatten());
        sections
    }

    /// One section; where there is none and nothing was said of it, that is said.
    fn part(
        &mut self,
        key: &'static str,
        remark: &'static str,
        make: impl FnOnce(&mut Self) -> Option<Value>,
    ) -> Option<Section> {
        let noted = (self.unread.clone(), self.unsaid.clone());
        let value = make(self);
        let is_told = (&self.unread, &self.unsaid) != (&noted.0, &noted.1);
        let asks = self.snapshot.organization.known().is_some() || !OF_ORGANIZATION.contains(&key);
        if value.is_none() && !is_told && asks {
            self.unread.add(format!("section `{key}`"), "nothing was read of which it could be made", "");
        }
        value.map(|value| Section::new(key, remark, value))
    }

    /// The quotas, each called by its name once.
    fn quotas(&mut self) -> Option<Section> {
        let remark = "New accounts start below the defaults. What lies above them today is declared as it is.";
        let mut remarks = BTreeMap::new();
        let section = self.part("quotas", remark, |record| {
            let entries = quotas::section(record)?;
            let mut last = None;
            for (index, entry) in entries.iter().enumerate() {
                if entry.name.is_some() && entry.name != last {
                    remarks.extend(entry.name.clone().map(|name| (index, name)));
                }
                last.clone_from(&entry.name);
            }
            Some(Value::Array(entries.into_iter().map(|entry| entry.says).collect()))
        });
        section.map(|section| Section { remarks, ..section })
    }

    /// Accounts of the organisation that were not read from within.
    fn not_read_within(&mut self) {
        let members = self.snapshot.organization.known().and_then(|organization| organization.accounts.known());
        for member in members.into_iter().flatten().filter(|member| !self.snapshot.accounts.contains_key(&member.id)) {
            let row = self
                .snapshot
                .coverage
                .iter()
                .find(|row| row.source == "account" && row.scope.account.as_ref() == Some(&member.id));
            let reason = row.and_then(|row| row.reason.clone()).unwrap_or_else(|| match member.state.as_str() {
                "ACTIVE" => "nobody asked for it in that run".to_owned(),
                state => format!("the account is {state}"),
            });
            self.unread.add("what is inside an account", reason, member.id.as_str());
        }
    }

    /// The exemptions at work: what they accept, and what they do not.
    fn judged(
        &self,
        sections: &[Section],
        exemptions: &[Value],
        documents: &BTreeMap<String, String>,
    ) -> Result<Judged, RecordError> {
        let baseline = load(&self.written(sections, exemptions, &[]), documents)?;
        let changes: Vec<(Drift, Option<_>)> =
            compare(&baseline, self.snapshot).drifts.into_iter().map(|drift| (drift, None)).collect();
        let inputs = Inputs { baseline: &baseline, snapshot: self.snapshot, changes: &changes, now: self.options.now };
        let mut judged = Judged { accepted: Vec::new(), open: Vec::new(), misses: false };
        for found in finding::findings(&inputs) {
            let line = format!("[{}] {}: {}", found.severity, found.rule, found.title);
            match found.status {
                Status::Exempt => judged.accepted.push(line),
                Status::Open | Status::Approved | Status::Resolved => {
                    judged.misses |= found.kind != Kind::Baseline;
                    judged.open.push(line);
                }
            }
        }
        Ok(judged)
    }

    fn written(&self, sections: &[Section], exemptions: &[Value], accepted: &[String]) -> String {
        let mut file = self.head(accepted);
        let estate = self.options.estate.as_deref().unwrap_or_else(|| match self.snapshot.organization.known() {
            Some(organization) => organization.id.as_str(),
            None => self.snapshot.caller_account.as_str(),
        });
        file.push_str(&text::key(0, "version", &json!(1)));
        file.push_str(&text::key(0, "estate", &json!(estate)));
        file.push_str(if sections.is_empty() { "\naws: {}\n" } else { "\naws:\n" });
        for section in sections {
            file.push_str(&section.written());
        }
        if !exemptions.is_empty() {
            file.push_str("\n# What no rule above can say, accepted as it was found. Decide, then remove the entry.\n");
            file.push_str(&text::key(0, "exemptions", &json!(exemptions)));
        }
        file
    }

    /// What a reader must know: where it comes from, and what is not in it.
    fn head(&self, accepted: &[String]) -> String {
        let mut head = format!("# yaml-language-server: $schema={SCHEMA}\n#\n");
        let from = format!(
            "Recorded by guardline {} from {}, read at {} by account {}. It says what is, not what should be: read it once, take out \
             what should not stay, and keep it where changes to it are reviewed.",
            env!("CARGO_PKG_VERSION"),
            self.options.origin,
            self.snapshot.taken_at,
            self.snapshot.caller_account
        );
        head.push_str(&text::comment(0, "", &from));
        let lists = [
            (
                "Not in it, because it was not read. A scan says so again; it does not take it for in line. A rule without \
                 `where` holds there too once it can be read, and what differs from it then is found:",
                self.unread.lines(),
            ),
            ("Not in it, because there is nothing of it, or no baseline can say it:", self.unsaid.lines()),
            ("In it as exemptions, because no rule can say that it is right. Look at these first:", accepted.to_vec()),
        ];
        for (title, lines) in lists.into_iter().filter(|(_, lines)| !lines.is_empty()) {
            head.push_str("#\n");
            head.push_str(&text::comment(0, "", title));
            head.extend(lines.iter().map(|line| text::comment(0, " -", line)));
        }
        head
    }
}

impl Section {
    fn new(key: &'static str, remark: &'static str, value: Value) -> Self {
        Self { remark, key, value, remarks: BTreeMap::new() }
    }

    fn written(&self) -> String {
        let mut written = match self.remark {
            "" => String::new(),
            remark => format!("\n{}", text::comment(2, "", remark)),
        };
        if let Value::Object(keys) = &self.value
            && self.key == "audit_logs"
        {
            return written + &format!("  {}:\n{}", self.key, text::block(4, keys));
        }
        if self.remarks.is_empty() {
            return written + &text::key(2, self.key, &self.value);
        }
        written.push_str(&format!("  {}:\n", self.key));
        for (index, entry) in self.value.as_array().into_iter().flatten().enumerate() {
            if let Some(remark) = self.remarks.get(&index) {
                written.push_str(&text::comment(4, "", remark));
            }
            written.push_str(&text::entry(4, entry));
        }
        written
    }
}

/// Whether a text is an account's id.
fn is_account(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_organization(id: &str) -> bool {
    let own = id.strip_prefix("o-").unwrap_or_default();
    (10..=32).contains(&own.len()) && own.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Whether a text is a baseline.
fn loads(baseline: &str) -> bool {
    load_from(&Carried([(BASELINE.into(), baseline)].into()), BASELINE.as_ref(), &[]).is_ok()
}

fn load(baseline: &str, documents: &BTreeMap<String, String>) -> Result<Baseline, RecordError> {
    let mut files: BTreeMap<PathBuf, &str> =
        documents.iter().map(|(path, text)| (PathBuf::from(path), text.as_str())).collect();
    files.insert(BASELINE.into(), baseline);
    load_from(&Carried(files), BASELINE.as_ref(), &[])
        .map_err(|error: LoadError| RecordError::Unsayable(error.diagnostics.render(false, 100)))
}

#[cfg(test)]
mod tests;
