//! The id of a finding, by which history, exemptions and people refer to it.
//!
//! In: kind, aspect, scope and the subject's immutable id. Out: a short text. It never reads a value, a name, a rule, a
//! severity or a direction, so that the same thing keeps its id while the verdict on it changes.

use sha2::{Digest, Sha256};

use crate::compare::{Aspect, Subject};
use crate::estate::{Kind, Scope};

/// How many bytes of the hash are kept: 64 bits, so that a million findings collide with a chance of 1 in 30 million.
const BYTES: usize = 8;

/// `gl-` and the first 16 hexadecimal digits of SHA-256 over kind, aspect, the ids of the scope and the id of the subject.
///
/// The prefix keeps YAML from reading an id of digits as a number, and makes ids easy to find in tickets and logs.
#[must_use]
pub fn id(kind: Kind, aspect: Aspect, scope: &Scope, subject: &Subject) -> String {
    // A JSON list: no text in a field can look like the border between two.
    let fields =
        serde_json::json!([kind, aspect, scope.provider, scope.organization, scope.account, scope.region, subject.id]);
    let hash = Sha256::digest(fields.to_string());
    format!("gl-{}", hex(hash.iter().take(BYTES)))
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> String {
    bytes.into_iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::estate::Provider;

    fn subject(id: &str, name: &str) -> Subject {
        Subject { id: id.to_owned(), name: name.to_owned() }
    }

    fn scope() -> Scope {
        Scope::account(Provider::Aws, "222222222222").in_region("eu-west-1")
    }

    #[test]
    fn the_id_is_fixed_for_good() {
        // History and exemptions hold ids: changing this line breaks them.
        let id = id(Kind::Quota, Aspect::Value, &scope(), &subject("ec2/L-1216C47A", "On-Demand"));
        assert_eq!(id, "gl-54c5368b74536998");
    }

    proptest! {
        #[test]
        fn names_do_not_matter(a in ".*", b in ".*") {
            prop_assert_eq!(
                id(Kind::Policy, Aspect::Content, &scope(), &subject("p-1", &a)),
                id(Kind::Policy, Aspect::Content, &scope(), &subject("p-1", &b))
            );
        }

        #[test]
        fn subjects_and_scopes_matter(a in "[a-z/,\"]{0,6}", b in "[a-z/,\"]{0,6}", c in "[a-z/,\"]{0,6}", d in "[a-z/,\"]{0,6}") {
            let with = |region: &str, id_: &str| {
                id(Kind::Quota, Aspect::Value, &scope().in_region(region), &subject(id_, ""))
            };
            prop_assert_eq!(with(&a, &b) == with(&c, &d), a == c && b == d);
        }
    }

    #[test]
    fn kind_aspect_and_every_part_of_the_scope_matter() {
        let subject = subject("x", "x");
        let organization = Scope::organization(Provider::Aws, "o-1");
        let ids: std::collections::BTreeSet<String> = [
            id(Kind::Quota, Aspect::Value, &scope(), &subject),
            id(Kind::Quota, Aspect::Request, &scope(), &subject),
            id(Kind::Setting, Aspect::Value, &scope(), &subject),
            id(Kind::Quota, Aspect::Value, &organization, &subject),
            id(Kind::Quota, Aspect::Value, &Scope::account(Provider::Aws, "o-1"), &subject),
            id(Kind::Quota, Aspect::Value, &Scope::account(Provider::Aws, "222222222222"), &subject),
        ]
        .into();
        assert_eq!(ids.len(), 6);
    }
}
