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
from estate import BOB, MALLORY

# The regions that cannot be switched off: guardrails that do not ban them would leave them open.
ALWAYS_ON = {
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ap-south-1", "ap-northeast-1", "ap-northeast-2",
    "ap-northeast-3", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-west-1", "eu-west-2",
    "eu-west-3", "eu-north-1", "sa-east-1",
}

MANAGEMENT = "Master Account"  # ministack's own name for it

#: The opt-in regions, all of which ministack says are on.
OPT_IN = {
    "af-south-1", "ap-east-1", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ca-west-1",
    "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1", "me-south-1", "me-central-1", "mx-central-1",
}  # fmt: skip

#: What this emulator can hold a baseline against; every finding of these kinds is one the test made.
KINDS = ("link", "policy", "region", "audit-log")

#: The access key of the first scan alone, by which its calls are told from later ones.
ONCE = "AKIAONCE000000000000"


@pytest.fixture(scope="module")
def scanner(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ministack")
    with emulator.ministack(directory) as running:
        yield emulator.Scanner(running, directory)


@pytest.fixture(scope="module")
def made(scanner):
    """The organisation; there is one as soon as somebody asks."""
    return estate.make(scanner.emulator, MANAGEMENT)


@pytest.fixture(scope="module")
def declared(made):
    """The baseline of the organisation as it was made. FullAWSAccess is on the root and every account, never on an OU."""
    baseline = estate.baseline(made, full_access_targets=["/", *made.accounts.values()])
    aws = baseline["aws"]
    aws["policy_types"] = ["service_control"]
    aws["delegated_administrators"] = []
    aws["trusted_services"] = []
    aws["regions"] = [{"allowed": sorted(OPT_IN | ALWAYS_ON), "required": ["eu-south-1"]}]
    aws["settings"] = [
        {"where": {"account": made.accounts["payments"], "region": "eu-west-1"}, "ebs_encryption_by_default": True}
    ]
    return baseline


@pytest.fixture(scope="module")
def clean(scanner, made, declared):
    """A scan of the organisation as it was made."""
    return scanner.scan(declared, key=ONCE)


@pytest.fixture(scope="module")
def clean_strict(scanner, clean, declared):
    """A quick look at the same organisation that minds what it cannot read."""
    return scanner.scan(declared, "--strict", "--kind", "link")


@pytest.fixture(scope="module")
def changes(clean, clean_strict, made):
    """Everything that is changed between the scans."""
    estate.change(made)
    return made


@pytest.fixture(scope="module")
def drifted(scanner, declared, changes):
    """A scan after the changes, against the same baseline."""
    return scanner.scan(declared, "--strict")


@pytest.fixture(scope="module")
def deleted(scanner, declared, changes, drifted):
    """A quick look after the last change to this estate; only incomplete coverage shows in its exit code."""
    estate.delete(changes)
    return scanner.scan(declared, "--kind", "policy", "--kind", "audit-log", "--strict", "--exit-zero")


def user(key):
    """The ARN that ministack records for a caller."""
    return f"arn:aws:iam::111111111111:user/{key}"


def test_what_was_declared_is_in_line(clean):
    assert clean.open() == [], clean.open()
    assert clean.code == 0, clean.stderr


def test_the_summary_does_not_call_in_line_what_could_not_be_read(clean):
    summary = clean.report["summary"]
    assert not summary["in_line"] and not summary["coverage"]["complete"], summary
    assert "coverage incomplete" in summary["sentence"], summary


def test_every_part_that_is_in_line_was_really_read(clean):
    clean.assert_read(*estate.READ, "account:ListRegions")


@pytest.mark.parametrize(
    "operation",
    [
        *estate.UNREADABLE,
        "ec2:GetEbsEncryptionByDefault",
        "organizations:ListDelegatedAdministrators",
        "organizations:ListAWSServiceAccessForOrganization",
        "organizations:ListCreateAccountStatus",
    ],
)
def test_what_ministack_does_not_have_is_a_gap_with_a_reason(clean, operation):
    clean.assert_unreadable(operation)


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
    # The new account got FullAWSAccess by itself; the baseline lists that policy's targets one by one here.
    by_itself = ("policy.attached", "p-FullAWSAccess", changes.accounts["intruder"])
    drifted.assert_exactly([*estate.drift(changes), by_itself], KINDS)


def test_findings_say_what_was_expected_and_what_is(drifted, changes):
    estate.assert_said(drifted, changes)


def test_who_did_it_is_named(drifted, changes):
    for who, rule, *names in estate.recorded_drift(changes):
        attribution = drifted.found(rule, *names)["attribution"]
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
    for rule, *names in estate.created_drift(changes):
        attribution = drifted.found(rule, *names)["attribution"]
        assert attribution["outcome"] == "ambiguous", (rule, attribution)
        assert not attribution.get("principal"), (rule, attribution)
        candidates = {event["principal"]["arn"] for event in attribution["events"]}
        assert user(MALLORY) in candidates, (rule, attribution)


def test_a_trail_change_that_is_not_recorded_has_no_author(drifted, changes):
    """ministack keeps no record of calls to CloudTrail itself: the log was read whole, and nobody is in it."""
    attribution = drifted.found("audit.trail.stopped", changes.trail)["attribution"]
    assert attribution["outcome"] == "not-found", attribution
    assert "read whole" in attribution["reason"] and "`StopLogging`" in attribution["reason"], attribution
    assert not attribution.get("principal"), attribution


def test_an_approved_change_is_approved_only_for_who_made_it(scanner, changes, declared, drifted):
    """Two differences, approved for Mallory: that which she made is accepted, that which Bob made is not."""
    now = time.time()
    approvals = [
        {
            "id": ticket,
            "reason": f"{account} is being taken apart",
            "by": [{"person": MALLORY}],  # ministack takes the access key for the name of an IAM user
            "match": {"kind": "link", "account": changes.accounts[account]},
            "from": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 3600)),
            "until": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 3600)),
        }
        for ticket, account in (("CHG-1", "payments"), ("CHG-2", "archive"))
    ]
    scan = scanner.scan({**declared, "approved_changes": approvals}, "--kind", "link")
    moved = scan.found("link.account.moved", changes.accounts["payments"])
    assert moved["status"] == "approved", moved
    assert [approval["id"] for approval in moved["approved_by"]] == ["CHG-1"], moved
    closed = scan.found("link.account.suspended", changes.accounts["archive"])
    assert (closed["status"], closed["approved_by"]) == ("open", []), closed
    assert closed["attribution"]["principal"]["arn"] == user(BOB), closed


