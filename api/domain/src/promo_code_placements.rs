//! On which item of a cart each of its promo codes is (ORD-2).

use serde::{Deserialize, Serialize};

use crate::ids::ItemId;
use crate::promo_codes::{CodeText, Judgement, PromoCodeReason};

/// Codes that a cart may hold, placed or not.
pub const MAX_CODES: usize = 20;

/// A code in a cart and the item it is on, as stored; codes are in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedCode {
    pub code: CodeText,
    #[serde(default)]
    pub item: Option<ItemId>,
}

/// Where a code is, what it is worth there in minor units, and why it is not elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pub code: CodeText,
    pub on: Option<(ItemId, i64)>,
    /// Every other item.
    pub elsewhere: Vec<(ItemId, PromoCodeReason)>,
    /// Why it is on no item.
    pub refused: Option<PromoCodeReason>,
}

impl Placement {
    /// As it is stored.
    pub fn placed(&self) -> PlacedCode {
        PlacedCode { code: self.code.clone(), item: self.on.map(|(item, _)| item) }
    }
}

/// Puts each code on one item: where it was if it is still good for that, else where it is worth most among the items
/// that have none, the first of equal ones (ORD-2).
///
/// `judgements` come in the order in which the codes came.
pub fn place(judgements: &[Judgement], before: &[PlacedCode]) -> Vec<Placement> {
    let mut places: Vec<Option<(ItemId, i64)>> = vec![None; judgements.len()];
    let is_free = |places: &[Option<(ItemId, i64)>], item: ItemId| places.iter().flatten().all(|(on, _)| *on != item);
    for (index, judgement) in judgements.iter().enumerate() {
        let was = before.iter().find(|placed| placed.code == judgement.code).and_then(|placed| placed.item);
        let still = was.and_then(|item| Some((item, judgement.worth(item)?)));
        places[index] = still.filter(|(item, _)| is_free(&places, *item));
    }
    for (index, judgement) in judgements.iter().enumerate().filter(|(_, judgement)| judgement.refused.is_none()) {
        if places[index].is_none() {
            let good = judgement.items.iter().filter_map(|(item, verdict)| Some((*item, verdict.ok()?)));
            // The last of equal ones would win without `rev`.
            let open: Vec<_> = good.filter(|(item, _)| is_free(&places, *item)).collect();
            places[index] = open.into_iter().rev().max_by_key(|(_, worth)| *worth);
        }
    }
    judgements.iter().zip(&places).map(|(judgement, on)| explained(judgement, *on)).collect()
}

fn explained(judgement: &Judgement, on: Option<(ItemId, i64)>) -> Placement {
    // Good for an item and not on it: the code is elsewhere, or another is there.
    let kept_out = if on.is_some() { PromoCodeReason::OnOtherItem } else { PromoCodeReason::HasOtherCode };
    let others = judgement.items.iter().filter(|(item, _)| on.is_none_or(|(on, _)| on != *item));
    let elsewhere = others.map(|(item, verdict)| (*item, verdict.err().unwrap_or(kept_out))).collect();
    let refused = if on.is_some() { None } else { Some(judgement.refused.unwrap_or(PromoCodeReason::HasOtherCode)) };
    Placement { code: judgement.code.clone(), on, elsewhere, refused }
}
