//! Keeping a baseline, as people do it: a finding is explained, exempted or adopted, and the next scan says so.
//!
//! Everything runs on the demo's recording: no cloud, and a clock that stands still.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::runner::{Project, Run, list};

/// A quota that was raised at night.
const QUOTA: &str = "gl-75090c16101d05e8";
/// A region that was enabled.
const REGION: &str = "gl-f2b2a3bb65a14914";
/// The trail that was stopped.
const TRAIL: &str = "gl-dc85d60462de07df";
/// The account that was moved.
const ACCOUNT: &str = "gl-0f485862cb9a5be2";
/// The policy that was detached.
const POLICY: &str = "gl-fc015397a611e79b";
/// The change that a ticket accounts for.
const APPROVED: &str = "gl-54c5368b74536998";

const CLOCK: &str = "2026-11-21T06:30:00Z";

/// The demo's baseline beside its recording.
fn project_with(edit: impl Fn(String) -> String) -> Project {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/demo");
    let read = |name: &str| std::fs::read_to_string(demo.join(name)).expect("a file of the demo");
    let project = Project::new(&edit(read("guardline.yaml")));
    for name in ["recording.json", "exchanges.jsonl", "scp/deny-leave.json", "scp/deny-outside-eu.json"] {
        project.write(name, &read(name));
    }
    project
}

/// A scan of the recording; the report is kept.
fn scan(project: &Project, arguments: &[&str]) -> Value {
    let run = project.run(&[&["scan", "--replay", ".", "-f", "json"], arguments].concat(), &[]);
    project.write("report.json", &run.stdout);
    run.report()
}

/// The status of every finding.
fn statuses(report: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    list(&report["findings"]).iter().map(|finding| (text(&finding["id"]), text(&finding["status"]))).collect()
}

fn exempt(project: &Project, id: &str, more: &[&str]) -> Run {
    let terms = ["--reason", "load test: it ends", "--owner", "web", "--from", "report.json", "--clock", CLOCK];
    let expires = if more.contains(&"--expires") { &[][..] } else { &["--expires", "2027-01-31"] };
    project.run(&[&["exempt", id], &terms[..], expires, more].concat(), &[])
}

#[test]
fn what_is_exempted_is_exempt_in_the_next_scan_and_nothing_else_changes() {
    // As some editors leave it: a byte order mark, and lines that end in two characters.
    for (name, edit) in [
        ("as it is", (|text| text) as fn(String) -> String),
        ("with a mark and returns", |text: String| format!("\u{feff}{}", text.replace('\n', "\r\n"))),
    ] {
        let project = project_with(edit);
        let before = scan(&project, &[]);
        let old = project.read("guardline.yaml");
        let dry = exempt(&project, "7509", &["--dry-run"]);
        assert_eq!((dry.code, project.read("guardline.yaml").as_str()), (0, old.as_str()), "{name}: {}", dry.stderr);
        let run = exempt(&project, "7509", &[]);
        assert_eq!(run.code, 0, "{name}: {}", run.stderr);
        assert_eq!(run.stdout, dry.stdout, "{name}");
        let new = project.read("guardline.yaml");
        let added = new.strip_prefix(old.as_str()).expect("what stood there stands there still");
        assert!(added.contains("    max: 1152") && added.ends_with("expires: 2027-01-31\n") == (name == "as it is"));
        assert_eq!(added.contains("\r\n"), name != "as it is");
        let mut expected = statuses(&before);
        expected.insert(QUOTA.to_owned(), "exempt".to_owned());
        assert_eq!(statuses(&scan(&project, &[])), expected, "{name}");
        if name == "as it is" {
            insta::assert_snapshot!(run.stdout);
        }
    }
}

