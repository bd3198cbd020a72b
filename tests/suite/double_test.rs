//! The double behaves as AWS does, seen through the unmodified SDKs: identities, permissions, pages and regions.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by failing")]

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_servicequotas::types::AppliedLevelEnum;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use serde_json::json;

use crate::double::estate::{AccountQuota, ChangeRequest, Estate, Event, ResourcePolicy, RowError, Trail};
use crate::double::{Options, Server};

pub(crate) const MANAGEMENT: &str = "111111111111";
pub(crate) const PAYMENTS: &str = "222222222222";

/// A user of an account, in a region, without retries.
pub(crate) fn user(server: &Server, account: &str, region: &str) -> SdkConfig {
    config(server, region, Credentials::new(format!("AKIA{account}TEST"), "not-a-secret", None, None, "test"))
}

fn config(server: &Server, region: &str, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .region(Region::new(region.to_owned()))
        .endpoint_url(server.url())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .build()
}

/// A session of a role, as `AssumeRole` gave it.
async fn session(from: &SdkConfig, server: &Server, role: &str, region: &str) -> Result<SdkConfig, String> {
    let call = aws_sdk_sts::Client::new(from).assume_role().role_arn(role).role_session_name("guardline");
    let given = call.source_identity("alice").send().await.map_err(|error| code(&error))?;
    let given = given.credentials.expect("credentials");
    let token = Some(given.session_token);
    let credentials = Credentials::new(given.access_key_id, given.secret_access_key, token, None, "test");
    Ok(config(server, region, credentials))
}

pub(crate) fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ServiceError(error) => error.err().code().unwrap_or("no code").to_owned(),
        SdkError::DispatchFailure(_) => "dispatch failure".to_owned(),
        SdkError::ResponseError(_) => "response error".to_owned(),
        SdkError::TimeoutError(_) => "timeout".to_owned(),
        _ => "construction failure".to_owned(),
    }
}

pub(crate) fn quotas(config: &SdkConfig) -> aws_sdk_servicequotas::Client {
    aws_sdk_servicequotas::Client::new(config)
}

fn organizations(config: &SdkConfig) -> aws_sdk_organizations::Client {
    aws_sdk_organizations::Client::new(config)
}

fn trails(config: &SdkConfig) -> aws_sdk_cloudtrail::Client {
    aws_sdk_cloudtrail::Client::new(config)
}

async fn account_ids(config: &SdkConfig) -> Vec<String> {
    let pages = organizations(config).list_accounts().into_paginator().send();
    let pages = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    pages.into_iter().flat_map(|page| page.accounts.unwrap()).map(|account| account.id.unwrap()).collect()
}

/// Accounts, `ec2` quota codes of one account, regions of another, and events: each list by the SDK's own paginator.
async fn four_lists(server: &Server) -> [Vec<String>; 4] {
    let config = user(server, MANAGEMENT, "us-east-1");
    let accounts = account_ids(&config).await;
    let rows = quotas(&config).list_service_quotas().service_code("ec2").into_paginator().items().send();
    let rows: Vec<_> = rows.collect::<Result<Vec<_>, _>>().await.unwrap();
    let regions = aws_sdk_account::Client::new(&config).list_regions().account_id(PAYMENTS).into_paginator();
    let regions: Vec<_> = regions.items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    let events = trails(&config).lookup_events().into_paginator().items().send();
    let events: Vec<_> = events.collect::<Result<Vec<_>, _>>().await.unwrap();
    [
        accounts,
        rows.into_iter().map(|q| q.quota_code.unwrap()).collect(),
        regions.into_iter().map(|r| r.region_name.unwrap()).collect(),
        events.into_iter().map(|e| e.event_id.unwrap()).collect(),
    ]
}

