//! Secrets are planted wherever the program could meet one, and looked for in everything that it writes.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::double::Server;
use crate::double::estate::{Estate, Event, Handshake};
use crate::drift_test::{MANAGEMENT, hours_ago};
use crate::runner::{Project, coverage, list, open};

const PAYMENTS: &str = "222222222222";

/// Credentials of the environment.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "AKIA111111111111PLANTEDKEY"),
    ("AWS_SECRET_ACCESS_KEY", "planted-secret-access-key"),
    ("AWS_SESSION_TOKEN", "planted-session-token"),
    ("GL_EXTERNAL_ID", "planted-external-id"),
];

/// Every field of a record that holds a secret, with it.
fn credentials(place: &str) -> Value {
    let secret = |what: &str| json!(format!("planted-{place}-{what}"));
    json!({
        "credentials": {
            "accessKeyId": "ASIAEVIDENCE", "secretAccessKey": secret("secret"), "sessionToken": secret("session"),
        },
        "externalId": secret("external"),
        "password": secret("password"),
        "masterUserPassword": secret("master"),
        "sAMLAssertion": secret("saml"),
        "webIdentityToken": secret("web"),
        "tokenCode": secret("code"),
        "userData": secret("data"),
        "clientSecret": [secret("client"), secret("second")],
        "privateKey": {"pem": secret("private")},
        "inner": json!({"authorizationToken": secret("inner")}).to_string(),
    })
}

/// Two changes whose records hold credentials, an open invitation, and accounts with addresses that give people away.
fn estate() -> Estate {
    let mut estate = Estate::sample();
    for id in estate.accounts.keys().cloned().collect::<Vec<_>>() {
        let mut account = estate.account_mut(&id);
        account.email = format!("planted.person+{id}@acme.example");
        account.role("GuardlineRead").external_id = Some("planted-external-id".to_owned());
    }
    estate.account_mut("666666666666").name = "named.person@acme.example".to_owned();
    estate.organization_mut().handshakes.push(Handshake {
        id: "h-invite0001".to_owned(),
        action: "INVITE".to_owned(),
        state: "OPEN".to_owned(),
        parties: vec![("EMAIL".to_owned(), "planted.person.invited@acme.example".to_owned())],
        resources: vec![("EMAIL".to_owned(), "planted.person.invited@acme.example".to_owned())],
        requested: Timestamp::now() - SignedDuration::from_hours(2),
        expires: Timestamp::now() + SignedDuration::from_hours(200),
    });
    estate.account_mut(PAYMENTS).quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
    let mut request = credentials("request");
    for (key, value) in
        [("serviceCode", json!("ec2")), ("quotaCode", json!("L-1216C47A")), ("desiredValue", json!(640))]
    {
        request[key] = value;
    }
    estate.log(
        Event::new(PAYMENTS, "us-east-1", "servicequotas", "RequestServiceQuotaIncrease", &hours_ago(30))
            .by_role(PAYMENTS, "Admin", "alice@acme.example")
            .request(request)
            .response(credentials("response"))
            .with("additionalEventData", credentials("additional")),
    );
    // One that was refused, and one that cannot be used as evidence.
    let refused = Event::new(PAYMENTS, "us-east-1", "servicequotas", "RequestServiceQuotaIncrease", &hours_ago(31));
    let refused = refused.by_user(PAYMENTS, "eve").request(credentials("refused"));
    estate.log(refused.failed("AccessDenied", "no"));
    estate.log(
        Event::new(MANAGEMENT, "us-east-1", "organizations", "InviteAccountToOrganization", &hours_ago(2))
            .by_role(MANAGEMENT, "OrgAdmin", "carol")
            .request(json!({"target": {"type": "EMAIL", "id": "planted.person.invited@acme.example"}}))
            .response(json!({"handshake": {"id": "h-invite0001", "resources": [
                {"type": "EMAIL", "value": "planted.person.invited@acme.example"}, {"type": "MASTER_EMAIL", "value": "planted.person+1@acme.example"},
            ]}})),
    );
    estate
}

fn project() -> Project {
    let access = "access: {member_role: GuardlineRead, external_id_env: GL_EXTERNAL_ID}";
    Project::acme_with(&[
        ("access: {member_role: GuardlineRead}", access),
        ("    - {match: \"sandbox-*\", ou: /Sandbox}\n", "    - {match: \"*\", ou: /Sandbox}\n"),
    ])
}

