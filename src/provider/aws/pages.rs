//! Reads with their place in the coverage: single answers and lists of pages.
//!
//! In: a function that asks for one page. Out: an observation, noted in the coverage. It never takes a list for complete
//! that is not: a token that comes back twice, or a list that is missing from an answer, makes the whole list unknown.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use futures::stream::{self, StreamExt};

use super::failure::failed;
use crate::estate::{Coverage, Gap, Observation, Scope};

/// A list is never longer: a service that keeps handing out new tokens would otherwise be read for ever.
const MOST_PAGES: usize = 10_000;

/// How many questions of one kind wait for their turn together. A call is signed before it waits, and its signature is good
/// for five minutes: at the slowest published rate, one a second, the last of these still goes out in time.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const AT_ONCE: usize = 32;

/// Asks all of these, some at a time, and gives the answers in the same order.
pub(super) async fn each<F: Future>(questions: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    stream::iter(questions).buffered(AT_ONCE).collect().await
}

/// Reads in one scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    coverage: &'a Mutex<Coverage>,
    scope: &'a Scope,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(coverage: &'a Mutex<Coverage>, scope: &'a Scope) -> Self {
        Self { coverage, scope }
    }

    /// One answer.
    pub(super) async fn one<T>(
        &self,
        source: &str,
        answer: impl Future<Output = Result<Observation<T>, Gap>>,
    ) -> Observation<T> {
        let answer = answer.await;
        self.note(source, 1, answer)
    }

    /// Every page of a list.
    pub(super) async fn list<T, F>(
        &self,
        source: &str,
        mut page: impl FnMut(Option<String>) -> F,
    ) -> Observation<Vec<T>>
    where
        F: Future<Output = Result<(Vec<T>, Option<String>), Gap>>,
    {
        let (mut items, mut token, mut seen, mut reads) = (Vec::new(), None, BTreeSet::new(), 0);
        let result = loop {
            reads += 1;
            match page(token.take()).await {
                Err(gap) => break Err(gap),
                Ok((more, next)) => {
                    items.extend(more);
                    match next.filter(|next| !next.is_empty()) {
                        None => break Ok(Observation::Known(items)),
                        Some(next) if !seen.insert(next.clone()) => {
                            break Err(failed("the service handed out the same page token twice"));
                        }
                        Some(_) if seen.len() > MOST_PAGES => {
                            break Err(failed(format!("the list has more than {MOST_PAGES} pages")));
                        }
                        Some(next) => token = Some(next),
                    }
                }
            }
        };
        self.note(source, reads, result)
    }

    /// An answer that came and cannot be used; its calls are counted already.
    pub(super) fn unusable(&self, source: &str, gap: Gap) -> Gap {
        let mut coverage = self.coverage.lock().unwrap_or_else(PoisonError::into_inner);
        coverage.gap(self.scope.clone(), source, &gap, 0);
        gap
    }

    fn note<T>(&self, source: &str, reads: u64, result: Result<Observation<T>, Gap>) -> Observation<T> {
        let mut coverage = self.coverage.lock().unwrap_or_else(PoisonError::into_inner);
        let observed = result.unwrap_or_else(Observation::Unknown);
        match &observed {
            Observation::Unknown(gap) => coverage.gap(self.scope.clone(), source, gap, reads),
            Observation::Known(_) | Observation::Absent => coverage.evaluated(self.scope.clone(), source, reads),
        }
        observed
    }
}

/// A field that a complete answer always has.
pub(super) fn required<T>(field: Option<T>, name: &str) -> Result<T, Gap> {
    field.ok_or_else(|| failed(format!("the answer has no `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{CoverageStatus, Provider};

    async fn read(tokens: &[Option<&str>]) -> (Observation<Vec<usize>>, Coverage) {
        let coverage = Mutex::new(Coverage::default());
        let scope = Scope::account(Provider::Aws, "111111111111");
        let mut served = 0;
        let list = Reader::new(&coverage, &scope)
            .list("x:List", |_| {
                served += 1;
                let next = tokens.get(served - 1).copied().flatten().map(str::to_owned);
                std::future::ready(Ok((vec![served], next)))
            })
            .await;
        (list, coverage.into_inner().unwrap())
    }

    #[tokio::test]
    async fn pages_are_read_to_the_end() {
        let (list, coverage) = read(&[Some("a"), Some("b"), None]).await;
        assert_eq!(list, Observation::Known(vec![1, 2, 3]));
        assert_eq!(coverage.rows()[0].reads, 3);
    }

    #[tokio::test]
    async fn a_token_that_comes_back_makes_the_list_unknown() {
        let (list, coverage) = read(&[Some("a"), Some("a"), None]).await;
        assert_eq!(list.gap().map(|gap| gap.status), Some(CoverageStatus::Failed));
        assert_eq!(coverage.rows()[0].status, CoverageStatus::Failed);
    }

    #[tokio::test]
    async fn questions_are_asked_some_at_a_time_and_answered_in_order() {
        use std::cell::Cell;
        let (now, most) = (Cell::new(0), Cell::new(0));
        let question = |n: usize| {
            let (now, most) = (&now, &most);
            async move {
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                tokio::task::yield_now().await;
                now.set(now.get() - 1);
                n
            }
        };
        assert_eq!(each((0..100).map(question)).await, Vec::from_iter(0..100));
        assert_eq!(most.get(), AT_ONCE);
    }
}
