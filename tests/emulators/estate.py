"""An organisation made in an emulator with boto3, and the baseline that declares it.

In: a running emulator. Out: the ids that were handed out, and a baseline written from them, never from what a read said:
it declares what was meant, so that a wrong read shows. Then the changes that both emulators can make, and what a scan must say of them.
"""

import json
import time
from dataclasses import dataclass, field

from emulator import HOME

#: The region whose settings the baseline speaks of.
SETTINGS_REGION = "eu-west-1"

#: What every scan of the organisation must have read.
READ = (
    "organizations:DescribeOrganization",
    "organizations:ListRoots",
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListPolicies",
    "organizations:ListTargetsForPolicy",
    "organizations:DescribePolicy",
    "cloudtrail:DescribeTrails",
    "cloudtrail:GetTrailStatus",
    "cloudtrail:GetEventSelectors",
)

#: What neither emulator has.
UNREADABLE = (
    "servicequotas:ListServiceQuotas",
    "servicequotas:ListRequestedServiceQuotaChangeHistory",
    "servicequotas:ListServiceQuotaIncreaseRequestsInTemplate",
    "servicequotas:GetAutoManagementConfiguration",
    "organizations:DescribeResourcePolicy",
    "organizations:ListHandshakesForOrganization",
    "organizations:ListInboundResponsibilityTransfers",
    "organizations:ListOutboundResponsibilityTransfers",
)

#: Who changes what: access keys. ministack takes them for the names of IAM users, moto for the account's own.
ALICE, MALLORY, BOB = "AKIAALICE00000000000", "AKIAMALLORY000000000", "AKIABOB0000000000000"

#: The role that a member made by Organizations has.
MEMBER_ROLE = "OrganizationAccountAccessRole"

DENY_OUTSIDE_EU = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "DenyOutsideEurope",
            "Effect": "Deny",
            "NotAction": ["iam:*", "organizations:*", "sts:*"],
            "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1", "eu-west-1"]}},
        }
    ],
}
DENY_LEAVING = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "DenyLeaving", "Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"}
    ],
}
DENY_BIG_INSTANCES = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Action": ["ec2:RunInstances"],
            "Resource": ["arn:aws:ec2:*:*:instance/*"],
            "Condition": {"StringLike": {"ec2:InstanceType": "p5.*"}},
        }
    ],
}


@dataclass
class Estate:
    """What was made, by the names the tests use."""

    emulator: object
    organization: str = ""
    root: str = ""
    units: dict = field(default_factory=dict)
    accounts: dict = field(default_factory=dict)
    policies: dict = field(default_factory=dict)
    trail: str = ""
    key: str = ""

    def client(self, service, region=HOME):
        """A client of the administrator who made the estate."""
        return self.emulator.client(service, region, key=self.key)

    def member(self, account, service, region=HOME):
        """A client inside a member account, through its role."""
        session = self.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{self.accounts[account]}:role/{MEMBER_ROLE}", RoleSessionName="setup"
        )["Credentials"]
        return self.emulator.client(
            service, region, session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
        )

    def make_units(self, *paths):
        """OUs from the top down; every parent must be listed before its children."""
        for path in paths:
            parent, _, name = path.rpartition("/")
            made = self.client("organizations").create_organizational_unit(
                ParentId=self.units[parent or "/"], Name=name
            )
            self.units[path] = made["OrganizationalUnit"]["Id"]

    def make_account(self, name, path):
        """A member, moved to where it belongs."""
        organizations = self.client("organizations")
        made = organizations.create_account(Email=f"{name}@acme.example", AccountName=name)["CreateAccountStatus"]
        self.accounts[name] = made["AccountId"]
        if path != "/":
            organizations.move_account(
                AccountId=made["AccountId"], SourceParentId=self.root, DestinationParentId=self.units[path]
            )

    def make_policy(self, name, document, *targets):
        """A service control policy, stored indented and attached: the baseline's compact form must still equal it."""
        organizations = self.client("organizations")
        made = organizations.create_policy(
            Name=name, Type="SERVICE_CONTROL_POLICY", Description=name, Content=json.dumps(document, indent=4)
        )
        self.policies[name] = made["Policy"]["PolicySummary"]["Id"]
        for target in targets:
            organizations.attach_policy(PolicyId=self.policies[name], TargetId=target)


