//! Whether codes are good for a cart, and on which item each one is (ORD-2, ORD-3).

use std::collections::BTreeSet;

use manager_domain::discounts::{Discount, ItemFacts};
use manager_domain::ids::ItemId;
use manager_domain::promo_code_placements::{PlacedCode, Placement, place};
use manager_domain::promo_codes::PromoCodeReason::*;
use manager_domain::promo_codes::*;
use manager_domain::terms::Frequency;
use manager_domain::{Currency, FaultCode, Instant, Money};
use proptest::prelude::*;
use uuid::Uuid;

fn now() -> Instant {
    Instant::from_micros(1_800_000_000_000_000).expect("a moment")
}

fn day() -> chrono::Duration {
    chrono::Duration::days(1)
}

fn text(text: &str) -> CodeText {
    CodeText::parse(text).expect("a code")
}

fn id(n: usize) -> ItemId {
    ItemId::from_uuid(Uuid::from_u128(n as u128))
}

/// An item of this unit price; items are numbered from 1.
fn item(n: usize, offer: &str, unit: i64, quantity: u32) -> ItemFacts {
    ItemFacts {
        id: id(n),
        offer: offer.to_owned(),
        product_type: if offer.starts_with("domain") { "domain_name" } else { "cloud_vps" }.to_owned(),
        frequency: Frequency::Yearly,
        quantity,
        unit,
        is_free: false,
    }
}

fn cart(items: Vec<ItemFacts>) -> CartFacts {
    CartFacts { currency: Currency::Chf, items }
}

fn percentage(name: &str, percent: i64) -> PromoCode {
    PromoCode {
        code: text(name),
        discount: Discount::Percentage { percent: percent.into() },
        scope: Scope::default(),
        terms: 1,
        valid_from: None,
        valid_until: None,
        total_cap: None,
        organization_cap: None,
        first_order_only: false,
        minimum_net: Vec::new(),
        is_test: false,
        is_withdrawn: false,
    }
}

fn judged(code: &PromoCode, cart: &CartFacts) -> Judgement {
    judge(code, cart, Orderer::default(), Usage::default(), now())
}

/// Where each code is.
fn places(codes: &[PromoCode], cart: &CartFacts, before: &[PlacedCode]) -> Vec<Option<ItemId>> {
    let judgements: Vec<_> = codes.iter().map(|code| judged(code, cart)).collect();
    place(&judgements, before).into_iter().map(|placement| placement.on.map(|(item, _)| item)).collect()
}

#[test]
fn spelling_knows_no_case() {
    assert_eq!(text(" welcome-2026 "), text("WELCOME-2026"));
    for wrong in ["", "abc", "-abcd", "abcd-", "ab cd", "ünder", "a\u{0}bc", &"a".repeat(33)] {
        assert_eq!(CodeText::parse(wrong), Err(FaultCode::InvalidPromoCode), "{wrong}");
    }
}

#[test]
fn generated_codes_are_unambiguous() {
    let random: Vec<u8> = (0..=255).collect();
    for bytes in random.chunks(16).filter(|bytes| bytes[15] < 240) {
        let code = CodeText::generated(bytes).expect("bytes enough");
        assert!(code.as_str().len() == GENERATED && code.as_str().chars().all(|c| !"01ILOU".contains(c)));
        assert_eq!(CodeText::parse(&code.as_str().to_lowercase()), Ok(code));
    }
    assert_eq!(CodeText::generated(&[255; 64]), None);
    assert_eq!(CodeText::generated(&[0; GENERATED - 1]), None);
}

