/// Takes orders.
///
///The component `shop.v1.app.Orders`.
pub trait Orders: ::core::marker::Send + ::core::marker::Sync + 'static {
    /**Says more.

Decides on `Place`. Declared at orders.proto:1:2.*/
    ///
    /// # Errors
    /// The rejection, if the rules say no.
    fn place(
        &self,
        state: &super::Order,
        command: Place,
        cx: &::angzarr_runtime::Context,
    ) -> ::core::result::Result<Placed, ::angzarr_runtime::Rejection>;
    ///Decides on `Move`.
    ///
    /// # Errors
    /// The rejection, if the rules say no.
    fn r#move(
        &self,
        state: &super::Order,
        command: Move,
        cx: &::angzarr_runtime::Context,
    ) -> ::core::result::Result<::std::vec::Vec<Moves>, ::angzarr_runtime::Rejection>;
    ///Takes note of `Paid`, which is stored before what is returned; `state` is that before it.
    fn record_payment(
        &self,
        state: &super::Order,
        fact: Paid,
        cx: &::angzarr_runtime::Context,
    ) -> ::std::vec::Vec<Placed>;
    ///Answers the refusal of a `Reserve` that one of this aggregate's events led to.
    fn hold(
        &self,
        state: &super::Order,
        refused: ::angzarr_runtime::Refused<::stock::Reserve>,
        cx: &::angzarr_runtime::Context,
    ) -> ();
    ///Answers `GetOrder`. Nothing is stored.
    ///
    /// # Errors
    /// The rejection, if the rules say no.
    fn get(
        &self,
        state: &super::Order,
        query: GetOrder,
        cx: &::angzarr_runtime::Context,
    ) -> ::core::result::Result<Summary, ::angzarr_runtime::Rejection>;
    ///Applies `Placed` to the state.
    fn apply_placed(state: &mut super::Order, event: Placed);
    ///Applies `Moved` to the state.
    fn apply_moved(state: &mut super::Order, event: Moved);
    ///Applies `Paid` to the state.
    fn apply_paid(state: &mut super::Order, event: Paid);
    #[doc(hidden)]
    #[allow(unused_variables, reason = "there may be no events")]
    fn __angzarr_fold(
        state: &mut super::Order,
        event: &::angzarr_runtime::Payload,
    ) -> ::core::result::Result<(), ::angzarr_runtime::Failure>
    where
        Self: ::core::marker::Sized,
    {
        match &*event.type_name {
            <Placed as ::angzarr_runtime::Event>::TYPE_NAME => {
                ::angzarr_runtime::component::fold(state, event, Self::apply_placed)
            }
            <Moved as ::angzarr_runtime::Event>::TYPE_NAME => {
                ::angzarr_runtime::component::fold(state, event, Self::apply_moved)
            }
            <Paid as ::angzarr_runtime::Event>::TYPE_NAME => {
                ::angzarr_runtime::component::fold(state, event, Self::apply_paid)
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
        state: &'a super::Order,
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
                        ::angzarr_runtime::component::handle::command(
                            self,
                            state,
                            payload,
                            cx,
                            Self::place,
                            ::angzarr_runtime::component::emit::event,
                        )
                    }
                    <Move as ::angzarr_runtime::Command>::TYPE_NAME => {
                        ::angzarr_runtime::component::handle::command(
                            self,
                            state,
                            payload,
                            cx,
                            Self::r#move,
                            ::angzarr_runtime::component::emit::unions,
                        )
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
                        ::angzarr_runtime::component::handle::fact(
                            self,
                            state,
                            payload,
                            cx,
                            Self::record_payment,
                            ::angzarr_runtime::component::emit::events,
                        )
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
                    <::stock::Reserve as ::angzarr_runtime::Command>::TYPE_NAME => {
                        ::angzarr_runtime::component::handle::compensation(
                            self,
                            state,
                            (payload, rejection),
                            cx,
                            Self::hold,
                            ::angzarr_runtime::component::emit::nothing,
                        )
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
        state: &'a super::Order,
        query: &'a ::angzarr_runtime::Payload,
        cx: &'a ::angzarr_runtime::Context,
    ) -> ::angzarr_runtime::component::Deciding<'a, ::angzarr_runtime::Payload>
    where
        Self: ::core::marker::Sized,
    {
        match &*query.type_name {
            <GetOrder as ::angzarr_runtime::Query>::TYPE_NAME => {
                ::angzarr_runtime::component::handle::query(
                    self,
                    state,
                    query,
                    cx,
                    Self::get,
                )
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
        let _ = <Refusal as ::angzarr_runtime::RejectionCode>::code;
        static SPEC: ::angzarr_runtime::component::AggregateSpec = ::angzarr_runtime::component::AggregateSpec {
            name: "shop.v1.app.Orders",
            domain: "orders",
            snapshot: ::angzarr_runtime::component::SnapshotSpec {
                every: 100u32,
                version: 1u32,
                shape: "abc",
            },
            commands: &[
                <Place as ::angzarr_runtime::Command>::TYPE_NAME,
                <Move as ::angzarr_runtime::Command>::TYPE_NAME,
            ],
            facts: &[::angzarr_runtime::component::recorded::<Paid>()],
            compensations: &[
                <::stock::Reserve as ::angzarr_runtime::Command>::TYPE_NAME,
            ],
            queries: &[<GetOrder as ::angzarr_runtime::Query>::TYPE_NAME],
            events: &[
                ::angzarr_runtime::component::written::<Placed>(),
                ::angzarr_runtime::component::written::<Moved>(),
                ::angzarr_runtime::component::written::<Paid>(),
            ],
            stored_as: &[
                ::angzarr_runtime::component::StoredNames::of::<Placed>(),
                ::angzarr_runtime::component::StoredNames::of::<Moved>(),
                ::angzarr_runtime::component::StoredNames::of::<Paid>(),
            ],
        };
        ::angzarr_runtime::component::aggregate::<
            Self,
            super::Order,
        >(
            self,
            &SPEC,
            Self::__angzarr_decide,
            Self::__angzarr_query,
            Self::__angzarr_fold,
        )
    }
}
