"""An outside reader of the double: boto3 parses every answer, and botocore's models judge it.

In: the program `aws-double`; it is started twice, with whole and with small, partly empty pages. Out: exit 0 when
every operation it names was called, every key of every raw answer is a member that botocore's model names, with its type, and
nothing was lost between the raw answer and what boto3 returned; otherwise one line per mistake and exit 1.
It never changes anything, and trusts nothing the double says of itself.
"""

import argparse
import datetime
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

MANAGEMENT = "111111111111"
mistakes = []
exercised = set()


def wrong(where, text):
    mistakes.append(f"{where}: {text}")


def check_scalar(shape, value, where):
    kind = shape.type_name
    if kind == "string":
        fits = isinstance(value, str)
    elif kind in ("integer", "long"):
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif kind in ("double", "float"):
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif kind == "boolean":
        fits = isinstance(value, bool)
    elif kind == "timestamp" and shape.serialization.get("timestampFormat") == "iso8601":
        fits = isinstance(value, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value))
    elif kind == "timestamp":
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    else:
        fits = False
    if not fits:
        wrong(where, f"{value!r} is not a {kind}")
        return
    if kind == "string":
        enum = shape.metadata.get("enum")
        if enum and value not in enum:
            wrong(where, f"{value!r} is not one of {enum}")
        # The model's PolicyId may be 8 characters long, its PolicyArn wants 10 of the same id.
        pattern = shape.metadata.get("pattern") if shape.name != "PolicyArn" else None
        if pattern and not pattern_fits(pattern, value):
            wrong(where, f"{value!r} does not match {pattern}")


def pattern_fits(pattern, value):
    # Python's expressions do not know Unicode's classes by name.
    for name, ours in ((r"\p{L}", r"\w"), (r"\p{Z}", r"\s"), (r"\p{N}", r"\d")):
        pattern = pattern.replace(name, ours)
    return re.search(pattern, value) is not None


def check_json(shape, value, where):
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return wrong(where, f"{value!r} is not a structure")
        for name, member in value.items():
            if name not in shape.members:
                wrong(where, f"the model has no member {name}")
            elif member is None:
                wrong(where, f"{name} is null")
            else:
                check_json(shape.members[name], member, f"{where}.{name}")
        for name in shape.required_members:
            if name not in value:
                wrong(where, f"the required member {name} is missing")
    elif kind == "list":
        if not isinstance(value, list):
            return wrong(where, f"{value!r} is not a list")
        for item in value:
            check_json(shape.member, item, f"{where}[]")
    elif kind == "map":
        for key, item in value.items():
            check_scalar(shape.key, key, f"{where} key")
            check_json(shape.value, item, f"{where}{{}}")
    else:
        check_scalar(shape, value, where)


def local(element):
    return element.tag.rpartition("}")[2]


def wire_name(shape, name):
    return shape.serialization.get("name", name)


def check_xml(shape, element, where):
    kind = shape.type_name
    if kind == "structure":
        names = {wire_name(member, name): member for name, member in shape.members.items()}
        seen = set()
        for child in element:
            tag = local(child)
            if tag not in names:
                wrong(where, f"the model has no member {tag}")
            elif tag in seen:
                wrong(where, f"{tag} stands there twice")
            else:
                check_xml(names[tag], child, f"{where}.{tag}")
            seen.add(tag)
    elif kind == "list":
        item_name = wire_name(shape.member, "member")
        for child in element:
            if local(child) != item_name:
                wrong(where, f"a list item is called {local(child)}, not {item_name}")
            check_xml(shape.member, child, f"{where}[]")
    else:
        if len(element):
            wrong(where, f"a {kind} has elements in it")
        check_xml_scalar(shape, element.text or "", where)


def check_xml_scalar(shape, text, where):
    kind = shape.type_name
    if kind == "boolean":
        if text not in ("true", "false"):
            wrong(where, f"{text!r} is not a boolean")
    elif kind in ("integer", "long"):
        if not re.fullmatch(r"-?\d+", text):
            wrong(where, f"{text!r} is not an integer")
    elif kind == "timestamp":
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text):
            wrong(where, f"{text!r} is not an ISO time")
    else:
        check_scalar(shape, text, where)


