"""`guardline scan` against ministack, an AWS emulator that nobody here wrote, with its event history on.

ministack keeps an organisation with policies, region lists and trails, and records who called Organizations and when. It has
no quotas (HTTP 400 `{"error": …}`), no account settings, no delegated administrators, trusted services or handshakes (HTTP
400 InvalidAction). Calls to CloudTrail itself it does not record, so trail changes have no author here.

Its records are poorer than those of AWS: request parameters in Pascal case, `responseElements` always null, seconds as the
finest time. A creation therefore does not name the id that it made.
"""

import json
import time

import emulator
import estate
import pytest

MANAGEMENT = "Master Account"  # ministack's own name for it

#: Who changes what: access keys, which ministack takes for the names of IAM users.
MALLORY = "AKIAMALLORY000000000"
BOB = "AKIABOB0000000000000"

#: The opt-in regions, all of which ministack says are on.
OPT_IN = {
    "af-south-1", "ap-east-1", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ca-west-1",
    "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1", "me-south-1", "me-central-1", "mx-central-1",
}  # fmt: skip

#: What this emulator can hold a baseline against; every finding of these kinds is one the test made.
KINDS = ("link", "policy", "region", "audit-log")

UNREADABLE = ("failed", "unsupported", "denied")


@pytest.fixture(scope="module")
def scanner(tmp_path_factory):
    with emulator.ministack() as running:
        yield emulator.Scanner(running, tmp_path_factory.mktemp("ministack"))


@pytest.fixture(scope="module")
def made(scanner):
    """The organisation; there is one as soon as somebody asks."""
    return estate.make(scanner.emulator, MANAGEMENT)


def declare(made):
    """The baseline of the organisation as it was made. FullAWSAccess is on the root and every account, never on an OU."""
    baseline = estate.baseline(made, full_access_targets=["/", *made.accounts.values()])
    aws = baseline["aws"]
    aws["policy_types"] = ["service_control"]
    aws["delegated_administrators"] = []
    aws["trusted_services"] = []
    aws["regions"] = [{"allowed": sorted(OPT_IN | {"us-east-1", "eu-west-1"}), "required": ["eu-south-1"]}]
    aws["settings"] = [
        {"where": {"account": made.accounts["payments"], "region": "eu-west-1"}, "ebs_encryption_by_default": True}
    ]
    return baseline


@pytest.fixture(scope="module")
def declared(made):
    return declare(made)


@pytest.fixture(scope="module")
def clean(scanner, made, declared):
    """A scan of the organisation as it was made."""
    return scanner.scan(declared)


@pytest.fixture(scope="module")
def changes(clean, made):
    """Everything that is changed between the two scans, each seen with boto3 before it is expected of the scan.

    Steps on the same subject are more than a second apart: that is as fine as a record's time gets.
    """
    accounts, units, policies = made.accounts, made.units, made.policies
    mallory = made.emulator.client("organizations", key=MALLORY)
    bob = made.emulator.client("organizations", key=BOB)
    reader = made.client("organizations")

    time.sleep(1.1)
    # Bob detaches and attaches again; what stands now is Mallory's doing.
    bob.detach_policy(PolicyId=policies["deny-outside-eu"], TargetId=units["/Workloads"])
    time.sleep(1.1)
    bob.attach_policy(PolicyId=policies["deny-outside-eu"], TargetId=units["/Workloads"])
    time.sleep(1.1)
    mallory.detach_policy(PolicyId=policies["deny-outside-eu"], TargetId=units["/Workloads"])
    mallory.attach_policy(PolicyId=policies["deny-outside-eu"], TargetId=accounts["sandbox-2"])
    targets = reader.list_targets_for_policy(PolicyId=policies["deny-outside-eu"])["Targets"]
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
    assert listed[accounts["archive"]] == "SUSPENDED"
    assert listed[accounts["intruder"]] == "ACTIVE"

    weaker = {**estate.DENY_LEAVING, "Statement": [{**estate.DENY_LEAVING["Statement"][0], "Effect": "Allow"}]}
    bob.update_policy(PolicyId=policies["deny-leaving"], Content=json.dumps(weaker))
    bob.update_policy(PolicyId=policies["deny-big-instances"], Name="deny-nothing")
    made.policies["shadow"] = mallory.create_policy(
        Name="shadow", Description="", Type="SERVICE_CONTROL_POLICY", Content=json.dumps(estate.DENY_BIG_INSTANCES)
    )["Policy"]["PolicySummary"]["Id"]
    content = reader.describe_policy(PolicyId=policies["deny-leaving"])["Policy"]["Content"]
    assert json.loads(content)["Statement"][0]["Effect"] == "Allow"

    bob.delete_organizational_unit(OrganizationalUnitId=units["/Workloads/Old"])
    made.units["/Shadow"] = mallory.create_organizational_unit(ParentId=made.root, Name="Shadow")[
        "OrganizationalUnit"
    ]["Id"]
    below = reader.list_organizational_units_for_parent(ParentId=units["/Workloads"])["OrganizationalUnits"]
    assert "Old" not in [one["Name"] for one in below]

    bob.enable_policy_type(RootId=made.root, PolicyType="TAG_POLICY")
    made.emulator.client("cloudtrail", key=MALLORY).stop_logging(Name="acme-organization")
    assert made.client("cloudtrail").get_trail_status(Name=made.trail)["IsLogging"] is False
    return made