#[test]
fn an_exemption_that_makes_no_sense_is_refused() {
    let project = project_with(|text| text);
    scan(&project, &[]);
    let old = project.read("guardline.yaml");
    for (id, more, said) in [
        ("gl-0000", &[][..], "holds no finding `gl-0000`"),
        ("gl-", &[], "`gl-` is not unique in `report.json`: `"),
        (APPROVED, &[], "is approved already: `CHG-4711` (guardline.yaml:58:5) until 2026-12-05"),
        ("gl-15d3", &[], "is exempt already: `kind region, account legacy, region me-south-1`"),
        (QUOTA, &["--expires", "2026-11-20"], "`2026-11-20` is over already"),
        (QUOTA, &["--expires", "soon"], "`soon` is neither a date"),
        (QUOTA, &["no.yaml"], "1 mistake in baseline `no.yaml`"),
    ] {
        let run = exempt(&project, id, more);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{id} {more:?}: {}", run.stderr);
        assert!(run.stderr.contains(said), "{id} {more:?}: {}", run.stderr);
    }
    project.write("other.json", "{}");
    let run = project.run(&["explain", "gl-1", "--from", "other.json"], &[]);
    assert!(run.code == 2 && run.stderr.contains("cannot read the report `other.json`"), "{}", run.stderr);
    assert_eq!(project.read("guardline.yaml"), old);
    assert_eq!(exempt(&project, QUOTA, &[]).code, 0);
    let twice = exempt(&project, QUOTA, &[]);
    assert!(twice.code == 2 && twice.stderr.contains("stands at guardline.yaml:78:5 already"), "{}", twice.stderr);
    assert!(twice.stderr.contains("warning: `guardline.yaml` says something else"), "{}", twice.stderr);
}

#[test]
fn what_is_adopted_is_no_finding_any_more() {
    let project = project_with(|text| text);
    let before = scan(&project, &[]);
    let ids = [QUOTA, REGION, TRAIL, ACCOUNT, POLICY].map(|id| ["--finding", id]).concat();
    let run = project.run(&[&["record", "--from", "report.json"], &ids[..]].concat(), &[]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains(&format!("not adopted: `{TRAIL}`: `audit.trail.stopped` cannot be adopted: ")));
    insta::assert_snapshot!(run.stdout);
    let report = scan(&project, &[]);
    let (before, after) = (statuses(&before), statuses(&report));
    for id in [QUOTA, REGION, ACCOUNT, POLICY] {
        assert!(before.contains_key(id) && !after.contains_key(id), "{id}");
    }
    assert_eq!(after.get(TRAIL).map(String::as_str), Some("open"));
    // At its new place another rule holds for the account's regions: that is found; and what is open is asked anew where
    // other regions are allowed. Nothing else is found.
    let is_new = |finding: &&Value| finding["id"].as_str().is_some_and(|id| !before.contains_key(id));
    let new = list(&report["findings"]).iter().filter(is_new).map(|finding| finding["rule"].as_str());
    let new: std::collections::BTreeSet<_> = new.flatten().collect();
    assert_eq!(new, ["region.enabled", "region.open"].into());
}

#[test]
fn findings_are_adopted_from_no_snapshot_of_another_format() {
    let project = project_with(|text| text);
    scan(&project, &["--snapshot", "snapshot.json"]);
    let other = project.read("snapshot.json").replace("guardline/snapshot/v1", "guardline/snapshot/v9");
    project.write("other.json", &other);
    let adopt = |snapshot| {
        let words = ["record", "--finding", QUOTA, "--from", "report.json", "--dry-run", "--snapshot", snapshot];
        project.run(&words, &[])
    };
    let run = adopt("snapshot.json");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.starts_with(&format!("would be adopted: `{QUOTA}` (")), "{}", run.stderr);
    let run = adopt("other.json");
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    assert!(run.why().contains("`other.json`; give a file that `guardline scan --snapshot` wrote: "), "{}", run.stderr);
    assert!(run.why().contains("it is of the format `guardline/snapshot/v9`"), "{}", run.stderr);
}

