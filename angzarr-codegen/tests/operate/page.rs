//! What `docs/operating.md` shows is what is printed. A difference is written, then fails.

use std::path::Path;

use crate::place::{Place, Said, place};

/// Without times, and without how wide these make a column.
fn timeless(text: &str) -> String {
    let is_time = |word: &str| word.len() >= 20 && word.ends_with('Z') && word.starts_with("20");
    let line = |line: &str| {
        let words = line.split_whitespace().map(|word| if is_time(word) { "TIME" } else { word });
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A block of commands with what they print, made anew as the comment above it says.
fn made(place: &Place, told: &str, block: &str) -> String {
    match told {
        "run" | "run; times differ" => {}
        "run once the clerk is back" => place.clerk_comes_back(),
        other => panic!("nobody knows what `{other}` means"),
    }
    let mut made = String::new();
    for shown in block.split("$ angzarr ").skip(1) {
        let (words, _) = shown.split_once('\n').unwrap_or((shown, ""));
        let Said { code, out, err } = place.run(&words.split_whitespace().collect::<Vec<_>>());
        assert_eq!(code, Some(0), "{words}: {err}");
        made += &format!("$ angzarr {words}\n{out}");
    }
    if told == "run; times differ" && timeless(&made) == timeless(block) { block.to_owned() } else { made }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let place = place().await;
    let (mut made_anew, mut examples) = (String::new(), 0);
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        made_anew += &format!("{line}\n");
        let Some(told) = line.strip_prefix("<!-- run").and_then(|_| line.strip_prefix("<!-- ")) else { continue };
        assert_eq!(lines.next(), Some("```console"), "`{line}` stands above something else");
        let block: String = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        let block = made(&place, told.trim_end_matches(" -->"), &block);
        place.app.drained().await.unwrap();
        made_anew += &format!("```console\n{block}```\n");
        examples += 1;
    }
    assert!(examples >= 10, "{examples} examples");
    if made_anew != page {
        std::fs::write(&path, made_anew).unwrap();
        panic!("docs/operating.md shows something else than is printed; it was rewritten, review it with `git diff`");
    }
}
