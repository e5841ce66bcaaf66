//! Who sends the load: seeded accounts, signed in, each with a product to read.

use anyhow::{Context, Result};
use reqwest::Client;
use serde_json::{Value, json};

use crate::servers::Manager;

/// The password that `manager seed` gives to all accounts.
pub const PASSWORD: &str = "seventeen otters juggle quietly";

/// A signed-in owner and the path of the product that the authenticated read fetches.
pub struct Person {
    pub email: String,
    pub token: String,
    refresh_token: String,
    pub path: String,
}

impl Person {
    /// Signs a seeded account in and looks up one of its products.
    pub async fn sign_in(manager: &Manager, client: &Client, number: usize) -> Result<Self> {
        let email = format!("user-{number:06}@seed.example");
        let body = json!({"email": email, "password": PASSWORD});
        let (token, refresh_token) = tokens(&post(client, &format!("{}/v1/auth/login", manager.url), &body).await?)?;
        let me = get(client, &format!("{}/v1/me", manager.url), &token).await?;
        let organization = me["organizations"][0]["id"].as_str().context("no organization")?;
        let list = format!("/v1/organizations/{organization}/products");
        let products = get(client, &format!("{}{list}?limit=1", manager.url), &token).await?;
        let id = products["data"][0]["id"].as_str().context("no product to read")?;
        Ok(Self { email, token, refresh_token, path: format!("{list}/{id}") })
    }

    /// Renews the access token, which lives for ten minutes only.
    pub async fn refresh(&mut self, manager: &Manager, client: &Client) -> Result<()> {
        let body = json!({"refresh_token": self.refresh_token});
        let granted = post(client, &format!("{}/v1/auth/refresh", manager.url), &body).await?;
        (self.token, self.refresh_token) = tokens(&granted)?;
        Ok(())
    }
}

fn tokens(granted: &Value) -> Result<(String, String)> {
    let text = |name: &str| granted[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
    Ok((text("access_token")?, text("refresh_token")?))
}

async fn post(client: &Client, url: &str, body: &Value) -> Result<Value> {
    let text = client.post(url).json(body).send().await?.error_for_status()?.text().await?;
    Ok(serde_json::from_str(&text)?)
}

async fn get(client: &Client, url: &str, token: &str) -> Result<Value> {
    let text = client.get(url).bearer_auth(token).send().await?.error_for_status()?.text().await?;
    Ok(serde_json::from_str(&text)?)
}
