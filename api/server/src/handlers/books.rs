//! The proof of the books, for the seller's finance people (PRE-1).

use actix_web::{get, web};
use manager_domain::ids::{LedgerTransferId, OrganizationId};
use manager_domain::ledger::LedgerAccount;
use manager_domain::{Currency, Money};
use manager_services::books::{self, Books};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Staff;
use crate::auth::permissions::{ReadBooks, StaffRequired};
use crate::json::Json;
use crate::problems::Problem;
use crate::state::AppState;

/// Whether the books agree, and what they come to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "agree": true,
    "currencies": [{"currency": "CHF", "trial_balance": {"amount": 0, "currency": "CHF"}, "accounts": [
        {"account": "provider_clearing", "amount": {"amount": -973, "currency": "CHF"}},
        {"account": "revenue", "amount": {"amount": 900, "currency": "CHF"}},
        {"account": "tax", "amount": {"amount": 73, "currency": "CHF"}}
    ]}],
    "unbalanced_transfers": [], "mismatched_balances": []
})))]
pub struct BooksView {
    /// Every trial balance is zero, every transfer balances, every stored balance is what its entries come to.
    pub agree: bool,
    pub currencies: Vec<CurrencyBooks>,
    /// Transfers whose entries don't come to zero; at most 100.
    pub unbalanced_transfers: Vec<UnbalancedTransfer>,
    /// Stored balances that their entries don't come to; at most 100.
    pub mismatched_balances: Vec<MismatchedBalance>,
}

/// All accounts of a currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct CurrencyBooks {
    pub currency: Currency,
    /// The sum over all accounts: zero.
    pub trial_balance: Money,
    pub accounts: Vec<AccountBalance>,
}

/// What an account's entries come to over all organizations.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountBalance {
    pub account: LedgerAccount,
    /// Credits positive, debits negative.
    pub amount: Money,
}

/// A transfer that doesn't balance.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnbalancedTransfer {
    pub organization: OrganizationId,
    pub transfer: LedgerTransferId,
    /// What its entries come to, in minor units.
    pub amount: i64,
}

/// A balance of an organization that doesn't agree with its entries.
#[derive(Debug, Serialize, ToSchema)]
pub struct MismatchedBalance {
    pub organization: OrganizationId,
    pub account: String,
    pub stored: Money,
    pub entries: Money,
}

impl From<Books> for BooksView {
    fn from(books: Books) -> Self {
        let of_currency = |currency: Currency| CurrencyBooks {
            currency,
            trial_balance: Money::new(books.trial_balance(currency), currency),
            accounts: (books.sums.iter().filter(|sum| sum.currency == currency))
                .map(|sum| AccountBalance { account: sum.account, amount: Money::new(sum.amount, currency) })
                .collect(),
        };
        Self {
            agree: books.agree(),
            currencies: Currency::ALL.into_iter().map(of_currency).collect(),
            unbalanced_transfers: (books.unbalanced.iter())
                .map(|row| UnbalancedTransfer {
                    organization: row.organization_id,
                    transfer: row.transfer_id,
                    amount: row.amount,
                })
                .collect(),
            mismatched_balances: (books.mismatches.iter())
                .map(|row| MismatchedBalance {
                    organization: row.organization_id,
                    account: row.account.clone(),
                    stored: Money::new(row.stored, row.currency),
                    entries: Money::new(row.entries, row.currency),
                })
                .collect(),
        }
    }
}

/// Prove the books
///
/// Reads every entry of the ledger: for finance people, not for dashboards.
#[utoipa::path(tag = "staff", responses((status = 200, description = "What the books come to", body = BooksView)),
    security(("bearer" = []), ("cookie" = [])), extensions(("x-required-permission" = json!(ReadBooks::NAME))))]
#[get("/v1/admin/books")]
pub async fn prove_books(state: web::Data<AppState>, _: Staff<ReadBooks>) -> Result<Json<BooksView>, Problem> {
    Ok(Json(books::prove(&state.services).await?.into()))
}
