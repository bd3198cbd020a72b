//! AWS Account Management: region switches and what an account is.
//!
//! In: an [`Ask`]. Out: the members of the answer. Another account may be named by the management account and by
//! Account Management's delegated administrator alone, and the management account by nobody.
//! <https://docs.aws.amazon.com/accounts/latest/reference/API_ListRegions.html>

use serde_json::{Value, json};

use super::ask::{Answer, Ask, Handler, Pager};
use super::estate::Account;
use super::refusal::Refusal;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("ListRegions", list_regions),
    ("GetRegionOptStatus", get_region_opt_status),
    ("GetAccountInformation", get_account_information),
];

const REGIONS: Pager =
    Pager { list: "Regions", cap: 50, default: 20, bad_size: "ValidationException", bad_token: "ValidationException" };

fn list_regions(ask: &Ask) -> Answer {
    let account = subject(ask)?;
    let wanted = ask.request.input.get("RegionOptStatusContains").and_then(Value::as_array);
    let mut rows = Vec::new();
    for name in ask.estate.regions.keys() {
        let status = json!(ask.estate.region_status(&account.id, name));
        if wanted.is_none_or(|list| list.contains(&status)) {
            rows.push(json!({"RegionName": name, "RegionOptStatus": status}));
        }
    }
    ask.page(&REGIONS, rows)
}

fn get_region_opt_status(ask: &Ask) -> Answer {
    let account = subject(ask)?;
    let region = ask.need("RegionName", "ValidationException")?;
    let status = ask.estate.region_status(&account.id, region);
    let status = status.ok_or_else(|| Refusal::bad("ValidationException", format!("Invalid region name: {region}")))?;
    Ok(json!({"RegionName": region, "RegionOptStatus": status}))
}

fn get_account_information(ask: &Ask) -> Answer {
    let account = subject(ask)?;
    let state = if account.state == "PENDING_CLOSURE" { "SUSPENDED" } else { &account.state };
    Ok(json!({
        "AccountId": account.id, "AccountName": account.name,
        "AccountCreatedDate": account.joined.to_string(), "AccountState": state,
    }))
}

/// The account that is asked about.
fn subject<'a>(ask: &'a Ask) -> Result<&'a Account, Refusal> {
    let own = &ask.caller.account;
    let id = ask.text("AccountId").unwrap_or(own);
    if ask.text("AccountId").is_some() {
        may_name(ask, id)?;
    }
    ask.estate.accounts.get(id).ok_or_else(|| denied(ask, "The account does not exist."))
}

fn may_name(ask: &Ask, id: &str) -> Result<(), Refusal> {
    let estate = ask.estate;
    let caller = &ask.caller.account;
    let Some(organization) = estate.organization.as_ref().filter(|_| estate.is_member(caller)) else {
        return Err(denied(ask, "Your account must be part of an organization."));
    };
    let trusted = organization.trusted_services.contains_key("account.amazonaws.com");
    if !trusted || organization.feature_set != "ALL" {
        return Err(denied(ask, "Your organization must first enable trusted access with AWS Account Management."));
    }
    if id == organization.management_account {
        let text =
            "The management account can only be managed using the standalone context from the management account.";
        return Err(denied(ask, text));
    }
    let services = organization.delegated.get(caller);
    let delegated = services.is_some_and(|s| s.contains_key("account.amazonaws.com"));
    if *caller != organization.management_account && !delegated {
        let text = "Only the management account or a delegated administrator may access another account.";
        return Err(denied(ask, text));
    }
    if !estate.is_member(id) {
        return Err(denied(ask, "The account is not part of your organization."));
    }
    Ok(())
}

fn denied(ask: &Ask, why: &str) -> Refusal {
    let text = format!(
        "User: {} is not authorized to perform: account:{} ({})",
        ask.caller.arn,
        ask.request.operation,
        why.trim_end_matches('.')
    );
    Refusal::new(403, "AccessDeniedException", text)
}
