//! Devices that logged in before: each is recognised by a token and has buckets of its own, so that strangers who fill
//! an address's buckets keep nobody out. A token is worth as much as the password it was given for: a new one ends it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use manager_domain::ids::*;
use manager_repository::accounts::Account;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::Services;
use crate::vault::Purpose;

const PREFIX: &str = "dev_";

/// A device that proved the password or the mailbox of an account once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    pub account: AccountId,
    /// The session that it was let in with first. Only a right password opens one, so nobody can make up devices.
    pub id: SessionId,
    /// The version of the password for which it is known.
    pub password_version: i32,
}

impl Device {
    /// The device of a session that this account's present password let in.
    pub const fn of(account: &Account, id: SessionId) -> Self {
        Self { account: account.id, id, password_version: account.password_version }
    }

    /// What the device keeps and shows at a later login.
    pub fn token(&self, services: &Services) -> String {
        let named = [self.account.uuid().as_bytes().as_slice(), self.id.uuid().as_bytes()].concat();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([named.as_slice(), &self.mac(services)].concat()))
    }

    /// The key of its buckets.
    pub fn key(&self) -> String {
        self.id.to_string()
    }

    fn mac(&self, services: &Services) -> [u8; 32] {
        let (account, id) = (self.account.uuid(), self.id.uuid());
        let version = self.password_version.to_be_bytes();
        services.vault.mac(Purpose::DeviceTokens, &[account.as_bytes().as_slice(), id.as_bytes(), &version].concat())
    }
}

/// A token as a client shows it: what it says isn't proved yet.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    pub account: AccountId,
    id: SessionId,
    mac: [u8; 32],
}

impl Shown {
    pub fn read(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
        let (account, rest) = bytes.split_at_checked(16)?;
        let (id, mac) = rest.split_at_checked(16)?;
        Some(Self {
            account: AccountId::from_uuid(Uuid::from_slice(account).ok()?),
            id: SessionId::from_uuid(Uuid::from_slice(id).ok()?),
            mac: mac.try_into().ok()?,
        })
    }

    /// The device, if this system made the token for the account and its present password.
    pub fn proved(&self, services: &Services, account: &Account) -> Option<Device> {
        let device = Device::of(account, self.id);
        let proved = self.account == account.id && bool::from(device.mac(services).as_slice().ct_eq(&self.mac));
        proved.then_some(device)
    }
}
