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


@pytest.fixture(scope="module")
def scanner(tmp_path_factory):
    directory = tmp_path_factory.mktemp("moto")
    with emulator.moto(directory) as running:
        yield emulator.Scanner(running, directory)


@pytest.fixture(scope="module")
def alone(scanner):
    """A scan before there is an organisation."""
    account = scanner.emulator.account
    accounts = [{"id": account, "name": MANAGEMENT, "ou": "/"}]
    aws = {"organization": "o-a1b2c3d4e5", "management_account": account, "accounts": accounts}
    return scanner.scan({"version": 1, "estate": "acme", "aws": aws})


@pytest.fixture(scope="module")
def made(scanner, alone):
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
    aws["regions"] = [{"allowed": ["*"]}]
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
def clean_strict(scanner, clean, declared):
    """A quick look at the same organisation that minds what it cannot read."""
    return scanner.scan(declared, "--strict", "--kind", "link")


@pytest.fixture(scope="module")
def changes(clean, clean_strict, made):
    """Everything that is changed between the scans; what only moto can change comes last."""
    estate.change(made)
    organizations = made.client("organizations")
    accounts, units = made.accounts, made.units

    organizations.remove_account_from_organization(AccountId=accounts["legacy"])
    assert accounts["legacy"] not in [one["Id"] for one in organizations.list_accounts()["Accounts"]]

    organizations.update_organizational_unit(OrganizationalUnitId=units["/Workloads/Test"], Name="Staging")
    below = organizations.list_organizational_units_for_parent(ParentId=units["/Workloads"])["OrganizationalUnits"]
    assert {one["Id"]: one["Name"] for one in below}[units["/Workloads/Test"]] == "Staging"

    organizations.register_delegated_administrator(
        AccountId=accounts["shop"], ServicePrincipal="ssm.amazonaws.com"
    )
    organizations.enable_aws_service_access(ServicePrincipal="config.amazonaws.com")
    organizations.disable_aws_service_access(ServicePrincipal="account.amazonaws.com")

    ec2 = made.member("shop", "ec2", estate.SETTINGS_REGION)
    ec2.disable_ebs_encryption_by_default()
    assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"] is False
    return made


@pytest.fixture(scope="module")
def drifted(scanner, declared, changes):
    """A scan after the changes, against the same baseline."""
    return scanner.scan(declared, "--strict")


@pytest.fixture(scope="module")
def deleted(scanner, declared, changes, drifted):
    """A quick look after the last change to this estate."""
    estate.delete(changes)
    return scanner.scan(declared, "--kind", "policy", "--kind", "audit-log")


def test_no_organisation_is_a_finding_and_no_crash(alone):
    """moto before CreateOrganization: 400 AWSOrganizationsNotInUseException, while ListAccounts is an empty success."""
    missing = alone.found("link.organization.changed", "o-a1b2c3d4e5")
    assert (missing["expected"], missing["actual"]) == ("o-a1b2c3d4e5", None), missing
    assert "nothing instead of o-a1b2c3d4e5" in missing["title"], missing
    assert missing["severity"] == "critical" and alone.code == 3, alone.stderr
    alone.assert_read("organizations:DescribeOrganization")


def test_what_was_declared_is_in_line(clean):
    assert clean.open() == [], clean.open()
    assert clean.code == 0, clean.stderr


def test_the_summary_does_not_call_in_line_what_could_not_be_read(clean):
    summary = clean.report["summary"]
    assert not summary["in_line"] and not summary["coverage"]["complete"], summary
    assert "coverage incomplete" in summary["sentence"], summary


def test_every_part_that_is_in_line_was_really_read(clean):
    clean.assert_read(
        *estate.READ,
        "organizations:ListDelegatedAdministrators",
        "organizations:ListAWSServiceAccessForOrganization",
        "ec2:GetEbsEncryptionByDefault",
    )


def test_a_member_is_read_through_its_role(clean, made):
    rows = clean.coverage("ec2:GetEbsEncryptionByDefault")
    read = {row["scope"]["account"] for row in rows if row["status"] == "evaluated"}
    assert read == {made.accounts[name] for name in ("payments", "shop", "archive")}
    assert all(row["regions"] == [estate.SETTINGS_REGION] for row in rows), rows


@pytest.mark.parametrize("operation", [*estate.UNREADABLE, "ec2:GetSerialConsoleAccessStatus"])
def test_what_moto_does_not_have_is_a_gap_with_a_reason(clean, operation):
    clean.assert_unreadable(operation)


def test_region_lists_that_moto_does_not_have_are_asked_for_in_another_way(clean, made):
    """account:ListRegions is HTTP 404 with HTML; ec2:DescribeRegions answers. Both stand in the coverage."""
    clean_accounts = {account for name, account in made.accounts.items() if name != "intruder"}
    refused = clean.coverage("account:ListRegions")
    assert {row["scope"]["account"] for row in refused} == clean_accounts
    for row in refused:
        assert row["status"] == "skipped" and "404" in row["reason"], row
    asked = clean.coverage("ec2:DescribeRegions")
    # EC2 says of a region that is not on neither that it is off nor that it is on its way: that much stays unknown.
    told = {row["status"] for row in asked if "does not tell a region that is off" not in row.get("reason", "")}
    assert told == {"evaluated"}, asked
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
    accounts, units = changes.accounts, changes.units
    only_here = [
        ("link.account.missing", accounts["legacy"]),
        ("link.ou.renamed", units["/Workloads/Test"]),
        ("link.delegation.changed", accounts["shop"], "ssm.amazonaws.com"),
        ("link.trusted-service.changed", "config.amazonaws.com"),
        ("link.trusted-service.changed", "account.amazonaws.com"),
        ("setting.changed", "ebs_encryption_by_default"),
    ]
    drifted.assert_exactly([*estate.drift(changes), *only_here], KINDS)


def test_findings_say_what_was_expected_and_what_is(drifted, changes):
    estate.assert_said(drifted, changes)
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
    drifted.assert_unreadable("cloudtrail:LookupEvents")


def test_the_exit_code_speaks_of_drift_before_coverage(clean_strict, drifted, deleted):
    estate.assert_codes(clean_strict, drifted)
    assert deleted.code == 3 and "coverage" not in deleted.stderr.splitlines()[-1], deleted.stderr


def test_a_deleted_trail_and_policy_are_missing(deleted, changes):
    gone = estate.assert_deleted(deleted, changes)
    assert gone["attribution"]["outcome"] == "blind", gone
    assert not gone["attribution"].get("principal"), json.dumps(gone)