def xml_root(model, body, where):
    """The element that holds the output's members, after the protocol's wrapping was checked."""
    root = ET.fromstring(body)
    if local(root) != f"{model.name}Response":
        wrong(where, f"the root element is {local(root)}")
    namespace = model.metadata.get("xmlNamespace") if hasattr(model, "metadata") else None
    namespace = namespace or model.service_model.metadata.get("xmlNamespace")
    if namespace and not root.tag.startswith("{" + namespace.rstrip("/")):
        wrong(where, f"the namespace is {root.tag}, not {namespace}")
    if model.service_model.metadata["protocol"] == "ec2":
        ids = [child for child in root if local(child) == "requestId"]
        if len(ids) != 1:
            wrong(where, "there is no requestId")
        for child in ids:
            root.remove(child)
        return root
    wrapper = model.output_shape.serialization.get("resultWrapper", f"{model.name}Result")
    inner = [child for child in root if local(child) == wrapper]
    if len(inner) != 1 or not any(local(child) == "ResponseMetadata" for child in root):
        wrong(where, f"{wrapper} or ResponseMetadata is missing")
        return None
    return inner[0]


def count(value):
    """How many leaves a parsed value has, so that a silently dropped one is seen."""
    if isinstance(value, dict):
        return sum(count(v) for k, v in value.items() if k != "ResponseMetadata")
    if isinstance(value, list):
        return sum(count(v) for v in value)
    return 1


def count_xml(element):
    return sum(count_xml(child) for child in element) if len(element) else int(bool((element.text or "").strip()))


def after_call(http_response, parsed, model, **_):
    where = f"{model.service_model.signing_name}:{model.name}"
    headers = {name.lower(): value for name, value in http_response.headers.items()}
    if "x-amzn-requestid" not in headers:
        wrong(where, "no x-amzn-requestid header")
    if http_response.status_code >= 300:
        return
    exercised.add(where)
    protocol = model.service_model.metadata["protocol"]
    if protocol in ("json", "rest-json"):
        body = json.loads(http_response.content)
        check_json(model.output_shape, body, where)
        raw = count(body)
    else:
        element = xml_root(model, http_response.content, where)
        if element is None:
            return
        check_xml(model.output_shape, element, where)
        raw = count_xml(element)
    if raw != count(parsed):
        wrong(where, f"{raw} values went out and boto3 parsed {count(parsed)}")


def client(session, url, service, region="us-east-1"):
    config = Config(retries={"total_max_attempts": 1})
    made = session.client(service, region_name=region, endpoint_url=url, config=config)
    made.meta.events.register("after-call", after_call)
    return made


def pages(client, operation, **arguments):
    """Every page, following NextToken by hand so that a list without a paginator is read too."""
    method = getattr(client, operation)
    while True:
        page = method(**arguments)
        yield page
        if not page.get("NextToken"):
            return
        arguments["NextToken"] = page["NextToken"]


def gather(client, operation, member, **arguments):
    return [row for page in pages(client, operation, **arguments) for row in page[member]]


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            wrong(call.__name__, f"refused with {error.response['Error']['Code']}, not {code}")
        # The JSON protocols say no more than the code of an operation they do not know.
        if code != "UnknownOperationException" and not error.response["Error"]["Message"]:
            wrong(call.__name__, f"{code} came without a message")
        return
    wrong(call.__name__, f"should have been refused with {code}")