#[test]
fn what_is_for_adopting_findings_asks_for_one() {
    let project = project_with(|text| text);
    for (words, what) in [
        (&["--from", "report.json"][..], "`--from`"),
        (&["--from", "report.json", "-o", "new"], "`--from`"),
        (&["--snapshot", "snapshot.json"], "`--snapshot`"),
        (&["--dry-run"], "`--dry-run`"),
        (&["guardline.yaml"], "a baseline that is there"),
    ] {
        let run = project.run(&[&["record"], words].concat(), &[]);
        let said = format!("error: {what} is for adopting findings: name each with `--finding ID`; ");
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{words:?}: {}", run.stderr);
        assert!(run.stderr.starts_with(&said) && run.stderr.lines().count() == 1, "{words:?}: {}", run.stderr);
    }
}

#[test]
fn an_edit_goes_into_the_file_in_which_the_section_stands() {
    let project = project_with(|text| {
        let (head, exemptions) = text.split_once("exemptions:\n").expect("exemptions");
        format!("{head}include: more/exemptions.yaml\n#{}", exemptions.replace('\n', "\n#"))
    });
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/demo/guardline.yaml");
    let text = std::fs::read_to_string(demo).expect("the demo's baseline");
    let (_, exemptions) = text.split_once("exemptions:\n").expect("exemptions");
    project.write("more/exemptions.yaml", &format!("exemptions:\n{exemptions}"));
    scan(&project, &[]);
    let old = project.read("guardline.yaml");
    let run = exempt(&project, QUOTA, &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.starts_with("--- more/exemptions.yaml\n"), "{}", run.stdout);
    assert!(run.stderr.ends_with(" exempt until 2027-01-31 by `more/exemptions.yaml`\n"), "{}", run.stderr);
    assert_eq!(project.read("guardline.yaml"), old);
    assert_eq!(statuses(&scan(&project, &[]))[QUOTA], "exempt");
}

