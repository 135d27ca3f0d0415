//! What each code means, why, and how to mend it: the pages of `docs/diagnostics`.

use angzarr_model::{Code, codes};

macro_rules! pages {
    ($($id:literal)*) => {
        &[$(($id, include_str!(concat!("../diagnostics/", $id, ".md")))),*]
    };
}

/// Sorted by code. A test holds that none is missing.
const PAGES: &[(&str, &str)] = pages! {
    "AZ0001" "AZ0002" "AZ0003" "AZ0004" "AZ0005" "AZ0006" "AZ0007" "AZ0008" "AZ0009"
    "AZ0101" "AZ0102" "AZ0103" "AZ0104" "AZ0105" "AZ0106" "AZ0107" "AZ0108"
    "AZ0201" "AZ0202" "AZ0203" "AZ0204" "AZ0205" "AZ0206" "AZ0207" "AZ0208"
    "AZ0301" "AZ0302" "AZ0303" "AZ0304" "AZ0305" "AZ0306" "AZ0307" "AZ0308" "AZ0309" "AZ0310" "AZ0311" "AZ0312" "AZ0313"
    "AZ0401" "AZ0402" "AZ0403" "AZ0404" "AZ0405" "AZ0407" "AZ0408" "AZ0409"
    "AZ0501" "AZ0502" "AZ0503" "AZ0504" "AZ0505" "AZ0506" "AZ0507" "AZ0508" "AZ0509"
    "AZ0601" "AZ0602" "AZ0603" "AZ0604" "AZ0605" "AZ0606" "AZ0607" "AZ0608" "AZ0609" "AZ0610" "AZ0611" "AZ0612"
    "AZ0613"
    "AZ0701" "AZ0702" "AZ0703" "AZ0704" "AZ0705" "AZ0706" "AZ0707"
};

/// A code and its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The code.
    pub code: Code,
    /// The page, in Markdown; its first line is a heading of code and title.
    pub page: &'static str,
}

impl Explanation {
    /// A few words that say what is wrong.
    pub fn title(&self) -> &'static str {
        let heading = self.page.lines().next().unwrap_or_default();
        heading.split_once(": ").map_or(heading, |(_, title)| title)
    }
}

/// All codes with their pages, sorted.
pub fn all() -> impl Iterator<Item = Explanation> {
    PAGES.iter().filter_map(|(id, page)| {
        let code = codes::ALL.iter().copied().find(|code| code.id == *id)?;
        Some(Explanation { code, page })
    })
}

/// The page of a code, in whichever case that is written; none if there is no such code.
pub fn explain(code: &str) -> Option<Explanation> {
    all().find(|one| one.code.id.eq_ignore_ascii_case(code.trim()))
}