@pytest.fixture(scope="module")
def drifted(scanner, declared, changes):
    """A scan after the changes, against the same baseline."""
    return scanner.scan(declared)


def authored_drift(made):
    """(who, rule, what its subject names): changes whose records name the subject and the effect."""
    accounts, units, policies = made.accounts, made.units, made.policies
    return [
        (MALLORY, "link.account.moved", accounts["payments"]),
        (BOB, "link.account.suspended", accounts["archive"]),
        (BOB, "link.ou.missing", units["/Workloads/Old"]),
        (MALLORY, "policy.detached", policies["deny-outside-eu"], units["/Workloads"]),
        (MALLORY, "policy.attached", policies["deny-outside-eu"], accounts["sandbox-2"]),
        (BOB, "policy.changed", policies["deny-leaving"]),
        (BOB, "policy.renamed", policies["deny-big-instances"]),
        (BOB, "policy-type.enabled", "TAG_POLICY"),
    ]


def created_drift(made):
    """Creations by Mallory: ministack's records do not name the id of what came to be."""
    return [
        ("link.account.unexpected", made.accounts["intruder"]),
        ("link.ou.unexpected", made.units["/Shadow"]),
        ("policy.unexpected", made.policies["shadow"]),
    ]


def full_access_of_the_intruder(made):
    """The new account got FullAWSAccess by itself; the baseline of this emulator lists that policy's targets one by one."""
    return ("policy.attached", "p-FullAWSAccess", made.accounts["intruder"])


def user(key):
    """The ARN that ministack records for a caller."""
    return f"arn:aws:iam::111111111111:user/{key}"


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
        "account:ListRegions",
        "cloudtrail:DescribeTrails",
        "cloudtrail:GetTrailStatus",
        "cloudtrail:GetEventSelectors",
    ):
        rows = clean.coverage(operation)
        assert rows, f"{operation} was not read"
        assert all(row["status"] == "evaluated" for row in rows), rows


@pytest.mark.parametrize(
    "operation",
    [
        "servicequotas:ListServiceQuotas",
        "servicequotas:ListRequestedServiceQuotaChangeHistory",
        "servicequotas:ListServiceQuotaIncreaseRequestsInTemplate",
        "servicequotas:GetAutoManagementConfiguration",
        "ec2:GetEbsEncryptionByDefault",
        "organizations:ListDelegatedAdministrators",
        "organizations:ListAWSServiceAccessForOrganization",
        "organizations:DescribeResourcePolicy",
        "organizations:ListHandshakesForOrganization",
        "organizations:ListCreateAccountStatus",
        "organizations:ListInboundResponsibilityTransfers",
        "organizations:ListOutboundResponsibilityTransfers",
    ],
)
def test_what_ministack_does_not_have_is_a_gap_with_a_reason(clean, operation):
    rows = clean.coverage(operation)
    assert rows, f"{operation} is not in the coverage at all"
    for row in rows:
        assert row["status"] in UNREADABLE, row
        assert emulator.is_reason(row["reason"]), row


def test_what_could_not_be_read_is_neither_drift_nor_in_line(clean, drifted):
    for scan in (clean, drifted):
        kinds = {finding["kind"] for finding in scan.report["findings"]}
        assert "quota" not in kinds and "setting" not in kinds, kinds
        rules = {finding["rule"] for finding in scan.report["findings"]}
        assert not rules & {
            "link.delegation.changed",
            "link.trusted-service.changed",
            "link.handshake.open",
            "link.responsibility-transfer",
        }


