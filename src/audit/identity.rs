//! Who acted, as one record says it.
//!
//! In: the `userIdentity` of a record. Out: a [`Principal`], what stands behind it as far as this record alone proves it,
//! and the ids by which other records can be found. It never takes a name that the caller chose for an identity.
//!
//! Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>

use std::collections::BTreeMap;

use serde_json::Value;

use super::attribution::{Principal, PrincipalKind};
use super::field::{at, flag_at, text, text_at, time_at};

/// Everything a record says about who acted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Who; none on events that a service writes about itself.
    pub principal: Option<Principal>,
    /// The immutable id, with the session's name after a `:`.
    pub principal_id: Option<String>,
    /// The service that called, or that wrote the event.
    pub invoked_by: Option<String>,
    /// The user of IAM Identity Center for whom the call was made.
    pub on_behalf_of: Option<OnBehalfOf>,
    /// The identity provider behind a session made with a web identity.
    pub web_identity: Option<WebIdentity>,
    /// The account of a vendor that acts through a temporary delegation.
    pub delegate: Option<String>,
    /// Set where the credentials came from an instance's metadata service.
    pub ec2_role_delivery: Option<String>,
    /// The identity provider of a SAML or web identity user.
    pub identity_provider: Option<String>,
}

/// A user of IAM Identity Center.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnBehalfOf {
    /// The user's id in the identity store.
    pub user: String,
    /// The ARN of the identity store.
    pub store: Option<String>,
}

/// What an OIDC provider vouched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentity {
    /// The provider: its ARN or host.
    pub provider: String,
    /// Claims that the record keeps.
    pub attributes: BTreeMap<String, String>,
}

impl Identity {
    /// Reads `userIdentity`; anything may be missing.
    #[must_use]
    pub fn read(user: &Value) -> Self {
        Self {
            principal: principal(user),
            principal_id: text_at(user, "principalId"),
            invoked_by: text_at(user, "invokedBy"),
            on_behalf_of: text_at(user, "onBehalfOf.userId")
                .map(|id| OnBehalfOf { user: id, store: text_at(user, "onBehalfOf.identityStoreArn") }),
            web_identity: text_at(user, "sessionContext.webIdFederationData.federatedProvider").map(|provider| {
                let attributes = at(user, "sessionContext.webIdFederationData.attributes").and_then(Value::as_object);
                let pairs =
                    attributes.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), text(value)?)));
                WebIdentity { provider, attributes: pairs.collect() }
            }),
            delegate: text_at(user, "invokedByDelegate.accountId"),
            ec2_role_delivery: text_at(user, "sessionContext.ec2RoleDelivery"),
            identity_provider: text_at(user, "identityProvider"),
        }
    }

    /// Who stands behind the principal, as far as this record alone proves it.
    ///
    /// That is the Identity Center user for whom a call was made, or whose session a reserved role is (only Identity
    /// Center can hold sessions of roles under `aws-reserved/sso.amazonaws.com/`, and names them after its user), and the
    /// subject of an OIDC provider. A source identity is not among them: the first caller chooses it.
    #[must_use]
    pub fn chain(&self) -> Vec<Principal> {
        let mut chain = Vec::new();
        let role = self.principal.as_ref().and_then(|principal| principal.role.as_deref());
        let reserved = role.is_some_and(|role| role.contains(":role/aws-reserved/sso.amazonaws.com/"));
        let session = self.principal.as_ref().and_then(|principal| principal.session_name.clone());
        if let Some(behalf) = &self.on_behalf_of {
            let arn =
                behalf.store.as_ref().map_or_else(|| behalf.user.clone(), |store| format!("{store}/{}", behalf.user));
            let user = if reserved { session } else { None };
            chain.push(Principal { user, ..Principal::new(PrincipalKind::IdentityCenterUser, arn) });
        } else if let (true, Some(user)) = (reserved, session) {
            chain.push(Principal {
                user: Some(user.clone()),
                ..Principal::new(PrincipalKind::IdentityCenterUser, user)
            });
        }
        if let Some(web) = &self.web_identity {
            let subject = web.attributes.iter().find(|(key, _)| key.ends_with(":sub")).map(|(_, value)| value.clone());
            chain.push(Principal { user: subject, ..Principal::new(PrincipalKind::WebIdentity, web.provider.clone()) });
        }
        chain
    }
}

impl Principal {
    /// A principal of which no more is known.
    #[must_use]
    pub fn new(kind: PrincipalKind, arn: impl Into<String>) -> Self {
        Self {
            kind,
            arn: arn.into(),
            account: None,
            role: None,
            session_name: None,
            source_identity: None,
            user: None,
            mfa: None,
            access_key: None,
            session_since: None,
            invoked_by: None,
        }
    }

