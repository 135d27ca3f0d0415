//! What somebody may have meant who mistyped a name.

/// Asks whether the known name was meant that is most like an unknown one; without a near one, says something else.
#[cfg(feature = "sidecar")]
pub(crate) fn meant<'a>(
    unknown: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    nearest(unknown, known).map_or_else(otherwise, |near| format!("did you mean `{near}`?"))
}

/// The known name that is most like an unknown one, if any is near.
#[cfg(feature = "sidecar")]
fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer than any name that somebody mistyped; the distance takes time by the product of both lengths.
    const LONGEST: usize = 200;
    if unknown.len() > LONGEST {
        return None;
    }
    let room = (unknown.chars().count() / 3).max(1);
    let near = known.into_iter().map(|name| (distance(unknown, name), name));
    near.filter(|(distance, name)| *distance <= room && *distance < name.len()).min().map(|(_, name)| name)
}

/// How many characters have to be put in, left out or replaced to make one of the other.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (above, left) in one.chars().enumerate() {
        let mut corner = above;
        row[0] = above + 1;
        for (index, top) in other.chars().enumerate() {
            let replaced = corner + usize::from(left != top);
            corner = row[index + 1];
            row[index + 1] = replaced.min(corner + 1).min(row[index] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!([distance("", "abc"), distance("abc", "abd"), distance("kitten", "sitting")], [3, 1, 3]);
    }

    #[cfg(feature = "sidecar")]
    #[test]
    fn what_is_far_is_not_meant() {
        assert_eq!(nearest("adress", ["insecure", "address"]), Some("address"));
        assert_eq!(nearest("port", ["insecure", "address"]), None);
        assert_eq!(nearest("", ["a"]), None);
    }
}
