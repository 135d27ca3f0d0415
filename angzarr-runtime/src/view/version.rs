//! Versions of views: which one is fed, which one is read, and when they change places.

use uuid::Uuid;

use super::{Column, Owner, Served, Shape, Value};
use crate::store::StoreError;

/// What a version of a view is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VersionState {
    /// It is filled from the beginning of the log, and nobody reads it yet.
    Building,
    /// Readers see it.
    Active,
}

/// One version of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Grows with every version of the view.
    pub number: u32,
    /// What it is for.
    pub state: VersionState,
    /// The table in which its rows lie.
    pub table: String,
    /// What its rows are.
    pub shape: Shape,
    /// Everything up to here is in it.
    pub checkpoint: u64,
    /// Position of the last event that its rows are made from; may be behind the checkpoint.
    pub last: u64,
}

impl Version {
    /// Index of the column that has this name and takes this value.
    pub(crate) fn column(&self, view: &str, name: &str, value: &Value) -> Result<usize, StoreError> {
        let takes = |column: &Column| column.name == name && value.kind().is_none_or(|kind| kind == column.kind);
        self.shape.columns.iter().position(takes).ok_or_else(|| StoreError::NoColumn {
            view: view.to_owned(),
            version: self.number,
            column: name.to_owned(),
        })
    }

    /// How far in the log its rows tell of.
    fn reach(&self) -> u64 {
        self.checkpoint.max(self.last)
    }
}

/// What is known of a view when somebody comes to take it.
#[derive(Debug)]
pub(crate) struct Stamp {
    /// The log it is made from.
    pub(crate) log: Uuid,
    /// The newest that has taken it.
    pub(crate) token: u64,
    /// Those whose rows are there.
    pub(crate) versions: Vec<Version>,
}

impl Stamp {
    /// The version that readers see.
    pub(crate) fn active(&self) -> Option<&Version> {
        self.versions.iter().find(|version| version.state == VersionState::Active)
    }

    /// The version that is filled beside it.
    pub(crate) fn building(&self) -> Option<&Version> {
        self.versions.iter().find(|version| version.state == VersionState::Building)
    }

    /// The version that is to become the active one, or is it.
    pub(crate) fn newest(&self) -> Option<&Version> {
        self.building().or_else(|| self.active())
    }

    /// The active version, if it goes on being fed beside one that is built.
    pub(crate) fn served(&self) -> Option<Served> {
        let (active, building) = (self.active()?, self.building()?);
        (active.shape == building.shape).then_some(Served { version: active.number, checkpoint: active.checkpoint })
    }

    /// The version of this number, if it is fed.
    pub(crate) fn fed(&self, number: u32) -> Option<&Version> {
        let served = self.served().is_some_and(|served| served.version == number);
        let newest = self.newest().filter(|newest| newest.number == number);
        if served { self.active() } else { newest }
    }

    /// How far the view is, if it belongs to this owner.
    pub(crate) fn checkpoint(&self, owner: Owner<'_>) -> u64 {
        let newest = self.newest().filter(|one| self.log == owner.log && one.shape.row_type == owner.shape.row_type);
        newest.map_or(0, |newest| self.served().map_or(newest.checkpoint, |served| served.checkpoint))
    }

    /// The active version and the building one, if the latter takes its place without being told to.
    pub(crate) fn complete(&self) -> Option<(&Version, &Version)> {
        let (active, building) = (self.active()?, self.building()?);
        (active.shape != building.shape && building.checkpoint >= active.last).then_some((active, building))
    }
}

/// What is to be done so that an owner can feed a view.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Versions that are of no more use.
    pub(crate) drop: Vec<u32>,
    pub(crate) next: Next,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    GoOn(u32),
    /// With an empty version.
    Begin(VersionState),
}

impl Plan {
    /// None if a newer token was here before.
    pub(crate) fn new(stamp: Option<&Stamp>, owner: Owner<'_>, head: u64, token: u64) -> Option<Self> {
        let Some(stamp) = stamp else {
            return Some(Self { drop: Vec::new(), next: Next::Begin(VersionState::Active) });
        };
        // Whatever its rows are made of; the tokens of another log say nothing about this one.
        if stamp.log == owner.log && token < stamp.token {
            return None;
        }
        let usable = stamp.log == owner.log && stamp.versions.iter().all(|version| version.reach() <= head);
        let active = stamp.active().filter(|active| usable && active.shape.row_type == owner.shape.row_type);
        let Some(active) = active else {
            let drop = stamp.versions.iter().map(|version| version.number).collect();
            return Some(Self { drop, next: Next::Begin(VersionState::Active) });
        };
        let building = stamp.building();
        if let Some(building) = building
            && building.shape == *owner.shape
        {
            return Some(Self { drop: Vec::new(), next: Next::GoOn(building.number) });
        }
        let next =
            if active.shape == *owner.shape { Next::GoOn(active.number) } else { Next::Begin(VersionState::Building) };
        Some(Self { drop: building.map(|building| building.number).into_iter().collect(), next })
    }
}

/// Longest name of a table, which leaves room for that of the version beside it in PostgreSQL's 63 bytes.
const NAME_BYTES: usize = 50;

