//! The whole month through the runtime, against the same numbers computed without it.

use std::path::Path;

use angzarr_runtime::{App, Storage};
use flights::feed::Feed;
use flights::{components, departures, reference, run};

#[tokio::test(flavor = "multi_thread")]
async fn the_month_comes_out_as_the_reference_says() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flights-2013-01.csv.gz");
    let month = departures::read(&data).unwrap();
    let expected = reference::report(&month);
    let app = components::register(App::builder(Storage::Memory)).start().await.unwrap();
    run::feed(&app, &Feed::new(month), || {}).await.unwrap();
    assert_eq!(run::report(&app).await.unwrap(), expected);
    app.shutdown().await.unwrap();
}