#[test]
fn every_reason_against_a_whole_cart_is_told() {
    let cart = cart(vec![item(1, "domain_ch", 900, 1)]);
    let code = || percentage("HALF", 50);
    let chf = |amount| Money::new(amount, Currency::Chf);
    let capped = PromoCode { total_cap: Some(5), organization_cap: Some(2), ..code() };
    let in_euros = Discount::Fixed { amounts: vec![Money::new(100, Currency::Eur)] };
    let nobody = Orderer::default();
    let used = |total, by_organization| Usage { total, by_organization };
    for (code, orderer, usage, reason) in [
        (code(), nobody, used(1_000, 1_000), None),
        (PromoCode { is_test: true, ..code() }, nobody, used(0, 0), Some(CodeNotUsable)),
        (code(), Orderer { is_test: true, ..nobody }, used(0, 0), Some(CodeNotUsable)),
        (PromoCode { is_withdrawn: true, ..code() }, nobody, used(0, 0), Some(Withdrawn)),
        (PromoCode { valid_from: Some(now() + day()), ..code() }, nobody, used(0, 0), Some(NotYetValid)),
        (PromoCode { valid_from: Some(now()), ..code() }, nobody, used(0, 0), None),
        (PromoCode { valid_until: Some(now()), ..code() }, nobody, used(0, 0), Some(Expired)),
        (PromoCode { valid_until: Some(now() + day()), ..code() }, nobody, used(0, 0), None),
        (capped.clone(), nobody, used(4, 1), None),
        (capped.clone(), nobody, used(5, 0), Some(UsedUp)),
        (capped, nobody, used(2, 2), Some(AlreadyUsed)),
        (PromoCode { first_order_only: true, ..code() }, nobody, used(0, 0), None),
        (
            PromoCode { first_order_only: true, ..code() },
            Orderer { has_ordered: true, ..nobody },
            used(0, 0),
            Some(NotFirstOrder),
        ),
        (PromoCode { discount: in_euros, ..code() }, nobody, used(0, 0), Some(OtherCurrency)),
        (PromoCode { minimum_net: vec![chf(900)], ..code() }, nobody, used(0, 0), None),
        (PromoCode { minimum_net: vec![chf(901)], ..code() }, nobody, used(0, 0), Some(MinimumNotReached)),
    ] {
        assert_eq!(judge(&code, &cart, orderer, usage, now()).refused, reason, "{code:?}");
    }
}

#[test]
fn a_code_says_for_each_item_why_not() {
    let mut free = item(3, "domain_com", 1_500, 1);
    free.is_free = true;
    let monthly = ItemFacts { frequency: Frequency::Monthly, ..item(2, "domain_com", 1_500, 1) };
    let items = vec![item(1, "vps", 3_000, 1), monthly, free, item(4, "domain_ch", 0, 1), item(5, "domain_ch", 900, 2)];
    let scope = Scope {
        product_types: vec!["domain_name".to_owned()],
        frequencies: vec![Frequency::Yearly],
        ..Scope::default()
    };
    let code = PromoCode { scope, ..percentage("HALF", 50) };
    let judgement = judged(&code, &cart(items.clone()));
    let verdicts: Vec<_> = judgement.items.iter().map(|(_, verdict)| *verdict).collect();
    let refused = [Err(OtherProduct), Err(OtherFrequency), Err(HasFreeOffer), Err(NothingToDiscount)];
    assert_eq!((&verdicts[..4], verdicts[4], judgement.refused), (&refused[..], Ok(900), None));
    assert_eq!(judged(&code, &cart(items[..1].to_vec())).refused, Some(OtherProduct));
    assert_eq!(judged(&code, &cart(items[..2].to_vec())).refused, Some(NoMatchingItem));
    assert_eq!(judged(&code, &cart(Vec::new())).refused, Some(NoMatchingItem));
    assert_eq!((Expired.told(true), Expired.told(false)), (Expired, CodeNotUsable));
}

#[test]
fn a_scope_names_types_or_offers() {
    let both = Scope { product_types: vec!["cloud_vps".into()], offers: vec!["domain_ch".into()], ..Scope::default() };
    let code = PromoCode { scope: both, ..percentage("HALF", 50) };
    let cart = cart(vec![item(1, "vps", 10, 1), item(2, "domain_ch", 10, 1), item(3, "domain_com", 10, 1)]);
    let verdicts: Vec<_> = judged(&code, &cart).items.into_iter().map(|(_, verdict)| verdict.is_ok()).collect();
    assert_eq!(verdicts, [true, true, false]);
}

#[test]
fn each_code_is_where_it_is_worth_most() {
    let items = cart(vec![item(1, "vps", 1_000, 1), item(2, "vps", 3_000, 1), item(3, "vps", 1_500, 2)]);
    let fixed = |name: &str, amount| {
        let amounts = vec![Money::new(amount, Currency::Chf)];
        PromoCode { discount: Discount::Fixed { amounts }, ..percentage(name, 1) }
    };
    let half = percentage("HALF", 50);
    // Items 2 and 3 are worth the same; the first wins.
    assert_eq!(places(std::slice::from_ref(&half), &items, &[]), [Some(id(2))]);
    assert_eq!(places(&[fixed("FIVE", 500)], &items, &[]), [Some(id(1))]);
    let codes = [half, percentage("TENTH", 10), fixed("FIVE", 500), fixed("MORE", 500)];
    assert_eq!(places(&codes, &items, &[]), [Some(id(2)), Some(id(3)), Some(id(1)), None]);
}

