//! Every code a check can report: `AZ00xx` input, `AZ01xx` components, `AZ02xx` handlers, `AZ03xx` messages and
//! keys, `AZ04xx` relations between components.

use crate::Code;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $help:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code { id: $id, help: $help };)*

        /// All of them, in the order of their ids.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    /// A file does not parse or link.
    INVALID_FILE = "AZ0001", "mend the proto first; any protobuf compiler will report the same";
    /// A file was not found.
    FILE_NOT_FOUND = "AZ0002", "name files relative to a directory given with -I";
    /// An annotation whose feature is not built yet.
    NOT_BUILT_YET = "AZ0003", "remove it for now; it is refused so that it is never silently ignored";
    /// A derive's attribute cannot be understood.
    BAD_ATTRIBUTE = "AZ0004", "see the derive's documentation for the grammar of its attribute";
    /// Two names that become one in the generated code.
    NAME_CLASH = "AZ0005", "rename one of them";
    /// The generator failed at something that the input cannot cause.
    INTERNAL = "AZ0006", "this is a bug of angzarr; please report it with the protos that cause it";
    /// A package mapped to something that is no Rust module, or that the run generates itself.
    BAD_EXTERN = "AZ0007", "map a package that is not generated here to an absolute path: shop.stock.v1=::stock::shop::stock::v1";

    /// A service with an `angzarr.v1.component` option that says nothing.
    NO_KIND = "AZ0101", "set one of aggregate, saga, projector, process_manager, upcaster";
    /// A component without a domain, or with one that is no identifier.
    BAD_DOMAIN = "AZ0102", "give a domain of lower-case letters, digits, '_' and '-', starting with a letter";
    /// A name in an option that resolves to nothing.
    UNKNOWN_TYPE = "AZ0103", "name a message or enum by protobuf's scoping rules and import its file";
    /// A component without handlers.
    NO_HANDLERS = "AZ0104", "declare an rpc for everything the component handles, or remove the service";
    /// A component lies in a package that protobuf or Go would make part of a cycle.
    BAD_LAYOUT = "AZ0105", "put components into the child package `.app` of their domain's messages";

    /// A handler kind that its component cannot have.
    WRONG_KIND = "AZ0201", "aggregates handle COMMAND and COMPENSATION; handlers of all others name no kind";
    /// A handler whose output does not fit its kind.
    WRONG_OUTPUT = "AZ0202", "see the table of handlers in docs/language.md for what each kind returns";
    /// A handler that streams its input.
    STREAMING_INPUT = "AZ0203", "a handler takes one message; remove `stream` from its input";
    /// Two handlers of one component for one input.
    DUPLICATE_HANDLER = "AZ0204", "keep one handler for each input";
    /// Two methods of one component with one name.
    DUPLICATE_METHOD = "AZ0205", "rename one rpc or one message, so that each gets a method of its own";
    /// `starts` or `key` where it means nothing.
    MISPLACED_OPTION = "AZ0206", "`starts` belongs on handlers of process managers, `key` on those of consumers";
    /// An rpc named like a message that it would shadow.
    SHADOWED_NAME = "AZ0207", "name the rpc with a verb, like `Place` for `PlaceOrder`";
    /// A message of protobuf or Angzarr itself where a command or event is meant.
    FOREIGN_MESSAGE = "AZ0208", "declare a message of your own; only an event or command of a domain can be handled";

    /// A command without a root.
    NO_ROOT = "AZ0301", "mark one field with `[(angzarr.v1.field).root = true]`";
    /// A command with several roots.
    SEVERAL_ROOTS = "AZ0302", "mark one field only; the natural id is a single value";
    /// A root that no id can be made of.
    BAD_ROOT = "AZ0303", "a root is a singular string or integer field";
    /// A key path that does not exist or that no key can be made of.
    BAD_KEY = "AZ0304", "a key is a path of singular fields that ends in a string, integer, bool or enum";
    /// Handlers of one component whose keys have different shapes.
    KEY_MISMATCH = "AZ0305", "let all handlers of a component name the same number of key fields, of the same types";
    /// A union with something else in it.
    BAD_UNION = "AZ0306", "a union is one oneof of distinct message types and nothing else";
    /// An event that is retired, yet still written.
    RETIRED_WRITTEN = "AZ0307", "write its successor, or remove `retired`";
    /// An event that is retired and that nothing reads.
    RETIRED_UNREAD = "AZ0308", "give it an upcaster that leads to what is written today, so that stored ones can be read";

    /// A domain, command or event claimed twice.
    CLAIMED_TWICE = "AZ0401", "let one component own it";
    /// A command or event that no component owns.
    NO_OWNER = "AZ0402", "generate the service that owns it in the same run, or let the run read it: --with FILE";
    /// A message used as command and as event.
    COMMAND_AND_EVENT = "AZ0403", "use two messages, one for the wish and one for the fact";
    /// A compensation for a command that nobody sends because of the aggregate's events.
    IDLE_COMPENSATION = "AZ0404", "remove it, or add the saga that sends the command because of an event of this domain";
    /// A process manager that nothing starts.
    NEVER_STARTED = "AZ0405", "mark at least one handler with `starts: true`";
    /// An upcast chain that does not end in one current type.
    BAD_UPCAST = "AZ0406", "let every old version lead, step by step, to the one that the aggregate writes now";
    /// A consumer that listens to something that is no current event.
    NOT_AN_EVENT = "AZ0407", "listen to an event in its current version";
}
