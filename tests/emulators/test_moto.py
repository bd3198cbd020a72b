"""`guardline scan` against moto, an AWS emulator that nobody here wrote.

moto keeps organisations with delegated administrators, trusted services, role sessions, trails and EBS default encryption.
It has no region switches (HTTP 404 with HTML), hardly any quotas, no event history and none of the other settings (HTTP 500
with HTML): those must come out as coverage with a reason, never as in line and never as drift.
"""

import json

import emulator
import estate
import pytest

MANAGEMENT = "master"  # moto's own name for it

#: What this emulator can hold a baseline against; every finding of these kinds is one the test made.
KINDS = ("link", "policy", "setting", "audit-log")

UNREADABLE = ("failed", "unsupported", "denied")


@pytest.fixture(scope="module")
def scanner(tmp_path_factory):
    with emulator.moto() as running:
        yield emulator.Scanner(running, tmp_path_factory.mktemp("moto"))


@pytest.fixture(scope="module")
def made(scanner):
    """The organisation, with what only moto has."""
    first = scanner.emulator.client("organizations")
    first.create_organization(FeatureSet="ALL")
    root = first.list_roots()["Roots"][0]["Id"]
    for policy_type in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"):
        first.enable_policy_type(RootId=root, PolicyType=policy_type)
    one = estate.make(scanner.emulator, MANAGEMENT)
    organizations = one.client("organizations")
    for service in ("account.amazonaws.com", "cloudtrail.amazonaws.com", "guardduty.amazonaws.com"):
        organizations.enable_aws_service_access(ServicePrincipal=service)
    organizations.register_delegated_administrator(
        AccountId=one.accounts["audit"], ServicePrincipal="guardduty.amazonaws.com"
    )
    for name in ("payments", "shop", "archive"):
        one.member(name, "ec2", estate.SETTINGS_REGION).enable_ebs_encryption_by_default()
    return one


@pytest.fixture(scope="module")
def declared(made):
    """The baseline of the organisation as it was made."""
    baseline = estate.baseline(made, full_access_targets="everywhere")
    aws = baseline["aws"]
    aws["policy_types"] = ["service_control", "resource_control"]
    aws["policies"].append(
        {"name": "RCPFullAWSAccess", "type": "resource_control", "aws_managed": True, "targets": "everywhere"}
    )
    aws["delegated_administrators"] = [{"account": made.accounts["audit"], "service": "guardduty.amazonaws.com"}]
    aws["trusted_services"] = ["guardduty.amazonaws.com", "cloudtrail.amazonaws.com", "account.amazonaws.com"]
    aws["regions"] = [{"allowed": ["us-east-1", "eu-west-1"]}]
    aws["settings"] = [
        {
            "where": {"ou": "/Workloads", "region": estate.SETTINGS_REGION},
            "ebs_encryption_by_default": True,
            "serial_console_access": False,
        }
    ]
    return baseline


@pytest.fixture(scope="module")
def clean(scanner, made, declared):
    """A scan of the organisation as it was made."""
    return scanner.scan(declared)


