//! A mail server that takes everything and counts it, unless it is told to refuse.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::net::TcpSocket;

/// A mail as it went over the wire.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    pub to: Vec<String>,
    pub message_id: String,
    /// Head and parts, with the soft line breaks of quoted-printable undone.
    pub text: String,
}

impl Delivery {
    /// The token in the fragment of its link.
    pub fn token(&self) -> String {
        let (_, rest) = self.text.split_once("#token=").unwrap_or_else(|| panic!("no token in {}", self.text));
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect()
    }
}

/// Listens on a free port of the loopback for as long as the test runs.
pub struct MailServer {
    pub url: String,
    taken: Arc<Mutex<Vec<Delivery>>>,
    refusal: Arc<Mutex<Refusal>>,
}

/// The start of a command, and what it is answered instead. `CONNECT` stands for the beginning of a talk, `.` for the end
/// of a mail.
type Refusal = Option<(&'static str, &'static str)>;

/// Instead of an answer: the connection ends without one.
pub const HANG_UP: &str = "";

/// A mail server that is down: its port is its own, and refuses connections.
pub struct Down {
    socket: TcpSocket,
    address: SocketAddr,
}

impl Down {
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = socket.local_addr().expect("an address");
        Self { socket, address }
    }

    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    pub fn come_up(self) -> MailServer {
        let listener = self.socket.listen(64).and_then(tokio::net::TcpListener::into_std).expect("a listener");
        listener.set_nonblocking(false).expect("a listener that waits");
        MailServer::on(listener, Duration::ZERO)
    }
}

impl Default for Down {
    fn default() -> Self {
        Self::new()
    }
}

impl MailServer {
    pub fn start() -> Self {
        Self::slow(Duration::ZERO)
    }

    /// One that thinks so long about each mail.
    pub fn slow(pause: Duration) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a free port"), pause)
    }

    fn on(listener: TcpListener, pause: Duration) -> Self {
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
    let say = |text: &str| {
        let sent = (text != HANG_UP).then(|| (&mut &*client).write_all(format!("{text}\r\n").as_bytes()));
        sent?.ok()
    };
    let refused = |command: &str| {
        let refusal = *refusal.lock().expect("no panic before");
        refusal.filter(|(start, _)| command.starts_with(start)).map(|(_, answer)| answer)
    };
    say(refused("CONNECT").unwrap_or("220 tests"))?;
    let mut delivery = Delivery::default();
    loop {
        let line = lines.next()?.ok()?;
        let command = line.to_ascii_uppercase();
        if let Some(answer) = refused(&command) {
            say(answer)?;
        } else if command.starts_with("MAIL") {
            delivery = Delivery::default();
            say("250 ok")?;
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
            read(&mut lines, &mut delivery)?;
            thread::sleep(pause);
            match refused(".") {
                Some(answer) => say(answer)?,
                None => {
                    taken.lock().ok()?.push(std::mem::take(&mut delivery));
                    say("250 taken")?;
                }
            }
        } else if command == "QUIT" {
            return say("221 bye");
        } else {
            say("250 ok")?;
        }
    }
}

/// What follows `DATA`.
fn read(lines: &mut impl Iterator<Item = std::io::Result<String>>, delivery: &mut Delivery) -> Option<()> {
    loop {
        let line = lines.next()?.ok()?;
        if line == "." {
            return Some(());
        }
        if let Some(id) = line.strip_prefix("Message-ID: ") {
            id.clone_into(&mut delivery.message_id);
        }
        match line.strip_suffix('=') {
            Some(begun) => delivery.text.push_str(begun),
            None => delivery.text.push_str(&format!("{line}\n")),
        }
        delivery.text = delivery.text.replace("=3D", "=");
    }
}
