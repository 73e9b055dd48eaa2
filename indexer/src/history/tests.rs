//! Lists that are refused.

use super::*;

fn listed(slot: u64, signature: impl ToString) -> Listed {
    Listed {
        slot,
        signature: signature.to_string(),
        failed: false,
    }
}

/// The failure of a list with these pages.
fn failure(pages: &[Vec<Listed>]) -> Option<String> {
    let mut order = Order::default();
    let failure = pages.iter().find_map(|page| order.check(page).err())?;
    assert!(matches!(failure, Failure::Wrong(_)), "{failure:?}");
    Some(failure.to_string())
}

#[test]
fn a_list_that_does_not_go_on_is_refused() {
    let page = |entries: &[(u64, &str)]| -> Vec<_> {
        let entries = entries.iter();
        entries.map(|(slot, text)| listed(*slot, text)).collect()
    };
    let twice = |signature: &str| {
        Some(format!(
            "getSignaturesForAddress: {signature} is listed twice"
        ))
    };
    for (pages, expected) in [
        (vec![], None),
        (
            vec![page(&[(9, "A"), (9, "B")]), page(&[(9, "C"), (4, "D")])],
            None,
        ),
        // The same transaction in another slot is another one, of which one is not there
        (vec![page(&[(9, "A")]), page(&[(8, "A")])], None),
        // Pages that come again, at once or later, and a cycle within a slot
        (vec![page(&[(9, "A"), (9, "B")]); 2], twice("A")),
        (
            vec![page(&[(9, "A")]), page(&[(9, "B")]), page(&[(9, "A")])],
            twice("A"),
        ),
        (vec![page(&[(9, "A"), (9, "B"), (9, "A")])], twice("A")),
        (
            vec![page(&[(9, "A"), (8, "B")]), page(&[(9, "C")])],
            Some(
                "getSignaturesForAddress: slot 9 comes after slot 8, but newer ones come first"
                    .to_owned(),
            ),
        ),
    ] {
        assert_eq!(failure(&pages), expected, "{pages:?}");
    }
}

#[test]
fn a_slot_holds_no_more_than_a_block_can() {
    let entries = |count: usize| (0..count).map(|place| listed(9, place)).collect();
    let full: Vec<_> = entries(MOST_IN_SLOT);
    // The next slot counts anew
    assert_eq!(failure(&[full.clone(), vec![listed(8, "A")]]), None);
    let more = vec![listed(9, "A")];
    let reason = "getSignaturesForAddress: more than 100000 transactions are listed in slot 9";
    assert_eq!(failure(&[full, more]).as_deref(), Some(reason));
}

#[test]
fn a_page_has_no_more_than_was_asked_for_and_signatures_alone() {
    let entry = |signature: String| RpcConfirmedTransactionStatusWithSignature {
        signature,
        slot: 9,
        err: None,
        memo: None,
        block_time: None,
        confirmation_status: None,
        transaction_index: None,
    };
    let signature = Signature::from([7; 64]).to_string();
    let page = || vec![entry(signature.clone())];
    assert!(super::listed(page(), 1).is_ok());
    let refused = |page, most| super::listed(page, most).expect_err("refused").to_string();
    assert_eq!(
        refused(page(), 0),
        "getSignaturesForAddress: 1 transactions came where 0 were asked for"
    );
    let long = refused(vec![entry("1".repeat(1_000_000))], 1);
    assert!(long.len() < 200, "{long}");
}
