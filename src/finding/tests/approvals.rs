//! What approved changes account for, one test a rule of theirs.

use super::*;

#[test]
fn an_approved_change_needs_the_right_role_in_time_and_to_the_right_state() {
    let by = "{role: 'arn:aws:iam::*:role/deploy'}";
    let ci = || role(DEPLOY, "ci");
    let at = |at: &str| approval(by, made_by(ci(), Vec::new(), at)).0;
    assert_eq!(at("2026-11-20T00:00:00Z"), Status::Approved, "`from` is included");
    assert_eq!(at("2026-11-19T23:59:59Z"), Status::Open);
    assert_eq!(at("2026-11-29T23:59:59Z"), Status::Approved);
    assert_eq!(at("2026-11-30T00:00:00Z"), Status::Open, "`until` is not");
    let author = || Some(made_by(ci(), Vec::new(), IN_WINDOW));
    let finding = judged(&approving(by, ""), quota(641.0), author(), NOW);
    assert_eq!(
        (finding.status, finding.notes),
        (Status::Open, vec!["CHG-4711 does not apply: 641 is above max 640".to_owned()])
    );
    let finding = judged(&approving(by, ""), quota(640.0), author(), NOW);
    assert_eq!(finding.attribution.and_then(|authorship| authorship.approved_change).as_deref(), Some("CHG-4711"));
    assert_eq!(finding.approved_by.iter().map(|approval| approval.id.as_str()).collect::<Vec<_>>(), ["CHG-4711"]);
}

#[test]
fn a_bare_date_as_until_is_included_whole() {
    let text = approving("{role: 'arn:aws:iam::*:role/deploy'}", "").replace("2026-11-30T00:00:00Z", "2026-11-30");
    let made = |at: &str| judged(&text, quota(640.0), Some(made_by(role(DEPLOY, "ci"), Vec::new(), at)), NOW).status;
    assert_eq!(made("2026-11-30T23:59:59Z"), Status::Approved);
    assert_eq!(made("2026-12-01T00:00:00Z"), Status::Open);
}

#[test]
fn an_approved_difference_may_stand_until_its_time_and_then_is_open() {
    let by = "{role: 'arn:aws:iam::*:role/deploy'}";
    let until = "    accepted_until: 2026-12-05T00:00:00Z\n";
    let with = |more: &str, now: &str| {
        let finding =
            judged(&approving(by, more), quota(640.0), Some(made_by(role(DEPLOY, "ci"), Vec::new(), IN_WINDOW)), now);
        (finding.status, finding.notes)
    };
    assert_eq!(with("", "2026-11-29T23:59:59Z").0, Status::Approved, "by default until `until`");
    assert_eq!(with("", "2026-11-30T00:00:00Z").0, Status::Open);
    assert_eq!(with(until, "2026-12-04T23:59:59Z").0, Status::Approved);
    assert_eq!(with(until, "2026-12-05T00:00:00Z"), (Status::Open, vec!["CHG-4711 ended, still 640".to_owned()]));
}

#[test]
fn without_a_proven_author_nothing_is_approved() {
    let by = "{role: 'arn:aws:iam::*:role/deploy'}";
    let not_proven = vec!["CHG-4711 does not apply: who made the change is not proven".to_owned()];
    for outcome in [Outcome::Ambiguous, Outcome::Automatic, Outcome::NotFound, Outcome::OutsideWindow, Outcome::Blind] {
        let author = Attribution { outcome, ..made_by(role(DEPLOY, "ci"), Vec::new(), IN_WINDOW) };
        assert_eq!(approval(by, author), (Status::Open, not_proven.clone()), "{outcome:?}");
    }
    let doubtful = Attribution { confidence: Confidence::Low, ..made_by(role(DEPLOY, "ci"), Vec::new(), IN_WINDOW) };
    assert_eq!(approval(by, doubtful), (Status::Open, not_proven));
    let unasked = judged(&approving(by, ""), quota(640.0), None, NOW);
    assert_eq!(unasked.status, Status::Open);
    let untimed = Attribution { events: Vec::new(), ..made_by(role(DEPLOY, "ci"), Vec::new(), IN_WINDOW) };
    assert_eq!(approval(by, untimed).0, Status::Open);
}

#[test]
fn an_approval_on_less_than_full_proof_says_why_it_is_trusted_less() {
    let by = "{role: 'arn:aws:iam::*:role/deploy'}";
    let sure = made_by(role(DEPLOY, "ci"), Vec::new(), IN_WINDOW);
    assert_eq!(approval(by, sure.clone()), (Status::Approved, Vec::new()));
    let gap = "it fits; a later change may be missing: a log was throttled".to_owned();
    let less = Attribution { confidence: Confidence::Medium, reason: gap, ..sure };
    let note = "CHG-4711 applies, but who made the change is not fully certain: it fits; a later change may be missing: a log \
                was throttled";
    assert_eq!(approval(by, less.clone()), (Status::Approved, vec![note.to_owned()]));
    // What does not apply is not said to.
    assert!(approval("{role: 'arn:aws:iam::*:role/other'}", less).1.iter().all(|note| !note.contains("applies, but")));
}

