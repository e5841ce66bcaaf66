//! Who sends the load: accounts registered through the API.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Client;
use serde_json::{Value, json};

use crate::servers::Manager;

pub const PASSWORD: &str = "seventeen otters juggle quietly";

/// A signed-in owner and the path of the row that the authenticated read fetches.
pub struct Person {
    pub email: String,
    pub token: String,
    pub path: String,
}

/// The row that is read, below `/v1/organizations/{organization}`: stands for a product until there are products.
const READ: &str = "/memberships";

impl Person {
    pub async fn register(manager: &Manager, client: &Client, name: &str) -> Result<Self> {
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "first_name": "Bench", "last_name": "Mark", "locale": "en",
            "organization": {"kind": "individual", "country": "CH"}});
        post(client, &format!("{}/v1/accounts", manager.url), &body).await?;
        let token = mailed_token(manager, client, &email).await?;
        let body = json!({"token": token, "password": PASSWORD});
        let granted = post(client, &format!("{}/v1/accounts/confirm", manager.url), &body).await?;
        let token = granted["access_token"].as_str().context("no access token")?.to_owned();
        let me = get(client, &format!("{}/v1/me", manager.url), &token).await?;
        let organization = me["organizations"][0]["id"].as_str().context("no organization")?;
        let list = format!("/v1/organizations/{organization}{READ}");
        let rows = get(client, &format!("{}{list}", manager.url), &token).await?;
        let id = rows["data"][0]["id"].as_str().context("no row to read")?;
        Ok(Self { email, token, path: format!("{list}/{id}") })
    }
}

async fn mailed_token(manager: &Manager, client: &Client, email: &str) -> Result<String> {
    for _ in 0..200 {
        let text = client.get(format!("{}/mails.json", manager.mails)).send().await?.text().await?;
        let mails: Value = serde_json::from_str(&text)?;
        let list = mails.as_array().or_else(|| mails["data"].as_array()).context("no list of mails")?;
        let link = list.iter().find(|mail| mail["to"] == email).and_then(|mail| mail["links"][0].as_str());
        if let Some((_, token)) = link.and_then(|link| link.split_once("#token=")) {
            return Ok(token.to_owned());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("no mail to {email} within 10 seconds")
}

async fn post(client: &Client, url: &str, body: &Value) -> Result<Value> {
    let text = client.post(url).json(body).send().await?.error_for_status()?.text().await?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn get(client: &Client, url: &str, token: &str) -> Result<Value> {
    let text = client.get(url).bearer_auth(token).send().await?.error_for_status()?.text().await?;
    Ok(serde_json::from_str(&text)?)
}
