///
///The component `shop.v1.app.History`.
pub trait History: ::core::marker::Send + ::core::marker::Sync + 'static {
    ///Turns an old `Old` into what it is today.
    ///
    /// # Errors
    /// The event cannot be understood. Whoever reads it stops there.
    fn to_placed(
        &self,
        event: Old,
    ) -> ::core::result::Result<Placed, ::angzarr_runtime::Failure>;
    ///Turns an old `Older` into what it is today.
    ///
    /// # Errors
    /// The event cannot be understood. Whoever reads it stops there.
    fn split(
        &self,
        event: Older,
    ) -> ::core::result::Result<::std::vec::Vec<Either>, ::angzarr_runtime::Failure>;
    #[doc(hidden)]
    fn __angzarr_upcast(
        &self,
        event: &::angzarr_runtime::Payload,
    ) -> ::core::result::Result<
        ::std::vec::Vec<::angzarr_runtime::Emission>,
        ::angzarr_runtime::Failure,
    >
    where
        Self: ::core::marker::Sized,
    {
        match &*event.type_name {
            <Old as ::angzarr_runtime::Event>::TYPE_NAME => {
                let returned = self.to_placed(event.decode()?)?;
                ::angzarr_runtime::component::emit::event(returned)
            }
            <Oldest as ::angzarr_runtime::Event>::TYPE_NAME => {
                let current = ::angzarr_runtime::component::upcast::<
                    Oldest,
                    Older,
                >(event)?;
                ::core::result::Result::Ok(
                    ::std::vec![::angzarr_runtime::Emission::Event(current)],
                )
            }
            <Older as ::angzarr_runtime::Event>::TYPE_NAME => {
                let returned = self.split(event.decode()?)?;
                ::angzarr_runtime::component::emit::unions(returned)
            }
            _ => {
                ::core::result::Result::Err(
                    ::angzarr_runtime::component::unhandled("shop.v1.app.History", event),
                )
            }
        }
    }
    #[doc(hidden)]
    fn __angzarr_upcaster(self) -> ::angzarr_runtime::component::Registration
    where
        Self: ::core::marker::Sized,
    {
        const _: () = ::angzarr_runtime::component::assert_upcast::<
            Oldest,
            Older,
        >("to_old");
        static SPEC: ::angzarr_runtime::component::UpcasterSpec = ::angzarr_runtime::component::UpcasterSpec {
            name: "shop.v1.app.History",
            domain: "orders",
            steps: &[
                (
                    <Old as ::angzarr_runtime::Event>::TYPE_NAME,
                    &[<Placed as ::angzarr_runtime::Event>::TYPE_NAME],
                ),
                (
                    <Oldest as ::angzarr_runtime::Event>::TYPE_NAME,
                    &[<Older as ::angzarr_runtime::Event>::TYPE_NAME],
                ),
                (
                    <Older as ::angzarr_runtime::Event>::TYPE_NAME,
                    &[
                        <Old as ::angzarr_runtime::Event>::TYPE_NAME,
                        <Moved as ::angzarr_runtime::Event>::TYPE_NAME,
                    ],
                ),
            ],
            stored_as: &[
                ::angzarr_runtime::component::StoredNames::of::<Old>(),
                ::angzarr_runtime::component::StoredNames::of::<Oldest>(),
                ::angzarr_runtime::component::StoredNames::of::<Older>(),
            ],
            declared: &[
                ("to_old", ::angzarr_runtime::component::unfilled::<Oldest, Older>),
            ],
        };
        ::angzarr_runtime::component::upcaster(self, &SPEC, Self::__angzarr_upcast)
    }
}
