//! Mails: what is to be said to whom, enqueued with the change that causes it and sent after its commit.

pub mod rendering;
pub mod times;
pub mod transports;

use chrono::Duration;
use manager_domain::Instant;
use manager_domain::languages::Language;
use manager_repository::AnyConnection;
use serde::{Deserialize, Serialize};

use crate::documents::Attachment;
use crate::errors::Result;
use crate::jobs::{self, Job};
use crate::{Services, Settings, staff};

/// A mail before it is rendered. `template` names a table in `texts/mails/<language>.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mail {
    /// The stored address, never one that was typed into a request (ACC-1).
    pub to: String,
    pub language: Language,
    pub template: Template,
    /// The template's parameters by name; `link` and `code` are shown as button and code.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Drawn when the mail is sent.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
}

macro_rules! templates {
    ($($variant:ident = $name:literal,)*) => {
        /// The mails there are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Template { $($variant,)* }

        impl Template {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

templates! {
    RegistrationConfirm = "registration_confirm",
    RegistrationTaken = "registration_taken",
    PasswordReset = "password_reset",
    PasswordChanged = "password_changed",
    LoginIdChangeConfirm = "login_id_change_confirm",
    LoginIdChangeRequested = "login_id_change_requested",
    LoginIdChanged = "login_id_changed",
    LoginIdChangeUndone = "login_id_change_undone",
    RecoveryEmailConfirm = "recovery_email_confirm",
    RecoveryEmailRequested = "recovery_email_requested",
    RecoveryEmailChanged = "recovery_email_changed",
    RecoveryEmailRemoved = "recovery_email_removed",
    Invitation = "invitation",
    AbsorptionInvitation = "absorption_invitation",
    InvitationAccepted = "invitation_accepted",
    InvitationDeclined = "invitation_declined",
    MembershipChanged = "membership_changed",
    MembershipRemoved = "membership_removed",
    MembershipExpiring = "membership_expiring",
    OwnershipGranted = "ownership_granted",
    AbsorptionRequested = "absorption_requested",
    AbsorptionApproval = "absorption_approval",
    AbsorptionDone = "absorption_done",
    AccountDeleted = "account_deleted",
    StaffAccountCreated = "staff_account_created",
    SessionEndedForSafety = "session_ended_for_safety",
    InvoicePaid = "invoice_paid",
    InvoiceRequested = "invoice_requested",
}

impl Template {
    /// How long what the mail carries is good for, where it carries a link or a code.
    pub(crate) const fn life(self, settings: &Settings) -> Option<Duration> {
        Some(match self {
            Self::RegistrationConfirm => settings.registration_lifetime,
            Self::PasswordReset => settings.password_reset_lifetime,
            Self::LoginIdChangeConfirm => settings.login_id_change_lifetime,
            Self::LoginIdChanged => settings.login_id_undo,
            Self::RecoveryEmailConfirm => settings.recovery_email_lifetime,
            Self::Invitation => settings.invitation_lifetime,
            Self::StaffAccountCreated => staff::INVITATION_LIFETIME,
            _ => return None,
        })
    }
}

impl Mail {
    pub fn new(to: impl Into<String>, language: Language, template: Template) -> Self {
        Self { to: to.into(), language, template, params: serde_json::Map::new(), attachments: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn attach(mut self, attachment: Attachment) -> Self {
        self.attachments.push(attachment);
        self
    }

    /// Puts the mail into the outbox inside the caller's transaction.
    pub fn enqueue(&self, tx: &mut AnyConnection, services: &Services, now: Instant) -> Result<()> {
        jobs::enqueue(tx, services, now, now, &Job::Mail(self.clone())).map(|_| ())
    }
}
