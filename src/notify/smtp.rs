//! Mail.

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::message::Message;
use super::provider::Settings;
use crate::clock::{Elapsed, within};
use crate::error::{Error, Kind, Result};
use crate::time::{Clock, Duration, Time};
use crate::units::format_duration;

type Mailer = AsyncSmtpTransport<Tokio1Executor>;

/// Hands a message to the mail server; gives its code.
///
/// # Errors
/// `config` where a setting is wrong, `auth`, `transport`, `timeout`, or `api` where the server refuses.
pub(super) async fn send(settings: &Settings<'_>, message: &Message, clock: &dyn Clock, deadline: Time) -> Result<u16> {
    let left = deadline - clock.now();
    let (mailer, place) = mailer(settings, left)?;
    let mail = mail(settings, message)?;
    let _busy = clock.busy();
    match within(clock, deadline, mailer.send(mail)).await {
        Ok(Ok(response)) => Ok(u16::from(response.code())),
        Ok(Err(error)) => Err(explain(&error, &place, left)),
        Err(Elapsed) => Err(late(&place, left)),
    }
}

fn mailer(settings: &Settings, left: Duration) -> Result<(Mailer, String)> {
    let host = settings.need("host")?;
    let encryption = settings.text("encryption")?.unwrap_or_else(|| "tls".into());
    let usual = match encryption.as_str() {
        "tls" => 465,
        "starttls" => 587,
        _ => 25,
    };
    let port = settings.number("port").and_then(|port| u16::try_from(port).ok()).unwrap_or(usual);
    let tls = match encryption.as_str() {
        "tls" => Tls::Wrapper(parameters(settings, &host)?),
        "starttls" => Tls::Required(parameters(settings, &host)?),
        _ => Tls::None,
    };
    // The clock decides when it takes too long; this real time is the net below it.
    let net = left.to_std().max(std::time::Duration::from_secs(1)) * 2 + std::time::Duration::from_secs(5);
    let mut builder = Mailer::builder_dangerous(&host).port(port).tls(tls).timeout(Some(net));
    if let Some(name) = settings.text("username")? {
        builder = builder.credentials(Credentials::new(name, settings.text("password")?.unwrap_or_default()));
    }
    Ok((builder.build(), format!("{host}:{port}")))
}

fn parameters(settings: &Settings, host: &str) -> Result<TlsParameters> {
    let transport = &settings.channel.transport;
    let mut builder = TlsParameters::builder(host.to_owned());
    if transport.insecure {
        builder = builder.dangerous_accept_invalid_certs(true).dangerous_accept_invalid_hostnames(true);
    } else if let Some(path) = &transport.ca {
        let shown = path.display();
        let pem = std::fs::read(path).map_err(|error| {
            Error::new(Kind::Config, format!("the certificate file `{shown}` cannot be read: {error}"))
        })?;
        let certificate = Certificate::from_pem(&pem).map_err(|_| {
            Error::new(Kind::Config, format!("the certificate file `{shown}` holds no certificate"))
                .hint("it must be in PEM form: `-----BEGIN CERTIFICATE-----`")
        })?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| Error::new(Kind::Config, format!("TLS cannot be set up: {error}")))
}

fn mail(settings: &Settings, message: &Message) -> Result<lettre::Message> {
    let address = |text: &str| {
        text.parse::<Mailbox>().map_err(|error| {
            Error::new(Kind::Config, format!("`{text}` is no mail address: {error}"))
                .hint("write `me@example.org` or `Name <me@example.org>`")
        })
    };
    let sent = std::time::UNIX_EPOCH + (settings.now - Time::from_millis(0)).to_std();
    // A line end would end the header.
    let subject = message.heading().split_whitespace().collect::<Vec<_>>().join(" ");
    let mut builder = lettre::Message::builder().from(address(&settings.need("from")?)?).subject(subject).date(sent);
    for receiver in settings.texts("to") {
        builder = builder.to(address(&receiver)?);
    }
    let part = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(settings.body(message));
    let mut mail = builder
        .multipart(MultiPart::mixed().singlepart(part))
        .map_err(|error| Error::new(Kind::Config, format!("the mail cannot be written: {error}")))?;
    if message.urgent() {
        for (name, value) in [("X-Priority", "1"), ("Importance", "high")] {
            let name = HeaderName::new_from_ascii(name.into())
                .map_err(|_| Error::internal("a header of mails has a wrong name"))?;
            mail.headers_mut().insert_raw(HeaderValue::new(name, value.into()));
        }
    }
    Ok(mail)
}

fn explain(error: &lettre::transport::smtp::Error, place: &str, left: Duration) -> Error {
    if error.is_timeout() {
        return late(place, left);
    }
    let reason = root(error);
    if let Some(code) = error.status().map(u16::from) {
        let kind = if matches!(code, 530 | 534 | 535 | 538) { Kind::Auth } else { Kind::Api };
        let mut error = Error::new(kind, format!("the mail server `{place}` refused: {reason}")).code(code.into());
        // Greylisting and full mailboxes pass.
        error.retryable = (400..500).contains(&code);
        return if kind == Kind::Auth {
            error.hint("are `username` and `password` right? Many providers want a password of its own for apps")
        } else {
            error
        };
    }
    if error.is_client() {
        return Error::new(Kind::Config, format!("the mail server `{place}` and this channel do not fit: {reason}"))
            .hint("check `encryption`, `username` and `password`");
    }
    let hint = if error.is_tls() { "is `encryption` right for that port?" } else { "are `host` and `port` right?" };
    Error::new(Kind::Transport, format!("the mail server `{place}` cannot be reached: {reason}")).hint(hint)
}

fn late(place: &str, left: Duration) -> Error {
    Error::new(Kind::Timeout, format!("the mail server `{place}` did not answer within {}", format_duration(left)))
        .hint("does a firewall swallow the packets? Many hosts close port 25")
}

/// The innermost cause, in one line.
fn root(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |cause| cause.source());
    let text = causes.last().map(ToString::to_string).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
