//! Whole files: what they stand for, and the texts of their mistakes.

use std::collections::HashMap;

use super::*;
use crate::config::keys::{KEYS, Unsaid};

/// What the file `sidecar.yaml` with this text says, where these variables are set.
fn parsed(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Config::parse("sidecar.yaml", text, &|name| variables.get(name).map(|value| (*value).to_owned()))
}

/// The text of all its mistakes.
fn wrong(text: &str) -> String {
    parsed(text, &[]).unwrap_err().to_string()
}

const LEAST: &str = "storage: { type: memory }\nservices: [{ address: 127.0.0.1:50051 }]\n";

#[test]
fn little_has_to_be_said() {
    let config = parsed(LEAST, &[]).unwrap();
    assert_eq!(config.storage, Storage::Memory);
    assert_eq!(config.services, [Address::Tcp("127.0.0.1:50051".into()).into()]);
    assert_eq!(config.listen, Address::Tcp("127.0.0.1:50050".into()));
    assert_eq!(config.tls, None);
    assert!(matches!(config.access, Access { token: None, admin_token: None }));
    assert!(matches!(config.aggregates, Aggregates::Unserved));
    assert!(config.delivery.is_empty());
    let drain = Drain { notice: Duration::ZERO, calls: Duration::from_secs(10), consumers: Duration::from_secs(30) };
    assert_eq!(config.drain, drain);
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.log, LogFormat::Text);
}

#[cfg(all(feature = "sqlite", feature = "tls"))]
#[test]
fn everything_can_be_said() {
    use crate::component::OnFailure;
    use crate::transport::{ClientTls, Identity};

    let text = "\
storage: { type: sqlite, path: ${FOLDER}/orders.db }
bus: { type: channel }
services:
  - address: 127.0.0.1:50051
  - address: unix:/run/stock.sock
  - address: stock.internal:50051
    tls: { ca: /tls/ca.crt, certificate: /tls/tls.crt, key: /tls/tls.key, server_name: stock }
listen:
  address: 0.0.0.0:${PORT:-50050}
  insecure: true
  tls: { certificate: /tls/tls.crt, key: /tls/tls.key, client_ca: /tls/ca.crt }
access: { token: callers ${TOKEN}, admin_token: operators ${TOKEN} }
aggregates: { serve: true, fact_token: ${TOKEN} }
delivery:
  shop.orders.v1.app.OrderBoard: { attempts: 3, timeout: 5s, on_failure: skip }
  shop.orders.v1.app.Fulfilment: { attempts: 9 }
drain: { notice: 5s, calls: 1s, consumers: 500ms }
limits: { message_size: 512KiB, calls: 7, streams: 8, memory: 1MiB }
telemetry: { prometheus: { address: 0.0.0.0:9464, insecure: true } }
log: { format: json }
";
    let variables = [("FOLDER", "/var/lib/orders"), ("TOKEN", "0123456789abcdef")];
    let config = parsed(text, &variables).unwrap();
    assert_eq!(config.storage, Storage::Sqlite("/var/lib/orders/orders.db".into()));
    assert_eq!(config.services[1], Address::Unix("/run/stock.sock".into()).into());
    let identity = Identity { certificate: "/tls/tls.crt".into(), key: "/tls/tls.key".into() };
    let tls = ClientTls { ca: "/tls/ca.crt".into(), identity: Some(identity), server_name: Some("stock".into()) };
    assert_eq!(config.services[2].tls, Some(tls));
    let client_ca = Some("/tls/ca.crt".into());
    let tls = ServerTls { certificate: "/tls/tls.crt".into(), key: "/tls/tls.key".into(), client_ca };
    assert_eq!(config.tls, Some(tls));
    assert!(matches!(config.access, Access { token: Some(_), admin_token: Some(_) }));
    assert_eq!(config.listen, Address::Tcp("0.0.0.0:50050".into()));
    assert!(matches!(config.aggregates, Aggregates::Served(Some(_))));
    let board = DeliveryOverride {
        attempts: Some(3),
        timeout: Some(Duration::from_secs(5)),
        on_failure: Some(OnFailure::Skip),
    };
    assert_eq!(config.delivery["shop.orders.v1.app.OrderBoard"], board);
    let fulfilment = DeliveryOverride { attempts: Some(9), timeout: None, on_failure: None };
    assert_eq!(config.delivery["shop.orders.v1.app.Fulfilment"], fulfilment);
    let drain =
        Drain { notice: Duration::from_secs(5), calls: Duration::from_secs(1), consumers: Duration::from_millis(500) };
    assert_eq!(config.drain, drain);
    assert_eq!(config.limits, Limits { message_size: 512 << 10, calls: 7, streams: 8, memory: 1 << 20 });
    assert_eq!(config.telemetry.prometheus, Some(Address::Tcp("0.0.0.0:9464".into())));
    assert_eq!(config.telemetry.otlp, None);
    assert_eq!(config.log, LogFormat::Json);
    // Whatever is written out of it, the secret is not.
    assert!(!format!("{config:?}").contains("0123456789abcdef"));
}

