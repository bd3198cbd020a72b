//! ARNs, segment by segment. In come a pattern and an ARN; out goes whether the ARN fits. Never lets a wildcard of one
//! segment reach into the next, but for the two places where AWS does.
//!
//! - A pattern with six segments or more: the wildcards of the first five do not cross a colon; what follows the fifth
//!   colon is one segment, in which colons are characters like others.
//! - A pattern with fewer segments: a `*` at its end covers the rest of the ARN, colons and all; other wildcards do not
//!   cross one.
//!
//! Sources: "You can use wildcard characters (* and ?) within any ARN segment (the parts separated by colons)",
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>; "Each of the six
//! colon-delimited components of the ARN is checked separately",
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>. What a short
//! pattern covers AWS does not say there; this is the reading with which AWS's own verdicts agree. What stands for a
//! variable was put in its place before, so a colon in it separates as any other.

use super::glob::{self, Case, Pattern};

/// Colons before the last segment.
const COLONS: usize = 5;

/// Whether an ARN fits a pattern.
pub(super) fn matches(mut pattern: Pattern<'_>, mut arn: &str) -> bool {
    for _ in 0..COLONS {
        let (segment, rest) = pattern.split_at_colon();
        let (text, rest_of_arn) = match arn.split_once(':') {
            Some((text, rest)) => (text, Some(rest)),
            None => (arn, None),
        };
        let fits = glob::matches(segment, text, Case::Matters);
        let Some(rest) = rest else {
            return fits && (rest_of_arn.is_none() || segment.ends_in_many());
        };
        let Some(rest_of_arn) = rest_of_arn.filter(|_| fits) else { return false };
        (pattern, arn) = (rest, rest_of_arn);
    }
    glob::matches(pattern, arn, Case::Matters)
}
