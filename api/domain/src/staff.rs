//! Staff roles: who may do what, and what needs a second person (STF-1).

use crate::ids::AccountId;
use crate::money::Money;
use crate::refusals::{Code, Fault, FaultCode, Refusal};
use crate::words::words;

/// Characters of the reason that a staff call states.
pub const MAX_REASON: usize = 500;
/// Minor units *(config)*: refunds, credits and withdrawals above it need a second person.
pub const FOUR_EYES_ABOVE: i64 = 50_000;

words! {
    /// What a service token is good for (STF-2).
    ServiceRole {
        Provisioning = "provisioning",
    }
}

words! {
    /// What a support agent may do beyond their own account.
    StaffRole {
        Support = "support",
        Finance = "finance",
        Catalogue = "catalogue",
        Admin = "admin",
    }
}

words! {
    /// An action of staff, as `x-required-permission` names it.
    StaffPermission {
        /// Read an organization, with a stated reason.
        ReadOrganizations = "read_organizations",
        ManagePromoCodes = "manage_promo_codes",
        ManageFreeOffers = "manage_free_offers",
        /// Refunds and credit notes.
        ManageRefunds = "manage_refunds",
        /// Promotional balance.
        ManagePrepaid = "manage_prepaid",
        ManageWithdrawals = "manage_withdrawals",
        ReadBooks = "read_books",
        /// Bank statements, payouts and money without a payer.
        ManageBankStatements = "manage_bank_statements",
        /// Overages without a price.
        ManageOverages = "manage_overages",
        ManageCatalogue = "manage_catalogue",
        ManageStaff = "manage_staff",
        /// Background work.
        ManageJobs = "manage_jobs",
    }
}

impl StaffRole {
    /// Whether the role includes an action. Roles don't include each other: who makes staff moves no money.
    pub const fn may(self, permission: StaffPermission) -> bool {
        use StaffPermission::*;
        match permission {
            // Who refunds must see what; each such call states its reason too.
            ReadOrganizations => matches!(self, Self::Support | Self::Finance),
            ManagePromoCodes | ManageFreeOffers => matches!(self, Self::Support),
            ManageRefunds | ManagePrepaid | ManageWithdrawals | ReadBooks | ManageBankStatements | ManageOverages => {
                matches!(self, Self::Finance)
            }
            ManageCatalogue => matches!(self, Self::Catalogue),
            ManageStaff | ManageJobs => matches!(self, Self::Admin),
        }
    }
}

/// Whether staff may act on an organization: by role, not on their own, and with a reason.
///
/// # Errors
/// `forbidden`; `own_organization` for members of it; `missing`, `too_long` or `control_character` at `pointer`.
pub fn check(
    role: Option<StaffRole>,
    permission: StaffPermission,
    is_member: bool,
    reason: &str,
    pointer: &str,
) -> Result<(), Refusal> {
    if !role.is_some_and(|role| role.may(permission)) {
        return Err(Code::Forbidden.into());
    }
    if is_member {
        return Err(Code::OwnOrganization.into());
    }
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Refusal::fault(pointer, FaultCode::Missing));
    }
    if reason.chars().count() > MAX_REASON {
        return Err(Refusal::invalid(vec![Fault::new(pointer, FaultCode::TooLong).with("max", MAX_REASON)]));
    }
    match reason.chars().any(char::is_control) {
        true => Err(Refusal::fault(pointer, FaultCode::ControlCharacter)),
        false => Ok(()),
    }
}

/// Whether an amount, with its tax, needs a second person. `above` is minor units of any currency.
pub const fn needs_second_person(amount: Money, above: i64) -> bool {
    amount.amount > above
}

/// Whether `second` may approve what `first` asked for.
///
/// # Errors
/// `second_person_required`.
pub fn check_second_person(first: AccountId, second: AccountId) -> Result<(), Refusal> {
    if first == second { Err(Code::SecondPersonRequired.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::StaffPermission::*;
    use super::*;
    use crate::money::Currency;

    #[test]
    fn each_role_has_its_actions() {
        let of = |role: StaffRole| -> Vec<_> {
            StaffPermission::ALL.iter().copied().filter(|permission| role.may(*permission)).collect()
        };
        assert_eq!(of(StaffRole::Support), [ReadOrganizations, ManagePromoCodes, ManageFreeOffers]);
        let finance = [
            ReadOrganizations,
            ManageRefunds,
            ManagePrepaid,
            ManageWithdrawals,
            ReadBooks,
            ManageBankStatements,
            ManageOverages,
        ];
        assert_eq!(of(StaffRole::Finance), finance);
        assert_eq!(of(StaffRole::Catalogue), [ManageCatalogue]);
        assert_eq!(of(StaffRole::Admin), [ManageStaff, ManageJobs]);
    }

    #[test]
    fn staff_state_a_reason_and_keep_off_their_own() {
        let of = |role, is_member, reason: &str| check(role, ManageRefunds, is_member, reason, "/reason");
        let finance = Some(StaffRole::Finance);
        assert_eq!(of(finance, false, "Ticket 4711"), Ok(()));
        let code = |result: Result<(), Refusal>| result.unwrap_err().code;
        assert_eq!(code(of(None, false, "Ticket 4711")), Code::Forbidden);
        assert_eq!(code(of(Some(StaffRole::Support), false, "Ticket 4711")), Code::Forbidden);
        assert_eq!(code(of(finance, true, "Ticket 4711")), Code::OwnOrganization);
        let fault = |reason: &str| of(finance, false, reason).unwrap_err().faults[0].code;
        assert_eq!(fault("  "), FaultCode::Missing);
        assert_eq!(fault(&"a".repeat(501)), FaultCode::TooLong);
        assert_eq!(fault("a\u{0}b"), FaultCode::ControlCharacter);
    }

    #[test]
    fn above_the_limit_two_persons_decide() {
        let of = |amount| needs_second_person(Money::new(amount, Currency::Chf), FOUR_EYES_ABOVE);
        assert!(!of(50_000) && of(50_001));
        let account = |n| AccountId::from_uuid(Uuid::from_u128(n));
        assert_eq!(check_second_person(account(1), account(2)), Ok(()));
        assert_eq!(check_second_person(account(1), account(1)).unwrap_err().code, Code::SecondPersonRequired);
    }
}