#[test]
fn all_mistakes_come_at_once() {
    let text = "\
storge: { type: memory }
bus: { type: kafka }
services:
  - adress: 127.0.0.1:50051
  - address: somewhere
  - address: ${SERVICE}
listen:
  address: 0.0.0.0:50050
aggregates: { fact_token: 0123456789abcdef }
delivery:
  shop.Board: { attempts: 0, timeout: 0s, on_failure: explode }
drain: [10s]
limits: { message_size: 4, calls: many }
log: { format: xml, level: debug }
";
    let expected = "\
error[CONFIG_KEY_UNKNOWN]: unknown key `storge`
 --> sidecar.yaml:1:1
  = help: did you mean `storage`?

error[CONFIG_KEY_MISSING]: `storage` is missing
 --> sidecar.yaml:1:1

error[CONFIG_NOT_BUILT_IN]: the type `kafka` is not built into this release
 --> sidecar.yaml:2:14

error[CONFIG_KEY_UNKNOWN]: unknown key `adress`
 --> sidecar.yaml:4:5
  = help: did you mean `address`?

error[CONFIG_KEY_MISSING]: `services[].address` is missing
 --> sidecar.yaml:4:5

error[CONFIG_VALUE_INVALID]: expected an address, like 127.0.0.1:50051 or unix:/run/shop.sock
 --> sidecar.yaml:5:14

error[CONFIG_VARIABLE_MISSING]: the variable `SERVICE` is not set
 --> sidecar.yaml:6:14
  = help: set it, or say what holds without it: ${SERVICE:-…}

error[CONFIG_INSECURE]: whoever reaches this address reads and writes everything, and nothing is encrypted
 --> sidecar.yaml:8:12
  = help: listen on loopback or a Unix socket, or say `insecure: true`

error[CONFIG_VALUE_INVALID]: a token for facts, but aggregates are not served
 --> sidecar.yaml:9:27
  = help: say `serve: true`

error[CONFIG_VALUE_INVALID]: expected a number, at least 1
 --> sidecar.yaml:11:27

error[CONFIG_VALUE_INVALID]: expected a length of time, at least 1ms
 --> sidecar.yaml:11:39

error[CONFIG_VALUE_INVALID]: expected `park`, `skip` or `stop`
 --> sidecar.yaml:11:55

error[CONFIG_VALUE_INVALID]: expected a mapping with some of `notice`, `calls`, `consumers`
 --> sidecar.yaml:12:8

error[CONFIG_VALUE_INVALID]: expected a size, like 512KiB or 4MiB
 --> sidecar.yaml:13:25

error[CONFIG_VALUE_INVALID]: expected a number, at least 1
 --> sidecar.yaml:13:35

error[CONFIG_VALUE_INVALID]: expected `text` or `json`
 --> sidecar.yaml:14:16

error[CONFIG_KEY_UNKNOWN]: unknown key `level`
 --> sidecar.yaml:14:21
  = help: here may stand `format`";
    let found = wrong(text);
    assert!(found == expected, "{found}");
}

#[test]
fn kinds_that_are_not_here_are_told_from_kinds_that_are_none() {
    for kind in ["redis", "eventstoredb", "immudb"] {
        let found = wrong(&LEAST.replace("memory", kind));
        let expected = format!("error[CONFIG_NOT_BUILT_IN]: the type `{kind}` is not built into this release\n");
        assert!(found.starts_with(&expected), "{found}");
    }
    for kind in ["amqp", "kafka", "pubsub", "sns_sqs"] {
        let found = wrong(&format!("{LEAST}bus: {{ type: {kind} }}\n"));
        assert!(found.contains("is not built into this release"), "{found}");
    }
    let found = wrong(&LEAST.replace("memory", "memry"));
    assert!(found.contains("unknown type `memry`") && found.contains("did you mean `memory`?"), "{found}");
}