/// Names for the table of a view: the plain one, and one that no other view's can be, for when that is taken.
///
/// `shop.orders.v1.app.OrderBoard` has the table `shop_orders_v1_app_order_board`.
pub(crate) fn names(view: &str) -> [String; 2] {
    let mut plain = String::new();
    let mut after_small = false;
    for character in view.chars() {
        if character.is_ascii_uppercase() && after_small {
            plain.push('_');
        }
        after_small = character.is_ascii_lowercase() || character.is_ascii_digit();
        plain.push(if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '_' });
    }
    // What the databases, or the runtime, keep for themselves.
    if ["sqlite_", "angzarr_", "pg_"].iter().any(|prefix| plain.starts_with(prefix)) {
        plain.insert_str(0, "view_");
    }
    let mut hash = Uuid::new_v5(&crate::id::ANGZARR, format!("view/{view}").as_bytes()).simple().to_string();
    hash.truncate(12);
    let mut hashed = plain.clone();
    hashed.truncate(NAME_BYTES - hash.len() - 1);
    let hashed = format!("{hashed}_{hash}");
    [if plain.len() > NAME_BYTES { hashed.clone() } else { plain }, hashed]
}

/// The table of a version that is building, beside the one that it will replace. No view's own table has such a name.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn building(table: &str) -> String {
    format!("{table}#building")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Kind;

    fn shape(row_type: &str, columns: &[&'static str]) -> Shape {
        let columns = columns.iter().zip(1..).map(|(name, number)| Column::new(name, Kind::Text, number));
        Shape { row_type: row_type.to_owned(), columns: columns.collect() }
    }

    fn version(number: u32, state: VersionState, shape: Shape, checkpoint: u64) -> Version {
        Version { number, state, table: String::new(), shape, checkpoint, last: checkpoint }
    }

    #[test]
    fn the_plan_follows_from_what_is_there() {
        use VersionState::{Active, Building};
        let (one, two, other) = (shape("Row", &["a"]), shape("Row", &["a", "b"]), shape("Other", &["a"]));
        let log = Uuid::from_u128(7);
        let plan = |versions: &[(VersionState, &Shape)], wanted: &Shape, log: u128, head: u64, token: u64| {
            let versions =
                versions.iter().zip(1..).map(|((state, shape), number)| version(number, *state, (*shape).clone(), 5));
            let stamp = Stamp { log: Uuid::from_u128(7), token: 3, versions: versions.collect() };
            let plan = Plan::new(Some(&stamp), Owner { log: Uuid::from_u128(log), shape: wanted }, head, token)?;
            Some((plan.drop, plan.next))
        };
        assert_eq!(
            Plan::new(None, Owner { log, shape: &one }, 0, 0).unwrap(),
            Plan { drop: vec![], next: Next::Begin(Active) }
        );
        for (versions, wanted, log, head, token, planned) in [
            (vec![(Active, &one)], &one, 7, 5, 3, Some((vec![], Next::GoOn(1)))),
            (vec![(Active, &one)], &one, 7, 5, 2, None),
            (vec![(Active, &one)], &one, 8, 5, 2, Some((vec![1], Next::Begin(Active)))),
            (vec![(Active, &one)], &one, 7, 4, 3, Some((vec![1], Next::Begin(Active)))),
            (vec![(Active, &one)], &other, 7, 5, 3, Some((vec![1], Next::Begin(Active)))),
            (vec![(Active, &one)], &two, 7, 5, 3, Some((vec![], Next::Begin(Building)))),
            (vec![(Active, &one), (Building, &two)], &two, 7, 5, 3, Some((vec![], Next::GoOn(2)))),
            (vec![(Active, &one), (Building, &two)], &one, 7, 5, 3, Some((vec![2], Next::GoOn(1)))),
            (vec![(Active, &one), (Building, &one)], &one, 7, 5, 3, Some((vec![], Next::GoOn(2)))),
            (vec![(Active, &one), (Building, &one)], &two, 7, 5, 3, Some((vec![2], Next::Begin(Building)))),
            (vec![(Active, &one), (Building, &two)], &two, 7, 4, 3, Some((vec![1, 2], Next::Begin(Active)))),
            (vec![(Building, &one)], &one, 7, 5, 3, Some((vec![1], Next::Begin(Active)))),
            (vec![], &one, 7, 5, 3, Some((vec![], Next::Begin(Active)))),
        ] {
            assert_eq!(plan(&versions, wanted, log, head, token), planned, "{versions:?} {wanted:?}");
        }
    }

    #[test]
    fn tables_have_names_that_can_be_read() {
        assert_eq!(names("shop.orders.v1.app.OrderBoard")[0], "shop_orders_v1_app_order_board");
        assert_eq!(names("a.v1.app.HTTPBoardV2")[0], "a_v1_app_httpboard_v2");
        assert_eq!(names("sqlite.v1.app.Board")[0], "view_sqlite_v1_app_board");
        let [plain, hashed] = names("a.b_c.Board");
        assert_eq!(plain, names("a_b.c.Board")[0]);
        assert_ne!(hashed, names("a_b.c.Board")[1]);
        let long = format!("{}.Board", "a".repeat(300));
        let [plain, hashed] = names(&long);
        assert_eq!((plain.len(), &plain), (NAME_BYTES, &hashed));
    }
}