#[tokio::test]
async fn lists_are_the_same_however_they_are_cut() {
    let mut estate = Estate::sample();
    let now = jiff::Timestamp::now();
    for n in 1..=7 {
        let at = (now - jiff::SignedDuration::from_hours(n)).to_string();
        estate.log(Event::new(MANAGEMENT, "us-east-1", "iam", "CreateUser", &at));
    }
    let server = Server::start(estate);
    let whole = four_lists(&server).await;
    assert_eq!(whole.each_ref().map(Vec::len), [9, 5, 6, 8]);
    let calls = server.calls().len();
    server.estate().paging.cap = Some(2);
    assert_eq!(four_lists(&server).await, whole);
    server.estate().paging.empty_pages = true;
    assert_eq!(four_lists(&server).await, whole);
    // Of 9, 5, 6 and 8 rows: one page each, then 5 + 3 + 3 + 4 pages, then those with an empty one before each.
    assert_eq!((calls, server.calls().len()), (4, 4 + 15 + 30));
}

#[tokio::test]
async fn a_token_answers_the_question_it_was_given_for_and_no_other() {
    let mut estate = Estate::sample();
    estate.paging.cap = Some(2);
    let server = Server::start(estate);
    let client = quotas(&user(&server, PAYMENTS, "us-east-1"));
    let first = client.list_service_quotas().service_code("ec2").send().await.unwrap();
    let token = first.next_token.unwrap();
    let same = client.list_service_quotas().service_code("ec2").next_token(&token).send().await.unwrap();
    assert_ne!(same.quotas(), first.quotas.unwrap());
    let other = client.list_service_quotas().service_code("vpc").next_token(&token).send().await.unwrap_err();
    assert_eq!(code(&other), "InvalidPaginationTokenException");
    let other = client.list_services().max_results(101).send().await.unwrap_err();
    assert_eq!(code(&other), "IllegalArgumentException");
}

#[tokio::test]
async fn a_role_gives_the_identity_of_its_account() {
    let server = Server::start(Estate::sample());
    let management = user(&server, MANAGEMENT, "us-east-1");
    let role = format!("arn:aws:iam::{PAYMENTS}:role/GuardlineRead");
    let member = session(&management, &server, &role, "eu-west-1").await.unwrap();
    let identity = aws_sdk_sts::Client::new(&member).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.account(), Some(PAYMENTS));
    assert_eq!(identity.arn(), Some("arn:aws:sts::222222222222:assumed-role/GuardlineRead/guardline"));
    let calls = server.calls();
    assert_eq!(calls[0].input["SourceIdentity"], "alice");
    assert_eq!((calls[1].account.as_str(), calls[1].region.as_str()), (PAYMENTS, "eu-west-1"));
    assert_eq!(calls[1].caller, identity.arn().unwrap());
}

#[tokio::test]
async fn a_role_is_refused_as_aws_refuses_it() {
    let mut estate = Estate::sample();
    estate.account_mut("444444444444").role("GuardlineRead").denied = true;
    estate.account_mut("888888888888").role("GuardlineRead").external_id = Some("s3cret".to_owned());
    estate.account_mut(MANAGEMENT).role("Hub");
    let hub = format!("arn:aws:iam::{MANAGEMENT}:role/Hub");
    estate.account_mut(PAYMENTS).role("GuardlineRead").trusts = vec![hub.clone()];
    let server = Server::start(estate);
    let management = user(&server, MANAGEMENT, "us-east-1");
    // Denied, wants an external id, trusts another role only, suspended account, no such role, no such account.
    for account in ["444444444444", "888888888888", PAYMENTS, "999999999999", "121212121212"] {
        let role = format!("arn:aws:iam::{account}:role/GuardlineRead");
        assert_eq!(session(&management, &server, &role, "us-east-1").await.unwrap_err(), "AccessDenied", "{account}");
    }
    let role = format!("arn:aws:iam::{PAYMENTS}:role/GuardlineRead");
    let via = session(&management, &server, &hub, "us-east-1").await.unwrap();
    let member = session(&via, &server, &role, "us-east-1").await.unwrap();
    assert!(aws_sdk_sts::Client::new(&member).get_caller_identity().send().await.is_ok());
    let long = aws_sdk_sts::Client::new(&via).assume_role().role_arn(&role).role_session_name("guardline");
    assert_eq!(code(&long.duration_seconds(7200).send().await.unwrap_err()), "ValidationError");
    let with_id = aws_sdk_sts::Client::new(&management).assume_role().external_id("s3cret");
    let with_id = with_id.role_arn("arn:aws:iam::888888888888:role/GuardlineRead").role_session_name("guardline");
    assert!(with_id.send().await.is_ok());
    let refused = server.calls().into_iter().find(|call| call.error.as_deref() == Some("AccessDenied")).unwrap();
    assert_eq!((refused.status, refused.action().as_str()), (403, "sts:AssumeRole"));
}