def test_every_change_is_named_and_nothing_else(drifted, changes):
    wanted = [names for _, *names in authored_drift(changes)]
    wanted += [*created_drift(changes), full_access_of_the_intruder(changes), ("audit.trail.stopped", changes.trail)]
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
    assert drifted.code == 3, drifted.stderr


def test_who_did_it_is_named(drifted, changes):
    for who, rule, *names in authored_drift(changes):
        found = drifted.found(rule, *names)
        attribution = found["attribution"]
        assert attribution["outcome"] == "attributed", (rule, attribution)
        assert attribution["principal"]["arn"] == user(who), (rule, attribution)
        assert attribution["source_ip"] == "127.0.0.1", attribution
        assert attribution["user_agent"].startswith("Boto3/"), attribution
        assert attribution["events"], attribution


def test_the_evidence_is_the_event_that_ministack_recorded(drifted, changes):
    """Looked up with boto3: the id that the finding gives is that of Mallory's MoveAccount."""
    recorded = changes.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "MoveAccount"}]
    )["Events"]
    by_mallory = [one["EventId"] for one in recorded if one["Username"] == MALLORY]
    assert len(by_mallory) == 1
    moved = drifted.found("link.account.moved", changes.accounts["payments"])
    evidence = moved["attribution"]["events"][0]
    assert evidence["id"] == by_mallory[0]
    assert (evidence["source"], evidence["name"]) == ("organizations.amazonaws.com", "MoveAccount")
    assert (evidence["account"], evidence["region"]) == (changes.emulator.account, emulator.HOME)


def test_the_administrator_who_built_the_estate_is_never_blamed(drifted):
    """Alice's own CreateAccount, MoveAccount and AttachPolicy lie in the same window."""
    for finding in drifted.open():
        principal = (finding.get("attribution") or {}).get("principal")
        assert "ALICE" not in json.dumps(principal), finding


def test_a_creation_whose_record_names_no_id_is_not_attributed_to_another(drifted, changes):
    for rule, *names in created_drift(changes):
        attribution = drifted.found(rule, *names)["attribution"]
        if attribution["outcome"] == "attributed":
            assert attribution["principal"]["arn"] == user(MALLORY), (rule, attribution)
        else:
            assert attribution["outcome"] in ("ambiguous", "not-found"), (rule, attribution)
            assert not attribution.get("principal"), (rule, attribution)


def test_a_trail_change_that_is_not_recorded_has_no_author(drifted, changes):
    attribution = drifted.found("audit.trail.stopped", changes.trail)["attribution"]
    assert attribution["outcome"] == "not-found", attribution
    assert not attribution.get("principal"), attribution


def test_an_approved_change_is_approved_only_for_who_made_it(scanner, changes, declared):
    """The same difference, approved for Mallory and for Bob: only the first accepts it."""
    for key, status in ((MALLORY, "approved"), (BOB, "open")):
        approval = {
            "id": "CHG-1",
            "reason": "payments is being taken apart",
            "by": [{"person": key}],  # ministack takes the access key for the name of an IAM user
            "match": {"kind": "link", "account": changes.accounts["payments"]},
            "from": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600)),
            "until": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)),
        }
        scan = scanner.scan({**declared, "approved_changes": [approval]})
        moved = scan.found("link.account.moved", changes.accounts["payments"])
        assert moved["status"] == status, (key, moved)


def test_an_opt_in_region_that_is_not_allowed_is_named_in_every_account(scanner, changes, declared):
    aws = declared["aws"]
    regions = [{"allowed": sorted(OPT_IN - {"me-south-1"} | {"us-east-1"})}]
    scan = scanner.scan({**declared, "aws": {**aws, "regions": regions}})
    enabled = [finding for finding in scan.report["findings"] if finding["kind"] == "region"]
    assert {finding["rule"] for finding in enabled} == {"region.enabled"}
    assert {finding["scope"]["region"] for finding in enabled} == {"me-south-1"}
    active = set(changes.accounts.values()) - {changes.accounts["archive"]}
    assert {finding["scope"]["account"] for finding in enabled} >= active
    assert all(finding["attribution"]["outcome"] == "not-found" for finding in enabled), enabled


