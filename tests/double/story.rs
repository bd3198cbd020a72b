//! The sample after a bad night: what `guardline demo` shows.
//!
//! In: the sample. Out: the same organisation on the morning of 2026-11-21, with every change that somebody made and the
//! events that tell of it. Its times are fixed, so that a recording of it can be made again.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::estate::{Estate, Event};
use super::inside::ChangeRequest;

const MANAGEMENT: &str = "111111111111";
const PAYMENTS: &str = "222222222222";
const LEGACY: &str = "444444444444";
const DEVELOPMENT: &str = "555555555555";
const NETWORK: &str = "888888888888";
const HOME: &str = "us-east-1";

impl Estate {
    /// The sample after a bad night.
    pub fn story() -> Self {
        let mut estate = Self::sample();
        estate.now = Some("2026-11-21T06:30:00Z".parse::<Timestamp>().expect("a time"));
        // Nobody rolled the agent's role out to this account.
        estate.account_mut("777777777777").roles.clear();
        estate.approved();
        estate.exempt();
        estate.night();
        for account in estate.accounts.values_mut() {
            account.events.values_mut().flatten().for_each(sign_in_that_day);
        }
        estate
    }

    /// The day before: the pipeline gets the capacity that a ticket speaks of.
    fn approved(&mut self) {
        let raised = quota_event(PAYMENTS, "eu-west-1", "2026-11-20T09:14:41Z");
        self.granted(raised.by_role(PAYMENTS, "deploy", "run-8841"), "L-1216C47A", 640.0);
    }

    /// Weeks ago: a region that the owner of the platform accepted for a while.
    fn exempt(&mut self) {
        self.account_mut(LEGACY).set_region("me-south-1", "ENABLED");
    }

    /// A role that was left behind is used from afar, at four in the morning where the people are.
    fn night(&mut self) {
        let raised = quota_event(DEVELOPMENT, "us-west-2", "2026-11-21T02:12:09Z");
        self.granted(intruder(raised, DEVELOPMENT), "L-DB2E81BA", 1152.0);

        self.account_mut(NETWORK).set_region("me-south-1", "ENABLED");
        let enabled = Event::new(NETWORK, HOME, "account", "EnableRegion", "2026-11-21T02:20:33Z");
        self.log(intruder(enabled, NETWORK).request(json!({"regionName": "me-south-1"})));

        let workloads = self.unit_id("/Workloads");
        self.policy_mut("deny-outside-eu").targets.remove(&workloads);
        let detached = Event::new(MANAGEMENT, HOME, "organizations", "DetachPolicy", "2026-11-21T02:31:50Z");
        self.log(intruder(detached, MANAGEMENT).request(json!({"policyId": "p-ab12cd34", "targetId": workloads})));

        let (from, to) = (self.unit_id("/Workloads/Dev"), self.unit_id("/Sandbox"));
        self.move_account(DEVELOPMENT, "/Sandbox");
        let moved = Event::new(MANAGEMENT, HOME, "organizations", "MoveAccount", "2026-11-21T02:33:04Z");
        let request = json!({"accountId": DEVELOPMENT, "sourceParentId": from, "destinationParentId": to});
        self.log(intruder(moved, MANAGEMENT).request(request));

        self.stop_the_trail();
    }

    /// Refused at first, then done with the user that is kept for emergencies.
    fn stop_the_trail(&mut self) {
        let request = json!({"name": format!("arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/org-trail")});
        let refused = Event::new(MANAGEMENT, HOME, "cloudtrail", "StopLogging", "2026-11-21T02:35:17Z")
            .with("errorCode", json!("AccessDenied"))
            .with("errorMessage", json!("User is not authorized to perform: cloudtrail:StopLogging"));
        self.log(intruder(refused, MANAGEMENT).request(request.clone()));
        let stopped = Event::new(MANAGEMENT, HOME, "cloudtrail", "StopLogging", "2026-11-21T02:41:22Z");
        self.log(
            stopped.by_user(MANAGEMENT, "breakglass").with("sourceIPAddress", json!("203.0.113.77")).request(request),
        );
        let at = "2026-11-21T02:41:22Z".parse().expect("a time");
        let management = self.account_mut(MANAGEMENT);
        let trail = management.trail("org-trail");
        trail.logging = false;
        trail.stopped = Some(at);
    }

    /// A quota request that AWS granted: the value, the history of requests, the log.
    fn granted(&mut self, event: Event, code: &str, value: f64) {
        let said = |pointer: &str| event.record.pointer(pointer).and_then(Value::as_str).expect("a text").to_owned();
        let (account, region, at) = (said("/recipientAccountId"), said("/awsRegion"), said("/eventTime"));
        let request = ChangeRequest {
            status: "CASE_CLOSED".to_owned(),
            requester: Some(said("/userIdentity/arn")),
            ..ChangeRequest::new(&said("/requestID").replace('-', ""), "ec2", code, value, &at)
        };
        let asked = json!({"serviceCode": "ec2", "quotaCode": code, "desiredValue": value});
        let mut answer = asked.clone();
        answer["id"] = request.id.clone().into();
        answer["status"] = "PENDING".into();
        self.account_mut(&account).quota(&region, "ec2", code).applied = Some(value);
        self.account_mut(&account).request(&region, request);
        self.log(event.request(asked).response(json!({"requestedQuota": answer})));
    }
}

fn quota_event(account: &str, region: &str, at: &str) -> Event {
    Event::new(account, region, "servicequotas", "RequestServiceQuotaIncrease", at)
}

fn intruder(event: Event, account: &str) -> Event {
    from_afar(event.by_role(account, "OrganizationAccountAccessRole", "support"))
}

fn from_afar(event: Event) -> Event {
    event.with("sourceIPAddress", json!("203.0.113.77")).with("userAgent", json!("Boto3/1.34.7 md/Botocore#1.34.7"))
}

/// Sessions began shortly before they were used.
fn sign_in_that_day(event: &mut Event) {
    let day = event.record["eventTime"].as_str().map(|time| format!("{}T01:58:02Z", &time[..10]));
    let attributes = event.record.pointer_mut("/userIdentity/sessionContext/attributes/creationDate");
    if let (Some(attributes), Some(day)) = (attributes, day) {
        *attributes = day.into();
    }
}