def make(emulator, management_name, key=ALICE):
    """The organisation that both suites scan: OUs two deep, eight accounts, three policies, an organisation trail."""
    estate = Estate(emulator, key=key)
    organizations = estate.client("organizations")
    estate.organization = organizations.describe_organization()["Organization"]["Id"]
    estate.root = organizations.list_roots()["Roots"][0]["Id"]
    estate.units["/"] = estate.root
    estate.accounts[management_name] = emulator.account
    estate.make_units("/Security", "/Sandbox", "/Workloads", "/Workloads/Prod", "/Workloads/Test", "/Workloads/Old")
    estate.make_account("audit", "/Security")
    estate.make_account("payments", "/Workloads/Prod")
    estate.make_account("shop", "/Workloads/Test")
    estate.make_account("legacy", "/")
    estate.make_account("archive", "/Workloads")
    estate.make_account("sandbox-1", "/Sandbox")
    estate.make_account("sandbox-2", "/Sandbox")
    estate.make_policy("deny-outside-eu", DENY_OUTSIDE_EU, estate.units["/Workloads"])
    estate.make_policy("deny-leaving", DENY_LEAVING, estate.root)
    estate.make_policy("deny-big-instances", DENY_BIG_INSTANCES, estate.accounts["sandbox-1"], estate.units["/Security"])
    make_trail(estate)
    return estate


def make_trail(estate):
    """The organisation's trail: every region, validated, logging, all management events."""
    bucket = f"acme-audit-logs-{estate.emulator.account}"  # one name space for all accounts, as in AWS
    estate.client("s3").create_bucket(Bucket=bucket)
    cloudtrail = estate.client("cloudtrail")
    estate.trail = cloudtrail.create_trail(
        Name="acme-organization",
        S3BucketName=bucket,
        IsMultiRegionTrail=True,
        IsOrganizationTrail=True,
        EnableLogFileValidation=True,
        IncludeGlobalServiceEvents=True,
    )["TrailARN"]
    cloudtrail.start_logging(Name="acme-organization")
    cloudtrail.put_event_selectors(
        TrailName="acme-organization", EventSelectors=[{"ReadWriteType": "All", "IncludeManagementEvents": True}]
    )


def baseline(estate, full_access_targets):
    """The baseline of what `make` made, without what only one emulator has.

    Quotas and settings are declared for one region, so that a scan asks for them there and not in thirty regions.
    Documents stand in another shape than they are stored in: keys in another order, single values as strings or lists.
    """
    ids, units, policies = estate.accounts, estate.units, estate.policies
    management = next(name for name, account in ids.items() if account == estate.emulator.account)
    return {
        "version": 1,
        "estate": "acme",
        "lookback": "1d",
        "aws": {
            "organization": estate.organization,
            "management_account": estate.emulator.account,
            "access": {"member_role": MEMBER_ROLE},
            "accounts": [
                {"id": ids[management], "name": management, "ou": "/"},
                {"id": ids["audit"], "name": "audit", "ou": "/Security"},
                {"id": ids["payments"], "name": "payments", "ou": "/Workloads/Prod"},
                {"id": ids["shop"], "name": "shop", "ou": "/Workloads/Test"},
                {"id": ids["legacy"], "name": "legacy", "ou": "/"},
                {"id": ids["archive"], "name": "archive", "ou": "/Workloads"},
                {"match": "sandbox-*", "ou": "/Sandbox"},
            ],
            "organizational_units": [
                {"path": "/Security"},
                {"path": "/Sandbox"},
                {"path": "/Workloads"},
                {"path": "/Workloads/Prod"},
                {"path": "/Workloads/Test", "id": units["/Workloads/Test"]},
                {"path": "/Workloads/Old", "id": units["/Workloads/Old"]},
            ],
            "responsibility_transfers": [],
            "resource_policy": "none",
            "quotas": [
                {"service": "ec2", "code": "L-1216C47A", "where": {"region": SETTINGS_REGION}, "max": "default"},
                {"service": "vpc", "code": "L-F678F1CE", "where": {"region": SETTINGS_REGION}, "max": "default"},
            ],
            "quota_requests": "none",
            "quota_template": [],
            "quota_auto_management": "disabled",
            "policies": [
                {
                    "name": "FullAWSAccess",
                    "type": "service_control",
                    "aws_managed": True,
                    "targets": full_access_targets,
                },
                {
                    "name": "deny-outside-eu",
                    "id": policies["deny-outside-eu"],
                    "type": "service_control",
                    "document": reshaped(DENY_OUTSIDE_EU),
                    "targets": ["/Workloads"],
                },
                {
                    "name": "deny-leaving",
                    "id": policies["deny-leaving"],
                    "type": "service_control",
                    "document": reshaped(DENY_LEAVING),
                    "targets": ["/"],
                },
                {
                    "name": "deny-big-instances",
                    "id": policies["deny-big-instances"],
                    "type": "service_control",
                    "document": reshaped(DENY_BIG_INSTANCES),
                    "targets": [ids["sandbox-1"], "/Security"],
                },
            ],
            "audit_logs": {
                "organization_trail": {"multi_region": True, "log_file_validation": True, "management_events": "all"},
                "source": "lookup",
            },
        },
    }