#[tokio::test]
async fn credentials_that_are_not_good_are_refused_in_each_services_words() {
    let server = Server::start(Estate::sample());
    let stranger = config(&server, "us-east-1", Credentials::new("AKIANOBODY", "x", None, None, "test"));
    let management = user(&server, MANAGEMENT, "us-east-1");
    let role = format!("arn:aws:iam::{PAYMENTS}:role/GuardlineRead");
    let expired = session(&management, &server, &role, "us-east-1").await.unwrap();
    server.expire_sessions();
    let closed = user(&server, PAYMENTS, "me-south-1");
    for (config, words) in [
        (
            &stranger,
            ["InvalidClientTokenId", "UnrecognizedClientException", "UnrecognizedClientException", "AuthFailure"],
        ),
        (&expired, ["ExpiredToken", "ExpiredTokenException", "ExpiredTokenException", "RequestExpired"]),
        (
            &closed,
            ["InvalidClientTokenId", "UnrecognizedClientException", "UnrecognizedClientException", "AuthFailure"],
        ),
    ] {
        let sts = aws_sdk_sts::Client::new(config).get_caller_identity().send().await.unwrap_err();
        let json = quotas(config).list_services().send().await.unwrap_err();
        let rest = aws_sdk_account::Client::new(config).list_regions().send().await.unwrap_err();
        let ec2 = aws_sdk_ec2::Client::new(config).describe_regions().send().await.unwrap_err();
        assert_eq!([code(&sts), code(&json), code(&rest), code(&ec2)], words);
    }
}

#[tokio::test]
async fn a_clock_ten_minutes_off_is_refused() {
    let options = Options { clock_ahead: jiff::SignedDuration::from_mins(10), ..Options::default() };
    let server = Server::start_with(Estate::sample(), options);
    let config = user(&server, MANAGEMENT, "us-east-1");
    let sts = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap_err();
    assert_eq!(code(&sts), "SignatureDoesNotMatch");
    server.clock_ahead(jiff::SignedDuration::from_mins(4));
    assert!(aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.is_ok());
}

#[tokio::test]
async fn global_services_can_insist_on_their_region() {
    let options = Options { strict_regions: true, ..Options::default() };
    let server = Server::start_with(Estate::sample(), options);
    let elsewhere = user(&server, MANAGEMENT, "eu-west-1");
    let error = organizations(&elsewhere).list_roots().send().await.unwrap_err();
    assert_eq!(code(&error), "InvalidSignatureException");
    assert!(quotas(&elsewhere).list_services().send().await.is_ok());
    assert!(organizations(&user(&server, MANAGEMENT, "us-east-1")).list_roots().send().await.is_ok());
}

