//! What a service is asked, with who asks; and the paging every list shares.
//!
//! In: an [`Ask`]. Out: members of its input, refusals for missing ones, and one page of a list with an opaque
//! token. It never knows a service's content.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::caller::{Caller, Sessions};
use super::estate::Estate;
use super::refusal::{Cause, Refusal, refuse};
use super::wire::{Request, digest_of};

/// What a service answers.
pub type Answer = Result<Value, Refusal>;

/// The function behind one operation.
pub type Handler = fn(&Ask) -> Answer;

/// One authenticated question.
pub struct Ask<'a> {
    pub estate: &'a Estate,
    pub sessions: &'a Sessions,
    pub caller: &'a Caller,
    pub request: &'a Request,
    /// The estate's idea of now.
    pub now: Timestamp,
    /// The server's clock, by which sessions end.
    pub wall: Timestamp,
}

/// How one list is paged.
pub struct Pager {
    /// The member that holds the list.
    pub list: &'static str,
    /// The most a page holds, and what it holds unless asked for less.
    pub cap: usize,
    pub default: usize,
    /// Error codes for a bad page size and a bad token.
    pub bad_size: &'static str,
    pub bad_token: &'static str,
}

impl Ask<'_> {
    pub fn region(&self) -> &str {
        &self.request.region
    }

    /// A string member.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.request.input.get(name).and_then(Value::as_str)
    }

    /// A string member that must be there; otherwise the service's 400 with this code.
    pub fn need(&self, name: &str, code: &str) -> Result<&str, Refusal> {
        self.text(name)
            .ok_or_else(|| Refusal::bad(code, format!("1 validation error detected: `{name}` must not be null")))
    }

    /// The service's refusal for a cause.
    pub fn refuse(&self, cause: Cause) -> Refusal {
        refuse(cause, self.request, &self.caller.arn)
    }

    /// The page of `items` that the request's `NextToken` and `MaxResults` ask for.
    pub fn page(&self, pager: &Pager, items: Vec<Value>) -> Answer {
        let asked = self.request.input.get("MaxResults").and_then(Value::as_u64);
        let size = asked.map_or(pager.default, |n| n as usize);
        if size == 0 || size > pager.cap {
            let text = format!("MaxResults must be between 1 and {}", pager.cap);
            return Err(Refusal::bad(pager.bad_size, text));
        }
        let size = self.estate.paging.cap.map_or(size, |cap| size.min(cap.max(1)));
        let (from, blank_done) = match self.text("NextToken") {
            None => (0, false),
            Some(token) => self.read_token(token).ok_or_else(|| Refusal::bad(pager.bad_token, "Invalid token"))?,
        };
        let mut output = Map::new();
        if self.estate.paging.empty_pages && !blank_done {
            output.insert(pager.list.to_owned(), json!([]));
            output.insert("NextToken".to_owned(), json!(self.token(from, true)));
            return Ok(output.into());
        }
        let total = items.len();
        let part: Vec<Value> = items.into_iter().skip(from).take(size).collect();
        let end = from + part.len();
        output.insert(pager.list.to_owned(), part.into());
        if end < total {
            output.insert("NextToken".to_owned(), json!(self.token(end, false)));
        }
        Ok(output.into())
    }

    /// A token is good for the same question of the same caller alone.
    fn token(&self, from: usize, blank_done: bool) -> String {
        let mut input = self.request.input.clone();
        if let Some(members) = input.as_object_mut() {
            members.remove("NextToken");
            members.remove("MaxResults");
        }
        let Request { service, operation, region, .. } = self.request;
        let question = digest_of(&format!("{service} {operation} {region} {} {input}", self.caller.account));
        let place = (from as u64) << 1 | u64::from(blank_done);
        format!("{:016x}{:016x}", question, place ^ question.rotate_left(17))
    }

    fn read_token(&self, token: &str) -> Option<(usize, bool)> {
        let question = u64::from_str_radix(token.get(..16)?, 16).ok()?;
        let place = u64::from_str_radix(token.get(16..)?, 16).ok()? ^ question.rotate_left(17);
        let (from, blank_done) = ((place >> 1) as usize, place & 1 == 1);
        (self.token(from, blank_done) == token).then_some((from, blank_done))
    }
}