    /// What an ARN alone says about who it names.
    #[must_use]
    pub fn from_arn(arn: &str) -> Self {
        let mut parts = arn.splitn(6, ':').skip(4);
        let account = parts.next().filter(|account| !account.is_empty()).map(str::to_owned);
        let resource = parts.next().unwrap_or_default();
        let mut principal = Self { account, ..Self::new(kind_of_resource(resource), arn) };
        match principal.kind {
            PrincipalKind::Role => {
                let session = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split_once('/'));
                principal.session_name = session.map(|(_, name)| name.to_owned());
            }
            PrincipalKind::User => principal.user = resource.rsplit('/').next().map(str::to_owned),
            _ => {}
        }
        principal
    }

    /// Whether an ARN, from another source, names this principal: the same ARN, or the role behind it.
    #[must_use]
    pub fn is_named_by(&self, arn: &str) -> bool {
        self.arn == arn || self.role.as_deref() == Some(arn)
    }
}

fn kind_of_resource(resource: &str) -> PrincipalKind {
    match resource.split('/').next() {
        Some("assumed-role" | "role") => PrincipalKind::Role,
        Some("user") => PrincipalKind::User,
        Some("root") => PrincipalKind::Root,
        Some("federated-user") => PrincipalKind::FederatedUser,
        _ => PrincipalKind::Unknown,
    }
}

fn principal(user: &Value) -> Option<Principal> {
    let invoked_by = text_at(user, "invokedBy");
    let arn = text_at(user, "arn");
    let principal_id = text_at(user, "principalId");
    let kind = match (text_at(user, "type"), &arn) {
        (Some(word), _) => kind(&word, user, arn.as_deref()),
        (None, Some(arn)) => Principal::from_arn(arn).kind,
        (None, None) if principal_id.is_some() => PrincipalKind::Unknown,
        // A service writes about itself: `{accountId, invokedBy}`, or nothing at all. Nobody is named.
        (None, None) => return None,
    };
    let account = text_at(user, "accountId");
    let user_name = text_at(user, "userName");
    let shown = match kind {
        PrincipalKind::Service => invoked_by.clone().or(arn),
        PrincipalKind::IdentityCenterUser => arn.or_else(|| text_at(user, "onBehalfOf.userId")),
        _ => arn,
    };
    let shown = shown.or_else(|| principal_id.clone()).or_else(|| user_name.clone()).or_else(|| account.clone());
    let arn = shown.unwrap_or_else(|| "not said".to_owned());
    let session_name = match kind {
        PrincipalKind::Role => Principal::from_arn(&arn)
            .session_name
            .or_else(|| principal_id.as_deref().and_then(|id| id.split_once(':')).map(|(_, name)| name.to_owned())),
        _ => None,
    };
    Some(Principal {
        account,
        role: text_at(user, "sessionContext.sessionIssuer.arn").filter(|_| kind == PrincipalKind::Role),
        session_name,
        source_identity: text_at(user, "sessionContext.sourceIdentity"),
        user: user_name.filter(|_| kind != PrincipalKind::Role),
        mfa: flag_at(user, "sessionContext.attributes.mfaAuthenticated"),
        access_key: text_at(user, "accessKeyId"),
        session_since: time_at(user, "sessionContext.attributes.creationDate"),
        invoked_by: invoked_by.filter(|_| kind != PrincipalKind::Service),
        ..Principal::new(kind, arn)
    })
}

