//! The keys that there are, and what holds where one of them is not said.

/// A key.
pub(super) struct Key {
    /// Full name: a list's items are `[]`, and names that users choose `*`.
    pub(super) path: &'static str,
    pub(super) unsaid: Unsaid,
}

/// What holds where a key is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsaid {
    /// It has to be said.
    Wrong,
    /// As if this was said.
    Text(&'static str),
    /// It is said by somebody else, or is about something that is not there.
    Nothing,
}

const fn key(path: &'static str, unsaid: Unsaid) -> Key {
    Key { path, unsaid }
}

/// All of them. `docs/configuration.md` has a line for each, in this order.
pub(super) const KEYS: &[Key] = &[
    key("storage", Unsaid::Wrong),
    key("storage.type", Unsaid::Wrong),
    key("storage.path", Unsaid::Nothing),
    key("storage.connection_string", Unsaid::Nothing),
    key("bus", Unsaid::Nothing),
    key("bus.type", Unsaid::Text("channel")),
    key("services", Unsaid::Wrong),
    key("services[].address", Unsaid::Wrong),
    key("services[].tls", Unsaid::Nothing),
    key("services[].tls.ca", Unsaid::Wrong),
    key("services[].tls.certificate", Unsaid::Nothing),
    key("services[].tls.key", Unsaid::Nothing),
    key("services[].tls.server_name", Unsaid::Nothing),
    key("listen", Unsaid::Nothing),
    key("listen.address", Unsaid::Text("127.0.0.1:50050")),
    key("listen.insecure", Unsaid::Text("false")),
    key("listen.tls", Unsaid::Nothing),
    key("listen.tls.certificate", Unsaid::Wrong),
    key("listen.tls.key", Unsaid::Wrong),
    key("listen.tls.client_ca", Unsaid::Nothing),
    key("access", Unsaid::Nothing),
    key("access.token", Unsaid::Nothing),
    key("access.admin_token", Unsaid::Nothing),
    key("aggregates", Unsaid::Nothing),
    key("aggregates.serve", Unsaid::Text("false")),
    key("aggregates.fact_token", Unsaid::Nothing),
    key("delivery", Unsaid::Nothing),
    key("delivery.*.attempts", Unsaid::Nothing),
    key("delivery.*.timeout", Unsaid::Nothing),
    key("delivery.*.on_failure", Unsaid::Nothing),
    key("routes", Unsaid::Nothing),
    key("routes.addresses", Unsaid::Nothing),
    key("routes.pattern", Unsaid::Nothing),
    key("routes.token", Unsaid::Nothing),
    key("routes.tls", Unsaid::Nothing),
    key("routes.tls.ca", Unsaid::Wrong),
    key("routes.tls.certificate", Unsaid::Nothing),
    key("routes.tls.key", Unsaid::Nothing),
    key("routes.tls.server_name", Unsaid::Nothing),
    key("drain", Unsaid::Nothing),
    key("drain.notice", Unsaid::Text("0s")),
    key("drain.calls", Unsaid::Text("10s")),
    key("drain.consumers", Unsaid::Text("30s")),
    key("limits", Unsaid::Nothing),
    key("limits.message_size", Unsaid::Text("4MiB")),
    key("limits.calls", Unsaid::Text("1024")),
    key("limits.streams", Unsaid::Text("256")),
    key("limits.memory", Unsaid::Text("256MiB")),
    key("telemetry", Unsaid::Nothing),
    key("telemetry.prometheus", Unsaid::Nothing),
    key("telemetry.prometheus.address", Unsaid::Nothing),
    key("telemetry.prometheus.insecure", Unsaid::Text("false")),
    key("telemetry.otlp", Unsaid::Nothing),
    key("telemetry.otlp.endpoint", Unsaid::Nothing),
    key("log", Unsaid::Nothing),
    key("log.format", Unsaid::Text("text")),
];

/// The keys of a section, by their names in it; the whole file is the section without a name.
pub(super) fn of(section: &str) -> impl Iterator<Item = (&'static str, &'static Key)> {
    KEYS.iter().filter_map(move |key| match key.path.rsplit_once('.') {
        Some((within, name)) if within == section => Some((name, key)),
        None if section.is_empty() => Some((key.path, key)),
        _ => None,
    })
}
