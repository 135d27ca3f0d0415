pub(crate) const LISTED: &[crate::backend::Listed] = &[("memory", "", true), ("sqlite", "", true)];
