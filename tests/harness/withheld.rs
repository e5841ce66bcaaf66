//! Requests whose last byte is held back, so that something may happen between their head and their end.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::people::Person;

/// The longest that a test waits for the server to look at a head, or to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request that the server has decided about by its head.
#[derive(Debug)]
pub struct Withheld {
    /// What it asks for, to be named where a test fails.
    pub what: String,
    line: TcpStream,
    last: u8,
}

impl Withheld {
    /// Sends everything but the body's last byte, and waits until the server asked its database who is calling.
    pub async fn begin(person: &Person, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Self {
        let app = &person.app;
        let body = body.to_string().into_bytes();
        let (last, rest) = body.split_last().expect("a body");
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        head += &format!("authorization: Bearer {}\r\ncontent-length: {}\r\n", person.token, body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let (asked, _) = app.services.db.begun();
        let mut line = TcpStream::connect(app.url.trim_start_matches("http://")).await.expect("a connection");
        line.write_all(head.as_bytes()).await.expect("the head is sent");
        line.write_all(rest).await.expect("the body is sent");
        let decided = async {
            while app.services.db.begun().0 == asked {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, decided).await.expect("the server looks at the head");
        sleep(Duration::from_millis(50)).await;
        Self { what: format!("{method} {path}"), line, last: *last }
    }

    /// Sends the last byte; answers status and body.
    pub async fn end(mut self) -> (u16, Value) {
        self.line.write_all(&[self.last]).await.expect("the last byte is sent");
        let mut answer = Vec::new();
        timeout(PATIENCE, self.line.read_to_end(&mut answer)).await.expect("an answer in time").expect("an answer");
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }
}
