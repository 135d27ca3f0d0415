///
///The component `shop.v1.app.Sends`.
trait Sends: ::core::marker::Send + ::core::marker::Sync + 'static {
    ///Handles `Placed`.
    ///
    /// # Errors
    /// Technical failures; the event is then handled again.
    fn on_placed(
        &self,
        event: Placed,
        cx: &::angzarr_runtime::Context,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<Reserve, ::angzarr_runtime::Failure>,
    > + ::core::marker::Send;
    ///Handles `Moved`.
    ///
    /// # Errors
    /// Technical failures; the event is then handled again.
    fn on_moved(
        &self,
        event: Moved,
        cx: &::angzarr_runtime::Context,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<
            ::std::vec::Vec<::stock::Reserve>,
            ::angzarr_runtime::Failure,
        >,
    > + ::core::marker::Send;
    ///Handles `Paid`.
    ///
    /// # Errors
    /// Technical failures; the event is then handled again.
    fn on_paid(
        &self,
        event: Paid,
        cx: &::angzarr_runtime::Context,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<::stock::Sold, ::angzarr_runtime::Failure>,
    > + ::core::marker::Send;
    #[doc(hidden)]
    fn __angzarr_react<'a>(
        &'a self,
        event: ::angzarr_runtime::component::Arrival<'a>,
        cx: &'a ::angzarr_runtime::Context,
    ) -> ::angzarr_runtime::component::Handling<
        'a,
        ::std::vec::Vec<::angzarr_runtime::Emission>,
    >
    where
        Self: ::core::marker::Sized,
    {
        ::std::boxed::Box::pin(async move {
            match &*event.payload.type_name {
                <Placed as ::angzarr_runtime::Event>::TYPE_NAME => {
                    let returned = self.on_placed(event.into_event()?, cx).await?;
                    ::angzarr_runtime::component::emit::command(returned)
                }
                <Moved as ::angzarr_runtime::Event>::TYPE_NAME => {
                    let returned = self.on_moved(event.into_event()?, cx).await?;
                    ::angzarr_runtime::component::emit::commands(returned)
                }
                <Paid as ::angzarr_runtime::Event>::TYPE_NAME => {
                    let returned = self.on_paid(event.into_event()?, cx).await?;
                    ::angzarr_runtime::component::emit::fact(returned)
                }
                _ => {
                    ::core::result::Result::Err(
                        ::angzarr_runtime::component::unhandled(
                            "shop.v1.app.Sends",
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
            <Placed as ::angzarr_runtime::Event>::TYPE_NAME => {
                let event: Placed = event.decode()?;
                ::core::result::Result::Ok(
                    ::core::option::Option::Some(::angzarr_runtime::component::Keyed {
                        key: ::core::convert::From::from([
                            ::core::option::Option::Some(&event.order_id)
                                .map(::angzarr_runtime::KeyPart::key_part)
                                .unwrap_or_default(),
                            ::core::option::Option::Some(&event.customer)
                                .and_then(::core::option::Option::as_ref)
                                .map(|message| &message.id)
                                .map(::angzarr_runtime::KeyPart::key_part)
                                .unwrap_or_default(),
                        ]),
                        event: ::angzarr_runtime::component::Decoded::new(event),
                    }),
                )
            }
            _ => ::core::result::Result::Ok(::core::option::Option::None),
        }
    }
    #[doc(hidden)]
    fn __angzarr_saga(self) -> ::angzarr_runtime::component::Registration
    where
        Self: ::core::marker::Sized,
    {
        static SPEC: ::angzarr_runtime::component::SagaSpec = ::angzarr_runtime::component::SagaSpec {
            name: "shop.v1.app.Sends",
            subscriptions: &[
                ::angzarr_runtime::component::Subscription {
                    domain: <Placed as ::angzarr_runtime::Event>::DOMAIN,
                    type_name: <Placed as ::angzarr_runtime::Event>::TYPE_NAME,
                },
                ::angzarr_runtime::component::Subscription {
                    domain: <Moved as ::angzarr_runtime::Event>::DOMAIN,
                    type_name: <Moved as ::angzarr_runtime::Event>::TYPE_NAME,
                },
                ::angzarr_runtime::component::Subscription {
                    domain: <Paid as ::angzarr_runtime::Event>::DOMAIN,
                    type_name: <Paid as ::angzarr_runtime::Event>::TYPE_NAME,
                },
            ],
            targets: &[
                <Reserve as ::angzarr_runtime::Command>::DOMAIN,
                <::stock::Reserve as ::angzarr_runtime::Command>::DOMAIN,
                <::stock::Sold as ::angzarr_runtime::Event>::DOMAIN,
            ],
            delivery: ::angzarr_runtime::component::Delivery::DEFAULT,
        };
        ::angzarr_runtime::component::saga(
            self,
            &SPEC,
            Self::__angzarr_react,
            Self::__angzarr_key,
        )
    }
}