@pytest.fixture(scope="module")
def changes(clean, made):
    """Everything that is changed between the two scans, each seen with boto3 before it is expected of the scan."""
    organizations = made.client("organizations")
    accounts, units, policies = made.accounts, made.units, made.policies

    organizations.move_account(
        AccountId=accounts["payments"],
        SourceParentId=units["/Workloads/Prod"],
        DestinationParentId=units["/Sandbox"],
    )
    parents = organizations.list_parents(ChildId=accounts["payments"])["Parents"]
    assert parents == [{"Id": units["/Sandbox"], "Type": "ORGANIZATIONAL_UNIT"}]

    made.make_account("intruder", "/")
    organizations.remove_account_from_organization(AccountId=accounts["legacy"])
    organizations.close_account(AccountId=accounts["archive"])
    listed = {one["Id"]: one["State"] for one in organizations.list_accounts()["Accounts"]}
    assert listed[accounts["intruder"]] == "ACTIVE"
    assert listed[accounts["archive"]] == "SUSPENDED"
    assert accounts["legacy"] not in listed

    organizations.update_organizational_unit(OrganizationalUnitId=units["/Workloads/Test"], Name="Staging")
    organizations.delete_organizational_unit(OrganizationalUnitId=units["/Workloads/Old"])
    made.make_units("/Shadow")
    under = {
        one["Name"]: one["Id"]
        for parent in (made.root, units["/Workloads"])
        for one in organizations.list_organizational_units_for_parent(ParentId=parent)["OrganizationalUnits"]
    }
    assert under["Staging"] == units["/Workloads/Test"]
    assert under["Shadow"] == units["/Shadow"]
    assert "Old" not in under and "Test" not in under

    organizations.detach_policy(PolicyId=policies["deny-outside-eu"], TargetId=units["/Workloads"])
    organizations.attach_policy(PolicyId=policies["deny-outside-eu"], TargetId=accounts["sandbox-2"])
    weaker = {**estate.DENY_LEAVING, "Statement": [{**estate.DENY_LEAVING["Statement"][0], "Effect": "Allow"}]}
    organizations.update_policy(PolicyId=policies["deny-leaving"], Content=json.dumps(weaker))
    organizations.update_policy(PolicyId=policies["deny-big-instances"], Name="deny-nothing")
    made.make_policy("shadow", estate.DENY_BIG_INSTANCES)
    targets = organizations.list_targets_for_policy(PolicyId=policies["deny-outside-eu"])["Targets"]
    assert [target["TargetId"] for target in targets] == [accounts["sandbox-2"]]
    content = organizations.describe_policy(PolicyId=policies["deny-leaving"])["Policy"]["Content"]
    assert json.loads(content)["Statement"][0]["Effect"] == "Allow"

    organizations.enable_policy_type(RootId=made.root, PolicyType="TAG_POLICY")
    organizations.register_delegated_administrator(
        AccountId=accounts["shop"], ServicePrincipal="ssm.amazonaws.com"
    )
    organizations.enable_aws_service_access(ServicePrincipal="config.amazonaws.com")
    organizations.disable_aws_service_access(ServicePrincipal="account.amazonaws.com")

    made.client("cloudtrail").stop_logging(Name="acme-organization")
    assert made.client("cloudtrail").get_trail_status(Name=made.trail)["IsLogging"] is False

    ec2 = made.member("shop", "ec2", estate.SETTINGS_REGION)
    ec2.disable_ebs_encryption_by_default()
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    return made


@pytest.fixture(scope="module")
def drifted(scanner, declared, changes):
    """A scan after the changes, against the same baseline."""
    return scanner.scan(declared)


def expected_drift(made):
    """(rule, what its subject names): all that was changed, and nothing else."""
    accounts, units, policies = made.accounts, made.units, made.policies
    return [
        ("link.account.moved", accounts["payments"]),
        ("link.account.unexpected", accounts["intruder"]),
        ("link.account.missing", accounts["legacy"]),
        ("link.account.suspended", accounts["archive"]),
        ("link.ou.renamed", units["/Workloads/Test"]),
        ("link.ou.missing", units["/Workloads/Old"]),
        ("link.ou.unexpected", units["/Shadow"]),
        ("link.delegation.changed", accounts["shop"], "ssm.amazonaws.com"),
        ("link.trusted-service.changed", "config.amazonaws.com"),
        ("link.trusted-service.changed", "account.amazonaws.com"),
        ("policy.detached", policies["deny-outside-eu"], units["/Workloads"]),
        ("policy.attached", policies["deny-outside-eu"], accounts["sandbox-2"]),
        ("policy.changed", policies["deny-leaving"]),
        ("policy.renamed", policies["deny-big-instances"]),
        ("policy.unexpected", policies["shadow"]),
        ("policy-type.enabled", "TAG_POLICY"),
        ("setting.changed", "ebs_encryption_by_default"),
        ("audit.trail.stopped", made.trail),
    ]


def test_what_was_declared_is_in_line(clean):
    assert clean.open(*KINDS) == [], clean.open(*KINDS)
    assert clean.code == 0, clean.stderr