#[tokio::test]
async fn the_organisation_is_shown_to_those_who_may_see_it() {
    let server = Server::start(Estate::full());
    let list = async |account: &str| {
        let client = organizations(&user(&server, account, "us-east-1"));
        let listed = client.list_accounts().send().await.map(|page| page.accounts.unwrap_or_default().len());
        let transfers = client.list_inbound_responsibility_transfers();
        let transfers =
            transfers.r#type(aws_sdk_organizations::types::ResponsibilityTransferType::Billing).send().await;
        (listed.map_err(|e| code(&e)), transfers.map(|_| ()).map_err(|e| code(&e)))
    };
    let denied = "AccessDeniedException".to_owned();
    assert_eq!(list(MANAGEMENT).await, (Ok(9), Ok(())));
    assert_eq!(list("333333333333").await, (Ok(9), Err(denied.clone())), "a delegated administrator");
    assert_eq!(list("888888888888").await, (Ok(9), Err(denied.clone())), "named by the delegation policy");
    assert_eq!(list(PAYMENTS).await, (Err(denied.clone()), Err(denied)), "a plain member");
    let own = organizations(&user(&server, PAYMENTS, "us-east-1")).describe_organization().send().await.unwrap();
    assert_eq!(own.organization.unwrap().id(), Some("o-a1b2c3d4e5"));
    server.estate().organization_mut().resource_policy = Some(ResourcePolicy {
        id: "rp-a1b2c3d4".to_owned(),
        content: json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": PAYMENTS}, "Action": "organizations:ListRoots"}})
            .to_string(),
    });
    let client = organizations(&user(&server, PAYMENTS, "us-east-1"));
    assert!(client.list_roots().send().await.is_ok());
    assert!(client.list_accounts().send().await.is_err());
}

#[tokio::test]
async fn an_account_alone_has_no_organisation() {
    let server = Server::start(Estate::standalone());
    let config = user(&server, MANAGEMENT, "us-east-1");
    let error = organizations(&config).describe_organization().send().await.unwrap_err();
    assert_eq!(code(&error), "AWSOrganizationsNotInUseException");
    let template = quotas(&config).get_association_for_service_quota_template().send().await.unwrap_err();
    assert_eq!(code(&template), "NoAvailableOrganizationException");
    let regions = aws_sdk_account::Client::new(&config).list_regions().send().await.unwrap();
    assert_eq!(regions.regions().len(), 6);
}

#[tokio::test]
async fn another_accounts_regions_are_read_under_the_rules_of_account_management() {
    let server = Server::start(Estate::sample());
    let list = async |caller: &str, subject: &str| {
        let client = aws_sdk_account::Client::new(&user(&server, caller, "us-east-1"));
        let page = client.list_regions().account_id(subject).send().await;
        page.map(|page| page.regions.unwrap_or_default().len()).map_err(|error| code(&error))
    };
    let denied = Err("AccessDeniedException".to_owned());
    assert_eq!(list(MANAGEMENT, PAYMENTS).await, Ok(6));
    assert_eq!(list(MANAGEMENT, MANAGEMENT).await, denied, "its own id");
    assert_eq!(list("333333333333", PAYMENTS).await, denied, "delegated for another service");
    let since = jiff::Timestamp::now();
    let delegate = |estate: &mut Estate| {
        let services = estate.organization_mut().delegated.entry("333333333333".to_owned()).or_default();
        services.insert("account.amazonaws.com".to_owned(), since);
    };
    delegate(&mut server.estate());
    assert_eq!(list("333333333333", PAYMENTS).await, Ok(6));
    assert_eq!(list("333333333333", MANAGEMENT).await, denied, "the management account");
    server.estate().organization_mut().trusted_services.remove("account.amazonaws.com");
    assert_eq!(list(MANAGEMENT, PAYMENTS).await, denied, "without trusted access");
}

#[tokio::test]
async fn a_changed_estate_is_seen_at_once() {
    let server = Server::start(Estate::sample());
    let client = quotas(&user(&server, PAYMENTS, "us-east-1"));
    let read = async || {
        let quota = client.get_service_quota().service_code("ec2").quota_code("L-1216C47A").send().await.unwrap();
        quota.quota.unwrap().value
    };
    assert_eq!(read().await, Some(5.0));
    server.estate().account_mut(PAYMENTS).quota("us-east-1", "ec2", "L-1216C47A").applied = Some(640.0);
    assert_eq!(read().await, Some(640.0));
}

