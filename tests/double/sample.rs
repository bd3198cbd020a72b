//! Ready-made estates: an organisation as AWS makes it, an account without one, and big ones for load.
//!
//! In: nothing, or sizes. Out: an [`Estate`] that is the same every time. Ids are those of the baseline that the
//! design shows.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::estate::{
    Account, Estate, Event, Organization, Paging, Policy, QuotaKind, RegionKind, Root, Service, Trail, Unit, Zone,
    full_access,
};

const MANAGEMENT: &str = "111111111111";
const ROOT: &str = "r-ab12";

/// Regions of the sample: name, whether it is opt-in, where it is.
const REGIONS: &[(&str, bool, &str)] = &[
    ("eu-central-1", false, "Germany"),
    ("eu-south-1", true, "Italy"),
    ("eu-west-1", false, "Ireland"),
    ("me-south-1", true, "Bahrain"),
    ("us-east-1", false, "United States of America"),
    ("us-west-2", false, "United States of America"),
];

/// Units of the sample: id and path, parents first.
const UNITS: &[(&str, &str)] = &[
    ("ou-ab12-c3d4e5f6", "/Workloads"),
    ("ou-ab12-prod0001", "/Workloads/Prod"),
    ("ou-ab12-dev00001", "/Workloads/Dev"),
    ("ou-ab12-sandbox1", "/Sandbox"),
    ("ou-ab12-suspend1", "/Suspended"),
    ("ou-ab12-infra001", "/Infrastructure"),
];

/// Accounts of the sample: id, name and path.
const ACCOUNTS: &[(&str, &str, &str)] = &[
    (MANAGEMENT, "management", "/"),
    ("222222222222", "payments-prod", "/Workloads/Prod"),
    ("333333333333", "security-audit", "/"),
    ("444444444444", "legacy", "/Workloads"),
    ("555555555555", "payments-dev", "/Workloads/Dev"),
    ("666666666666", "sandbox-alice", "/Sandbox"),
    ("777777777777", "sandbox-bob", "/Sandbox"),
    ("888888888888", "network", "/Infrastructure"),
    ("999999999999", "old-shop", "/Suspended"),
];

/// Default regions that `generate` starts with, and opt-in ones that follow.
const MANY_REGIONS: &[(&str, bool)] = &[
    ("us-east-1", false),
    ("us-east-2", false),
    ("us-west-1", false),
    ("us-west-2", false),
    ("ap-northeast-1", false),
    ("ap-northeast-2", false),
    ("ap-northeast-3", false),
    ("ap-south-1", false),
    ("ap-southeast-1", false),
    ("ap-southeast-2", false),
    ("ca-central-1", false),
    ("eu-central-1", false),
    ("eu-north-1", false),
    ("eu-west-1", false),
    ("eu-west-2", false),
    ("eu-west-3", false),
    ("sa-east-1", false),
    ("af-south-1", true),
    ("ap-east-1", true),
    ("ap-south-2", true),
    ("ap-southeast-3", true),
    ("ap-southeast-4", true),
    ("ap-southeast-5", true),
    ("ca-west-1", true),
    ("eu-central-2", true),
    ("eu-south-1", true),
    ("eu-south-2", true),
    ("il-central-1", true),
    ("me-central-1", true),
    ("me-south-1", true),
    ("mx-central-1", true),
];

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn region_kind(name: &str, opt_in: bool, geography: &str) -> RegionKind {
    let short: String = name.split('-').map(|part| part.chars().next().unwrap_or('x')).collect();
    let zone = |letter: char| Zone {
        name: format!("{name}{letter}"),
        id: format!("{short}-az{}", letter as u32 - 'a' as u32 + 1),
        group: format!("{name}-zg-1"),
        zone_type: "availability-zone".to_owned(),
    };
    let mut zones: Vec<Zone> = ['a', 'b', 'c'].into_iter().map(zone).collect();
    if name == "us-east-1" || name == "us-west-2" {
        let city = if name == "us-east-1" { "bos" } else { "lax" };
        zones.push(Zone {
            name: format!("{name}-{city}-1a"),
            id: format!("{short}-{city}1-az1"),
            group: format!("{name}-{city}-1"),
            zone_type: "local-zone".to_owned(),
        });
    }
    RegionKind { opt_in, geography: geography.to_owned(), zones }
}