def test_an_opt_in_region_that_is_not_allowed_is_named_in_every_account(scanner, changes, declared, drifted):
    regions = [{"allowed": sorted(OPT_IN - {"me-south-1"} | ALWAYS_ON)}]
    scan = scanner.scan({**declared, "aws": {**declared["aws"], "regions": regions}}, "--kind", "region")
    found = [finding for finding in scan.report["findings"] if finding["kind"] == "region"]
    enabled = [finding for finding in found if finding["rule"] != "region.open"]
    assert {finding["rule"] for finding in enabled} == {"region.enabled"}
    assert {finding["scope"]["region"] for finding in enabled} == {"me-south-1"}
    active = set(changes.accounts.values()) - {changes.accounts["archive"]}
    assert {finding["scope"]["account"] for finding in enabled} >= active
    assert all(finding["attribution"]["outcome"] == "not-found" for finding in enabled), enabled


def test_the_scan_only_reads_and_says_who_it_is(clean, drifted, scanner, made):
    """ministack's own record of the scanner's calls: nothing but reads, its user agent, its fixed session name."""
    recorded = recorded_calls(made, ONCE) + recorded_calls(made, scanner.key)
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


def test_no_call_is_made_twice_in_a_run(clean, made):
    """Every recorded call of the first scan differs from the others in name or parameters.

    But for the tree and the policies, which ministack lets hang in a way that AWS does not (a unit without any service
    control policy): what cannot be of one moment is read once more, all of it and nothing else.
    """
    calls = [
        json.dumps([event["eventName"], event["awsRegion"], event["requestParameters"]], sort_keys=True)
        for event in recorded_calls(made, ONCE)
        if event["eventName"] != "POST.account"  # REST: all in the path, which is not recorded
    ]
    again = {json.loads(call)[0] for call in calls if calls.count(call) == 2}
    woven = {
        "DescribePolicy",
        "ListAccounts",
        "ListAccountsForParent",
        "ListOrganizationalUnitsForParent",
        "ListPolicies",
        "ListRoots",
        "ListTargetsForPolicy",
    }
    assert again == woven, again
    assert all(calls.count(call) == (2 if json.loads(call)[0] in woven else 1) for call in calls)


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
    assert len(events) > 10, "the scan must have left a record"
    return list(events.values())


def test_the_exit_code_speaks_of_drift_before_coverage(clean_strict, drifted, deleted):
    estate.assert_codes(clean_strict, drifted)
    assert deleted.code == 4 and deleted.open(), deleted.stderr


def test_a_deleted_trail_and_policy_are_missing(deleted, changes):
    gone = estate.assert_deleted(deleted, changes)
    assert gone["attribution"]["outcome"] == "attributed", gone
    assert gone["attribution"]["principal"]["arn"] == user(BOB), gone