def change(estate):
    """What is changed between two scans, by Mallory and by Bob; each change is seen with boto3 before a scan must see it.

    A record's time is a whole second: two steps on the same subject are further apart than that.
    """
    accounts, units, policies = estate.accounts, estate.units, estate.policies
    mallory = estate.emulator.client("organizations", key=MALLORY)
    bob = estate.emulator.client("organizations", key=BOB)
    reader = estate.client("organizations")
    outside_eu, workloads = policies["deny-outside-eu"], units["/Workloads"]

    # Bob detaches and attaches again; what stands afterwards is Mallory's doing.
    time.sleep(1.1)
    bob.detach_policy(PolicyId=outside_eu, TargetId=workloads)
    time.sleep(1.1)
    bob.attach_policy(PolicyId=outside_eu, TargetId=workloads)
    time.sleep(1.1)
    mallory.detach_policy(PolicyId=outside_eu, TargetId=workloads)
    mallory.attach_policy(PolicyId=outside_eu, TargetId=accounts["sandbox-2"])
    targets = reader.list_targets_for_policy(PolicyId=outside_eu)["Targets"]
    assert [target["TargetId"] for target in targets] == [accounts["sandbox-2"]]

    mallory.move_account(
        AccountId=accounts["payments"],
        SourceParentId=units["/Workloads/Prod"],
        DestinationParentId=units["/Sandbox"],
    )
    parents = reader.list_parents(ChildId=accounts["payments"])["Parents"]
    assert parents == [{"Id": units["/Sandbox"], "Type": "ORGANIZATIONAL_UNIT"}]

    bob.close_account(AccountId=accounts["archive"])
    created = mallory.create_account(Email="intruder@acme.example", AccountName="intruder")["CreateAccountStatus"]
    accounts["intruder"] = created["AccountId"]
    listed = {one["Id"]: one["Status"] for one in reader.list_accounts()["Accounts"]}
    assert (listed[accounts["archive"]], listed[accounts["intruder"]]) == ("SUSPENDED", "ACTIVE")

    weaker = {**DENY_LEAVING, "Statement": [{**DENY_LEAVING["Statement"][0], "Effect": "Allow"}]}
    bob.update_policy(PolicyId=policies["deny-leaving"], Content=json.dumps(weaker))
    bob.update_policy(PolicyId=policies["deny-big-instances"], Name="deny-nothing")
    policies["shadow"] = mallory.create_policy(
        Name="shadow", Description="", Type="SERVICE_CONTROL_POLICY", Content=json.dumps(DENY_BIG_INSTANCES)
    )["Policy"]["PolicySummary"]["Id"]
    content = reader.describe_policy(PolicyId=policies["deny-leaving"])["Policy"]["Content"]
    assert json.loads(content)["Statement"][0]["Effect"] == "Allow"

    bob.delete_organizational_unit(OrganizationalUnitId=units["/Workloads/Old"])
    made = mallory.create_organizational_unit(ParentId=estate.root, Name="Shadow")
    units["/Shadow"] = made["OrganizationalUnit"]["Id"]
    below = reader.list_organizational_units_for_parent(ParentId=workloads)["OrganizationalUnits"]
    assert "Old" not in [one["Name"] for one in below]

    bob.enable_policy_type(RootId=estate.root, PolicyType="TAG_POLICY")
    estate.emulator.client("cloudtrail", key=MALLORY).stop_logging(Name="acme-organization")
    assert estate.client("cloudtrail").get_trail_status(Name=estate.trail)["IsLogging"] is False


