#[automatically_derived]
impl ::angzarr_runtime::Event for Placed {
    const TYPE_NAME: &'static str = "shop.v1.Placed";
    const DOMAIN: &'static str = "orders";
    const RETIRED: bool = true;
    const STORED_AS: &'static [&'static str] = &["shop.Placed", "shop.Put"];
    const FIELDS: &'static [::angzarr_runtime::component::EventField] = &[
        ::angzarr_runtime::component::EventField {
            name: "currency",
            numbers: &[1u32],
            ty: "string",
            held: ::core::option::Option::None,
            renamed_from: ::core::option::Option::None,
            defaulted: true,
            optional: false,
        },
        ::angzarr_runtime::component::EventField {
            name: "colour",
            numbers: &[2u32],
            ty: "enumeration Colour optional",
            held: ::core::option::Option::Some({
                use ::angzarr_runtime::component::Unnamed as _;
                ::angzarr_runtime::component::HeldType::<super::Colour>::HELD
            }),
            renamed_from: ::core::option::Option::None,
            defaulted: true,
            optional: true,
        },
        ::angzarr_runtime::component::EventField {
            name: "at",
            numbers: &[3u32],
            ty: "message optional Timestamp",
            held: ::core::option::Option::Some({
                use ::angzarr_runtime::component::Unnamed as _;
                ::angzarr_runtime::component::HeldType::<::prost_types::Timestamp>::HELD
            }),
            renamed_from: ::core::option::Option::None,
            defaulted: true,
            optional: false,
        },
        ::angzarr_runtime::component::EventField {
            name: "type",
            numbers: &[4u32],
            ty: "map string,message Part",
            held: ::core::option::Option::Some({
                use ::angzarr_runtime::component::Unnamed as _;
                ::angzarr_runtime::component::HeldType::<super::super::Part>::HELD
            }),
            renamed_from: ::core::option::Option::Some("kind"),
            defaulted: false,
            optional: false,
        },
        ::angzarr_runtime::component::EventField {
            name: "payment",
            numbers: &[5u32, 7u32],
            ty: "oneof Payment",
            held: ::core::option::Option::None,
            renamed_from: ::core::option::Option::None,
            defaulted: false,
            optional: false,
        },
        ::angzarr_runtime::component::EventField {
            name: "numbered_by_prost",
            numbers: &[8u32],
            ty: "bytes",
            held: ::core::option::Option::None,
            renamed_from: ::core::option::Option::None,
            defaulted: false,
            optional: false,
        },
    ];
    fn set_upcast_defaults(&mut self) {
        self.currency = ::core::convert::Into::into("USD");
        self.colour = ::core::option::Option::Some(2);
        self.at = ::core::option::Option::Some(
            ::std::boxed::Box::new(decoded(b"\x08\x01")),
        );
    }
}
