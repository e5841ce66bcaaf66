//! Devices that logged in before: each is recognised by a token and has buckets of its own, so that strangers who fill
//! an address's buckets keep nobody out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use manager_domain::ids::*;
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
}

impl Device {
    /// What the device keeps and shows at a later login.
    pub fn token(&self, services: &Services) -> String {
        let named = self.named();
        let mac = services.vault.mac(Purpose::DeviceTokens, &named);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([named.as_slice(), &mac].concat()))
    }

    /// The device behind a token that this system made.
    pub fn read(services: &Services, token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
        let (named, mac) = bytes.split_at_checked(32)?;
        let (account, id) = named.split_at(16);
        let uuid = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
        let device = Self { account: AccountId::from_uuid(uuid(account)?), id: SessionId::from_uuid(uuid(id)?) };
        bool::from(services.vault.mac(Purpose::DeviceTokens, named).as_slice().ct_eq(mac)).then_some(device)
    }

    /// The key of its buckets.
    pub fn key(&self) -> String {
        self.id.to_string()
    }

    fn named(&self) -> Vec<u8> {
        [self.account.uuid().as_bytes().as_slice(), self.id.uuid().as_bytes()].concat()
    }
}
