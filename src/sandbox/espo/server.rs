//! The network side: HTTP in, the world's answer out, and the faults that keep an answer from arriving.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::{io, net};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, Uri, header};
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::EspoSandbox;
use super::access::Presented;
use super::faults::Course;
use super::rest::{Reply, Request};

/// nginx refuses longer request lines with 414.
const LONGEST_URI: usize = 8_100;

/// Serves until `stop` comes true.
pub async fn serve(listener: TcpListener, sandbox: EspoSandbox, mut stop: tokio::sync::watch::Receiver<bool>) {
    let app = Router::new().fallback(handle).with_state(sandbox);
    let service = app.into_make_service_with_connect_info::<Switch>();
    let stopped = async move {
        // An error means that the sandbox is gone: stop as well.
        let _ = stop.wait_for(|stopped| *stopped).await;
    };
    // Serving only ends by being stopped.
    tokio::select! {
        _ = axum::serve(Line(listener), service).into_future() => {}
        () = stopped => {}
    }
}

async fn handle(
    State(sandbox): State<EspoSandbox>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    // A heartbeat is none of the records' business: a fault that is about writing them does not hit it.
    let is_write = method != Method::GET && !uri.path().ends_with("/Max/heartbeat");
    let mut healed = sandbox.healed();
    let entity = uri.path().strip_prefix("/api/v1/").and_then(|path| path.split('/').next()).unwrap_or_default();
    let mut course = sandbox.course(entity, is_write);
    while course == Course::Wait && healed.changed().await.is_ok() {
        course = sandbox.course(entity, is_write);
    }
    let (reply, cut) = match course {
        Course::Cut => (None, true),
        Course::Status(status) => (Some(bare(status)), false),
        Course::Html(status) => (Some(page(status)), false),
        Course::CutAfter => (Some(sandboxed(&sandbox, &method, &uri, &headers, &body)), true),
        Course::Normal | Course::Wait => (Some(sandboxed(&sandbox, &method, &uri, &headers, &body)), false),
    };
    sandbox.log(&method, &uri, reply.as_ref().map_or(0, |reply| reply.status().as_u16()));
    if cut {
        switch.cut();
    }
    let mut reply = reply.unwrap_or_else(|| bare(500));
    if let Ok(date) = HeaderValue::from_str(&sandbox.date()) {
        reply.headers_mut().insert(header::DATE, date);
    }
    reply
}

fn sandboxed(sandbox: &EspoSandbox, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
    if uri.to_string().len() > LONGEST_URI {
        return page(414);
    }
    let Some(path) = uri.path().strip_prefix("/api/v1/") else { return page(404) };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let presented = Presented {
        api_key: text("X-Api-Key"),
        hmac: text("X-Hmac-Authorization"),
        basic: text("Authorization").and_then(|value| value.strip_prefix("Basic ")),
        espo: text("Espo-Authorization"),
    };
    let request = Request {
        method: method.as_str(),
        path,
        query: uri.query().unwrap_or_default(),
        presented,
        no_total: text("X-No-Total") == Some("true"),
        skip_duplicates: text("X-Skip-Duplicate-Check") == Some("true"),
        version: text("X-Version-Number").and_then(|value| value.parse().ok()),
        is_json: text("Content-Type").is_some_and(|kind| kind.starts_with("application/json")),
        body,
    };
    wire(&sandbox.answer(&request))
}

fn wire(reply: &Reply) -> Response<Body> {
    let body = reply.body.as_ref().map(super::webhooks::php_json).unwrap_or_default();
    let mut response = bare(reply.status);
    *response.body_mut() = Body::from(body);
    let headers = response.headers_mut();
    let kind = if reply.html { "text/html; charset=UTF-8" } else { "application/json" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let (false, Ok(reason)) = (reply.reason.is_empty(), HeaderValue::from_str(&reply.reason)) {
        headers.insert("X-Status-Reason", reason);
    }
    if reply.asks {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"\""));
    }
    if reply.status < 300 {
        let cache = "no-store, no-cache, must-revalidate, post-check=0, pre-check=0";
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(header::EXPIRES, HeaderValue::from_static("0"));
    }
    response
}

fn bare(status: u16) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

fn page(status: u16) -> Response<Body> {
    let mut response = bare(status);
    *response.body_mut() = Body::from(format!("<html><head><title>{status}</title></head><body></body></html>"));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// Cuts one connection: whatever would be written to it from now on fails instead.
#[derive(Debug, Clone, Default)]
struct Switch(Arc<AtomicBool>);

impl Switch {
    fn cut(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_cut(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Connected<IncomingStream<'_, Line>> for Switch {
    fn connect_info(stream: IncomingStream<'_, Line>) -> Self {
        stream.io().switch.clone()
    }
}

/// A listener whose connections can be cut.
struct Line(TcpListener);

impl Listener for Line {
    type Io = Wire;
    type Addr = net::SocketAddr;

    async fn accept(&mut self) -> (Wire, net::SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (Wire { stream, switch: Switch::default() }, address)
    }

    fn local_addr(&self) -> io::Result<net::SocketAddr> {
        self.0.local_addr()
    }
}

struct Wire {
    stream: TcpStream,
    switch: Switch,
}

impl Wire {
    fn check(&self) -> io::Result<()> {
        if self.switch.is_cut() { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