#[test]
fn what_is_no_configuration_is_told_with_its_place() {
    let cases = [
        ("", "sidecar.yaml:1:1"),
        ("[", "sidecar.yaml:2:1"),
        ("a: 1\na: 2\n", "duplicated key"),
        ("storage: memory\n", "sidecar.yaml:1:10"),
        ("storage: {}\n---\nstorage: {}\n", "one document"),
        ("services: []\n", "expected a list"),
        ("delivery: [a]\n", "full names of components"),
        ("delivery: { [a]: { attempts: 1 } }\n", "the full name of a component"),
        ("storage: { type: \"${A\" }\n", "not closed"),
        ("\u{e041}", "stand for nothing"),
        ("storage: { type: ${a b} }\n", "no name"),
    ];
    for (text, part) in cases {
        let found = wrong(text);
        assert!(found.contains(part), "{text}: {found}");
    }
    for open in ["[", "{a: ", "- "] {
        wrong(&open.repeat(100_000));
    }
}

#[test]
fn metrics_are_read_on_the_machine_unless_it_is_said() {
    let shown = |text: &str| parsed(&format!("{LEAST}telemetry: {{ prometheus: {{ {text} }} }}\n"), &[]);
    for address in ["127.0.0.1:9464", "unix:/run/metrics.sock"] {
        let config = shown(&format!("address: {address}")).unwrap();
        assert_eq!(config.telemetry.prometheus.unwrap().to_string(), address);
    }
    assert_eq!(shown("").unwrap().telemetry.prometheus, None);
    assert!(shown("address: 0.0.0.0:9464").unwrap_err().to_string().starts_with("error[CONFIG_INSECURE]"));
    assert!(shown("address: 0.0.0.0:9464, insecure: true").is_ok());
    let taken = shown("address: 127.0.0.1:50050").unwrap_err().to_string();
    assert!(taken.contains("somebody else's"), "{taken}");
}

#[test]
fn a_collector_is_told_where_it_is_built_in() {
    let told = |endpoint: &str| parsed(&format!("{LEAST}telemetry: {{ otlp: {{ endpoint: \"{endpoint}\" }} }}\n"), &[]);
    for endpoint in ["http://127.0.0.1:4317", "https://collector.observability.svc:4317"] {
        match told(endpoint) {
            Ok(config) => {
                assert_eq!(config.telemetry.otlp.as_deref(), Some(endpoint).filter(|_| cfg!(feature = "otel")));
            }
            Err(error) => assert!(cfg!(not(feature = "otel")) && error.to_string().contains("CONFIG_NOT_BUILT_IN")),
        }
    }
    for endpoint in ["", "127.0.0.1:4317", "http://", "http://a", "ftp://a:1", "http://user:pass@a:1", "http://unix:/a"]
    {
        let error = told(endpoint).unwrap_err().to_string();
        assert!(error.contains("expected a URL"), "{endpoint}: {error}");
    }
}