def test_the_scan_only_reads_and_says_who_it_is(scanner, drifted, changes):
    """ministack's own record of the scanner's calls: nothing but reads, its user agent, its fixed session name."""
    recorded = recorded_calls(changes, scanner.key)
    assert recorded, "the scan must have left a record"
    for event in recorded:
        name = event["eventName"]
        if name.startswith("POST."):  # query and REST calls, whose name ministack does not tell
            name = (event["requestParameters"] or {}).get("Action", name)
        assert name.startswith(("Get", "List", "Describe", "AssumeRole", "POST.account")), event
        assert "guardline" in event["userAgent"], event["userAgent"]
    sessions = {
        event["requestParameters"]["RoleSessionName"]
        for event in recorded
        if (event["requestParameters"] or {}).get("Action") == "AssumeRole"
    }
    assert len(sessions) == 1 and "guardline" in sessions.pop(), sessions


def test_no_call_is_made_twice_in_a_run(scanner, made, declared, tmp_path):
    """One scan with a key of its own: every recorded call differs in name or parameters."""
    own = emulator.Scanner(scanner.emulator, tmp_path, key="AKIAONCE000000000000")
    own.scan(declared)
    calls = [
        json.dumps([event["eventName"], event["awsRegion"], event["requestParameters"]], sort_keys=True)
        for event in recorded_calls(made, own.key)
        if event["eventName"] != "POST.account"  # REST: all in the path, which is not recorded
    ]
    assert calls
    assert sorted(calls) == sorted(set(calls))


def recorded_calls(made, key):
    """All recorded calls of one access key in us-east-1. ministack gives the newest 50 of a filter, so one filter a name."""
    cloudtrail = made.client("cloudtrail")
    names = {
        "POST.sts", "POST.account", "POST.ec2", "ListRoots", "ListPolicies", "ListTargetsForPolicy", "DescribePolicy",
        "ListAccounts", "ListAccountsForParent", "ListOrganizationalUnitsForParent", "DescribeOrganization",
    }  # fmt: skip
    events = {}
    for attribute, value in [("EventName", name) for name in sorted(names)] + [("ReadOnly", "false")]:
        found = cloudtrail.lookup_events(
            LookupAttributes=[
                {"AttributeKey": attribute, "AttributeValue": value},
                {"AttributeKey": "Username", "AttributeValue": key},
            ]
        )["Events"]
        events.update({one["EventId"]: json.loads(one["CloudTrailEvent"]) for one in found})
    return list(events.values())


def test_both_exit_codes_are_named_and_exit_zero_removes_only_drift(scanner, declared, changes):
    strict = scanner.scan(declared, "--strict")
    assert strict.code == 3, strict.stderr
    assert "3" in strict.stderr and "4" in strict.stderr, strict.stderr
    zero = scanner.scan(declared, "--strict", "--exit-zero")
    assert zero.code == 4, zero.stderr


def test_a_deleted_trail_and_policy_are_missing(scanner, declared, changes, drifted):
    """The last change to this estate: what is gone is missing, not merely stopped, renamed or detached."""
    bob = changes.emulator.client("organizations", key=BOB)
    policy = changes.policies["deny-big-instances"]
    for target in bob.list_targets_for_policy(PolicyId=policy)["Targets"]:
        bob.detach_policy(PolicyId=policy, TargetId=target["TargetId"])
    bob.delete_policy(PolicyId=policy)
    changes.emulator.client("cloudtrail", key=MALLORY).delete_trail(Name="acme-organization")
    assert changes.client("cloudtrail").describe_trails()["trailList"] == []

    after = scanner.scan(declared)
    gone = after.found("policy.missing", policy)
    assert gone["attribution"]["outcome"] == "attributed", gone
    assert gone["attribution"]["principal"]["arn"] == user(BOB), gone
    rules = [finding["rule"] for finding in after.report["findings"]]
    assert rules.count("audit.trail.missing") == 1
    assert not {"policy.renamed", "audit.trail.stopped"} & set(rules)


def test_strict_without_drift_is_exit_code_4(scanner, tmp_path):
    """In another account of the same emulator, which has an organisation of its own."""
    account = "333333333333"
    other = emulator.Emulator(**{**vars(scanner.emulator), "account": account})
    one = estate.make(other, MANAGEMENT, key=account)
    strict = emulator.Scanner(other, tmp_path, key=account).scan(declare(one), "--strict")
    assert strict.open() == [], strict.open()
    assert strict.code == 4, strict.stderr
    assert "coverage" in strict.stderr.lower(), strict.stderr