fn kind(word: &str, user: &Value, arn: Option<&str>) -> PrincipalKind {
    match word {
        "Root" => PrincipalKind::Root,
        // Records exist that call a session of a role an IAM user; its ARN and its issuer know better.
        "IAMUser" => match arn.map(|arn| Principal::from_arn(arn).kind) {
            Some(PrincipalKind::Role) => PrincipalKind::Role,
            _ if text_at(user, "sessionContext.sessionIssuer.type").as_deref() == Some("Role") => PrincipalKind::Role,
            _ => PrincipalKind::User,
        },
        "AssumedRole" | "Role" => PrincipalKind::Role,
        "FederatedUser" => PrincipalKind::FederatedUser,
        "AWSAccount" => PrincipalKind::ExternalAccount,
        "AWSService" => PrincipalKind::Service,
        "IdentityCenterUser" => PrincipalKind::IdentityCenterUser,
        "SAMLUser" => PrincipalKind::SamlUser,
        "WebIdentityUser" => PrincipalKind::WebIdentity,
        _ => PrincipalKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_session_of_a_reserved_role_is_a_user_of_identity_center() {
        let identity = Identity::read(&json!({
            "type": "AssumedRole",
            "principalId": "AROAX:alice@acme.example",
            "arn": "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/alice@acme.example",
            "accountId": "111111111111",
            "accessKeyId": "ASIAX",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "arn": "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef",
                    "userName": "AWSReservedSSO_Admin_0123456789abcdef",
                },
                "attributes": {"creationDate": "2026-11-03T16:00:00Z", "mfaAuthenticated": "false"},
                "sourceIdentity": "alice",
            },
            "onBehalfOf": {"userId": "92677", "identityStoreArn": "arn:aws:identitystore::111111111111:identitystore/d-1"},
        }));
        let principal = identity.principal.clone().unwrap();
        assert_eq!(principal.kind, PrincipalKind::Role);
        assert_eq!(principal.session_name.as_deref(), Some("alice@acme.example"));
        assert_eq!(principal.source_identity.as_deref(), Some("alice"));
        assert_eq!(principal.user, None, "the issuer's name is the role's");
        assert_eq!(principal.mfa, Some(false));
        assert!(principal.role.unwrap().ends_with("AWSReservedSSO_Admin_0123456789abcdef"));
        let chain = identity.chain();
        assert_eq!(chain.len(), 1);
        assert_eq!(chain[0].kind, PrincipalKind::IdentityCenterUser);
        assert_eq!(chain[0].arn, "arn:aws:identitystore::111111111111:identitystore/d-1/92677");
        assert_eq!(chain[0].user.as_deref(), Some("alice@acme.example"));
    }

    #[test]
    fn a_role_that_only_sounds_reserved_proves_nobody() {
        let identity = Identity::read(&json!({
            "type": "AssumedRole",
            "arn": "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/alice@acme.example",
            "sessionContext": {
                "sessionIssuer": {"arn": "arn:aws:iam::111111111111:role/AWSReservedSSO_Admin_0123456789abcdef"},
                "sourceIdentity": "alice",
            },
        }));
        assert!(identity.chain().is_empty());
    }

    #[test]
    fn an_oidc_subject_stands_behind_its_session() {
        let identity = Identity::read(&json!({
            "type": "AssumedRole",
            "arn": "arn:aws:sts::111111111111:assumed-role/deploy/run-7",
            "sessionContext": {"webIdFederationData": {
                "federatedProvider": "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com",
                "attributes": {"token.actions.githubusercontent.com:sub": "repo:acme/infra:ref:refs/heads/main"},
            }},
        }));
        assert_eq!(identity.chain()[0].user.as_deref(), Some("repo:acme/infra:ref:refs/heads/main"));
        let empty = Identity::read(&json!({"type": "AssumedRole", "sessionContext": {"webIdFederationData": {}}}));
        assert!(empty.chain().is_empty());
    }

    #[test]
    fn nobody_is_named_on_a_service_event() {
        for user in [json!(null), json!({}), json!({"accountId": "1", "invokedBy": "servicequotas.amazonaws.com"})] {
            assert_eq!(Identity::read(&user).principal, None, "{user}");
        }
    }

    #[test]
    fn every_type_has_its_kind() {
        let cases = [
            (json!({"type": "Root", "arn": "arn:aws:iam::1:root"}), PrincipalKind::Root),
            (
                json!({"type": "IAMUser", "arn": "arn:aws:iam::1:user/x/admin", "userName": "admin"}),
                PrincipalKind::User,
            ),
            (json!({"type": "IAMUser", "arn": "arn:aws:sts::1:assumed-role/R/s"}), PrincipalKind::Role),
            (json!({"type": "FederatedUser", "arn": "arn:aws:sts::1:federated-user/f"}), PrincipalKind::FederatedUser),
            (json!({"type": "SAMLUser", "principalId": "x:bob"}), PrincipalKind::SamlUser),
            (json!({"type": "WebIdentityUser", "userName": "repo:a/b"}), PrincipalKind::WebIdentity),
            (json!({"type": "AWSAccount", "accountId": "222222222222"}), PrincipalKind::ExternalAccount),
            (json!({"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}), PrincipalKind::Service),
            (json!({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "9"}}), PrincipalKind::IdentityCenterUser),
            (json!({"type": "Martian"}), PrincipalKind::Unknown),
            (json!({"arn": "arn:aws:iam::1:user/x"}), PrincipalKind::User),
        ];
        for (user, kind) in cases {
            let principal = Identity::read(&user).principal.unwrap();
            assert_eq!(principal.kind, kind, "{user}");
            assert!(!principal.arn.is_empty(), "{user}");
        }
    }
}
