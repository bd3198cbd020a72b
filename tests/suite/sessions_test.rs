//! Sessions of member roles that end while a scan goes on.

use jiff::SignedDuration;

use crate::double::estate::Estate;
use crate::double::{Options, Server};
use crate::runner::Project;

const BASELINE: &str = r#"
version: 1
estate: small
aws:
  access: {member_role: GuardlineRead}
  settings: [{serial_console_access: false}]
"#;

#[test]
fn a_role_whose_session_ends_during_a_run_is_taken_again() {
    let session = Some(SignedDuration::from_secs(2));
    let server = Server::start_with(Estate::generate(2, 8, 3), Options { session, ..Options::default() });
    let run = Project::new(BASELINE).scan(&server, &["--strict", "--fail-on", "critical", "--max-rps", "4"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    // The run outlasts its first session, and no call was made with one that had ended.
    let member: Vec<_> = server.calls().into_iter().filter(|call| call.account == "200000000001").collect();
    let lasted = member.last().zip(member.first()).map(|(last, first)| last.at.duration_since(first.at));
    assert!(lasted.is_some_and(|lasted| lasted.as_secs_f64() > 2.0), "{lasted:?} for {} calls", member.len());
    assert!(member.iter().all(|call| call.status == 200), "{member:?}");
    assert!(server.calls_of("sts:AssumeRole").len() > 1);
}

#[test]
fn a_session_that_lasts_is_taken_once() {
    let server = Server::start(Estate::generate(3, 6, 3));
    let run = Project::new(BASELINE).scan(&server, &["--strict", "--fail-on", "critical"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(server.calls_of("sts:AssumeRole").len(), 2, "one for each member");
}