#[test]
fn who_listens_beyond_the_machine_has_to_say_so() {
    for address in ["127.0.0.1:1", "127.9.9.9:1", "localhost:1", "\"[::1]:1\"", "unix:/run/a.sock"] {
        let text = format!("{LEAST}listen: {{ address: {address} }}\n");
        assert!(parsed(&text, &[]).is_ok(), "{address}");
    }
    for address in ["0.0.0.0:1", "10.0.0.1:1", "\"[::]:1\"", "orders.svc:1", "localhost.evil.example:1"] {
        let found = wrong(&format!("{LEAST}listen: {{ address: {address} }}\n"));
        assert!(found.starts_with("error[CONFIG_INSECURE]"), "{address}: {found}");
        let text = format!("{LEAST}listen: {{ address: {address}, insecure: true }}\n");
        assert!(parsed(&text, &[]).is_ok(), "{address}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn encryption_and_a_way_to_know_callers_make_it_secure() {
    let tls = "certificate: /a, key: /b";
    let said = |listen: &str, access: &str| {
        let listen = format!("listen: {{ address: 10.0.0.1:1, {listen} }}\n");
        parsed(&format!("{LEAST}{listen}access: {{ {access} }}\n"), &[]).err().map(|error| error.to_string())
    };
    let token = "token: 0123456789abcdef";
    assert_eq!(said(&format!("tls: {{ {tls}, client_ca: /c }}"), ""), None);
    assert_eq!(said(&format!("tls: {{ {tls} }}"), token), None);
    for (listen, access, why) in [
        (format!("tls: {{ {tls} }}"), "", "although it is encrypted"),
        // It opens nothing that callers do.
        (format!("tls: {{ {tls} }}"), "admin_token: 0123456789abcdef", "although it is encrypted"),
        (String::new(), token, "learns the token"),
    ] {
        let found = said(&listen, access).unwrap();
        assert!(found.starts_with("error[CONFIG_INSECURE]") && found.contains(why), "{found}");
        assert_eq!(said(&format!("insecure: true, {listen}"), access), None);
    }
}

#[test]
fn what_belongs_together_is_said_together() {
    let cases = [
        ("listen: { tls: {} }\n", "`listen.tls.certificate` is missing"),
        ("listen: { tls: { certificate: /a } }\n", "`listen.tls.key` is missing"),
        ("access: { token: short }\n", "at least 16 characters"),
        ("limits: { message_size: 4MiB, memory: 7MiB }\n", "half of `memory` is less than one request"),
    ];
    for (text, part) in cases {
        let found = wrong(&format!("{LEAST}{text}"));
        assert!(found.contains(part), "{text}: {found}");
    }
    for (tls, part) in [("certificate: /a", "`services[].tls.ca` is missing"), ("ca: /a, key: /b", "belong together")] {
        let found = wrong(&LEAST.replace("50051 }", &format!("50051, tls: {{ {tls} }} }}")));
        assert!(found.contains(part), "{tls}: {found}");
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn encryption_that_is_not_built_in_is_refused() {
    let found = wrong(&format!("{LEAST}listen: {{ tls: {{ certificate: /a, key: /b }} }}\n"));
    assert!(found.starts_with("error[CONFIG_NOT_BUILT_IN]: encryption is not built into this program"), "{found}");
}

/// What looks like a secret, wherever it may come to stand.
#[test]
fn no_mistake_shows_a_secret() {
    const SECRET: &str = "postgres://angzarr:hunter2@db/shop";
    for path in KEYS.iter().map(|key| key.path) {
        let written = match path.rsplit_once('.') {
            None => format!("{path}: \"{{}}\"\n"),
            Some(("services[]", name)) => format!("services: [{{ {name}: \"{{}}\" }}]\n"),
            Some(("services[].tls", name)) => format!("services: [{{ tls: {{ {name}: \"{{}}\" }} }}]\n"),
            Some(("delivery.*", name)) => format!("delivery: {{ a: {{ {name}: \"{{}}\" }} }}\n"),
            Some((section, name)) => match section.split_once('.') {
                Some((outer, inner)) => format!("{outer}: {{ {inner}: {{ {name}: \"{{}}\" }} }}\n"),
                None => format!("{section}: {{ {name}: \"{{}}\" }}\n"),
            },
        };
        for (text, variables) in [
            (written.replace("{}", SECRET), vec![]),
            (written.replace("{}", "${SECRET}"), vec![("SECRET", SECRET)]),
            (written.replace("{}", "${SECRET:-hunter2 or so}"), vec![]),
        ] {
            let found = parsed(&text, &variables).unwrap_err().to_string();
            assert!(!found.contains("hunter2"), "{text}: {found}");
        }
    }
    for text in [format!("{SECRET}: 1\n"), format!("storage: {{ \"{SECRET}\": 1 }}\n")] {
        let found = wrong(&text);
        assert!(!found.contains("hunter2"), "{text}: {found}");
    }
}

#[cfg(feature = "postgres")]
#[test]
fn a_connection_string_is_kept_and_not_shown() {
    let text = LEAST.replace("memory", "postgres, connection_string: ${DATABASE_URL}");
    let config = parsed(&text, &[("DATABASE_URL", "postgres://angzarr:hunter2@db/shop")]).unwrap();
    assert_eq!(config.storage, "postgres://angzarr:hunter2@db/shop".parse().unwrap());
    assert!(!format!("{config:?}").contains("hunter2"));
    let found = parsed(&text, &[("DATABASE_URL", "memory")]).unwrap_err().to_string();
    assert!(found.contains("does not begin with `postgres://`"), "{found}");
}

#[test]
fn routes_are_named_or_made_by_a_pattern() {
    let config = parsed(LEAST, &[]).unwrap();
    assert!(config.routes.is_empty());
    let text = format!(
        "{LEAST}routes: {{ addresses: {{ stock: \"127.0.0.1:50052\" }}, pattern: \"angzarr-{{domain}}:50050\", token: ${{TOKEN}} }}\n"
    );
    let config = parsed(&text, &[("TOKEN", "0123456789abcdef")]).unwrap();
    let shown = format!("{:?}", config.routes);
    assert!(shown.contains("127.0.0.1:50052") && shown.contains("angzarr-{domain}:50050"), "{shown}");
    assert!(!shown.contains("0123456789abcdef"));
    let text =
        format!("{LEAST}routes:\n  addresses: {{ stock: here }}\n  pattern: angzarr:50050\n  token: short\n  to: x\n");
    let found = wrong(&text);
    for expected in [
        "sidecar.yaml:4:23\n",
        "expected an address with `{domain}` in it, like angzarr-{domain}:50050",
        "expected a secret of at least 16 characters",
        "unknown key `to`",
    ] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
    for (tls, part) in [("certificate: /a", "`routes.tls.ca` is missing"), ("ca: /a, key: /b", "belong together")] {
        let found = wrong(&format!("{LEAST}routes: {{ pattern: \"{{domain}}:1\", tls: {{ {tls} }} }}\n"));
        assert!(found.contains(part), "{tls}: {found}");
    }
    let found = wrong(&format!("{LEAST}routes: {{ addresses: [stock] }}\n"));
    assert!(found.contains("expected a mapping from domains to addresses"), "{found}");
}

#[cfg(feature = "postgres")]
#[test]
fn the_manifest_holds_a_configuration() {
    let manifest = include_str!("../../../deploy/kubernetes.yaml");
    let (_, rest) = manifest.split_once("sidecar.yaml: |\n").unwrap();
    let lines = rest.lines().take_while(|line| *line != "---").map(|line| line.strip_prefix("    ").unwrap());
    let text = lines.collect::<Vec<_>>().join("\n");
    let config = parsed(&text, &[("DATABASE_URL", "postgres://angzarr@db/shop")]).unwrap();
    let grace = config.drain.notice + config.drain.calls + config.drain.consumers;
    let (_, given) = manifest.split_once("terminationGracePeriodSeconds: ").unwrap();
    let given = Duration::from_secs(given.lines().next().unwrap().parse().unwrap());
    assert!(grace < given, "{grace:?} of draining in {given:?}");
}

#[cfg(all(feature = "sqlite", feature = "postgres"))]
#[test]
fn each_storage_has_its_own_key() {
    let found = wrong(&LEAST.replace("memory", "sqlite, connection_string: x"));
    assert!(found.contains("`storage.path` is missing"), "{found}");
    assert!(found.contains("`connection_string` says nothing about a storage of type `sqlite`"), "{found}");
    let found = wrong(&LEAST.replace("memory", "postgres"));
    assert!(found.contains("`storage.connection_string` is missing"), "{found}");
    let found = wrong(&LEAST.replace("memory", "memory, path: x"));
    assert!(found.contains("`path` says nothing about a storage of type `memory`"), "{found}");
    let found = wrong(&LEAST.replace("memory", "sqlite, path: \":memory:\""));
    assert!(found.contains("a log in memory is `memory`"), "{found}");
}

#[test]
fn every_key_and_code_is_documented() {
    let page = include_str!("../../../docs/configuration.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|line| line.split_once("` | "));
    let (codes, keys): (Vec<_>, Vec<_>) = rows.partition(|(name, _)| name.starts_with("CONFIG_"));
    let documented: Vec<_> = keys.iter().map(|(key, rest)| (*key, rest.split(" | ").next().unwrap())).collect();
    let known: Vec<(&str, String)> = KEYS
        .iter()
        .map(|key| match key.unsaid {
            Unsaid::Wrong => (key.path, "required".to_owned()),
            Unsaid::Text(text) => (key.path, format!("`{text}`")),
            Unsaid::Nothing => (key.path, String::new()),
        })
        .collect();
    let known: Vec<_> = known.iter().map(|(path, unsaid)| (*path, unsaid.as_str())).collect();
    assert_eq!(documented, known);

    let sources = [include_str!("reader.rs"), include_str!("sections.rs"), include_str!("mistake.rs")].concat();
    let used = sources.split("CONFIG_").skip(1);
    let used = used
        .map(|rest| format!("CONFIG_{}", rest.split(|c: char| !c.is_ascii_uppercase() && c != '_').next().unwrap()));
    let used: std::collections::BTreeSet<_> = used.collect();
    let listed: std::collections::BTreeSet<_> = codes.iter().map(|(code, _)| (*code).to_owned()).collect();
    assert_eq!(listed, used);
}
