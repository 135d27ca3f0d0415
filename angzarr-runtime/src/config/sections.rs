//! The sections of a configuration, one function each.

use std::collections::BTreeMap;

use saphyr::{MarkedYaml, YamlData};

use super::reader::{Reader, Section, is_null, plain, shown};
use super::{Aggregates, Config, Drain, LogFormat, Telemetry, value};
use crate::component::DeliveryOverride;
use crate::nearest::meant;
use crate::store::Storage;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::store::StoreError;
use crate::transport::{Access, Address, ClientTls, Identity, Limits, Routes, ServerTls, Target, Token};

/// Kinds that the design knows. Which of them this program has is asked in [`Reader::storage`].
const STORAGE_TYPES: &[&str] = &["memory", "sqlite", "postgres", "redis", "eventstoredb", "immudb"];
const BUS_TYPES: &[&str] = &["channel", "amqp", "kafka", "pubsub", "sns_sqs"];

impl Reader<'_> {
    /// All sections; none if a mistake was found in one of them.
    pub(super) fn config(&mut self, root: &Section<'_, '_>) -> Option<Config> {
        let storage = self.storage(root);
        self.bus(root);
        let services = self.services(root);
        let access = self.access(root);
        let (listen, tls) = self.listen(root, &access, services.as_deref().unwrap_or_default()).unzip();
        let aggregates = self.aggregates(root);
        let delivery = self.delivery(root);
        let routes = self.routes(root);
        let drain = self.drain(root);
        let limits = self.limits(root);
        let telemetry = self.telemetry(root, listen.as_ref(), services.as_deref().unwrap_or_default());
        let log = self.log(root);
        Some(Config {
            storage: storage?,
            services: services?,
            listen: listen?,
            tls: tls?,
            access,
            aggregates: aggregates?,
            delivery,
            routes,
            drain: drain?,
            limits: limits?,
            telemetry,
            log: log?,
        })
    }

    fn storage(&mut self, root: &Section<'_, '_>) -> Option<Storage> {
        if root.get("storage").is_none() {
            self.missing(root, "storage");
            return None;
        }
        let section = self.within(root, "storage");
        let kind = self.value(&section, "type", value::text)?;
        match kind.as_str() {
            "memory" => {
                self.foreign(&section, &["path", "connection_string"], "memory");
                Some(Storage::Memory)
            }
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                self.foreign(&section, &["connection_string"], "sqlite");
                self.own(&section, "path", |path| format!("sqlite:{path}").parse())
            }
            #[cfg(feature = "postgres")]
            "postgres" => {
                self.foreign(&section, &["path"], "postgres");
                self.own(&section, "connection_string", |url| url.parse().map(Storage::Postgres))
            }
            kind => {
                self.no_such_kind(&section, kind, STORAGE_TYPES);
                None
            }
        }
    }

    /// The one key of a kind of storage.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    fn own(
        &mut self,
        section: &Section<'_, '_>,
        name: &str,
        parse: impl Fn(&str) -> Result<Storage, StoreError>,
    ) -> Option<Storage> {
        if section.get(name).is_none() {
            self.missing(section, &format!("storage.{name}"));
        }
        self.value(section, name, |text| {
            let text = value::text(text)?;
            parse(&text).map_err(|error| match error {
                // Without what was given: it may hold a password.
                StoreError::BadStorage { reason, .. } => reason,
                error => error.to_string(),
            })
        })
    }

    /// Refuses keys that say nothing about this kind of storage.
    fn foreign(&mut self, section: &Section<'_, '_>, names: &[&str], kind: &str) {
        for name in names {
            if let Some(node) = section.get(name) {
                let message = format!("`{name}` says nothing about a storage of type `{kind}`");
                self.wrong(node.span.start, "CONFIG_VALUE_INVALID", message, "");
            }
        }
    }

    fn bus(&mut self, root: &Section<'_, '_>) {
        let section = self.within(root, "bus");
        if let Some(kind) = self.value(&section, "type", value::text)
            && kind != "channel"
        {
            self.no_such_kind(&section, &kind, BUS_TYPES);
        }
    }

    /// Tells that `type` names nothing, or nothing that is here.
    fn no_such_kind(&mut self, section: &Section<'_, '_>, kind: &str, known: &[&str]) {
        let Some(node) = section.get("type") else { return };
        let place = node.span.start;
        // As it is written: what a variable holds is never shown.
        let kind_shown = shown(&plain(node).unwrap_or_default());
        if known.contains(&kind) {
            let message = format!("the type{kind_shown} is not built into this release");
            self.wrong(place, "CONFIG_NOT_BUILT_IN", message, "");
        } else {
            let help = meant(kind, known.iter().copied(), || format!("there are {}", known.join(", ")));
            self.wrong(place, "CONFIG_VALUE_INVALID", format!("unknown type{kind_shown}"), help);
        }
    }

    fn services(&mut self, root: &Section<'_, '_>) -> Option<Vec<Target>> {
        let Some(node) = root.get("services") else {
            self.missing(root, "services");
            return None;
        };
        let items = match &node.data {
            YamlData::Sequence(items) if !items.is_empty() => items.as_slice(),
            _ => {
                let message = "expected a list, like [{ address: \"127.0.0.1:50051\" }]";
                self.wrong(node.span.start, "CONFIG_VALUE_INVALID", message, "");
                return None;
            }
        };
        let mut services: Vec<Target> = Vec::new();
        for item in items {
            let Some(service) = self.service(item) else { continue };
            if services.iter().any(|known| known.address == service.address) {
                self.wrong(item.span.start, "CONFIG_VALUE_INVALID", "the service is named twice", "");
            }
            services.push(service);
        }
        (services.len() == items.len()).then_some(services)
    }

    fn service(&mut self, item: &MarkedYaml<'_>) -> Option<Target> {
        let section = self.section("services[]", Some(item), item.span.start);
        let address = self.value(&section, "address", value::address);
        let tls = match section.get("tls") {
            None => Some(None),
            Some(node) => self.client_tls("services[].tls", node).map(Some),
        };
        Some(Target { address: address?, tls: tls? })
    }

    fn client_tls(&mut self, path: &'static str, node: &MarkedYaml<'_>) -> Option<ClientTls> {
        let section = self.section(path, Some(node), node.span.start);
        self.encryption(node);
        let ca = self.value(&section, "ca", value::path);
        let certificate = self.value(&section, "certificate", value::path);
        let key = self.value(&section, "key", value::path);
        let server_name = self.value(&section, "server_name", value::text);
        if section.get("certificate").is_some() != section.get("key").is_some() {
            let message = "`certificate` and `key` belong together";
            self.wrong(node.span.start, "CONFIG_VALUE_INVALID", message, "");
        }
        let identity = certificate.zip(key).map(|(certificate, key)| Identity { certificate, key });
        Some(ClientTls { ca: ca?, identity, server_name })
    }

    fn listen(
        &mut self,
        root: &Section<'_, '_>,
        access: &Access,
        services: &[Target],
    ) -> Option<(Address, Option<ServerTls>)> {
        let section = self.within(root, "listen");
        let address = self.value(&section, "address", value::address);
        let insecure = self.value(&section, "insecure", value::flag);
        let tls = match section.get("tls") {
            None => Some(None),
            Some(node) => self.server_tls(node).map(Some),
        };
        let (address, insecure, tls) = (address?, insecure?, tls?);
        let place = section.get("address").map(|node| node.span.start);
        if let Some(place) = place {
            if let Some((message, help)) = exposed(&address, tls.as_ref(), access).filter(|_| !insecure) {
                self.wrong(place, "CONFIG_INSECURE", message, help);
            }
            if services.iter().any(|service| service.address == address) {
                self.wrong(place, "CONFIG_VALUE_INVALID", "this is the address of a service", "");
            }
        }
        Some((address, tls))
    }

    fn server_tls(&mut self, node: &MarkedYaml<'_>) -> Option<ServerTls> {
        let section = self.section("listen.tls", Some(node), node.span.start);
        self.encryption(node);
        let certificate = self.value(&section, "certificate", value::path);
        let key = self.value(&section, "key", value::path);
        let client_ca = self.value(&section, "client_ca", value::path);
        Some(ServerTls { certificate: certificate?, key: key?, client_ca })
    }

    /// Refuses to encrypt where that is not built in.
    fn encryption(&mut self, node: &MarkedYaml<'_>) {
        if cfg!(not(feature = "tls")) {
            let message = "encryption is not built into this program";
            self.wrong(node.span.start, "CONFIG_NOT_BUILT_IN", message, "");
        }
    }

    fn access(&mut self, root: &Section<'_, '_>) -> Access {
        let section = self.within(root, "access");
        let token = self.value(&section, "token", value::secret).map(Token::new);
        let admin_token = self.value(&section, "admin_token", value::secret).map(Token::new);
        Access { token, admin_token }
    }

    fn aggregates(&mut self, root: &Section<'_, '_>) -> Option<Aggregates> {
        let section = self.within(root, "aggregates");
        let serve = self.value(&section, "serve", value::flag)?;
        let token = self.value(&section, "fact_token", value::secret);
        match section.get("fact_token") {
            Some(node) if !serve => {
                let message = "a token for facts, but aggregates are not served";
                self.wrong(node.span.start, "CONFIG_VALUE_INVALID", message, "say `serve: true`");
                None
            }
            _ if serve => Some(Aggregates::Served(token.map(Token::new))),
            _ => Some(Aggregates::Unserved),
        }
    }

    fn delivery(&mut self, root: &Section<'_, '_>) -> BTreeMap<String, DeliveryOverride> {
        let mut all = BTreeMap::new();
        let Some(node) = root.get("delivery").filter(|node| !is_null(node)) else { return all };
        let YamlData::Mapping(consumers) = &node.data else {
            let message = "expected a mapping from full names of components";
            self.wrong(node.span.start, "CONFIG_VALUE_INVALID", message, "");
            return all;
        };
        for (consumer, said) in consumers {
            let Some(name) = plain(consumer).filter(|name| !name.is_empty()) else {
                self.wrong(consumer.span.start, "CONFIG_VALUE_INVALID", "expected the full name of a component", "");
                continue;
            };
            let section = self.section("delivery.*", Some(said), consumer.span.start);
            let delivery = DeliveryOverride {
                attempts: self.value(&section, "attempts", value::count),
                timeout: self.value(&section, "timeout", value::some_time),
                on_failure: self.value(&section, "on_failure", value::on_failure),
            };
            all.insert(name.into_owned(), delivery);
        }
        all
    }

    fn routes(&mut self, root: &Section<'_, '_>) -> Routes {
        let section = self.within(root, "routes");
        let mut routes = Routes::new();
        for (domain, address) in self.route_addresses(&section) {
            routes = routes.address(domain, address);
        }
        if let Some(pattern) = self.value(&section, "pattern", value::pattern) {
            routes = routes.pattern(pattern);
        }
        if let Some(tls) = section.get("tls").and_then(|node| self.client_tls("routes.tls", node)) {
            routes = routes.tls(tls);
        }
        let said = routes.clone();
        self.value(&section, "token", |text| {
            let token = value::secret(text)?;
            said.clone().token(&token).map_err(|_| "expected a secret of visible ASCII characters".to_owned())
        })
        .unwrap_or(routes)
    }

    fn route_addresses(&mut self, section: &Section<'_, '_>) -> Vec<(String, Address)> {
        let Some(node) = section.get("addresses").filter(|node| !is_null(node)) else { return Vec::new() };
        let YamlData::Mapping(domains) = &node.data else {
            let message = "expected a mapping from domains to addresses, like { stock: 127.0.0.1:50052 }";
            self.wrong(node.span.start, "CONFIG_VALUE_INVALID", message, "");
            return Vec::new();
        };
        let mut found = Vec::new();
        for (domain, address) in domains {
            let Some(name) = plain(domain).filter(|name| !name.is_empty()) else {
                self.wrong(domain.span.start, "CONFIG_VALUE_INVALID", "expected a domain", "");
                continue;
            };
            found.extend(self.parsed(address, value::address).map(|address| (name.into_owned(), address)));
        }
        found
    }

    fn drain(&mut self, root: &Section<'_, '_>) -> Option<Drain> {
        let section = self.within(root, "drain");
        let notice = self.value(&section, "notice", value::duration);
        let calls = self.value(&section, "calls", value::duration);
        let consumers = self.value(&section, "consumers", value::duration);
        Some(Drain { notice: notice?, calls: calls?, consumers: consumers? })
    }

    fn limits(&mut self, root: &Section<'_, '_>) -> Option<Limits> {
        let section = self.within(root, "limits");
        let message_size = self.value(&section, "message_size", value::bytes);
        let calls = self.value(&section, "calls", value::count);
        let streams = self.value(&section, "streams", value::count);
        let memory = self.value(&section, "memory", value::bytes);
        let limits = Limits { message_size: message_size?, calls: calls?, streams: streams?, memory: memory? };
        if limits.message_size > limits.half() {
            let message = "half of `memory` is less than one request of `message_size`";
            self.wrong(section.place(), "CONFIG_VALUE_INVALID", message, "");
        }
        Some(limits)
    }

    fn telemetry(&mut self, root: &Section<'_, '_>, listen: Option<&Address>, services: &[Target]) -> Telemetry {
        let section = self.within(root, "telemetry");
        let prometheus = self.section("telemetry.prometheus", section.get("prometheus"), section.place());
        let address = self.value(&prometheus, "address", value::address);
        let insecure = self.value(&prometheus, "insecure", value::flag);
        if let (Some(address), Some(insecure), Some(node)) = (&address, insecure, prometheus.get("address")) {
            if !insecure && !address.is_local() {
                let help = "listen on loopback or a Unix socket, or say `insecure: true`";
                let message = "whoever reaches this address reads the metrics, and nothing is encrypted";
                self.wrong(node.span.start, "CONFIG_INSECURE", message, help);
            }
            if Some(address) == listen || services.iter().any(|service| service.address == *address) {
                self.wrong(node.span.start, "CONFIG_VALUE_INVALID", "this is somebody else's address", "");
            }
        }
        let otlp = self.section("telemetry.otlp", section.get("otlp"), section.place());
        let endpoint = self.value(&otlp, "endpoint", value::collector);
        if let Some(node) = otlp.get("endpoint").filter(|_| cfg!(not(feature = "otel"))) {
            let message = "the export by OTLP is not built into this release";
            self.wrong(node.span.start, "CONFIG_NOT_BUILT_IN", message, "build it with the feature `otel`");
        }
        Telemetry { prometheus: address, otlp: endpoint }
    }

    fn log(&mut self, root: &Section<'_, '_>) -> Option<LogFormat> {
        let section = self.within(root, "log");
        self.value(&section, "format", value::log_format)
    }
}

/// Why whoever reaches an address could do too much there, and what helps; none if he cannot.
fn exposed(address: &Address, tls: Option<&ServerTls>, access: &Access) -> Option<(&'static str, &'static str)> {
    match tls {
        _ if address.is_local() => None,
        None if access.token.is_some() => Some((
            "whoever listens on the way to this address learns the token, and everything else",
            "encrypt it with `tls`, listen on loopback or a Unix socket, or say `insecure: true`",
        )),
        None => Some((
            "whoever reaches this address reads and writes everything, and nothing is encrypted",
            "listen on loopback or a Unix socket, or say `insecure: true`",
        )),
        Some(tls) if tls.client_ca.is_none() && access.token.is_none() => Some((
            "whoever reaches this address reads and writes everything, although it is encrypted",
            "say who may come by `tls.client_ca` or `access.token`, or say `insecure: true`",
        )),
        Some(_) => None,
    }
}