#[test]
fn a_role_is_known_by_its_arn_and_a_star_account_means_this_estate() {
    let by = "{role: 'arn:aws:iam::*:role/deploy*'}";
    let with = |arn: &str| approval(by, made_by(role(arn, "ci"), Vec::new(), IN_WINDOW)).0;
    assert_eq!(with(DEPLOY), Status::Approved);
    assert_eq!(with("arn:aws:iam::222222222222:role/deploy/eu/prod"), Status::Approved, "`*` crosses `/`");
    assert_eq!(with("arn:aws:iam::111111111111:role/deploy"), Status::Approved);
    assert_eq!(with("arn:aws:iam::555555555555:role/deploy"), Status::Approved, "expected by a pattern");
    assert_eq!(with("arn:aws:iam::666666666666:role/deploy"), Status::Open, "a member that nothing declares");
    assert_eq!(with("arn:aws:iam::999999999999:role/deploy"), Status::Open, "not of this estate");
    assert_eq!(with("arn:aws:iam::222222222222:role/x:role/deploy"), Status::Open, "a `:` in a role's path");
    let user = Principal { role: Some(DEPLOY.to_owned()), ..user("ci") };
    assert_eq!(approval(by, made_by(user, Vec::new(), IN_WINDOW)).0, Status::Open);
}

#[test]
fn a_person_is_known_by_what_an_identity_provider_vouches_for() {
    let by = "{person: alice@acme.example}";
    let alice = |kind: PrincipalKind, account: Option<&str>| Principal {
        user: Some("alice@acme.example".to_owned()),
        ..principal(kind, account)
    };
    let name_only = (Status::Open, vec!["CHG-4711 does not apply: name fits, identity not proven".to_owned()]);
    let status = |principal: Principal, chain: Vec<Principal>| approval(by, made_by(principal, chain, IN_WINDOW));
    assert_eq!(status(user("alice@acme.example"), Vec::new()).0, Status::Approved);
    for kind in [PrincipalKind::SamlUser, PrincipalKind::IdentityCenterUser] {
        assert_eq!(status(role(DEPLOY, "x"), vec![alice(kind, None)]).0, Status::Approved, "{kind:?}");
    }
    // The session's account is not of this estate: neither is whoever vouches for the name.
    let foreign = role("arn:aws:iam::999999999999:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_X_1", "x");
    assert_eq!(status(foreign, vec![alice(PrincipalKind::IdentityCenterUser, None)]), name_only);
    assert_eq!(status(alice(PrincipalKind::User, Some("999999999999")), Vec::new()), name_only);
    // Names that the caller chose.
    assert_eq!(status(role(DEPLOY, "alice@acme.example"), Vec::new()), name_only);
    let claimed = Principal { source_identity: Some("alice@acme.example".to_owned()), ..role(DEPLOY, "x") };
    assert_eq!(status(claimed, Vec::new()), name_only);
    assert_eq!(status(alice(PrincipalKind::FederatedUser, Some("222222222222")), Vec::new()), name_only);
    // Somebody stands behind the user, or it is somebody else.
    assert_eq!(status(user("alice@acme.example"), vec![principal(PrincipalKind::ExternalAccount, None)]), name_only);
    let other = (Status::Open, vec!["CHG-4711 does not apply: made by somebody else".to_owned()]);
    assert_eq!(status(user("bob@acme.example"), Vec::new()), other);
}

#[test]
fn a_pipeline_is_known_by_its_token_s_subject() {
    let by = "{pipeline: 'repo:acme/infra:*'}";
    let subject =
        |subject: &str| Principal { user: Some(subject.to_owned()), ..principal(PrincipalKind::WebIdentity, None) };
    let status = |name: &str| approval(by, made_by(role(DEPLOY, "x"), vec![subject(name)], IN_WINDOW)).0;
    assert_eq!(status("repo:acme/infra:ref:refs/heads/main"), Status::Approved);
    assert_eq!(status("repo:evil/infra:ref:refs/heads/main"), Status::Open);
    assert_eq!(approval(by, made_by(role(DEPLOY, "repo:acme/infra:x"), Vec::new(), IN_WINDOW)).0, Status::Open);
    // A pipeline is no person, nor the other way round.
    let person =
        approval("{person: 'repo:*'}", made_by(role(DEPLOY, "x"), vec![subject("repo:acme/infra:x")], IN_WINDOW));
    assert_eq!(person.0, Status::Open);
}

#[test]
fn approved_stands_before_exempt_before_open_and_all_matches_are_listed() {
    let by = "{role: 'arn:aws:iam::*:role/deploy'}";
    let both = format!(
        "{}{}  - {{id: second, match: {{kind: quota}}, max: 700, reason: r, owner: platform, category: mitigated, expires: 2027-03-01}}\n",
        approving(by, ""),
        exempting("id: first, match: {account: payments-prod}, max: 640")
    );
    let author = || Some(made_by(role(DEPLOY, "ci"), Vec::new(), IN_WINDOW));
    let finding = judged(&both, quota(640.0), author(), NOW);
    assert_eq!(finding.status, Status::Approved);
    assert_eq!(finding.approved_by.len(), 1);
    assert_eq!(finding.exempted_by.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    let finding = judged(&both, quota(650.0), author(), NOW);
    assert_eq!((finding.status, finding.exempted_by.len(), finding.notes.len()), (Status::Exempt, 1, 2));
    let finding = judged(&both, quota(701.0), author(), NOW);
    assert_eq!((finding.status, finding.notes.len()), (Status::Open, 3));
}
