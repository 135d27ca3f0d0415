//! How events reach a consumer.

use std::time::Duration;

/// Attempts at an event, and what happens when they are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How often an event is tried in all; at least once.
    pub attempts: u32,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// What becomes of an event that failed each time.
    pub on_failure: OnFailure,
}

impl Delivery {
    /// What holds unless a component says otherwise: six attempts of 30 seconds, then the lane is parked.
    pub const DEFAULT: Self = Self { attempts: 6, timeout: Duration::from_secs(30), on_failure: OnFailure::Park };
}

/// What is to differ from the [`Delivery`] that a component declares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryOverride {
    /// See [`Delivery::attempts`].
    pub attempts: Option<u32>,
    /// See [`Delivery::timeout`].
    pub timeout: Option<Duration>,
    /// See [`Delivery::on_failure`].
    pub on_failure: Option<OnFailure>,
}

impl DeliveryOverride {
    /// What holds for a component that declares this.
    pub(crate) fn over(self, declared: Delivery) -> Delivery {
        Delivery {
            attempts: self.attempts.unwrap_or(declared.attempts),
            timeout: self.timeout.unwrap_or(declared.timeout),
            on_failure: self.on_failure.unwrap_or(declared.on_failure),
        }
    }
}

impl From<Delivery> for DeliveryOverride {
    fn from(Delivery { attempts, timeout, on_failure }: Delivery) -> Self {
        Self { attempts: Some(attempts), timeout: Some(timeout), on_failure: Some(on_failure) }
    }
}

/// What becomes of an event that failed each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// It becomes a dead letter, and its lane is parked: later events are kept aside, in order.
    Park,
    /// It becomes a dead letter, and its lane goes on.
    Skip,
    /// The consumer stops before it.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_overridden_is_as_declared() {
        let declared = Delivery { attempts: 2, timeout: Duration::from_secs(3), on_failure: OnFailure::Stop };
        assert_eq!(DeliveryOverride::default().over(declared), declared);
        let attempts = DeliveryOverride { attempts: Some(9), ..DeliveryOverride::default() };
        assert_eq!(attempts.over(declared), Delivery { attempts: 9, ..declared });
        assert_eq!(DeliveryOverride::from(Delivery::DEFAULT).over(declared), Delivery::DEFAULT);
    }
}