def test_every_part_that_is_in_line_was_really_read(clean):
    for operation in (
        "organizations:DescribeOrganization",
        "organizations:ListRoots",
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
        "organizations:ListPolicies",
        "organizations:ListTargetsForPolicy",
        "organizations:DescribePolicy",
        "organizations:ListDelegatedAdministrators",
        "organizations:ListAWSServiceAccessForOrganization",
        "cloudtrail:DescribeTrails",
        "cloudtrail:GetTrailStatus",
        "cloudtrail:GetEventSelectors",
        "ec2:GetEbsEncryptionByDefault",
    ):
        rows = clean.coverage(operation)
        assert rows, f"{operation} was not read"
        assert all(row["status"] == "evaluated" for row in rows), rows


def test_a_member_is_read_through_its_role(clean, made):
    rows = clean.coverage("ec2:GetEbsEncryptionByDefault")
    read = {row["scope"]["account"] for row in rows if row["status"] == "evaluated"}
    assert read == {made.accounts[name] for name in ("payments", "shop", "archive")}
    assert all(row["regions"] == [estate.SETTINGS_REGION] for row in rows), rows


@pytest.mark.parametrize(
    "operation",
    [
        "servicequotas:ListServiceQuotas",
        "servicequotas:ListRequestedServiceQuotaChangeHistory",
        "servicequotas:ListServiceQuotaIncreaseRequestsInTemplate",
        "servicequotas:GetAutoManagementConfiguration",
        "ec2:GetSerialConsoleAccessStatus",
        "organizations:DescribeResourcePolicy",
        "organizations:ListHandshakesForOrganization",
        "organizations:ListInboundResponsibilityTransfers",
        "organizations:ListOutboundResponsibilityTransfers",
    ],
)
def test_what_moto_does_not_have_is_a_gap_with_a_reason(clean, operation):
    rows = clean.coverage(operation)
    assert rows, f"{operation} is not in the coverage at all"
    for row in rows:
        assert row["status"] in UNREADABLE, row
        assert emulator.is_reason(row["reason"]), row


def test_region_lists_that_moto_does_not_have_are_asked_for_in_another_way(clean, made):
    """account:ListRegions is HTTP 404 with HTML; ec2:DescribeRegions answers. Both stand in the coverage."""
    clean_accounts = {account for name, account in made.accounts.items() if name != "intruder"}
    refused = clean.coverage("account:ListRegions")
    assert {row["scope"]["account"] for row in refused} == clean_accounts
    for row in refused:
        assert row["status"] == "skipped" and "404" in row["reason"], row
    asked = clean.coverage("ec2:DescribeRegions")
    assert all(row["status"] == "evaluated" for row in asked), asked
    assert {row["scope"]["account"] for row in asked} == {row["scope"]["account"] for row in refused}


def test_what_could_not_be_read_is_neither_drift_nor_in_line(clean, drifted):
    for scan in (clean, drifted):
        kinds = {finding["kind"] for finding in scan.report["findings"]}
        assert "quota" not in kinds and "region" not in kinds, kinds
        rules = {finding["rule"] for finding in scan.report["findings"]}
        assert "link.handshake.open" not in rules
        assert "link.responsibility-transfer" not in rules
        about = [finding["subject"]["id"] for finding in scan.report["findings"]]
        assert not any("serial_console_access" in subject for subject in about)


def test_every_change_is_named_and_nothing_else(drifted, changes):
    wanted = expected_drift(changes)
    for rule, *names in wanted:
        found = drifted.found(rule, *names)
        assert found["status"] == "open", found
    surplus = [
        (finding["rule"], finding["subject"]["id"])
        for finding in drifted.open(*KINDS)
        if not any(
            finding["rule"] == rule and emulator.subject_names(finding, names) for rule, *names in wanted
        )
    ]
    assert surplus == []


