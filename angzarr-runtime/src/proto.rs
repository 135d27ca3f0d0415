//! The wire types of package `angzarr.v1`, generated from `proto/angzarr/v1`.

#![allow(missing_docs, unreachable_pub, reason = "generated; the words are in the proto file")]

include!("proto/angzarr.v1.rs");

impl From<uuid::Uuid> for Uuid {
    fn from(uuid: uuid::Uuid) -> Self {
        Self { value: uuid.as_bytes().to_vec().into() }
    }
}

impl TryFrom<&Uuid> for uuid::Uuid {
    /// How many bytes there are, if not 16.
    type Error = usize;

    fn try_from(uuid: &Uuid) -> Result<Self, usize> {
        Self::from_slice(&uuid.value).map_err(|_| uuid.value.len())
    }
}

impl From<&crate::store::Cause> for Cause {
    fn from(cause: &crate::store::Cause) -> Self {
        let crate::store::Cause { domain, root, sequence, part, component, depth } = cause;
        Self {
            domain: domain.to_string(),
            root: Some((*root).into()),
            sequence: *sequence,
            part: *part,
            component: component.to_string(),
            depth: *depth,
        }
    }
}

impl TryFrom<Cause> for crate::store::Cause {
    /// How many bytes the root has, if not 16.
    type Error = usize;

    fn try_from(cause: Cause) -> Result<Self, usize> {
        let Cause { domain, root, sequence, part, component, depth } = cause;
        let root = uuid::Uuid::try_from(&root.unwrap_or_default())?;
        Ok(Self { domain: domain.into(), root, sequence, part, component: component.into(), depth })
    }
}