#[test]
fn a_finding_is_explained_with_its_line_its_author_and_what_to_do() {
    let project = project_with(|text| text);
    scan(&project, &[]);
    for id in [TRAIL, QUOTA, POLICY] {
        let run = project.run(&["explain", id, "--from", "report.json"], &[]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        insta::assert_snapshot!(format!("explained_{id}"), run.stdout);
    }
    let run = project.run(&["explain", "dc85", "--from", "report.json", "-f", "json"], &[]);
    let told = run.report();
    assert_eq!(told["schema"], "guardline/explain/v1");
    assert_eq!(told["finding"]["id"], TRAIL);
    assert!(list(&told["steps"])[0]["run"].as_str().expect("a command").starts_with("aws cloudtrail start-logging "));
    let shown: Vec<u64> = list(&told["baseline"]["lines"]).iter().filter_map(|line| line["line"].as_u64()).collect();
    assert_eq!(shown, (52..=58).collect::<Vec<_>>());

    project.write("guardline.yaml", "version: 1\nestate: other\naws: {}\n");
    let run = project.run(&["explain", TRAIL, "--from", "report.json"], &[]);
    assert!(run.stdout.contains("The file has no such line any more."), "{}", run.stdout);
    std::fs::remove_file(project.path("guardline.yaml")).expect("a file");
    let run = project.run(&["explain", TRAIL, "--from", "report.json"], &[]);
    assert!(run.stdout.contains("It cannot be shown any more: "), "{}", run.stdout);
}

#[test]
fn no_name_gets_out_of_its_place_in_an_explanation() {
    let project = project_with(|text| text);
    let mut report = scan(&project, &[]);
    let hostile = "x\u{1b}[31m'; rm -rf ~ #\u{202e}\n$ aws iam create-user";
    let finding = report["findings"].as_array_mut().expect("findings").iter_mut().find(|one| one["id"] == POLICY);
    let finding = finding.expect("the policy");
    finding["title"] = hostile.into();
    finding["subject"]["id"] = format!("p-1@{hostile}").into();
    finding["subject"]["name"] = hostile.into();
    finding["expected"] = hostile.into();
    project.write("report.json", &report.to_string());
    let run = project.run(&["explain", POLICY, "--from", "report.json"], &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stdout.contains(['\u{1b}', '\u{202e}']), "{}", run.stdout);
    assert!(run.stdout.lines().all(|line| !line.trim_start().starts_with("$ ")), "{}", run.stdout);
}

#[test]
fn an_exemption_that_ends_soon_is_told_in_time() {
    let project = project_with(|text| text);
    let told = |arguments: &[&str]| {
        let run = project.run(&[&["scan", "--replay", ".", "-f", "json"], arguments].concat(), &[]);
        let warnings: Vec<String> =
            run.stderr.lines().filter(|line| line.contains("exemption")).map(str::to_owned).collect();
        let report = run.report();
        let notes = list(&report["findings"]).iter().filter(|finding| finding["notes"].to_string().contains("expires"));
        (warnings, notes.count())
    };
    assert_eq!(told(&[]), (Vec::new(), 0));
    assert_eq!(told(&["--warn-before", "0d"]), (Vec::new(), 0));
    let (warnings, notes) = told(&["--warn-before", "80d"]);
    assert_eq!(notes, 1);
    assert_eq!(
        warnings,
        [
            "warning: exemption `kind link, account old-shop` expires 2027-01-31, in 71 days (guardline.yaml:73:5); 1 finding rests on it"
        ]
    );
    assert_eq!(told(&["--warn-before", "200d"]).1, 2);
    let run = project.run(&["scan", "--warn-before", "soon"], &[]);
    assert!(run.code == 2 && run.stderr.contains("is not a period"), "{}", run.stderr);
}

#[test]
fn entries_that_matched_nothing_are_named_as_far_as_the_scan_could_tell() {
    let project = project_with(|text| {
        let more = "  - match: {kind: region, account: legacy, region: ap-east-1}\n    status: ENABLED\n    reason: x\n    expires: 2099-01-01\n";
        format!("{text}{more}")
    });
    scan(&project, &[]);
    let run = project.run(&["validate", "guardline.yaml", "--against", "report.json"], &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        run.stdout.lines().collect::<Vec<_>>(),
        [
            "guardline.yaml: ok",
            "guardline.yaml:78:5: exemption.unused: Exemption kind region, account legacy, region ap-east-1 matches nothing",
            "guardline.yaml:78:44: baseline.unmatched: The baseline names region ap-east-1, which exists nowhere"
        ]
    );
    assert_eq!(run.stderr, "note: something could not be read, so that entries that may mean it are not named\n");
    let run = project.run(&["validate", "guardline.yaml", "--against", "report.json", "-f", "json"], &[]);
    assert_eq!(run.report()["files"][0]["against"]["entries"][0]["rule"], "exemption.unused");
    let run = project.run(&["validate", "guardline.yaml", "guardline.yaml", "--against", "report.json"], &[]);
    assert_eq!(run.code, 2);
}

/// The README's commands that need findings, in its order.
#[test]
fn the_readme_s_commands_about_findings_run() {
    let project = project_with(|text| text);
    scan(&project, &[]);
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("the README");
    let (_, block) = readme.split_once("```sh\n").expect("a block of commands");
    let (block, _) = block.split_once("```").expect("its end");
    assert!(block.lines().count() >= 5, "{block}");
    for command in block.lines() {
        // Every second piece between quotes is one word.
        let pieces = command.strip_prefix("guardline ").expect("a command").split('\'').enumerate();
        let words = pieces.flat_map(|(at, piece)| match at % 2 {
            0 => piece.split_whitespace().collect::<Vec<_>>(),
            _ => vec![piece],
        });
        let mut words: Vec<&str> = words.collect();
        if words[0] == "exempt" {
            words.extend(["--clock", CLOCK]);
        }
        let run = project.run(&words, &[]);
        assert_eq!(run.code, 0, "{command}: {}", run.stderr);
    }
}
