//! Secrets: the root key and everything derived from it by purpose.
//!
//! One key outside the database encrypts what must be read back (signing keys, mails on their way) and keys the hashes
//! of what need only be recognised (one-time tokens, refresh tokens, audit chains).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::errors::{Error, Result};

const NONCE: usize = 24;

/// What a derived key is for; each purpose has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    SigningKeys,
    OneTimeTokens,
    RegistrationCodes,
    Registrations,
    RefreshTokens,
    CartSecrets,
    PriceTokens,
    ServiceTokens,
    DeviceTokens,
    CsrfTokens,
    DocumentLinks,
    JobPayloads,
    AuditChain,
    Idempotency,
    Throttles,
    /// What payment providers told by themselves.
    PaymentEvents,
    /// Links to the sandbox's pages.
    SandboxPages,
    /// What the sandbox signs its webhooks with.
    SandboxWebhooks,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::SigningKeys => b"signing-keys",
            Self::OneTimeTokens => b"one-time-tokens",
            Self::RegistrationCodes => b"registration-codes",
            Self::Registrations => b"registrations",
            Self::RefreshTokens => b"refresh-tokens",
            Self::CartSecrets => b"cart-secrets",
            Self::PriceTokens => b"price-tokens",
            Self::ServiceTokens => b"service-tokens",
            Self::DeviceTokens => b"device-tokens",
            Self::CsrfTokens => b"csrf-tokens",
            Self::DocumentLinks => b"document-links",
            Self::JobPayloads => b"job-payloads",
            Self::AuditChain => b"audit-chain",
            Self::Idempotency => b"idempotency",
            Self::Throttles => b"throttles",
            Self::PaymentEvents => b"payment-events",
            Self::SandboxPages => b"sandbox-pages",
            Self::SandboxWebhooks => b"sandbox-webhooks",
        }
    }
}

/// Holds the root key; it never leaves.
pub struct Vault {
    root: Zeroizing<[u8; 32]>,
}

impl Vault {
    pub fn new(root: [u8; 32]) -> Self {
        Self { root: Zeroizing::new(root) }
    }

    /// Reads a root key from its file's text: 32 bytes in base64.
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
        Some(Self::new(bytes.as_slice().try_into().ok()?))
    }

    /// A fresh root key as its file's text.
    pub fn generate_base64() -> Result<Zeroizing<String>> {
        Ok(Zeroizing::new(STANDARD.encode(random::<32>()?)))
    }

    fn key(&self, purpose: Purpose, context: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0u8; 32]);
        let info = [purpose.label(), b"\0", context].concat();
        // 32 bytes are always within what HKDF-SHA256 can give.
        let _ = Hkdf::<Sha256>::new(Some(b"manager/v1"), self.root.as_slice()).expand(&info, key.as_mut_slice());
        key
    }

    /// A keyed hash: equal inputs give equal outputs, nothing leads back.
    pub fn mac(&self, purpose: Purpose, data: &[u8]) -> [u8; 32] {
        let key = self.key(purpose, b"mac");
        match <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_slice()) {
            Ok(mut mac) => {
                mac.update(data);
                mac.finalize().into_bytes().into()
            }
            // HMAC takes keys of any length.
            Err(_) => unreachable!("HMAC refused a key"),
        }
    }

    /// How a one-time token is kept, whatever it is for.
    pub fn token_hash(&self, token: &str) -> Vec<u8> {
        self.mac(Purpose::OneTimeTokens, token.as_bytes()).to_vec()
    }

    /// Encrypts under the purpose's key; `context` must be given again to open (empty where there is none).
    pub fn seal(&self, purpose: Purpose, context: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let nonce = random::<NONCE>()?;
        let cipher = self.cipher(purpose, context)?;
        let sealed = cipher.encrypt(&XNonce::from(nonce), plain).map_err(|_| Error::defect("sealing failed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts what [`Self::seal`] made for the same purpose and context.
    pub fn open(&self, purpose: Purpose, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or_else(|| Error::defect("sealed value too short"))?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(Error::defect)?;
        let cipher = self.cipher(purpose, context)?;
        let plain = cipher.decrypt(&XNonce::from(nonce), sealed);
        plain
            .map(Zeroizing::new)
            .map_err(|_| Error::defect("a sealed value can't be opened: is this the right root key?"))
    }

    fn cipher(&self, purpose: Purpose, context: &[u8]) -> Result<XChaCha20Poly1305> {
        XChaCha20Poly1305::new_from_slice(self.key(purpose, context).as_slice()).map_err(Error::defect)
    }
}

/// Bytes from the operating system's generator.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(Error::defect)?;
    Ok(bytes)
}

/// A secret of 256 bits as text for links and clients: `prefix_` and 43 characters of base64url.
pub fn token(prefix: &str) -> Result<String> {
    Ok(format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// Six decimal digits for a person to type.
pub fn code() -> Result<String> {
    // 2^64 is so much larger than 10^6 that the bias is beyond notice.
    let number = u64::from_le_bytes(random::<8>()?) % 1_000_000;
    Ok(format!("{number:06}"))
}
