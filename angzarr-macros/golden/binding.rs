#[automatically_derived]
impl<P: Prices, const LIMIT: u32> ::angzarr_runtime::component::Component
for Book<P, LIMIT>
where
    P: Clone,
{
    fn register(self) -> ::angzarr_runtime::component::Registration {
        <Self as crate::Orders>::__angzarr_aggregate(self)
    }
}
