///
///The component `shop.v1.app.Flow`.
pub trait Flow: ::core::marker::Send + ::core::marker::Sync + 'static {
    ///Handles `Placed`.
    ///
    /// # Errors
    /// Technical failures; the event is then handled again.
    fn on_placed(
        &self,
        state: &State,
        event: Placed,
        cx: &::angzarr_runtime::Context,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<
            ::std::vec::Vec<Step>,
            ::angzarr_runtime::Failure,
        >,
    > + ::core::marker::Send;
    ///Handles `Moved`.
    ///
    /// # Errors
    /// Technical failures; the event is then handled again.
    fn on_moved(
        &self,
        state: &State,
        event: Moved,
        cx: &::angzarr_runtime::Context,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<Reserve, ::angzarr_runtime::Failure>,
    > + ::core::marker::Send;
    ///Answers the refusal of a `Reserve` that it sent.
    ///
    /// # Errors
    /// Technical failures; the refusal is then handled again.
    fn hold(
        &self,
        state: &State,
        refused: ::angzarr_runtime::Refused<Reserve>,
        cx: &::angzarr_runtime::Context,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<(), ::angzarr_runtime::Failure>,
    > + ::core::marker::Send;
    ///Handles the deadline `Overdue`.
    ///
    /// # Errors
    /// Technical failures; the deadline is then handled again.
    fn on_overdue(
        &self,
        state: &State,
        deadline: Overdue,
        cx: &::angzarr_runtime::Context,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<Begun, ::angzarr_runtime::Failure>,
    > + ::core::marker::Send;
    ///Applies `Begun` to the state.
    fn apply_begun(state: &mut State, event: Begun);
    #[doc(hidden)]
    #[allow(unused_variables, reason = "there may be no events")]
    fn __angzarr_fold(
        state: &mut State,
        event: &::angzarr_runtime::Payload,
    ) -> ::core::result::Result<(), ::angzarr_runtime::Failure>
    where
        Self: ::core::marker::Sized,
    {
        match &*event.type_name {
            <Begun as ::angzarr_runtime::Event>::TYPE_NAME => {
                ::angzarr_runtime::component::fold(state, event, Self::apply_begun)
            }
            _ => {
                ::core::result::Result::Err(
                    ::angzarr_runtime::component::unhandled("shop.v1.app.Flow", event),
                )
            }
        }
    }
    #[doc(hidden)]
    #[allow(unused_variables, reason = "there may be no compensations")]
    fn __angzarr_react<'a>(
        &'a self,
        state: &'a State,
        input: ::angzarr_runtime::component::ProcessInput<'a>,
        cx: &'a ::angzarr_runtime::Context,
    ) -> ::angzarr_runtime::component::Handling<
        'a,
        ::std::vec::Vec<::angzarr_runtime::Emission>,
    >
    where
        Self: ::core::marker::Sized,
    {
        ::std::boxed::Box::pin(async move {
            match input {
                ::angzarr_runtime::component::ProcessInput::Event(payload) => {
                    match &*payload.type_name {
                        <Placed as ::angzarr_runtime::Event>::TYPE_NAME => {
                            let returned = self
                                .on_placed(state, payload.decode()?, cx)
                                .await?;
                            ::angzarr_runtime::component::emit::unions(returned)
                        }
                        <Moved as ::angzarr_runtime::Event>::TYPE_NAME => {
                            let returned = self
                                .on_moved(state, payload.decode()?, cx)
                                .await?;
                            ::angzarr_runtime::component::emit::command(returned)
                        }
                        _ => {
                            ::core::result::Result::Err(
                                ::angzarr_runtime::component::unhandled(
                                    "shop.v1.app.Flow",
                                    payload,
                                ),
                            )
                        }
                    }
                }
                ::angzarr_runtime::component::ProcessInput::Deadline(payload) => {
                    match &*payload.type_name {
                        <Overdue as ::angzarr_runtime::Deadline>::TYPE_NAME => {
                            let returned = self
                                .on_overdue(state, payload.decode()?, cx)
                                .await?;
                            ::angzarr_runtime::component::emit::event(returned)
                        }
                        _ => {
                            ::core::result::Result::Err(
                                ::angzarr_runtime::component::unhandled(
                                    "shop.v1.app.Flow",
                                    payload,
                                ),
                            )
                        }
                    }
                }
                ::angzarr_runtime::component::ProcessInput::Refusal {
                    command: payload,
                    rejection,
                } => {
                    match &*payload.type_name {
                        <Reserve as ::angzarr_runtime::Command>::TYPE_NAME => {
                            let returned = self
                                .hold(
                                    state,
                                    ::angzarr_runtime::component::decode_refused(
                                        payload,
                                        rejection,
                                    )?,
                                    cx,
                                )
                                .await?;
                            ::angzarr_runtime::component::emit::nothing(returned)
                        }
                        _ => {
                            ::core::result::Result::Err(
                                ::angzarr_runtime::component::unhandled(
                                    "shop.v1.app.Flow",
                                    payload,
                                ),
                            )
                        }
                    }
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
                        ]),
                        event: ::angzarr_runtime::component::Decoded::new(event),
                    }),
                )
            }
            _ => ::core::result::Result::Ok(::core::option::Option::None),
        }
    }
    #[doc(hidden)]
    fn __angzarr_process_manager(self) -> ::angzarr_runtime::component::Registration
    where
        Self: ::core::marker::Sized,
    {
        static SPEC: ::angzarr_runtime::component::ProcessManagerSpec = ::angzarr_runtime::component::ProcessManagerSpec {
            name: "shop.v1.app.Flow",
            domain: "flow",
            snapshot: ::angzarr_runtime::component::SnapshotSpec {
                every: 0u32,
                version: 0u32,
                shape: "",
            },
            subscriptions: &[
                ::angzarr_runtime::component::Subscription {
                    domain: <Placed as ::angzarr_runtime::Event>::DOMAIN,
                    type_name: <Placed as ::angzarr_runtime::Event>::TYPE_NAME,
                },
                ::angzarr_runtime::component::Subscription {
                    domain: <Moved as ::angzarr_runtime::Event>::DOMAIN,
                    type_name: <Moved as ::angzarr_runtime::Event>::TYPE_NAME,
                },
            ],
            targets: &[
                <Reserve as ::angzarr_runtime::Command>::DOMAIN,
                <Reserve as ::angzarr_runtime::Command>::DOMAIN,
            ],
            delivery: ::angzarr_runtime::component::Delivery::DEFAULT,
            starts: &[<Placed as ::angzarr_runtime::Event>::TYPE_NAME],
            deadlines: &[<Overdue as ::angzarr_runtime::Deadline>::TYPE_NAME],
            compensations: &[<Reserve as ::angzarr_runtime::Command>::TYPE_NAME],
            events: &[::angzarr_runtime::component::written::<Begun>()],
            stored_as: &[::angzarr_runtime::component::StoredNames::of::<Begun>()],
        };
        ::angzarr_runtime::component::process_manager::<
            Self,
            State,
        >(self, &SPEC, Self::__angzarr_react, Self::__angzarr_key, Self::__angzarr_fold)
    }
}
