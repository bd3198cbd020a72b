//! The HTTP side: sockets, bodies and connections that break on purpose.
//!
//! In: a listener and what the server shares. Out: answered connections until told to stop. It never looks into an
//! answer.

use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::faults::Effect;
use super::wire::{Encoded, decode, encode, uuid_of};
use super::{Call, Outcome, Shared, call};

static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// Serves until told to stop, on a runtime of its own so that blocking tests can use it.
pub(crate) fn serve(listener: TcpListener, shared: &Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a socket that does not block");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener for the runtime");
        let accept = async {
            loop {
                // An accept that fails concerns one connection, not the server.
                if let Ok((stream, _)) = listener.accept().await {
                    shared.traffic.connected();
                    tokio::spawn(connection(stream, Arc::clone(shared)));
                }
            }
        };
        tokio::select! {
            () = accept => {}
            _ = stopped => {}
        }
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
}

/// Answers the requests of one connection.
async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let reset = Arc::new(AtomicBool::new(false));
    let for_service = Arc::clone(&reset);
    let service = service_fn(move |request| Box::pin(respond(request, Arc::clone(&shared), Arc::clone(&for_service))));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let stream = connection.into_parts().io.into_inner();
    if ended.is_err() && reset.load(Ordering::Relaxed) {
        // No lingering: the peer gets a reset, not an orderly end. A socket that is gone already needs none.
        let _gone = stream.set_zero_linger();
    }
}

/// A body that may stop before its end.
struct Bytewise {
    left: Option<Bytes>,
    /// What `Content-Length` says.
    promised: u64,
    end: End,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// All is there.
    Whole,
    /// It will break, but what was written goes out first.
    BreaksNext,
    Breaks,
}

#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection breaks here on purpose")
    }
}

impl std::error::Error for Broken {}

impl Body for Bytewise {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.left.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if self.end == End::BreaksNext => {
                self.end = End::Breaks;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None if self.end == End::Breaks => Poll::Ready(Some(Err(Broken))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() && self.end == End::Whole
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.promised)
    }
}

async fn respond(
    request: HttpRequest<Incoming>,
    shared: Arc<Shared>,
    reset: Arc<AtomicBool>,
) -> Result<Response<Bytewise>, Broken> {
    let arrived = Instant::now();
    let _under_way = shared.traffic.begin();
    let (parts, body) = request.into_parts();
    // A request whose body breaks off has nobody left to answer.
    let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
    let id = uuid_of(&format!("request {}", REQUESTS.fetch_add(1, Ordering::Relaxed)));
    let mut decoded = match decode(parts.uri.path(), &parts.headers, &body) {
        Ok(decoded) => decoded,
        Err(text) => return Ok(response(&shared, unreadable(&text), None, &id)),
    };
    let latency = shared.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let (Outcome { answer, effect }, caller) = shared.answer(&mut decoded);
    if let Some(Effect::Slow { ms }) = effect {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    let encoded = match effect.as_ref().and_then(Effect::page) {
        Some((status, content_type, text)) => {
            Encoded { status, content_type, error_type: None, body: text.into_bytes() }
        }
        None => encode(&decoded, &answer, &id),
    };
    let breaks = matches!(effect, Some(Effect::Reset | Effect::Hangup));
    let status = if breaks { 0 } else { encoded.status };
    let kept = answer.as_ref().ok().filter(|_| shared.keep_answers).cloned();
    shared.note(Call { at: arrived, answer: kept, ..call(&decoded, caller.as_ref(), status, answer.as_ref().err()) });
    reset.store(breaks, Ordering::Relaxed);
    if effect == Some(Effect::Hangup) {
        return Err(Broken);
    }
    Ok(response(&shared, encoded, effect.as_ref(), &id))
}

fn response(shared: &Shared, encoded: Encoded, effect: Option<&Effect>, id: &str) -> Response<Bytewise> {
    let mut bytes = Bytes::from(encoded.body);
    let mut promised = bytes.len() as u64;
    let half = bytes.len() / 2;
    let breaks = matches!(effect, Some(Effect::Reset | Effect::Truncated));
    if breaks || effect == Some(&Effect::Cut) {
        bytes.truncate(half);
    }
    if effect == Some(&Effect::Cut) {
        promised = half as u64;
    }
    let mut builder = Response::builder()
        .status(encoded.status)
        .header("content-type", encoded.content_type)
        .header("content-length", promised)
        .header("date", shared.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .header("x-amzn-requestid", id);
    if let Some(code) = encoded.error_type {
        builder = builder.header("x-amzn-errortype", code);
    }
    let left = (!bytes.is_empty()).then_some(bytes);
    let end = if breaks { End::BreaksNext } else { End::Whole };
    builder.body(Bytewise { left, promised, end }).expect("headers of plain text")
}

/// The answer to a body that is not what its protocol says.
fn unreadable(text: &str) -> Encoded {
    let body = serde_json::json!({"__type": "SerializationException", "Message": text}).to_string().into_bytes();
    Encoded { status: 400, content_type: "application/x-amz-json-1.1", error_type: None, body }
}
