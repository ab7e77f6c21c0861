//! Mail over a real socket, to a small mail server of the test.

use std::sync::{Arc, Mutex};

use tidegate::error::Kind;
use tidegate::journal::Level;
use tidegate::notify::Message;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::fleet::rig::run;

#[derive(Clone, Default)]
struct MailServer(Arc<Mutex<Desk>>);

#[derive(Default)]
struct Desk {
    /// Commands in their order, and the mails.
    commands: Vec<String>,
    mails: Vec<String>,
    /// What the login and the receivers are answered.
    login: Option<&'static str>,
    receiver: Option<&'static str>,
}

impl MailServer {
    fn listen(&self) -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let listener = TcpListener::from_std(listener).unwrap();
        let server = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.talk(stream).await.ok() });
            }
        });
        port
    }

    async fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 mail.example.org ready\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let (login, receiver) = {
                let mut desk = self.0.lock().unwrap();
                desk.commands.push(line.clone());
                (desk.login, desk.receiver)
            };
            let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" => "250-mail.example.org\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
                "AUTH" => login.unwrap_or("235 welcome"),
                "RCPT" => receiver.unwrap_or("250 fine"),
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await?;
                    let mut mail = String::new();
                    while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                        mail += &line;
                        mail.push('\n');
                    }
                    self.0.lock().unwrap().mails.push(mail);
                    "250 queued"
                }
                "QUIT" => "221 bye",
                _ => "250 fine",
            };
            write.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }
}

fn configured(server: &MailServer, more: &str) -> impl FnOnce(&tidegate::sim::Sim) -> String + use<> {
    let (server, more) = (server.clone(), more.to_owned());
    move |_| {
        format!(
            "[notify.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = {}\nencryption = \"none\"\n\
             from = \"潮汐 <tide@example.org>\"\nto = [\"a@example.org\", \"B <b@example.org>\"]\n{more}\n",
            server.listen()
        )
    }
}

fn message() -> Message {
    Message { title: Some("流量告警".into()), level: Level::Error, ..Message::new("用了 93.5 %\n第二行") }
}

#[test]
fn a_mail_arrives_whole() {
    let server = MailServer::default();
    let login = "username = \"me\"\npassword = \"s3cr3tpass\"";
    run(
        |_| (),
        configured(&server, login),
        |rig| async move {
            let outcome = rig.host.notifier.send(&message(), &rig.talk()).await.unwrap();
            assert_eq!(outcome.troubles, [""; 0]);
            let call = &rig.calls()[0];
            assert_eq!((call.endpoint.as_str(), call.status, call.ok), ("mail", Some(250), true));
            let desk = server.0.lock().unwrap();
            let commands = desk.commands.join("\n");
            assert!(commands.contains("AUTH PLAIN") && commands.contains("RCPT TO:<b@example.org>"), "{commands}");
            let mail = &desk.mails[0];
            // Headers and body are encoded: what a reader of mail shows is in there.
            assert!(mail.contains("Subject: =?utf-8?b?5rWB6YeP5ZGK6K2m?="), "{mail}");
            assert!(mail.contains("To: a@example.org, B <b@example.org>") && mail.contains("X-Priority: 1"), "{mail}");
            assert!(mail.contains("Date: Thu, 11 Jun 2026 10:00:00 +0000"), "{mail}");
            assert!(mail.contains("text/plain; charset=utf-8"), "{mail}");
        },
    );
}

#[test]
fn refusals_of_a_mail_server_are_told() {
    let server = MailServer::default();
    let login = "username = \"me\"\npassword = \"s3cr3tpass\"";
    run(
        |_| (),
        configured(&server, login),
        |rig| async move {
            server.0.lock().unwrap().login = Some("535 5.7.8 authentication failed");
            let error = rig.host.notifier.test("mail", &rig.talk()).await.unwrap().result.unwrap_err();
            assert_eq!((error.kind, error.code), (Kind::Auth, Some(535)), "{error:?}");
            assert!(error.message.contains("authentication failed"), "{error:?}");
            {
                let mut desk = server.0.lock().unwrap();
                (desk.login, desk.receiver) = (None, Some("450 4.2.0 greylisted"));
            }
            let error = rig.host.notifier.test("mail", &rig.talk()).await.unwrap().result.unwrap_err();
            assert_eq!((error.kind, error.code, error.retryable), (Kind::Api, Some(450), true), "{error:?}");
            assert!(!format!("{:?}", rig.journal.lines()).contains("s3cr3tpass"));
        },
    );
}

#[test]
fn a_server_without_tls_gets_no_password() {
    let server = MailServer::default();
    let tls = "username = \"me\"\npassword = \"s3cr3tpass\"";
    let plain = configured(&server, tls);
    run(
        |_| (),
        |sim| plain(sim).replace("\"none\"", "\"starttls\""),
        |rig| async move {
            let error = rig.host.notifier.test("mail", &rig.talk()).await.unwrap().result.unwrap_err();
            assert!(error.hint.is_some(), "{error:?}");
            let desk = server.0.lock().unwrap();
            assert!(desk.mails.is_empty() && !desk.commands.iter().any(|command| command.starts_with("AUTH")));
        },
    );
}

#[test]
fn nobody_there_is_a_transport_error() {
    let more = |_: &tidegate::sim::Sim| {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        format!(
            "[notify.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\nfrom = \"a@b.c\"\nto = \"d@e.f\"\n"
        )
    };
    run(
        |_| (),
        more,
        |rig| async move {
            let error = rig.host.notifier.test("mail", &rig.talk()).await.unwrap().result.unwrap_err();
            assert_eq!(error.kind, Kind::Transport, "{error:?}");
            assert!(error.message.starts_with("the mail server `127.0.0.1:"), "{error:?}");
        },
    );
}