def test_findings_say_what_was_expected_and_what_is(drifted, changes):
    moved = drifted.found("link.account.moved", changes.accounts["payments"])
    assert moved["scope"]["organization"] == changes.organization
    assert "/Workloads/Prod" in json.dumps(moved["expected"])
    assert "/Sandbox" in json.dumps(moved["actual"])
    assert moved["baseline"]["file"].endswith("baseline.yaml") and moved["baseline"]["line"] > 0
    setting = drifted.found("setting.changed", "ebs_encryption_by_default")
    assert setting["scope"]["account"] == changes.accounts["shop"]
    assert setting["scope"]["region"] == estate.SETTINGS_REGION
    assert (setting["expected"], setting["actual"]) == (True, False)


def test_nobody_is_blamed_without_an_event_history(drifted):
    """moto has no LookupEvents (HTTP 500): every difference stays without an author, and the gap is named."""
    assert drifted.open(*KINDS), "there must be something to attribute"
    for finding in drifted.open(*KINDS):
        assert finding["attribution"]["outcome"] == "blind", finding
        assert not finding["attribution"].get("principal"), finding
    rows = drifted.coverage("cloudtrail:LookupEvents")
    assert rows and all(row["status"] in UNREADABLE and row["reason"] for row in rows), rows


def test_drift_is_exit_code_3_even_where_the_coverage_is_incomplete(drifted, scanner, declared):
    assert drifted.code == 3, drifted.stderr
    strict = scanner.scan(declared, "--strict")
    assert strict.code == 3, strict.stderr
    assert "3" in strict.stderr and "4" in strict.stderr, "with both true the stderr line names both"
    shown = scanner.scan(declared, "--exit-zero")
    assert shown.code == 0, shown.stderr
    assert len(shown.open(*KINDS)) == len(drifted.open(*KINDS))


def test_a_deleted_trail_and_policy_are_missing(scanner, declared, changes, drifted):
    """The last change of the suite: what is gone is missing, not merely stopped or detached."""
    organizations = changes.client("organizations")
    policy = changes.policies["deny-big-instances"]
    for target in organizations.list_targets_for_policy(PolicyId=policy)["Targets"]:
        organizations.detach_policy(PolicyId=policy, TargetId=target["TargetId"])
    organizations.delete_policy(PolicyId=policy)
    changes.client("cloudtrail").delete_trail(Name="acme-organization")
    assert changes.client("cloudtrail").describe_trails()["trailList"] == []

    after = scanner.scan(declared)
    assert after.code == 3, after.stderr
    after.found("policy.missing", policy)
    assert not [finding for finding in after.report["findings"] if finding["rule"] in ("policy.renamed", "audit.trail.stopped")]
    missing = [finding for finding in after.report["findings"] if finding["rule"] == "audit.trail.missing"]
    assert len(missing) == 1, missing


def test_strict_without_drift_is_exit_code_4(tmp_path):
    """In an emulator of its own: what moto cannot answer is incomplete coverage, and only `--strict` minds."""
    with emulator.moto() as running:
        first = running.client("organizations")
        first.create_organization(FeatureSet="ALL")
        root = first.list_roots()["Roots"][0]["Id"]
        first.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
        one = estate.make(running, MANAGEMENT)
        baseline = estate.baseline(one, full_access_targets="everywhere")
        scanner = emulator.Scanner(running, tmp_path)
        strict = scanner.scan(baseline, "--strict")
        assert strict.open() == []
        assert strict.code == 4, strict.stderr
        assert "coverage" in strict.stderr.lower()


def test_no_organisation_is_a_clear_message(tmp_path):
    """moto before CreateOrganization: 400 AWSOrganizationsNotInUseException, while ListAccounts is an empty success."""
    with emulator.moto() as running:
        one = estate.Estate(running, organization="o-a1b2c3d4e5")
        baseline = {
            "version": 1,
            "estate": "acme",
            "aws": {
                "organization": one.organization,
                "management_account": running.account,
                "accounts": [{"id": running.account, "name": MANAGEMENT, "ou": "/"}],
            },
        }
        scan = emulator.Scanner(running, tmp_path).scan(baseline)
        assert scan.code in (1, 3), (scan.code, scan.stderr)
        told = scan.stderr + json.dumps(scan.report)
        assert "AWSOrganizationsNotInUse" in told or "not a member of an organi" in told, told[:2000]
