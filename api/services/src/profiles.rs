//! What a person sees of themselves (ACC-4).

use manager_repository::accounts::Account;
use manager_repository::memberships::{self, Belonging};

use crate::errors::Result;
use crate::{Call, Services};

/// Organizations shown with a profile; the list of organizations has them all.
const SHOWN: i64 = 100;

/// An account with the organizations it belongs to.
#[derive(Debug, Clone)]
pub struct Profile {
    pub account: Account,
    pub organizations: Vec<Belonging>,
}

/// The person's profile.
pub async fn get(services: &Services, call: &Call, account: Account) -> Result<Profile> {
    let (id, now) = (account.id, call.now);
    let organizations = services
        .db
        .read(move |conn| Ok::<_, crate::Error>(memberships::list_of_account(conn, id, None, SHOWN, now)?))
        .await?;
    Ok(Profile { account, organizations })
}
