//! Which call an HTTP request is.
//!
//! In: a signed request of the AWS SDK. Out: service, operation, region, key and input. It never changes a request.
//!
//! The service and region stand in the signature (`Credential=KEY/date/region/service/aws4_request`,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>), the operation in the
//! target header (JSON services), the `Action` field (query services) or the path (Account Management).

use std::collections::BTreeMap;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::Value;

/// One call of an AWS operation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    /// The signing name: `organizations`, `servicequotas`, `ec2`, …
    pub(super) service: String,
    /// `ListAccounts`
    pub(super) operation: String,
    /// The region it is signed for.
    pub(super) region: String,
    /// The access key it is signed with.
    pub(super) key: String,
    /// The parameters, in the form the service takes them.
    pub(super) input: Value,
}

impl Call {
    /// Reads a request; none for one that is not signed, such as those that fetch credentials.
    pub(super) fn of(request: &HttpRequest) -> Option<Self> {
        let authorization = request.headers().get("authorization")?;
        let credential = authorization.split_once("Credential=")?.1.split(',').next()?;
        let mut parts = credential.split('/');
        let (key, _date) = (parts.next()?, parts.next()?);
        let (region, service) = (parts.next()?, parts.next()?);
        let body = request.body().bytes().unwrap_or_default();
        let (operation, input) = if let Some(target) = request.headers().get("x-amz-target") {
            (target.rsplit('.').next()?.to_owned(), json(body))
        } else if request.headers().get("content-type").is_some_and(|kind| kind.contains("x-www-form-urlencoded")) {
            form(body)?
        } else {
            (path_operation(request.uri())?, json(body))
        };
        Some(Self { service: service.to_owned(), operation, region: region.to_owned(), key: key.to_owned(), input })
    }

    /// `service:Operation`
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::Object(serde_json::Map::new()))
}

/// The action and the other fields of a query request.
fn form(body: &[u8]) -> Option<(String, Value)> {
    let mut fields: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    fields.remove("Version");
    let action = fields.remove("Action")?;
    Some((action, serde_json::json!(fields)))
}

/// `/listRegions` → `ListRegions`
fn path_operation(uri: &str) -> Option<String> {
    let path = uri.split('?').next()?.rsplit('/').next()?;
    let mut letters = path.chars();
    let first = letters.next()?;
    Some(first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::body::SdkBody;

    fn request(uri: &str, headers: &[(&'static str, &'static str)], body: &str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_uri(uri).unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, *value);
        }
        request.headers_mut().insert(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIAX/20261124/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=00",
        );
        request
    }

    #[test]
    fn the_three_protocols_are_told_apart() {
        let call = Call::of(&request(
            "https://x/",
            &[("x-amz-target", "AWSOrganizationsV20161128.ListAccounts")],
            r#"{"NextToken":"t"}"#,
        ))
        .unwrap();
        assert_eq!(
            (call.operation.as_str(), call.region.as_str(), call.key.as_str()),
            ("ListAccounts", "eu-west-1", "AKIAX")
        );
        assert_eq!(call.input, serde_json::json!({"NextToken": "t"}));

        let call = Call::of(&request(
            "https://x/",
            &[("content-type", "application/x-www-form-urlencoded")],
            "Action=DescribeRegions&Version=2016-11-15&AllRegions=true",
        ))
        .unwrap();
        assert_eq!(call.name(), "ec2:DescribeRegions");
        assert_eq!(call.input, serde_json::json!({"AllRegions": "true"}));

        let call = Call::of(&request("https://x/listRegions", &[], "{}")).unwrap();
        assert_eq!(call.operation, "ListRegions");
    }

    #[test]
    fn a_request_without_a_signature_is_not_a_call() {
        assert!(Call::of(&HttpRequest::get("http://169.254.169.254/latest/api/token").unwrap()).is_none());
    }
}