fn environment(server: &Server) -> Vec<(&'static str, String)> {
    let planted = ENVIRONMENT.map(|(name, value)| (name, value.to_owned()));
    [&server.env()[..], &planted].concat()
}

/// Everything that a run left behind: its name, and what it says.
fn written(project: &Project, arguments: &[&str], server: &Server) -> Vec<(String, String)> {
    let files =
        ["scan", "-vv", "-f", "terminal", "-f", "json", "--snapshot", "snapshot.json", "-o", "r.json", "-o", "r.txt"];
    let run = project.run(&[&files[..], arguments].concat(), &environment(server));
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.lines().count() > 100, "every call is said: {}", run.stderr);
    let mut all = vec![("stdout".to_owned(), run.stdout), ("stderr".to_owned(), run.stderr)];
    for file in ["snapshot.json", "r.json", "r.txt", "recording/recording.json", "recording/exchanges.jsonl"] {
        if project.path(file).exists() {
            all.push((file.to_owned(), project.read(file)));
        }
    }
    all
}

#[test]
fn no_secret_is_written_anywhere() {
    let server = Server::start(estate());
    let project = project();
    let all = written(&project, &["--record-to", "recording"], &server);
    assert_eq!(all.len(), 7);
    let report: Value = serde_json::from_str(&project.read("r.json")).unwrap_or_default();
    // The secrets were met: roles were taken with the external id, the records were read, the addresses too.
    assert!(server.calls_of("sts:AssumeRole").iter().any(|call| call.input["ExternalId"] == "planted-external-id"));
    let found = open(&report);
    assert!(found.iter().any(|line| line.contains("quota.raised") && line.contains("attributed (high)")), "{found:?}");
    assert!(found.iter().any(|line| line.contains("link.handshake.open")), "{found:?}");
    // What AssumeRole handed out begins with these.
    for planted in ["planted", "PLANTED", "secret/", "double//", "aws4_request", "SecretAccessKey", "SessionToken"] {
        for (name, text) in &all {
            let at = text.find(planted).map(|at| text[at.saturating_sub(200)..].chars().take(300).collect::<String>());
            assert_eq!(at, None, "{name} holds `{planted}`");
        }
    }
    // A recording keeps the names of accounts: a baseline declares accounts by name, and a replay has to find them.
    for (name, text) in all.iter().filter(|(name, _)| !name.starts_with("recording")) {
        assert!(!text.contains("named.person"), "{name} holds the address that an account is called by");
    }
    // Evidence stays: who, and with which key.
    let recording = &all[6].1;
    for kept in ["ASIAEVIDENCE", "ASIAEXAMPLE", "alice@acme.example", "named.person@acme.example", "***@acme.example"] {
        assert!(recording.contains(kept), "the recording lost `{kept}`");
    }
    // Keys of roles that were taken are no evidence of anything.
    let taken =
        recording.split("ASIA").skip(1).filter(|rest| !["EVIDENCE", "EXAMPLE"].iter().any(|k| rest.starts_with(k)));
    assert_eq!(taken.count(), 0);
    assert!(!recording.contains("\"sts:AssumeRole\""));
    assert!(fs::read_dir(project.path("recording")).is_ok_and(|files| files.count() == 2));
}

#[test]
fn addresses_are_shown_only_where_that_is_asked_for() {
    let server = Server::start(estate());
    let project = project();
    let scan = |arguments: &[&str]| {
        let common = ["scan", "-f", "json", "--kind", "link"];
        project.run(&[&common[..], arguments].concat(), &environment(&server))
    };
    let masked = scan(&["--snapshot", "masked.json"]);
    for text in [&masked.stdout, &project.read("masked.json")] {
        assert!(!text.contains("person") && text.contains("***@acme.example"), "{text}");
    }
    let shown = scan(&["--snapshot", "shown.json", "--show-personal"]);
    let snapshot: Value = serde_json::from_str(&project.read("shown.json")).unwrap_or_default();
    let accounts = list(&snapshot["organization"]["known"]["accounts"]["known"]);
    assert!(accounts.iter().any(|account| account["email"] == "planted.person+222222222222@acme.example"));
    assert!(shown.stdout.contains("planted.person.invited@acme.example"), "{}", shown.stdout);
    // An id is the same for both, and so is everything else.
    let ids = |report: &Value| list(&report["findings"]).iter().map(|f| f["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&masked.report()), ids(&shown.report()));
    assert_eq!(coverage(&masked.report(), "organizations:").len(), coverage(&shown.report(), "organizations:").len());
}