#[tokio::test]
async fn quotas_are_listed_as_service_quotas_lists_them() {
    let mut estate = Estate::sample();
    let broken = AccountQuota {
        error: Some(RowError { code: "DEPENDENCY_ACCESS_DENIED_ERROR".to_owned(), message: "no".to_owned() }),
        ..AccountQuota::default()
    };
    *estate.account_mut(PAYMENTS).quota("us-east-1", "lambda", "L-B99A9384") = broken;
    let group = "arn:aws:ec2:us-east-1:222222222222:security-group/sg-1".to_owned();
    let resource = crate::double::estate::ResourceQuota { context: group.clone(), value: 100.0 };
    estate.account_mut(PAYMENTS).quota("us-east-1", "vpc", "L-0EA8095F").resources.push(resource);
    let server = Server::start(estate);
    let client = quotas(&user(&server, PAYMENTS, "us-east-1"));

    let s3 = client.list_service_quotas().service_code("s3").send().await.unwrap();
    assert!(s3.quotas().is_empty(), "no applied value, no row");
    let unset = client.get_service_quota().service_code("s3").quota_code("L-DC2B2D3D").send().await.unwrap_err();
    assert_eq!(code(&unset), "NoSuchResourceException");
    let default = client.list_aws_default_service_quotas().service_code("s3").send().await.unwrap();
    assert_eq!(default.quotas()[0].value, Some(10000.0));

    let lambda = client.list_service_quotas().service_code("lambda").quota_code("L-B99A9384").send().await.unwrap();
    let error = lambda.quotas()[0].error_reason().unwrap();
    assert_eq!(error.error_code().unwrap().as_str(), "DEPENDENCY_ACCESS_DENIED_ERROR");

    let rows = client.list_service_quotas().service_code("vpc").quota_applied_at_level(AppliedLevelEnum::Resource);
    let rows = rows.send().await.unwrap();
    assert_eq!(rows.quotas().len(), 1);
    assert_eq!(rows.quotas()[0].quota_context().unwrap().context_id(), Some(group.as_str()));

    assert!(client.list_service_quotas().service_code("iam").send().await.is_ok());
    let elsewhere = quotas(&user(&server, PAYMENTS, "eu-west-1"));
    let global = elsewhere.list_service_quotas().service_code("iam").send().await.unwrap_err();
    assert_eq!(code(&global), "NoSuchResourceException", "a global quota lives in us-east-1");
    let auto = client.get_auto_management_configuration().send().await.unwrap_err();
    assert_eq!(code(&auto), "NoSuchResourceException", "never opted in");
}

#[tokio::test]
async fn quota_requests_name_their_requester_and_end_after_ninety_days() {
    let mut estate = Estate::sample();
    let now = jiff::Timestamp::now();
    for (id, days) in [("old", 91), ("first", 2), ("second", 1)] {
        let at = (now - jiff::SignedDuration::from_hours(24 * days)).to_string();
        let mut request = ChangeRequest::new(id, "ec2", "L-1216C47A", 64.0, &at);
        request.requester = Some("arn:aws:iam::222222222222:user/bob".to_owned());
        estate.account_mut(PAYMENTS).request("us-east-1", request);
    }
    let server = Server::start(estate);
    let client = quotas(&user(&server, PAYMENTS, "us-east-1"));
    let page = client.list_requested_service_quota_change_history().service_code("ec2").send().await.unwrap();
    let ids: Vec<_> = page.requested_quotas().iter().map(|r| r.id().unwrap()).collect();
    assert_eq!(ids, ["second", "first"]);
    let requester: serde_json::Value = serde_json::from_str(page.requested_quotas()[0].requester().unwrap()).unwrap();
    assert_eq!(requester, json!({"accountId": PAYMENTS, "callerArn": "arn:aws:iam::222222222222:user/bob"}));
}

