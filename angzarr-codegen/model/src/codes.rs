//! Every code a check can report: `AZ00xx` input, `AZ01xx` components, `AZ02xx` handlers, `AZ03xx` messages and
//! keys, `AZ04xx` relations between components, `AZ05xx` upcasts and stored names, `AZ06xx` changes that break what is
//! stored, `AZ07xx` project files and what is generated.

use crate::{Code, Severity};

macro_rules! codes {
    ($($(#[$doc:meta])* $severity:ident $name:ident = $id:literal, $help:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code { severity: Severity::$severity, id: $id, help: $help };)*

        /// All of them, in the order of their ids.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    /// A file does not parse or link.
    Error INVALID_FILE = "AZ0001", "mend the proto first; any protobuf compiler will report the same";
    /// A file was not found.
    Error FILE_NOT_FOUND = "AZ0002", "name files relative to a directory given with -I";
    /// An annotation whose feature is not built yet.
    Error NOT_BUILT_YET = "AZ0003", "remove it for now; it is refused so that it is never silently ignored";
    /// A derive's attribute cannot be understood.
    Error BAD_ATTRIBUTE = "AZ0004", "see the derive's documentation for the grammar of its attribute";
    /// Two names that become one in the generated code.
    Error NAME_CLASH = "AZ0005", "rename one of them";
    /// The generator failed at something that the input cannot cause.
    Error INTERNAL = "AZ0006", "this is a bug of angzarr; please report it with the protos that cause it";
    /// A package mapped to something that is no Rust module, or that the run generates itself.
    Error BAD_EXTERN = "AZ0007", "map a package that is not generated here to an absolute path: shop.stock.v1=::stock::shop::stock::v1";
    /// An annotation that only a later version knows.
    Error LATER_OPTION = "AZ0008", "use an angzarr that is as new as the `angzarr/v1/options.proto` that the descriptor set was built with; what it does not know would be ignored";
    /// A file that is there and cannot be read.
    Error UNREADABLE_FILE = "AZ0009", "name a file that can be read";

    /// A service with an `angzarr.v1.component` option that says nothing.
    Error NO_KIND = "AZ0101", "set one of aggregate, saga, projector, process_manager, upcaster";
    /// A component without a domain, or with one that is no identifier.
    Error BAD_DOMAIN = "AZ0102", "give a domain of lower-case letters, digits, '_' and '-', starting with a letter";
    /// A name in an option that resolves to nothing.
    Error UNKNOWN_TYPE = "AZ0103", "name a message or enum by protobuf's scoping rules and import its file";
    /// A component without handlers.
    Error NO_HANDLERS = "AZ0104", "declare an rpc for everything the component handles, or remove the service";
    /// A component lies in a package that protobuf or Go would make part of a cycle.
    Error BAD_LAYOUT = "AZ0105", "put components into the child package `.app` of their domain's messages";
    /// Attempts that are none, or a timeout that leaves no time.
    Error BAD_DELIVERY = "AZ0106", "give at least one attempt, and a timeout of at least a millisecond";
    /// Packages of messages that import each other.
    Error PACKAGE_CYCLE = "AZ0107", "move the messages that both packages need into a package that imports neither, and import that";
    /// A service that says to be several things.
    Error SEVERAL_KINDS = "AZ0108", "divide it: one service for each kind";

    /// A handler kind that its component cannot have.
    Error WRONG_KIND = "AZ0201", "aggregates handle COMMAND, FACT, COMPENSATION and QUERY, process managers events, COMPENSATION and DEADLINE; handlers of all others name no kind";
    /// A handler whose output does not fit its kind.
    Error WRONG_OUTPUT = "AZ0202", "see the table of handlers in docs/language.md for what each kind returns";
    /// A handler that streams its input.
    Error STREAMING_INPUT = "AZ0203", "a handler takes one message; remove `stream` from its input";
    /// Two handlers of one component for one input.
    Error DUPLICATE_HANDLER = "AZ0204", "keep one handler for each input";
    /// Two methods of one component with one name.
    Error DUPLICATE_METHOD = "AZ0205", "rename one rpc or one message, so that each gets a method of its own";
    /// `starts`, `key`, `delivery`, `io` or `hook` where it means nothing.
    Error MISPLACED_OPTION = "AZ0206", "`starts` belongs on events that a process manager handles, `key` on events that a consumer handles, `delivery` on sagas, projectors and process managers, `io` on handlers of aggregates, `hook` on upcasts to one message";
    /// An rpc named like a message that it would shadow.
    Error SHADOWED_NAME = "AZ0207", "name the rpc with a verb, like `Place` for `PlaceOrder`";
    /// A message of protobuf or Angzarr itself where a command or event is meant.
    Error FOREIGN_MESSAGE = "AZ0208", "declare a message of your own; only an event or command of a domain can be handled";

    /// A command, fact or query without a root.
    Error NO_ROOT = "AZ0301", "mark one field with `[(angzarr.v1.field).root = true]`";
    /// A command, fact or query with several roots.
    Error SEVERAL_ROOTS = "AZ0302", "mark one field only; the natural id is a single value";
    /// A root that no id can be made of.
    Error BAD_ROOT = "AZ0303", "a root is a singular string or integer field";
    /// A key path that does not exist or that no key can be made of.
    Error BAD_KEY = "AZ0304", "a key is a path of singular fields that ends in a string, integer, bool or enum";
    /// Handlers of one component whose keys have different shapes.
    Error KEY_MISMATCH = "AZ0305", "let all handlers of a component name the same number of key fields, of the same types";
    /// A union with something else in it, or one whose members are sent here and stored there.
    Error BAD_UNION = "AZ0306", "a union is one oneof of distinct message types and nothing else; what is sent here and stored there needs two";
    /// An event that is retired, yet still written.
    Error RETIRED_WRITTEN = "AZ0307", "write its successor, or remove `retired`";
    /// An event that is retired and that nothing reads.
    Error RETIRED_UNREAD = "AZ0308", "give it an upcaster that leads to what is written today, so that stored ones can be read";
    /// A fact without an external id.
    Error NO_IDEMPOTENCY_KEY = "AZ0309", "mark one field with `[(angzarr.v1.field).idempotency_key = true]`: what its source knows it by";
    /// A fact with several external ids.
    Error SEVERAL_IDEMPOTENCY_KEYS = "AZ0310", "mark one field only; the external id is a single value";
    /// An external id that is no plain value.
    Error BAD_IDEMPOTENCY_KEY = "AZ0311", "an external id is a singular string or integer field";
    /// An external id on something that no aggregate records as a fact.
    Error NO_FACT = "AZ0312", "remove `idempotency_key`, or let an aggregate record the message with `kind: FACT`";
    /// Names that are one name, or none, in another language than Rust.
    Warning CLASH_ELSEWHERE = "AZ0313", "rename one of them while no event is stored and nobody calls it yet";

    /// A domain, command or event claimed twice.
    Error CLAIMED_TWICE = "AZ0401", "let one component own it";
    /// A command or event that no component owns.
    Error NO_OWNER = "AZ0402", "generate the service that owns it in the same run, or let the run read it: --with FILE";
    /// A message used in two ways: as command, as event, as query.
    Error COMMAND_AND_EVENT = "AZ0403", "use a message of its own for each: one for the wish, one for what happened, one for the question";
    /// A compensation for a command that nobody sends because of the aggregate's events, or that the process manager does
    /// not send.
    Error IDLE_COMPENSATION = "AZ0404", "remove it, or send the command: a saga because of an event of the aggregate's domain, a process manager itself";
    /// A process manager that nothing starts.
    Error NEVER_STARTED = "AZ0405", "mark at least one handler with `starts: true`";
    /// A consumer that listens to something that is no current event.
    Error NOT_AN_EVENT = "AZ0407", "listen to an event in its current version";
    /// A deadline whose message is not one of the process manager's own, or is something else as well.
    Error BAD_DEADLINE = "AZ0408", "declare a message of its own for it, beside the process manager's events";
    /// A command that may be refused, with nobody to compensate it.
    Warning UNCOMPENSATED = "AZ0409", "handle it with `kind: COMPENSATION` where the event came from, or in the process manager; otherwise each refusal becomes a dead letter";

    /// Upcasts that go round in a circle.
    Error UPCAST_CYCLE = "AZ0501", "let every old version lead, step by step, to the one that is written now";
    /// An old version that leads to nothing that is written now, or that nothing upcasts.
    Error UPCAST_GAP = "AZ0502", "give every old version an upcast to the next one, up to the one that is written now";
    /// Two versions of one event that are written side by side.
    Error UPCAST_TWO_ENDS = "AZ0503", "write the newest version only, and upcast all others to it";
    /// An upcast that passes over a version in between.
    Error UPCAST_SKIPS = "AZ0504", "lead to the next version; the rest of the chain follows by itself";
    /// A field that an upcast without user code leaves without a value.
    Error UPCAST_UNFILLED = "AZ0505", "give it `upcast_default` or `renamed_from`, make it `optional`, or write the upcast yourself: `option (angzarr.v1.handler).hook = true`";
    /// A value that its field cannot hold.
    Error BAD_UPCAST_DEFAULT = "AZ0506", "give a value of the field's type: strings and bytes as they are, enums by name, messages in braces, `[]` for no elements";
    /// A field that takes its value from none.
    Error BAD_RENAMED_FROM = "AZ0507", "name a field of the older version that has the same type";
    /// A name under which something else is stored.
    Error STORED_NAME_TAKEN = "AZ0508", "a stored name is the full name that one message had in an earlier release, and that no other has or had";
    /// `upcast_default`, `renamed_from` or `stored_as` where nothing reads it.
    Error IDLE_UPCAST_OPTION = "AZ0509", "remove it: `upcast_default` and `renamed_from` belong on what an upcast without user code leads to, `stored_as` on events";

    /// Something stored that nothing reads any more.
    Error STORED_GONE = "AZ0601", "keep what reads it: for an event an upcaster, whose skeleton `angzarr upcast` writes, for a deadline its handler";
    /// A field of something stored that has another number.
    Error NUMBER_CHANGED = "AZ0602", "give it its old number again; if it has to change, `angzarr upcast` begins a new version of the message from the old one";
    /// A field of something stored that has another type.
    Error TYPE_CHANGED = "AZ0603", "give it its old type again; if it has to change, `angzarr upcast` begins a new version of the message from the old one";
    /// A field of something stored that holds another number of values.
    Error LABEL_CHANGED = "AZ0604", "undo it; if it has to change, `angzarr upcast` begins a new version of the message from the old one";
    /// An enum whose stored numbers lose their meaning.
    Error ENUM_CHANGED = "AZ0605", "keep every value with its number; mark what is not used any more with `deprecated`";
    /// A name or number that stored bytes know as something else.
    Error REUSED = "AZ0606", "choose a name and a number that were never used";
    /// A domain that is gone, or something stored that belongs to another one.
    Error DOMAIN_CHANGED = "AZ0607", "keep the domain; whatever else changes its name, `domain` stays";
    /// Natural ids that lead to other streams.
    Error ROOT_CHANGED = "AZ0608", "let the same field be the root; for another id declare another command, or another domain";
    /// Keys that lead to other instances of a process manager.
    Error KEY_CHANGED = "AZ0609", "keep the key; for another one declare another process manager with a domain of its own";
    /// An upcast without user code that fills a field in another way.
    Error UPCAST_CHANGED = "AZ0610", "let the upcast fill the field as before; for another meaning declare a new version of the event: `angzarr upcast`";
    /// What a fact that is delivered again is known by.
    Error IDEMPOTENCY_KEY_CHANGED = "AZ0611", "let the same field be the idempotency key; for another one declare another fact";
    /// A saga, projector or process manager with a new name.
    Warning CONSUMER_RENAMED = "AZ0612", "keep the service's name and package, unless everything in the log shall be handled again";
    /// A field of something stored that is read as another value where it was not set.
    Error DEFAULT_CHANGED = "AZ0613", "give it its old default again; if it has to change, `angzarr upcast` begins a new version of the message from the old one";

    /// A project file that does not parse, or a value in it that cannot be used.
    Error BAD_PROJECT = "AZ0701", "see docs/cli.md for what a project file may say";
    /// A key that project files do not have.
    Error UNKNOWN_KEY = "AZ0702", "see docs/cli.md for the keys of a project file";
    /// A pattern for files that fits none.
    Error NO_FILES = "AZ0703", "write patterns relative to the include directories, like \"shop/**/*.proto\"";
    /// Something that was not generated lies where a generated file belongs.
    Error NOT_OURS = "AZ0704", "move it elsewhere, or generate into another folder";
    /// A manifest that cannot be understood.
    Error BAD_MANIFEST = "AZ0705", "take the manifest from version control, or remove it: the next run writes a new one";
    /// A file that is not generated any more, but was edited since it was.
    Warning EDITED_ORPHAN = "AZ0706", "remove it, or move what you need of it elsewhere";
    /// A file that `--check` finds to be other than a run would leave it.
    Error NOT_AS_GENERATED = "AZ0707", "run `angzarr gen` without --check and commit what comes of it; what no run wrote belongs elsewhere";
}
