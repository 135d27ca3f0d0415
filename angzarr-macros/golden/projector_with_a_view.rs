///
///The component `shop.v1.app.Board`.
pub(crate) trait Board: ::core::marker::Send + ::core::marker::Sync + 'static {
    ///Handles `Placed`.
    ///
    /// # Errors
    /// Technical failures; the event is then handled again.
    fn on_placed(
        &self,
        row: ::core::option::Option<Row>,
        event: Placed,
        cx: &::angzarr_runtime::Context,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<
            ::core::option::Option<Row>,
            ::angzarr_runtime::Failure,
        >,
    > + ::core::marker::Send;
    #[doc(hidden)]
    fn __angzarr_react<'a>(
        &'a self,
        row: ::core::option::Option<&'a [u8]>,
        returned: fn(Row) -> ::angzarr_runtime::component::ReturnedRow,
        event: ::angzarr_runtime::component::Arrival<'a>,
        cx: &'a ::angzarr_runtime::Context,
    ) -> ::angzarr_runtime::component::Handling<
        'a,
        ::core::option::Option<::angzarr_runtime::component::ReturnedRow>,
    >
    where
        Self: ::core::marker::Sized,
    {
        ::std::boxed::Box::pin(async move {
            match &*event.payload.type_name {
                <Placed as ::angzarr_runtime::Event>::TYPE_NAME => {
                    let row = ::angzarr_runtime::component::row_decoded(row)?;
                    let row = self.on_placed(row, event.into_event()?, cx).await?;
                    ::core::result::Result::Ok(row.map(returned))
                }
                _ => {
                    ::core::result::Result::Err(
                        ::angzarr_runtime::component::unhandled(
                            "shop.v1.app.Board",
                            event.payload,
                        ),
                    )
                }
            }
        })
    }
    #[doc(hidden)]
    fn __angzarr_key(
        event: &::angzarr_runtime::Payload,
    ) -> ::core::result::Result<
        ::core::option::Option<::angzarr_runtime::component::Keyed>,
        ::angzarr_runtime::Failure,
    >
    where
        Self: ::core::marker::Sized,
    {
        match &*event.type_name {
            _ => ::core::result::Result::Ok(::core::option::Option::None),
        }
    }
    #[doc(hidden)]
    fn __angzarr_projector(self) -> ::angzarr_runtime::component::Registration
    where
        Self: ::core::marker::Sized,
    {
        static SPEC: ::angzarr_runtime::component::ProjectorSpec = ::angzarr_runtime::component::ProjectorSpec {
            name: "shop.v1.app.Board",
            subscriptions: &[
                ::angzarr_runtime::component::Subscription {
                    domain: <Placed as ::angzarr_runtime::Event>::DOMAIN,
                    type_name: <Placed as ::angzarr_runtime::Event>::TYPE_NAME,
                },
            ],
            delivery: ::angzarr_runtime::component::Delivery {
                attempts: 3u32,
                timeout: ::angzarr_runtime::component::Delivery::DEFAULT.timeout,
                on_failure: ::angzarr_runtime::component::OnFailure::Skip,
            },
        };
        ::angzarr_runtime::component::view::<
            Self,
            Row,
        >(self, &SPEC, Self::__angzarr_react, Self::__angzarr_key)
    }
}
