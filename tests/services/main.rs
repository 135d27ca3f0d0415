//! The shop as three services in two languages with three sidecars, started as a user starts it, and every call of its README.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test's helper, a panic is how the test fails")]

mod page;
mod place;

use place::Shop;

/// Every block of the page, in order: what it tells to run is run, and has to print what it shows.
#[test]
fn every_call_of_the_walk_answers_as_it_is_shown() {
    let mut shop = Shop::start();
    let page = page::sessions(include_str!("../../examples/shop/services/README.md"));
    assert!(page.len() > 20, "only {} calls found", page.len());
    for session in &page {
        let printed = shop.run(&session.command);
        let missing = page::missing(&session.shown, &printed);
        assert_eq!(
            missing,
            None,
            "$ {}\n{printed}\nwhat was printed by the shop:\n{}",
            session.command,
            shop.printed()
        );
    }
    assert_eq!(shop.end(), Some(0), "{}", shop.printed());
}
