//! A mail server that takes everything and counts it, unless it is told to refuse.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A mail as it went over the wire.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    pub to: Vec<String>,
    pub message_id: String,
    /// Names of files.
    pub attachments: Vec<String>,
}

/// Listens on a free port of the loopback for as long as the test runs.
pub struct MailServer {
    pub url: String,
    taken: Arc<Mutex<Vec<Delivery>>>,
    refusal: Arc<Mutex<Refusal>>,
}

/// The start of a command, and what it is answered instead.
type Refusal = Option<(&'static str, &'static str)>;

impl MailServer {
    pub fn start() -> Self {
        Self::slow(Duration::ZERO)
    }

    /// One that thinks so long about each mail.
    pub fn slow(pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("smtp://{}", listener.local_addr().expect("an address"));
        let taken = Arc::<Mutex<Vec<Delivery>>>::default();
        let refusal = Arc::<Mutex<Refusal>>::default();
        let (shared, refused) = (Arc::clone(&taken), Arc::clone(&refusal));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (taken, refusal) = (Arc::clone(&shared), Arc::clone(&refused));
                thread::spawn(move || talk(&client, &taken, &refusal, pause));
            }
        });
        Self { url, taken, refusal }
    }

    /// Answers commands that begin so with a refusal from now on; `None`: takes everything again.
    pub fn refuse(&self, refusal: Option<(&'static str, &'static str)>) {
        *self.refusal.lock().expect("no panic before") = refusal;
    }

    pub fn taken(&self) -> Vec<Delivery> {
        self.taken.lock().expect("no panic before").clone()
    }
}

/// One connection, until the client goes.
fn talk(client: &TcpStream, taken: &Mutex<Vec<Delivery>>, refusal: &Mutex<Refusal>, pause: Duration) -> Option<()> {
    let mut lines = BufReader::new(client.try_clone().ok()?).lines();
    let say = |text: &str| (&mut &*client).write_all(format!("{text}\r\n").as_bytes()).ok();
    say("220 tests")?;
    let mut delivery = Delivery::default();
    loop {
        let line = lines.next()?.ok()?;
        let command = line.to_ascii_uppercase();
        let refused = refusal.lock().ok()?.filter(|(start, _)| command.starts_with(start));
        if let Some((_, answer)) = refused {
            say(answer)?;
        } else if command.starts_with("EHLO") {
            say("250-tests\r\n250 AUTH PLAIN")?;
        } else if command.starts_with("AUTH") {
            say("235 ok")?;
        } else if let Some(to) = command.strip_prefix("RCPT TO:") {
            let to = to.split(['<', '>']).nth(1).unwrap_or_default();
            delivery.to.push(to.to_ascii_lowercase());
            say("250 ok")?;
        } else if command == "DATA" {
            say("354 go on")?;
            loop {
                let line = lines.next()?.ok()?;
                if line == "." {
                    break;
                }
                if let Some(id) = line.strip_prefix("Message-ID: ") {
                    id.clone_into(&mut delivery.message_id);
                }
                if let Some(name) = line.strip_prefix("Content-Disposition: attachment; filename=") {
                    delivery.attachments.push(name.trim_matches('"').to_owned());
                }
            }
            thread::sleep(pause);
            taken.lock().ok()?.push(std::mem::take(&mut delivery));
            say("250 taken")?;
        } else if command == "QUIT" {
            return say("221 bye");
        } else {
            say("250 ok")?;
        }
    }
}
