use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::testing::{Answer, Server, closed, reply};
use super::*;
use crate::clock::SystemClock;
use crate::config::Proxy;

/// `{"a": 1}` compressed.
const GZIP: &str = "H4sIAAAAAAACA6tWSlSyUjCsBQCXjqH7CAAAAA==";
/// 200,000 zeros compressed.
const BOMB: &str = "H4sIAAAAAAACA+3BMQEAAADCoPVPbQZ/oAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACA1wB7WOBcQA0DAA==";

fn http() -> Http {
    Http::new(SystemClock::new())
}

/// With nothing special, and a deadline that is short in real time.
fn get(url: &str) -> Request {
    let clock = SystemClock::new();
    Request {
        transport: Transport::default(),
        method: Method::GET,
        url: url.to_owned(),
        headers: vec![("Authorization".into(), "Bearer hunter22".into())],
        query: vec![("token".into(), "hunter22".into())],
        body: Body::None,
        deadline: clock.now() + Duration::from_seconds(20),
        max_reply: 100_000,
    }
}

async fn answered(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Result<Reply> {
    let server = Server::start(move |_| answer()).await;
    http().send(get(&server.url)).await
}

/// The error, which must not tell anything secret and must say what to do.
fn failed(result: Result<Reply>) -> Error {
    let error = result.unwrap_err();
    let text = format!("{error:?}");
    assert!(!text.contains("hunter22"), "{text}");
    assert!(error.hint.is_some(), "{text}");
    error
}

#[tokio::test]
async fn a_request_travels_whole() {
    let server = Server::start(|_| reply(207, &[("X-Test", "yes")], "hello")).await;
    let request = Request {
        method: Method::PATCH,
        headers: vec![("Accept".into(), "application/json".into())],
        query: vec![("a".into(), "ä b".into()), ("orderBy".into(), "x|desc".into()), ("orderBy".into(), "y".into())],
        body: Body::Json(serde_json::json!({"k": 1})),
        ..get(&format!("{}/sub/path", server.url))
    };
    let reply = http().send(request).await.unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (207, &b"hello"[..]));
    assert_eq!(reply.headers["x-test"], "yes");
    let seen = &server.seen()[0];
    assert_eq!(seen.line(), "PATCH /sub/path?a=%C3%A4+b&orderBy=x%7Cdesc&orderBy=y");
    assert_eq!(seen.body, r#"{"k":1}"#);
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("user-agent"), Some(concat!("tidegate/", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn bodies_are_forms_and_texts_too() {
    let server = Server::start(|_| reply(200, &[], "")).await;
    let fields = vec![("veid".into(), "1".into()), ("description".into(), "a&b=c ü".into())];
    for (body, kind, text) in [
        (Body::Form(fields), "application/x-www-form-urlencoded", "veid=1&description=a%26b%3Dc+%C3%BC"),
        (Body::Text("return false;".into()), "text/plain; charset=utf-8", "return false;"),
    ] {
        http().send(Request { method: Method::POST, body, ..get(&server.url) }).await.unwrap();
        let seen = server.seen().pop().unwrap();
        assert_eq!((seen.header("content-type"), seen.body.as_str()), (Some(kind), text));
    }
}

#[tokio::test]
async fn nobody_there() {
    let url = closed().await;
    let error = failed(http().send(get(&url)).await);
    let place = url.trim_start_matches("http://");
    assert_eq!(
        (error.kind, error.message.clone()),
        (Kind::Transport, format!("`{place}` cannot be reached: connection refused"))
    );
}

#[tokio::test]
async fn a_reply_that_breaks_off() {
    for bytes in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"success\"", "HTTP/1.1 200 OK\r\nContent-Le"] {
        let error = failed(answered(move || Answer::Bytes(bytes.into())).await);
        assert_eq!(error.kind, Kind::Transport, "{bytes}");
        assert!(error.message.ends_with("closed the connection before its reply was complete"), "{}", error.message);
    }
}

#[tokio::test]
async fn what_is_no_http_at_all() {
    let error = failed(answered(|| Answer::Bytes(b"220 mail.example.org ESMTP\r\n".to_vec())).await);
    assert_eq!(error.kind, Kind::Transport);
    assert!(error.message.ends_with("does not speak HTTP"), "{}", error.message);
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{";
    for bytes in [&b""[..], half] {
        let server = Server::start(move |_| Answer::Hang(bytes.to_vec())).await;
        let clock = SystemClock::new();
        let deadline = clock.now() + Duration::from_millis(100);
        let error = failed(http().send(Request { deadline, ..get(&server.url) }).await);
        assert_eq!(error.kind, Kind::Timeout);
        assert!(error.message.contains("did not answer within"), "{}", error.message);
        let error = failed(http().send(Request { deadline, ..get(&server.url) }).await);
        assert!(error.message.starts_with("no time is left"), "{}", error.message);
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn compressed_replies_are_unpacked_and_lies_are_found() {
    let gzip = |body: Vec<u8>| move || reply(200, &[("Content-Encoding", "gzip")], &body);
    let good = BASE64_STANDARD.decode(GZIP).unwrap();
    assert_eq!(answered(gzip(good.clone())).await.unwrap().body, br#"{"a": 1}"#);
    for lie in [b"{\"a\": 1}".to_vec(), [&good[..12], b"garbage garbage"].concat()] {
        let error = failed(answered(gzip(lie)).await);
        assert_eq!(error.kind, Kind::Protocol, "{}", error.message);
        assert!(error.message.ends_with("is compressed, and damaged"), "{}", error.message);
    }
    let error = failed(answered(gzip(good[..20].to_vec())).await);
    assert!(matches!(error.kind, Kind::Protocol | Kind::Transport), "{}", error.message);
}

#[tokio::test]
async fn large_replies_are_cut_off() {
    let large = "x".repeat(100_001);
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186A1\r\n{large}\r\n0\r\n\r\n");
    let error = failed(answered(move || reply(200, &[], &large)).await);
    assert_eq!((error.kind, error.status), (Kind::Limit, Some(200)));
    assert!(error.message.ends_with("is larger than 97.7 KiB"), "{}", error.message);
    assert_eq!(failed(answered(move || Answer::Bytes(chunked.clone().into())).await).kind, Kind::Limit);
    let bomb = BASE64_STANDARD.decode(BOMB).unwrap();
    assert_eq!(failed(answered(move || reply(200, &[("Content-Encoding", "gzip")], &bomb)).await).kind, Kind::Limit);
    assert_eq!(answered(|| reply(200, &[], "x".repeat(100_000))).await.unwrap().body.len(), 100_000);
}

#[tokio::test]
async fn redirects_are_handed_back() {
    let server = Server::start(|_| reply(302, &[("Location", "/elsewhere")], "")).await;
    assert_eq!(http().send(get(&server.url)).await.unwrap().status, 302);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn plain_http_stays_at_home() {
    let error = failed(http().send(get("http://203.0.113.7:8080/x")).await);
    assert_eq!(error.kind, Kind::Config);
    assert_eq!(error.message, "plain HTTP to the public address `203.0.113.7:8080` is refused");
}

#[tokio::test]
async fn a_proxy_is_for_public_addresses_only() {
    let server = Server::start(|_| reply(200, &[], "ok")).await;
    let proxy = Server::start(|_| reply(200, &[], "proxied")).await;
    let transport = Transport { proxy: Some(Proxy::new(&proxy.url)), plain_http: true, ..Transport::default() };
    let ask = |url: &str| Request { transport: transport.clone(), ..get(url) };
    assert_eq!(http().send(ask(&server.url)).await.unwrap().body, b"ok");
    assert!(proxy.seen().is_empty());
    assert_eq!(http().send(ask("http://203.0.113.7/x")).await.unwrap().body, b"proxied");
    assert_eq!(proxy.seen()[0].line(), "GET http://203.0.113.7/x?token=hunter22");
    let transport = Transport { proxy: Some(Proxy::new("what is this")), plain_http: true, ..Transport::default() };
    let error = failed(http().send(Request { transport, ..get("http://203.0.113.7/x") }).await);
    assert_eq!(error.kind, Kind::Config);
}

#[tokio::test]
async fn tls_where_there_is_none() {
    let server = Server::start(|_| reply(400, &[], "")).await;
    let listener = server.url.replace("http://", "https://");
    let transport = Transport { insecure: true, ..Transport::default() };
    let error = failed(http().send(Request { transport, ..get(&listener) }).await);
    assert_eq!(error.kind, Kind::Transport);
    assert!(error.message.ends_with("cannot be reached: it does not speak TLS"), "{}", error.message);
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    for path in [empty, folder.path().join("missing.pem")] {
        let transport = Transport { ca: Some(path.clone()), ..Transport::default() };
        let error = http().send(Request { transport, ..get("https://127.0.0.1:1") }).await.unwrap_err();
        assert_eq!(error.kind, Kind::Config);
        assert!(error.message.contains(path.to_str().unwrap()), "{}", error.message);
    }
}

#[tokio::test]
async fn headers_that_http_does_not_allow() {
    let headers = vec![("X-Token".into(), "hunter22\nX-Evil: 1".into())];
    let error = failed(http().send(Request { headers, ..get("http://127.0.0.1:1") }).await);
    assert_eq!(error.kind, Kind::Config);
    assert!(error.message.contains("`X-Token`"));
}

#[tokio::test]
async fn clients_are_shared_by_what_they_need() {
    let server = Server::start(|_| reply(200, &[], "")).await;
    let http = http();
    for transport in [
        Transport::default(),
        Transport { insecure: true, ..Transport::default() },
        Transport { proxy: Some(Proxy::new("http://127.0.0.1:1")), ..Transport::default() },
        Transport { plain_http: true, ..Transport::default() },
    ] {
        http.send(Request { transport, ..get(&server.url) }).await.unwrap();
    }
    // To this address none of them makes a difference.
    assert_eq!(http.clients.lock().unwrap().len(), 1);
}

#[test]
fn tls_faults_have_words() {
    use rustls::CertificateError as Bad;
    let target = Target::parse("https://pbh.example.org").unwrap();
    for (bad, words) in [
        (Bad::UnknownIssuer, "its TLS certificate is not trusted"),
        (Bad::Expired, "its TLS certificate has expired"),
        (Bad::NotValidYet, "its TLS certificate is not valid yet"),
        (Bad::NotValidForName, "its TLS certificate is for another name"),
    ] {
        let error = fault::untrusted(&rustls::Error::InvalidCertificate(bad), &target);
        assert_eq!(
            (error.kind, error.message.clone()),
            (Kind::Transport, format!("`pbh.example.org:443` cannot be reached: {words}"))
        );
    }
}

#[tokio::test]
async fn a_request_goes_to_the_addresses_that_were_looked_at() {
    let server = Server::start(|_| reply(200, &[], "here")).await;
    let port = server.url.rsplit_once(':').unwrap().1;
    let http = http();
    // Nobody has this name, so only the address can have led there.
    let request = |host: &str| get(&format!("http://{host}:{port}/path"));
    let here = ["127.0.0.1".parse().unwrap()];
    let found = http.send_to(request("tidegate.invalid"), &here).await.unwrap();
    assert_eq!(found.body, b"here");
    assert!(server.seen()[0].header("host").unwrap().starts_with("tidegate.invalid"));
    let elsewhere = ["192.0.2.1".parse().unwrap(), "127.0.0.2".parse().unwrap()];
    let refused = http.send_to(request("tidegate.invalid"), &elsewhere[..1]).await;
    // A public address, so plain HTTP is refused before anything is sent.
    assert_eq!(failed(refused).kind, Kind::Config);
    http.send_to(request("other.invalid"), &here).await.unwrap();
    http.send_to(request("other.invalid"), &[here[0], elsewhere[1]]).await.unwrap();
    assert_eq!(http.clients.lock().unwrap().len(), 2, "a host keeps one client, however often it moves");
}