#[tokio::test]
async fn trails_are_seen_where_cloudtrail_shows_them() {
    let mut estate = Estate::sample();
    let mut local = Trail::new("local", "eu-west-1", "bucket");
    local.multi_region = false;
    estate.account_mut(PAYMENTS).trails.push(local);
    let server = Server::start(estate);
    let names = async |region: &str, shadows: bool| {
        let client = trails(&user(&server, PAYMENTS, region));
        let list = client.describe_trails().include_shadow_trails(shadows).send().await.unwrap();
        list.trail_list.unwrap().into_iter().map(|t| t.name.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names("us-east-1", true).await, ["org-trail"]);
    assert_eq!(names("eu-west-1", true).await, ["org-trail", "local"]);
    assert_eq!(names("eu-west-1", false).await, ["local"]);
    let client = trails(&user(&server, PAYMENTS, "eu-west-1"));
    let by_name = client.get_trail_status().name("org-trail").send().await.unwrap_err();
    assert_eq!(code(&by_name), "TrailNotFoundException");
    let arn = "arn:aws:cloudtrail:us-east-1:111111111111:trail/org-trail";
    assert_eq!(client.get_trail_status().name(arn).send().await.unwrap().is_logging, Some(true));
    let selectors = client.get_event_selectors().trail_name(arn).send().await.unwrap();
    assert_eq!(selectors.event_selectors()[0].include_management_events, Some(true));
}

#[tokio::test]
async fn the_event_history_is_the_accounts_own() {
    let mut estate = Estate::sample();
    let now = jiff::Timestamp::now();
    for n in 1..=60 {
        let at = (now - jiff::SignedDuration::from_mins(n)).to_string();
        estate.log(Event::new(PAYMENTS, "us-east-1", "servicequotas", "RequestServiceQuotaIncrease", &at));
    }
    let old = (now - jiff::SignedDuration::from_hours(24 * 91)).to_string();
    estate.log(Event::new(PAYMENTS, "us-east-1", "servicequotas", "RequestServiceQuotaIncrease", &old));
    let server = Server::start(estate);
    let name = |value: &str| {
        let attribute = aws_sdk_cloudtrail::types::LookupAttribute::builder();
        let key = aws_sdk_cloudtrail::types::LookupAttributeKey::EventName;
        attribute.attribute_key(key).attribute_value(value).build().unwrap()
    };
    let client = trails(&user(&server, PAYMENTS, "us-east-1"));
    let wanted = || client.lookup_events().lookup_attributes(name("RequestServiceQuotaIncrease"));
    let first = wanted().send().await.unwrap();
    assert_eq!(first.events().len(), 50);
    assert!(first.events().is_sorted_by(|a, b| a.event_time >= b.event_time), "newest first");
    let rest = wanted().next_token(first.next_token.unwrap()).send().await.unwrap();
    assert_eq!((rest.events().len(), rest.next_token), (10, None), "and none of 91 days ago");
    let two = wanted().lookup_attributes(name("StopLogging")).send().await.unwrap_err();
    assert_eq!(code(&two), "InvalidLookupAttributesException");
    let management = trails(&user(&server, MANAGEMENT, "us-east-1"));
    let theirs =
        management.lookup_events().lookup_attributes(name("RequestServiceQuotaIncrease")).send().await.unwrap();
    assert!(theirs.events().is_empty(), "members are not seen from the management account");
}

#[tokio::test]
async fn settings_say_who_manages_them() {
    let server = Server::start(Estate::full());
    let client = aws_sdk_ec2::Client::new(&user(&server, PAYMENTS, "us-east-1"));
    let console = client.get_serial_console_access_status().send().await.unwrap();
    assert_eq!(
        (console.serial_console_access_enabled, console.managed_by.unwrap().as_str()),
        (Some(true), "declarative-policy")
    );
    let defaults = client.get_instance_metadata_defaults().send().await.unwrap().account_level.unwrap();
    assert_eq!(defaults.managed_exception_message(), Some("Ask <platform> & \"security\""));
    let images = client.get_allowed_images_settings().send().await.unwrap();
    assert_eq!(images.image_criteria()[0].image_providers(), ["amazon", PAYMENTS]);
    let elsewhere = aws_sdk_ec2::Client::new(&user(&server, PAYMENTS, "eu-west-1"));
    assert_eq!(elsewhere.get_ebs_encryption_by_default().send().await.unwrap().ebs_encryption_by_default, Some(false));
}

#[tokio::test]
async fn changes_are_refused_and_remembered() {
    let server = Server::start(Estate::sample());
    let config = user(&server, MANAGEMENT, "us-east-1");
    let before = server.estate().to_json();
    let stopped = trails(&config).stop_logging().name("org-trail").send().await.unwrap_err();
    assert_eq!(code(&stopped), "UnknownOperationException");
    let region = aws_sdk_account::Client::new(&config).enable_region().region_name("me-south-1").send().await;
    assert_eq!(code(&region.unwrap_err()), "UnknownOperationException");
    let console = aws_sdk_ec2::Client::new(&config).enable_serial_console_access().send().await.unwrap_err();
    assert_eq!(code(&console), "InvalidAction");
    let unexpected: Vec<String> = server.unexpected().iter().map(|call| call.action()).collect();
    assert_eq!(unexpected, ["cloudtrail:StopLogging", "account:EnableRegion", "ec2:EnableSerialConsoleAccess"]);
    assert_eq!(server.estate().to_json(), before);
}

#[tokio::test]
async fn published_rates_are_kept() {
    let server = Server::start_with(Estate::sample(), Options { limits: Some(1.0), ..Options::default() });
    let management = user(&server, MANAGEMENT, "us-east-1");
    let member = user(&server, PAYMENTS, "us-east-1");
    let events = trails(&member);
    assert!(events.lookup_events().send().await.is_ok());
    assert!(events.lookup_events().send().await.is_ok());
    assert_eq!(code(&events.lookup_events().send().await.unwrap_err()), "ThrottlingException");
    // Another region and another account have buckets of their own.
    assert!(trails(&user(&server, PAYMENTS, "eu-west-1")).lookup_events().send().await.is_ok());
    assert!(trails(&management).lookup_events().send().await.is_ok());
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(events.lookup_events().send().await.is_ok(), "half a second gives a token back");

    let client = aws_sdk_account::Client::new(&management);
    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push(client.list_regions().send().await.map_err(|error| code(&error)).map(|_| ()));
    }
    assert_eq!(codes[..5], [Ok(()), Ok(()), Ok(()), Ok(()), Ok(())]);
    assert_eq!(codes[7], Err("TooManyRequestsException".to_owned()));
    assert_eq!(server.max_rate("account:ListRegions"), 8);

    server.limits(Some(0.01));
    let ec2 = aws_sdk_ec2::Client::new(&management);
    assert!(ec2.describe_regions().send().await.is_ok());
    assert_eq!(code(&ec2.describe_regions().send().await.unwrap_err()), "RequestLimitExceeded");
    assert_eq!(server.calls().last().unwrap().status, 503);
    server.limits(None);
    assert!(ec2.describe_regions().send().await.is_ok());
}

#[test]
fn an_estate_survives_json() {
    let estate = Estate::full();
    let text = estate.to_json();
    assert_eq!(Estate::from_json(&text).unwrap().to_json(), text);
    let wrong = text.replacen("\"partition\"", "\"partitoin\"", 1);
    assert!(Estate::from_json(&wrong).unwrap_err().to_string().contains("partitoin"));
}

#[tokio::test]
async fn a_big_organisation_is_made_to_measure() {
    let server = Server::start(Estate::generate(50, 20, 250));
    let config = user(&server, MANAGEMENT, "us-east-1");
    assert_eq!(account_ids(&config).await.len(), 50);
    let regions = aws_sdk_ec2::Client::new(&config).describe_regions().send().await.unwrap();
    assert_eq!(regions.regions().len(), 20);
    let member = quotas(&user(&server, "200000000007", "eu-west-1"));
    let mut rows = 0;
    for service in member.list_services().send().await.unwrap().services() {
        let list = member.list_service_quotas().service_code(service.service_code().unwrap()).send().await.unwrap();
        rows += list.quotas().len();
    }
    assert_eq!(rows, 250);
}
