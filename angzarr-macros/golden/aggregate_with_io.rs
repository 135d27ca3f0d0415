///
///The component `shop.v1.app.Orders`.
pub trait Orders: ::core::marker::Send + ::core::marker::Sync + 'static {
    ///Decides on `Place`.
    ///
    /// # Errors
    /// The rejection, if the rules say no.
    fn place(
        &self,
        state: &Order,
        command: Place,
        cx: &::angzarr_runtime::Context,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<
            ::std::vec::Vec<Placed>,
            ::angzarr_runtime::Rejection,
        >,
    > + ::core::marker::Send;
    ///Takes note of `Paid`, which is stored before what is returned; `state` is that before it.
    fn record_payment(
        &self,
        state: &Order,
        fact: Paid,
        cx: &::angzarr_runtime::Context,
    ) -> impl ::core::future::Future<Output = Booked> + ::core::marker::Send;
    ///Answers the refusal of a `Reserve` that one of this aggregate's events led to.
    fn hold(
        &self,
        state: &Order,
        refused: ::angzarr_runtime::Refused<Reserve>,
        cx: &::angzarr_runtime::Context,
    ) -> impl ::core::future::Future<Output = ()> + ::core::marker::Send;
    ///Answers `GetOrder`. Nothing is stored.
    ///
    /// # Errors
    /// The rejection, if the rules say no.
    fn get(
        &self,
        state: &Order,
        query: GetOrder,
        cx: &::angzarr_runtime::Context,
    ) -> impl ::core::future::Future<
        Output = ::core::result::Result<Summary, ::angzarr_runtime::Rejection>,
    > + ::core::marker::Send;
    ///Applies `Placed` to the state.
    fn apply_placed(state: &mut Order, event: Placed);
    ///Applies `Paid` to the state.
    fn apply_paid(state: &mut Order, event: Paid);
    ///Applies `Booked` to the state.
    fn apply_booked(state: &mut Order, event: Booked);
    #[doc(hidden)]
    #[allow(unused_variables, reason = "there may be no events")]
    fn __angzarr_fold(
        state: &mut Order,
        event: &::angzarr_runtime::Payload,
    ) -> ::core::result::Result<(), ::angzarr_runtime::Failure>
    where
        Self: ::core::marker::Sized,
    {
        match &*event.type_name {
            <Placed as ::angzarr_runtime::Event>::TYPE_NAME => {
                ::angzarr_runtime::component::fold(state, event, Self::apply_placed)
            }
            <Paid as ::angzarr_runtime::Event>::TYPE_NAME => {
                ::angzarr_runtime::component::fold(state, event, Self::apply_paid)
            }
            <Booked as ::angzarr_runtime::Event>::TYPE_NAME => {
                ::angzarr_runtime::component::fold(state, event, Self::apply_booked)
            }
            _ => {
                ::core::result::Result::Err(
                    ::angzarr_runtime::component::unhandled("shop.v1.app.Orders", event),
                )
            }
        }
    }
    #[doc(hidden)]
    #[allow(unused_variables, reason = "there may be no compensations")]
    fn __angzarr_decide<'a>(
        &'a self,
        state: &'a Order,
        input: &'a ::angzarr_runtime::component::Input,
        cx: &'a ::angzarr_runtime::Context,
    ) -> ::angzarr_runtime::component::Deciding<
        'a,
        ::std::vec::Vec<::angzarr_runtime::Emission>,
    >
    where
        Self: ::core::marker::Sized,
    {
        match input {
            ::angzarr_runtime::component::Input::Command(payload) => {
                match &*payload.type_name {
                    <Place as ::angzarr_runtime::Command>::TYPE_NAME => {
                        ::angzarr_runtime::component::deciding(async move {
                            let returned = self
                                .place(
                                    state,
                                    ::angzarr_runtime::component::handle::decode_command(
                                        payload,
                                        cx,
                                    )?,
                                    cx,
                                )
                                .await?;
                            ::core::result::Result::Ok(
                                ::angzarr_runtime::component::emit::events(returned)?,
                            )
                        })
                    }
                    _ => {
                        ::angzarr_runtime::component::handle::unhandled(
                            "shop.v1.app.Orders",
                            payload,
                        )
                    }
                }
            }
            ::angzarr_runtime::component::Input::Fact(payload) => {
                match &*payload.type_name {
                    <Paid as ::angzarr_runtime::Event>::TYPE_NAME => {
                        ::angzarr_runtime::component::deciding(async move {
                            let returned = self
                                .record_payment(
                                    state,
                                    ::angzarr_runtime::component::handle::decode_fact(
                                        payload,
                                        cx,
                                    )?,
                                    cx,
                                )
                                .await;
                            ::core::result::Result::Ok(
                                ::angzarr_runtime::component::emit::event(returned)?,
                            )
                        })
                    }
                    _ => {
                        ::angzarr_runtime::component::handle::unhandled(
                            "shop.v1.app.Orders",
                            payload,
                        )
                    }
                }
            }
            ::angzarr_runtime::component::Input::Refusal {
                command: payload,
                rejection,
            } => {
                match &*payload.type_name {
                    <Reserve as ::angzarr_runtime::Command>::TYPE_NAME => {
                        ::angzarr_runtime::component::deciding(async move {
                            let returned = self
                                .hold(
                                    state,
                                    ::angzarr_runtime::component::decode_refused(
                                        payload,
                                        rejection,
                                    )?,
                                    cx,
                                )
                                .await;
                            ::core::result::Result::Ok(
                                ::angzarr_runtime::component::emit::nothing(returned)?,
                            )
                        })
                    }
                    _ => {
                        ::angzarr_runtime::component::handle::unhandled(
                            "shop.v1.app.Orders",
                            payload,
                        )
                    }
                }
            }
        }
    }
    #[doc(hidden)]
    #[allow(unused_variables, reason = "there may be no queries")]
    fn __angzarr_query<'a>(
        &'a self,
        state: &'a Order,
        query: &'a ::angzarr_runtime::Payload,
        cx: &'a ::angzarr_runtime::Context,
    ) -> ::angzarr_runtime::component::Deciding<'a, ::angzarr_runtime::Payload>
    where
        Self: ::core::marker::Sized,
    {
        match &*query.type_name {
            <GetOrder as ::angzarr_runtime::Query>::TYPE_NAME => {
                ::angzarr_runtime::component::deciding(async move {
                    let returned = self.get(state, query.decode()?, cx).await?;
                    ::core::result::Result::Ok(
                        ::angzarr_runtime::component::emit::answer::<GetOrder>(&returned),
                    )
                })
            }
            _ => {
                ::angzarr_runtime::component::handle::unhandled(
                    "shop.v1.app.Orders",
                    query,
                )
            }
        }
    }
    #[doc(hidden)]
    fn __angzarr_aggregate(self) -> ::angzarr_runtime::component::Registration
    where
        Self: ::core::marker::Sized,
    {
        static SPEC: ::angzarr_runtime::component::AggregateSpec = ::angzarr_runtime::component::AggregateSpec {
            name: "shop.v1.app.Orders",
            domain: "orders",
            snapshot: ::angzarr_runtime::component::SnapshotSpec {
                every: 0u32,
                version: 0u32,
                shape: "",
            },
            commands: &[<Place as ::angzarr_runtime::Command>::TYPE_NAME],
            facts: &[::angzarr_runtime::component::recorded::<Paid>()],
            compensations: &[<Reserve as ::angzarr_runtime::Command>::TYPE_NAME],
            queries: &[<GetOrder as ::angzarr_runtime::Query>::TYPE_NAME],
            events: &[
                ::angzarr_runtime::component::written::<Placed>(),
                ::angzarr_runtime::component::written::<Paid>(),
                ::angzarr_runtime::component::written::<Booked>(),
            ],
            stored_as: &[
                ::angzarr_runtime::component::StoredNames::of::<Placed>(),
                ::angzarr_runtime::component::StoredNames::of::<Paid>(),
                ::angzarr_runtime::component::StoredNames::of::<Booked>(),
            ],
        };
        ::angzarr_runtime::component::aggregate::<
            Self,
            Order,
        >(
            self,
            &SPEC,
            Self::__angzarr_decide,
            Self::__angzarr_query,
            Self::__angzarr_fold,
        )
    }
}
