//! Reads with their place in the coverage: single answers and lists of pages.
//!
//! In: a function that asks for one page. Out: an observation, noted in the coverage. It never takes a list for complete
//! that is not: a token that comes back twice, a list that is missing from an answer, or one that never twice reads the
//! same makes the whole list unknown.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use futures::stream::{self, StreamExt};

use super::failure::failed;
use crate::estate::{Coverage, Gap, Observation, Scope};

/// A list is never longer: a service that keeps handing out new tokens would otherwise be read for ever.
const MOST_PAGES: usize = 10_000;

/// How often a list is read that changes each time.
const MOST_READINGS: usize = 4;

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
        let (reads, items) = pages(&mut page).await;
        self.note(source, reads, items.map(Observation::Known))
    }

    /// Every page of a list from which something can be taken away meanwhile: what comes after it moves up, and may slip
    /// from a page that is still to be read to one that was. So a list of several pages is read until two readings agree.
    pub(super) async fn settled<T: PartialEq, F>(
        &self,
        source: &str,
        mut page: impl FnMut(Option<String>) -> F,
    ) -> Observation<Vec<T>>
    where
        F: Future<Output = Result<(Vec<T>, Option<String>), Gap>>,
    {
        let (mut reads, mut items) = pages(&mut page).await;
        let mut agreed = reads == 1;
        for _ in 1..MOST_READINGS {
            if agreed || items.is_err() {
                break;
            }
            let (more, again) = pages(&mut page).await;
            reads += more;
            agreed = again == items;
            items = again;
        }
        if !agreed && items.is_ok() {
            items = Err(failed("the list changed again and again while it was read"));
        }
        self.note(source, reads, items.map(Observation::Known))
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

/// The items of every page, and how many pages were asked for.
async fn pages<T, F>(page: &mut impl FnMut(Option<String>) -> F) -> (u64, Result<Vec<T>, Gap>)
where
    F: Future<Output = Result<(Vec<T>, Option<String>), Gap>>,
{
    let (mut items, mut token, mut seen, mut reads) = (Vec::new(), None, BTreeSet::new(), 0);
    loop {
        reads += 1;
        let (more, next) = match page(token.take()).await {
            Ok(page) => page,
            Err(gap) => return (reads, Err(gap)),
        };
        items.extend(more);
        match next.filter(|next| !next.is_empty()) {
            None => return (reads, Ok(items)),
            Some(next) if !seen.insert(next.clone()) => {
                return (reads, Err(failed("the service handed out the same page token twice")));
            }
            Some(_) if seen.len() > MOST_PAGES => {
                return (reads, Err(failed(format!("the list has more than {MOST_PAGES} pages"))));
            }
            Some(next) => token = Some(next),
        }
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

    /// A list of two pages that reads differently each time, until it does not.
    async fn settled(readings: &[[usize; 2]]) -> (Observation<Vec<usize>>, u64) {
        let coverage = Mutex::new(Coverage::default());
        let scope = Scope::account(Provider::Aws, "111111111111");
        let mut served = 0;
        let list = Reader::new(&coverage, &scope)
            .settled("x:List", |_| {
                let (reading, page) = (served / 2, served % 2);
                served += 1;
                std::future::ready(Ok((vec![readings[reading][page]], (page == 0).then(|| "more".to_owned()))))
            })
            .await;
        (list, coverage.into_inner().unwrap().rows()[0].reads)
    }

    #[tokio::test]
    async fn a_list_that_may_shift_is_read_until_it_reads_the_same_twice() {
        assert_eq!(settled(&[[1, 2], [1, 2]]).await, (Observation::Known(vec![1, 2]), 4));
        assert_eq!(settled(&[[1, 3], [2, 3], [2, 3]]).await, (Observation::Known(vec![2, 3]), 6));
        let (never, reads) = settled(&[[1, 2], [2, 3], [3, 4], [4, 5]]).await;
        assert_eq!((never.gap().map(|gap| gap.status), reads), (Some(CoverageStatus::Failed), 8));
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