/// Quotas as AWS publishes them: service code and name, then code, name, default and usual applied value.
fn catalogue() -> BTreeMap<String, Service> {
    type Row = (&'static str, &'static str, f64, Option<f64>);
    let ec2: &[Row] = &[
        ("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5.0, Some(5.0)),
        ("L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 5.0, Some(5.0)),
        ("L-417A185B", "Running On-Demand P instances", 0.0, Some(0.0)),
        ("L-DB2E81BA", "Running On-Demand G and VT instances", 0.0, Some(0.0)),
        ("L-0263D0A3", "EC2-VPC Elastic IPs", 5.0, Some(5.0)),
    ];
    let lambda: &[Row] = &[
        ("L-B99A9384", "Concurrent executions", 1000.0, Some(1000.0)),
        ("L-2ACBD22F", "Function and layer storage", 75.0, Some(75.0)),
        ("L-9FEE3D26", "Elastic network interfaces per VPC", 500.0, None),
    ];
    let vpc: &[Row] = &[
        ("L-F678F1CE", "VPCs per Region", 5.0, Some(5.0)),
        ("L-0EA8095F", "Inbound or outbound rules per security group", 60.0, Some(60.0)),
        ("L-A4707A72", "Internet gateways per Region", 5.0, Some(5.0)),
    ];
    let iam: &[Row] = &[("L-F4A5425F", "Groups per account", 300.0, Some(300.0))];
    let s3: &[Row] = &[("L-DC2B2D3D", "General purpose buckets", 10000.0, None)];
    let services: &[(&str, &str, &[Row])] = &[
        ("ec2", "Amazon Elastic Compute Cloud (Amazon EC2)", ec2),
        ("iam", "AWS Identity and Access Management (IAM)", iam),
        ("lambda", "AWS Lambda", lambda),
        ("s3", "Amazon Simple Storage Service (Amazon S3)", s3),
        ("vpc", "Amazon Virtual Private Cloud (Amazon VPC)", vpc),
    ];
    let mut all = BTreeMap::new();
    for (code, name, rows) in services {
        let quotas = rows
            .iter()
            .map(|(code, name, default, usual)| ((*code).to_owned(), QuotaKind::new(name, *default, *usual)));
        all.insert((*code).to_owned(), Service { name: (*name).to_owned(), quotas: quotas.collect() });
    }
    refine(&mut all);
    all
}

/// What the rows above do not say.
fn refine(all: &mut BTreeMap<String, Service>) {
    let mut with = |service: &str, code: &str, change: fn(&mut QuotaKind)| {
        if let Some(kind) = all.get_mut(service).and_then(|s| s.quotas.get_mut(code)) {
            change(kind);
        }
    };
    with("iam", "L-F4A5425F", |kind| kind.global = true);
    with("lambda", "L-2ACBD22F", |kind| kind.unit = "Gigabytes".to_owned());
    with("ec2", "L-1216C47A", |kind| {
        let metric = ("AWS/Usage".to_owned(), "ResourceCount".to_owned(), "vCPU".to_owned());
        kind.usage_metric = Some(metric);
        kind.description =
            Some("Maximum number of vCPUs assigned to the Running On-Demand Standard instances.".to_owned());
    });
    with("vpc", "L-0EA8095F", |kind| {
        kind.adjustable_at = "ALL".to_owned();
        kind.resource_type = Some("AWS::EC2::SecurityGroup".to_owned());
    });
}

/// An AWS-managed policy that is attached to everything.
fn managed_policy(name: &str, resource_control: bool) -> Policy {
    let kind = if resource_control { "RESOURCE_CONTROL_POLICY" } else { "SERVICE_CONTROL_POLICY" };
    let what = if resource_control { "resource" } else { "operation" };
    Policy {
        name: name.to_owned(),
        description: format!("Allows access to every {what}"),
        policy_type: kind.to_owned(),
        aws_managed: true,
        content: full_access(resource_control).to_string(),
        targets: [ROOT.to_owned()].into(),
        tags: BTreeMap::new(),
    }
}

fn organization(trusted: &[&str]) -> Organization {
    let enabled = ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"];
    let policies = [
        ("p-FullAWSAccess".to_owned(), managed_policy("FullAWSAccess", false)),
        ("p-RCPFullAWSAccess".to_owned(), managed_policy("RCPFullAWSAccess", true)),
    ];
    Organization {
        id: "o-a1b2c3d4e5".to_owned(),
        feature_set: "ALL".to_owned(),
        management_account: MANAGEMENT.to_owned(),
        root: Root {
            id: ROOT.to_owned(),
            name: "Root".to_owned(),
            policy_types: enabled.iter().map(|t| ((*t).to_owned(), "ENABLED".to_owned())).collect(),
        },
        units: BTreeMap::<String, Unit>::new(),
        policies: policies.into(),
        delegated: BTreeMap::new(),
        trusted_services: trusted.iter().map(|s| ((*s).to_owned(), time("2024-03-02T09:30:00Z"))).collect(),
        handshakes: Vec::new(),
        create_account_statuses: Vec::new(),
        resource_policy: None,
        transfers_in: Vec::new(),
        transfers_out: Vec::new(),
        quota_template: None,
        legacy_account_status: false,
    }
}

fn bare(regions: BTreeMap<String, RegionKind>, services: BTreeMap<String, Service>) -> Estate {
    Estate {
        partition: "aws".to_owned(),
        global_region: "us-east-1".to_owned(),
        now: None,
        organization: None,
        accounts: BTreeMap::new(),
        regions,
        services,
        paging: Paging::default(),
    }
}

fn sample_regions() -> BTreeMap<String, RegionKind> {
    REGIONS.iter().map(|(name, opt_in, place)| ((*name).to_owned(), region_kind(name, *opt_in, place))).collect()
}

/// An organisation trail as CloudTrail makes it.
pub(super) fn organization_trail() -> Trail {
    let mut trail = Trail::new("org-trail", "us-east-1", "acme-org-trail");
    trail.organization = true;
    trail
}

impl Estate {
    /// An organisation as AWS makes it: nine accounts, six units, six regions of which two are opt-in, the
    /// AWS-managed policies on everything, two customer policies, one organisation trail. New accounts have less
    /// than the default of some quotas; `eu-south-1` is on but in the sandboxes, `me-south-1` is off.
    pub fn sample() -> Self {
        let mut estate = bare(sample_regions(), catalogue());
        let trusted = ["account.amazonaws.com", "cloudtrail.amazonaws.com", "guardduty.amazonaws.com"];
        estate.organization = Some(organization(&trusted));
        for (id, path) in UNITS {
            estate.add_unit(id, path);
        }
        for (id, name, path) in ACCOUNTS {
            let account = estate.add_account(id, name, path);
            if !path.starts_with("/Sandbox") && !path.starts_with("/Suspended") {
                account.set_region("eu-south-1", "ENABLED");
            }
        }
        estate.populate();
        estate.guard();
        estate
    }

    /// What tells the sample's accounts apart.
    fn populate(&mut self) {
        let mut management = self.account_mut(MANAGEMENT);
        management.joined_method = "INVITED".to_owned();
        management.joined = time("2024-03-01T08:00:00Z");
        management.roles.clear();
        management.role("GuardlineOrgRead");
        management.trails.push(organization_trail());
        self.account_mut("444444444444").joined_method = "INVITED".to_owned();
        self.account_mut("222222222222").tags.insert("tier".to_owned(), "prod".to_owned());
        self.account_mut("999999999999").state = "SUSPENDED".to_owned();
        let regions: Vec<String> = self.regions.keys().cloned().collect();
        for id in ["555555555555", "666666666666", "777777777777"] {
            for region in &regions {
                self.account_mut(id).quota(region, "ec2", "L-1216C47A").applied = Some(1.0);
                self.account_mut(id).quota(region, "lambda", "L-B99A9384").applied = Some(10.0);
            }
        }
        let since = time("2024-03-05T12:00:00Z");
        let services = BTreeMap::from([("guardduty.amazonaws.com".to_owned(), since)]);
        self.organization_mut().delegated.insert("333333333333".to_owned(), services);
        let hour_ago = Timestamp::now() - SignedDuration::from_hours(1);
        let at = hour_ago.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let read = Event::new(MANAGEMENT, "us-east-1", "organizations", "ListAccounts", &at);
        self.log(read.by_role(MANAGEMENT, "GuardlineOrgRead", "guardline"));
    }

    /// The sample's own policies.
    fn guard(&mut self) {
        let outside_eu = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "DenyOutsideEu", "Effect": "Deny",
                "NotAction": ["iam:*", "organizations:*", "sts:*", "support:*", "cloudtrail:LookupEvents", "servicequotas:*"],
                "Resource": "*",
                "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1", "eu-west-1", "eu-south-1", "us-east-1"]}},
            }],
        });
        let leave = json!({
            "Version": "2012-10-17",
            "Statement": [{"Sid": "DenyLeave", "Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"}],
        });
        self.add_policy("p-ab12cd34", "deny-outside-eu", "SERVICE_CONTROL_POLICY", &outside_eu, &["/Workloads"]);
        self.add_policy("p-ef56ab78", "deny-leave", "SERVICE_CONTROL_POLICY", &leave, &["/"]);
    }

    /// One account without an organisation, with a trail of its own.
    pub fn standalone() -> Self {
        let mut estate = bare(sample_regions(), catalogue());
        let mut account = Account::new(MANAGEMENT, "alone");
        account.trails.push(Trail::new("trail", "us-east-1", "alone-trail"));
        estate.accounts.insert(MANAGEMENT.to_owned(), account);
        estate
    }

    /// An organisation of so many accounts (the management account among them, ten to a unit), regions (at most
    /// 31, opt-in ones last and on everywhere) and quota rows per account and region, a hundred to a service.
    pub fn generate(accounts: usize, regions: usize, rows: usize) -> Self {
        let sizes: Vec<usize> = (0..rows).step_by(100).map(|from| (rows - from).min(100)).collect();
        Self::generate_services(accounts, regions, &sizes)
    }

    /// The same, with a service for each of `sizes` and as many quota rows in it.
    pub fn generate_services(accounts: usize, regions: usize, sizes: &[usize]) -> Self {
        let chosen = &MANY_REGIONS[..regions.clamp(1, MANY_REGIONS.len())];
        let kinds = chosen.iter().map(|(name, opt_in)| ((*name).to_owned(), region_kind(name, *opt_in, "")));
        let mut services: BTreeMap<String, Service> = BTreeMap::new();
        let mut codes = 0..;
        for (place, size) in sizes.iter().enumerate() {
            let code = format!("service{place:02}");
            let service = services.entry(code.clone()).or_default();
            service.name = format!("Service {code}");
            for n in codes.by_ref().take(*size) {
                let kind = QuotaKind::new(&format!("Quota {n}"), 10.0, Some(10.0));
                service.quotas.insert(format!("L-{n:08X}"), kind);
            }
        }
        let mut estate = bare(kinds.collect(), services);
        estate.organization = Some(organization(&["account.amazonaws.com", "cloudtrail.amazonaws.com"]));
        estate.add_account(MANAGEMENT, "management", "/").trails.push(organization_trail());
        estate.account_mut(MANAGEMENT).role("GuardlineOrgRead");
        for n in 1..accounts {
            let unit = n / 10;
            let path = format!("/Unit{unit:03}");
            if n == 1 || n % 10 == 0 {
                estate.add_unit(&format!("ou-ab12-unit{unit:04}"), &path);
            }
            let id = format!("{}", 200_000_000_000 + n);
            estate.add_account(&id, &format!("account-{n:04}"), &path);
        }
        for account in estate.accounts.values_mut() {
            for (name, _) in chosen.iter().filter(|(_, opt_in)| *opt_in) {
                account.set_region(name, "ENABLED");
            }
        }
        estate
    }
}
