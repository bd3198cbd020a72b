"""An organisation made in an emulator with boto3, and the baseline that declares it.

In: a running emulator. Out: the ids that were handed out, and a baseline written from them, never from what a read said:
it declares what was meant, so that a wrong read shows. Only makes; what a test changes, it changes itself.
"""

import json
from dataclasses import dataclass, field

from emulator import HOME

#: The region whose settings the baseline speaks of.
SETTINGS_REGION = "eu-west-1"

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


def make(emulator, management_name, key="AKIAALICE00000000000"):
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