def read_organizations(org):
    org.describe_organization()
    root = gather(org, "list_roots", "Roots")[0]
    accounts = gather(org, "list_accounts", "Accounts")
    if len({account["Id"] for account in accounts}) != len(accounts):
        wrong("organizations:ListAccounts", "an account is listed twice")
    reached = []
    parents = [root["Id"]]
    for parent in parents:
        units = gather(org, "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=parent)
        parents += [unit["Id"] for unit in units]
        below = gather(org, "list_accounts_for_parent", "Accounts", ParentId=parent)
        reached += [account["Id"] for account in below]
        for kind, ids in (("ACCOUNT", below), ("ORGANIZATIONAL_UNIT", units)):
            children = gather(org, "list_children", "Children", ParentId=parent, ChildType=kind)
            if {c["Id"] for c in children} != {i["Id"] for i in ids}:
                wrong("organizations:ListChildren", f"{parent} has other children than its own list")
    if sorted(reached) != sorted(account["Id"] for account in accounts):
        wrong("organizations", "walking the tree and listing the accounts give different accounts")
    for unit in parents[1:]:
        org.describe_organizational_unit(OrganizationalUnitId=unit)
        if unit not in parents or not gather(org, "list_parents", "Parents", ChildId=unit):
            wrong("organizations:ListParents", f"{unit} has no parent")
    for account in accounts:
        org.describe_account(AccountId=account["Id"])
        gather(org, "list_tags_for_resource", "Tags", ResourceId=account["Id"])
    read_policies(org, [root["Id"], *parents[1:], *reached])
    for row in gather(org, "list_delegated_administrators", "DelegatedAdministrators"):
        gather(org, "list_delegated_services_for_account", "DelegatedServices", AccountId=row["Id"])
    gather(org, "list_aws_service_access_for_organization", "EnabledServicePrincipals")
    gather(org, "list_handshakes_for_organization", "Handshakes")
    gather(org, "list_create_account_status", "CreateAccountStatuses")
    org.describe_resource_policy()
    gather(org, "list_inbound_responsibility_transfers", "ResponsibilityTransfers", Type="BILLING")
    gather(org, "list_outbound_responsibility_transfers", "ResponsibilityTransfers", Type="BILLING")
    refused("PolicyNotFoundException", org.describe_policy, PolicyId="p-nothing00")
    refused("ParentNotFoundException", org.list_accounts_for_parent, ParentId="ou-none-00000000")
    refused("InvalidInputException", org.list_accounts, NextToken="made-up")


def read_policies(org, targets):
    attached = set()
    for kind in org.meta.service_model.shape_for("PolicyType").metadata["enum"]:
        for policy in gather(org, "list_policies", "Policies", Filter=kind):
            content = org.describe_policy(PolicyId=policy["Id"])["Policy"]["Content"]
            json.loads(content)
            rows = gather(org, "list_targets_for_policy", "Targets", PolicyId=policy["Id"])
            attached |= {(policy["Id"], row["TargetId"]) for row in rows}
    seen = set()
    for target in targets:
        for kind in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY", "DECLARATIVE_POLICY_EC2"):
            rows = gather(org, "list_policies_for_target", "Policies", TargetId=target, Filter=kind)
            seen |= {(row["Id"], target) for row in rows}
    if seen != attached:
        wrong("organizations", "policies by target and targets by policy are not the same attachments")
    org.describe_effective_policy(PolicyType="DECLARATIVE_POLICY_EC2", TargetId="222222222222")
    none = {"PolicyType": "BACKUP_POLICY", "TargetId": "222222222222"}
    refused("EffectivePolicyNotFoundException", org.describe_effective_policy, **none)


def read_account(client, members):
    gather(client, "list_regions", "Regions")
    client.get_account_information()
    client.get_region_opt_status(RegionName="us-east-1")
    for member in members:
        gather(client, "list_regions", "Regions", AccountId=member)
        client.get_account_information(AccountId=member)
    refused("AccessDeniedException", client.list_regions, AccountId=MANAGEMENT)
    refused("ValidationException", client.get_region_opt_status, RegionName="nowhere-1")


def read_quotas(client):
    for service in gather(client, "list_services", "Services"):
        code = service["ServiceCode"]
        defaults = gather(client, "list_aws_default_service_quotas", "Quotas", ServiceCode=code)
        for level in ("ACCOUNT", "RESOURCE", "ALL"):
            gather(client, "list_service_quotas", "Quotas", ServiceCode=code, QuotaAppliedAtLevel=level)
        applied = {q["QuotaCode"] for q in gather(client, "list_service_quotas", "Quotas", ServiceCode=code)}
        for quota in defaults:
            client.get_aws_default_service_quota(ServiceCode=code, QuotaCode=quota["QuotaCode"])
            if quota["QuotaCode"] in applied:
                client.get_service_quota(ServiceCode=code, QuotaCode=quota["QuotaCode"])
            else:
                refused(
                    "NoSuchResourceException", client.get_service_quota, ServiceCode=code, QuotaCode=quota["QuotaCode"]
                )
            gather(
                client,
                "list_requested_service_quota_change_history_by_quota",
                "RequestedQuotas",
                ServiceCode=code,
                QuotaCode=quota["QuotaCode"],
                QuotaRequestedAtLevel="ALL",
            )
    for request in gather(client, "list_requested_service_quota_change_history", "RequestedQuotas"):
        if "Requester" in request:
            json.loads(request["Requester"])


def read_template(client):
    client.get_association_for_service_quota_template()
    member = "ServiceQuotaIncreaseRequestInTemplateList"
    gather(client, "list_service_quota_increase_requests_in_template", member)


def read_ec2(client):
    client.describe_regions(AllRegions=True)
    client.describe_regions(Filters=[{"Name": "opt-in-status", "Values": ["opt-in-not-required"]}])
    client.describe_availability_zones(AllAvailabilityZones=True)
    for operation in (
        "get_ebs_encryption_by_default",
        "get_ebs_default_kms_key_id",
        "get_serial_console_access_status",
        "get_image_block_public_access_state",
        "get_snapshot_block_public_access_state",
        "get_instance_metadata_defaults",
        "get_allowed_images_settings",
        "describe_vpc_block_public_access_options",
    ):
        getattr(client, operation)()


def read_cloudtrail(client):
    for trail in client.describe_trails()["trailList"]:
        client.get_trail_status(Name=trail["TrailARN"])
        client.get_event_selectors(TrailName=trail["TrailARN"])
    for store in gather(client, "list_event_data_stores", "EventDataStores"):
        client.get_event_data_store(EventDataStore=store["EventDataStoreArn"])
    now = datetime.datetime.now(datetime.timezone.utc)
    events = gather(client, "lookup_events", "Events", StartTime=now - datetime.timedelta(days=7), EndTime=now)
    if events != sorted(events, key=lambda event: event["EventTime"], reverse=True):
        wrong("cloudtrail:LookupEvents", "the newest event is not first")
    for event in events:
        record = json.loads(event["CloudTrailEvent"])
        if record["eventID"] != event["EventId"] or record["eventName"] != event["EventName"]:
            wrong("cloudtrail:LookupEvents", "the record and its index differ")
    refused("TrailNotFoundException", client.get_trail_status, Name="no-such-trail")
    refused(
        "InvalidLookupAttributesException",
        client.lookup_events,
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "A"}] * 2,
    )