def recorded_drift(estate):
    """(who, rule, what its subject names): those of the changes whose records name the subject and the effect."""
    accounts, units, policies = estate.accounts, estate.units, estate.policies
    return [
        (MALLORY, "link.account.moved", accounts["payments"]),
        (BOB, "link.account.suspended", accounts["archive"]),
        (BOB, "link.ou.missing", units["/Workloads/Old"]),
        (MALLORY, "policy.detached", policies["deny-outside-eu"], units["/Workloads"]),
        (MALLORY, "policy.attached", policies["deny-outside-eu"], accounts["sandbox-2"]),
        (BOB, "policy.changed", policies["deny-leaving"]),
        (BOB, "policy.renamed", policies["deny-big-instances"]),
        (BOB, "policy-type.enabled", "tag"),
    ]


def created_drift(estate):
    """What Mallory made. ministack's records of that do not name the id of what came to be."""
    return [
        ("link.account.unexpected", estate.accounts["intruder"]),
        ("link.ou.unexpected", estate.units["/Shadow"]),
        ("policy.unexpected", estate.policies["shadow"]),
    ]


def drift(estate):
    """(rule, what its subject names): everything that `change` did."""
    recorded = [names for _, *names in recorded_drift(estate)]
    return [*recorded, *created_drift(estate), ("audit.trail.stopped", estate.trail)]


def assert_said(scan, estate):
    """What was expected and what is, of some of the changes, in the words of the baseline."""
    accounts, policies = estate.accounts, estate.policies
    workloads, sandbox = estate.units["/Workloads"], accounts["sandbox-2"]
    for expected, actual, rule, *names in [
        ("/Workloads/Prod", "/Sandbox", "link.account.moved", accounts["payments"]),
        (f"/Workloads ({workloads})", None, "policy.detached", policies["deny-outside-eu"], workloads),
        (None, f"sandbox-2 ({sandbox})", "policy.attached", policies["deny-outside-eu"], sandbox),
        ("deny-big-instances", "deny-nothing", "policy.renamed", policies["deny-big-instances"]),
        (None, "ENABLED", "policy-type.enabled", "tag"),
        ("logging", "stopped", "audit.trail.stopped", estate.trail),
    ]:
        found = scan.found(rule, *names)
        assert (found["expected"], found["actual"]) == (expected, actual), found
        assert found["scope"]["organization"] == estate.organization, found
        if expected:
            assert found["baseline"]["file"].endswith(".yaml") and found["baseline"]["line"] > 0, found
    changed = scan.found("policy.changed", policies["deny-leaving"])
    assert "Deny" in json.dumps(changed["expected"]) and "Allow" in json.dumps(changed["actual"]), changed


def delete(estate):
    """Takes a policy and the trail away altogether: what is gone is missing, not merely renamed, detached or stopped."""
    bob = estate.emulator.client("organizations", key=BOB)
    policy = estate.policies["deny-big-instances"]
    for target in bob.list_targets_for_policy(PolicyId=policy)["Targets"]:
        bob.detach_policy(PolicyId=policy, TargetId=target["TargetId"])
    bob.delete_policy(PolicyId=policy)
    estate.emulator.client("cloudtrail", key=MALLORY).delete_trail(Name="acme-organization")
    assert estate.client("cloudtrail").describe_trails()["trailList"] == []


def assert_codes(clean, drifted):
    """Under `--strict` a gap alone is 4; beside drift it is 3, and the line names both."""
    assert clean.open() == []
    assert clean.code == 4, clean.stderr
    assert "exit 4: coverage is incomplete" in clean.stderr, clean.stderr
    assert drifted.code == 3, drifted.stderr
    assert "medium or worse; coverage is incomplete too" in drifted.stderr, drifted.stderr


def assert_deleted(scan, estate):
    """What `delete` took away is missing, and nothing is said of its name or state; gives the policy's finding."""
    rules = [finding["rule"] for finding in scan.report["findings"]]
    assert rules.count("audit.trail.missing") == 1, rules
    assert not {"policy.renamed", "audit.trail.stopped"} & set(rules), rules
    return scan.found("policy.missing", estate.policies["deny-big-instances"])


def reshaped(document):
    """The same policy in another shape: keys reversed, one-element lists as strings, single strings as lists."""

    def turned(key, value):
        if key not in ("Action", "NotAction", "Resource"):
            return value
        if isinstance(value, str):
            return [value]
        return value[0] if len(value) == 1 else list(reversed(value))

    statements = [{key: turned(key, statement[key]) for key in reversed(statement)} for statement in document["Statement"]]
    return {"Statement": statements, "Version": document["Version"]}