#[test]
fn a_code_stays_until_its_item_leaves_or_is_free() {
    let code = [percentage("HALF", 50)];
    let before = [PlacedCode { code: text("half"), item: Some(id(1)) }];
    let mut items = vec![item(1, "vps", 1_000, 1), item(2, "vps", 3_000, 1)];
    assert_eq!(places(&code, &cart(items.clone()), &before), [Some(id(1))]);
    assert_eq!(places(&code, &cart(items[1..].to_vec()), &before), [Some(id(2))]);
    items[0].is_free = true;
    assert_eq!(places(&code, &cart(items.clone()), &before), [Some(id(2))]);
    // A code that came first doesn't push another from its item.
    items[0].is_free = false;
    let codes = [percentage("TENTH", 10), percentage("HALF", 50)];
    let before = [PlacedCode { code: text("half"), item: Some(id(2)) }];
    assert_eq!(places(&codes, &cart(items), &before), [Some(id(1)), Some(id(2))]);
}

#[test]
fn a_placement_explains_itself() {
    let items = cart(vec![item(1, "vps", 1_000, 1), item(2, "vps", 3_000, 1), item(3, "domain_ch", 900, 1)]);
    let scope = Scope { product_types: vec!["cloud_vps".to_owned()], ..Scope::default() };
    let code = |name| PromoCode { scope: scope.clone(), ..percentage(name, 50) };
    let judgements: Vec<_> =
        ["AAAA", "BBBB", "CCCC"].map(|name| judged(&code(name), &items)).into_iter().chain([gone(&items)]).collect();
    let placed = place(&judgements, &[]);
    assert_eq!((placed[0].on, placed[0].refused), (Some((id(2), 1_500)), None));
    assert_eq!(placed[0].elsewhere, [(id(1), OnOtherItem), (id(3), OtherProduct)]);
    assert_eq!(placed[0].placed(), PlacedCode { code: text("AAAA"), item: Some(id(2)) });
    assert_eq!(placed[1].on, Some((id(1), 500)));
    assert_eq!((placed[2].on, placed[2].refused), (None, Some(HasOtherCode)));
    assert_eq!(placed[2].elsewhere, [(id(1), HasOtherCode), (id(2), HasOtherCode), (id(3), OtherProduct)]);
    assert_eq!((placed[3].on, placed[3].refused), (None, Some(CodeNotUsable)));
}

fn gone(cart: &CartFacts) -> Judgement {
    Judgement::unknown(text("GONE"), cart)
}

#[test]
fn a_code_to_be_made_is_checked() {
    assert_eq!(percentage("HALF", 50).faults(), []);
    let wrong = PromoCode {
        terms: 0,
        valid_from: Some(now()),
        valid_until: Some(now()),
        total_cap: Some(0),
        minimum_net: vec![Money::new(0, Currency::Chf)],
        ..percentage("HALF", 101)
    };
    let pointers: Vec<_> = wrong.faults().into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(pointers, ["/discount/percent", "/terms", "/valid_until", "/total_cap", "/minimum_net/0"]);
    let twice = PromoCode { terms: 2, ..percentage("HALF", 50) };
    assert_eq!([0, 1, 2, 3].map(|n| twice.is_for_term(n)), [false, true, true, false]);
}

proptest! {
    /// Whatever the cart, an item has at most one code, none is on an item that is free, and placing again moves none.
    #[test]
    fn an_item_has_at_most_one_code(
        units in prop::collection::vec((0_i64..5_000, 1_u32..4, any::<bool>()), 0..8),
        percents in prop::collection::vec(1_i64..=100, 0..8),
    ) {
        let items: Vec<_> = units
            .iter()
            .enumerate()
            .map(|(n, (unit, quantity, is_free))| ItemFacts { is_free: *is_free, ..item(n, "vps", *unit, *quantity) })
            .collect();
        let cart = cart(items);
        let codes: Vec<_> =
            percents.iter().enumerate().map(|(n, percent)| percentage(&format!("CODE{n}"), *percent)).collect();
        let judgements: Vec<_> = codes.iter().map(|code| judged(code, &cart)).collect();
        let placed = place(&judgements, &[]);
        let on: Vec<_> = placed.iter().filter_map(|placement| placement.on).collect();
        prop_assert_eq!(on.iter().map(|(item, _)| *item).collect::<BTreeSet<_>>().len(), on.len());
        for (item, worth) in &on {
            let facts = cart.items.iter().find(|facts| facts.id == *item).expect("an item of the cart");
            prop_assert!(!facts.is_free && (1..=facts.list_price()).contains(worth));
        }
        let before: Vec<_> = placed.iter().map(Placement::placed).collect();
        prop_assert_eq!(place(&judgements, &before), placed);
    }
}