def user_session(account):
    return boto3.Session(aws_access_key_id=f"AKIA{account}TEST", aws_secret_access_key="not-a-secret")


def member_session(sts, account):
    arn = f"arn:aws:iam::{account}:role/GuardlineRead"
    given = sts.assume_role(RoleArn=arn, RoleSessionName="guardline", SourceIdentity="reader")["Credentials"]
    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def read_refusals(url):
    """What no identity, a wrong one and a mutating call get."""
    sts = client(boto3.Session(aws_access_key_id="AKIANOBODY0000000000", aws_secret_access_key="x"), url, "sts")
    refused("InvalidClientTokenId", sts.get_caller_identity)
    management = user_session(MANAGEMENT)
    sts = client(management, url, "sts")
    role = "arn:aws:iam::222222222222:role/NoSuchRole"
    refused("AccessDenied", sts.assume_role, RoleArn=role, RoleSessionName="guardline")
    refused("AuthFailure", client(management, url, "ec2", "me-south-1").describe_regions)
    refused("InvalidAction", client(management, url, "ec2").enable_serial_console_access)
    org = client(management, url, "organizations")
    refused("UnknownOperationException", org.leave_organization)
    member = client(user_session("222222222222"), url, "organizations")
    refused("AccessDeniedException", member.list_accounts)


def read(url):
    management = user_session(MANAGEMENT)
    sts = client(management, url, "sts")
    sts.get_caller_identity()
    org = client(management, url, "organizations")
    read_organizations(org)
    active = [a["Id"] for a in gather(org, "list_accounts", "Accounts") if a["State"] == "ACTIVE"]
    members = [account for account in active if account != MANAGEMENT]
    read_account(client(management, url, "account"), members)
    read_template(client(management, url, "service-quotas"))
    for account in members:
        session = member_session(sts, account)
        identity = client(session, url, "sts").get_caller_identity()
        if identity["Account"] != account or ":assumed-role/GuardlineRead/guardline" not in identity["Arn"]:
            wrong("sts:AssumeRole", f"{account}'s role gave {identity['Arn']}")
        listed = client(session, url, "ec2").describe_regions()["Regions"]
        for region in (row["RegionName"] for row in listed):
            read_quotas(client(session, url, "service-quotas", region))
            read_ec2(client(session, url, "ec2", region))
            read_cloudtrail(client(session, url, "cloudtrail", region))
    chosen = client(member_session(sts, "222222222222"), url, "service-quotas")
    chosen.get_auto_management_configuration()
    read_refusals(url)


def operations(program):
    return set(json.loads(subprocess.run([program, "--operations"], check=True, capture_output=True).stdout))


def read_program(program, *options):
    """Starts the program, reads all it has to say, and ends it by ending its input."""
    process = subprocess.Popen(
        [program, "--sample", "full", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    exercised.clear()
    try:
        read(json.loads(process.stdout.readline())["url"])
    finally:
        _, told = process.communicate(timeout=10)
    for operation in sorted(operations(program) - exercised):
        wrong(operation, "was never exercised")
    # It must have told of the two changes this reader tried, and of no other call.
    unexpected = [line.split()[1] for line in told.decode().splitlines() if line.startswith("unexpected:")]
    if sorted(unexpected) != ["ec2:EnableSerialConsoleAccess", "organizations:LeaveOrganization"]:
        wrong("unexpected calls", str(unexpected))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="the path of `aws-double`")
    program = parser.parse_args().program
    read_program(program)
    read_program(program, "--page", "3", "--empty-pages")
    for mistake in sorted(set(mistakes)):
        print(mistake, file=sys.stderr)
    print(f"{len(exercised)} operations read twice, {len(set(mistakes))} mistakes")
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    main()
