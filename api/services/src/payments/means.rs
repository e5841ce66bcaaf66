//! What pays: the prepaid account, another method, or both (BIL-5).

use manager_domain::payments::PaymentMethodKind;
use manager_domain::prepaid_accounts::{Share, Spending, spend, wrong_currency};
use manager_domain::{Code, Fault, FaultCode, Money, Refusal};
use manager_repository::organizations::Organization;
use manager_repository::{AnyConnection, ledger};

use super::provider;
use crate::Services;
use crate::errors::Result;

/// What payments by the prepaid account alone have for a provider.
pub(crate) const PREPAID: &str = "prepaid";

/// How somebody wants to pay.
#[derive(Debug, Clone, Default)]
pub struct Paying {
    /// The provider's name for the means of payment; not needed where the prepaid account pays all.
    pub token: Option<String>,
    /// Whether the prepaid account gives what it has before the other method.
    pub use_prepaid: bool,
    /// At most this from the prepaid account.
    pub prepaid_at_most: Option<Money>,
}

/// Kind, provider and the provider's name for what pays.
pub(crate) struct Means {
    pub kind: PaymentMethodKind,
    pub provider: &'static str,
    pub token: String,
}

/// Who pays how much of something.
pub(crate) struct Plan {
    pub means: Means,
    pub spending: Spending,
}

/// Decides who pays what, from the balances as they are; the caller holds the organization's lock. `None` where nothing is
/// due.
///
/// # Errors
/// `payment_method_required`, `payment_method_unavailable`, `insufficient_balance` where the prepaid account alone was to
/// pay, `validation_failed`.
pub(crate) fn plan(
    tx: &mut AnyConnection,
    services: &Services,
    owner: &Organization,
    kind: Option<PaymentMethodKind>,
    paying: &Paying,
    due: Money,
) -> Result<Option<Plan>> {
    let share = share(kind, paying, due)?;
    if due.amount == 0 {
        return Ok(None);
    }
    let spending = match share {
        None => Spending { prepaid: Default::default(), other: due.amount },
        Some(share) => spend(due, ledger::balances(tx, owner.id, due.currency)?.available(), share)?,
    };
    let means = match kind.filter(|kind| *kind != PaymentMethodKind::Prepaid) {
        _ if spending.other == 0 => prepaid(),
        Some(kind) => means(services, owner, kind, paying.token.as_deref(), due)?,
        None => return Err(Code::PaymentMethodRequired.into()),
    };
    Ok(Some(Plan { means, spending }))
}

/// The prepaid account as what pays all.
pub(crate) fn prepaid() -> Means {
    Means { kind: PaymentMethodKind::Prepaid, provider: PREPAID, token: String::new() }
}

/// What the prepaid account is asked for.
fn share(kind: Option<PaymentMethodKind>, paying: &Paying, due: Money) -> std::result::Result<Option<Share>, Refusal> {
    match paying.prepaid_at_most {
        Some(most) if most.currency != due.currency => {
            Err(Refusal::invalid(vec![wrong_currency("/prepaid_at_most/currency", due.currency)]))
        }
        Some(most) if most.amount < 0 => {
            let fault = Fault::new("/prepaid_at_most/amount", FaultCode::OutOfRange);
            Err(Refusal::invalid(vec![fault.with("min", 0)]))
        }
        Some(most) => Ok(Some(Share::AtMost(most.amount))),
        None if kind == Some(PaymentMethodKind::Prepaid) => Ok(Some(Share::Whole)),
        None => Ok(paying.use_prepaid.then_some(Share::AllItHas)),
    }
}

/// Checks that a kind with this name can pay.
///
/// # Errors
/// `payment_method_unavailable`, `validation_failed` for the name.
pub(crate) fn means(
    services: &Services,
    owner: &Organization,
    kind: PaymentMethodKind,
    token: Option<&str>,
    due: Money,
) -> Result<Means> {
    if !kind.pays_in(due.currency) {
        return Err(Refusal::new(Code::PaymentMethodUnavailable).with("payment_method", kind.as_str()).into());
    }
    let provider = provider(services, owner.is_test, kind)?;
    let faulty = |code| Refusal::invalid(vec![Fault::new("/payment_method_token", code)]);
    let token = token.or(provider.new_means()).ok_or_else(|| faulty(FaultCode::Missing))?;
    if !provider.knows(token) {
        return Err(faulty(FaultCode::InvalidValue).into());
    }
    Ok(Means { kind, provider: provider.name(), token: token.to_owned() })
}
