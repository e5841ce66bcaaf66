//! What a mailed secret is for.

use crate::words::words;

words! {
    /// What a mailed secret opens, and nothing else.
    TokenPurpose {
        PasswordReset = "password_reset",
        RecoveryEmailConfirm = "recovery_email_confirm",
        LoginIdConfirm = "login_id_confirm",
        LoginIdCancel = "login_id_cancel",
        LoginIdUndo = "login_id_undo",
        Invitation = "invitation",
    }
}
