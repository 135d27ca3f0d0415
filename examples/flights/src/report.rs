//! What a run ends with: the same numbers as JSON and as tables.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Cell, CellAlignment, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Numbers of a whole month. Serialised with exactly these keys, in this order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Scheduled flights.
    pub flights: u64,
    /// Stored events of the domains flights and aircraft.
    pub events: u64,
    /// How long the run took, in seconds.
    pub seconds: f64,
    /// By the carrier's code.
    pub carriers: BTreeMap<String, Carrier>,
    /// Days with ten cancellations or more, by origin, then date.
    pub disruptions: Vec<Disruption>,
    /// Take-offs as the aircraft saw them.
    pub aircraft: Aircraft,
    /// Flights that hold a compensation, because their aircraft was still in the air.
    pub flights_with_conflict: u64,
}

/// What became of a carrier's flights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrier {
    /// All its flights.
    pub scheduled: u64,
    /// Flights that did not take off.
    pub cancelled: u64,
    /// Flights that took off.
    pub departed: u64,
    /// Flights that landed where they were meant to.
    pub arrived: u64,
    /// Flights that landed elsewhere.
    pub diverted: u64,
    /// Departures that were 15 minutes late or more.
    pub departed_late: u64,
    /// Sum of the arrival delays; early arrivals count negative.
    pub arrival_delay_minutes: i64,
}

/// A day on which ten or more departures from one airport were cancelled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Disruption {
    /// The airport's code.
    pub origin: String,
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// Cancellations of the whole day.
    pub cancelled: u64,
}

/// Take-offs as the aircraft saw them; those of unknown aircraft are in neither number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aircraft {
    /// By aircraft on the ground.
    pub takeoffs_accepted: u64,
    /// Of aircraft that were in the air already.
    pub takeoffs_rejected: u64,
}

impl AddAssign for Carrier {
    fn add_assign(&mut self, other: Carrier) {
        self.scheduled += other.scheduled;
        self.cancelled += other.cancelled;
        self.departed += other.departed;
        self.arrived += other.arrived;
        self.diverted += other.diverted;
        self.departed_late += other.departed_late;
        self.arrival_delay_minutes += other.arrival_delay_minutes;
    }
}

impl Report {
    /// Sum over all carriers.
    pub fn totals(&self) -> Carrier {
        let mut totals = Carrier::default();
        for carrier in self.carriers.values() {
            totals += *carrier;
        }
        totals
    }

    /// The report as a person reads it: carriers with their totals, disruptions, aircraft, and the effort.
    pub fn tables(&self) -> String {
        let summary = format!(
            "{} flights, {} events in {:.1} s",
            thousands(self.flights.into()),
            thousands(self.events.into()),
            self.seconds
        );
        [self.carrier_table(), self.disruption_table(), self.aircraft_table(), summary].join("\n\n")
    }

    fn carrier_table(&self) -> String {
        let mut table = table(&[
            "Carrier",
            "Scheduled",
            "Cancelled",
            "Departed",
            "Arrived",
            "Diverted",
            "Late",
            "Arrival delay (min)",
        ]);
        let totals = self.totals();
        let carriers = self.carriers.iter().map(|(code, carrier)| (code.as_str(), carrier));
        for (code, carrier) in carriers.chain([("Total", &totals)]) {
            let counts = [
                carrier.scheduled,
                carrier.cancelled,
                carrier.departed,
                carrier.arrived,
                carrier.diverted,
                carrier.departed_late,
            ];
            let numbers = counts.map(i128::from).into_iter().chain([carrier.arrival_delay_minutes.into()]);
            table.add_row([Cell::new(code)].into_iter().chain(numbers.map(number)));
        }
        table.to_string()
    }

    fn disruption_table(&self) -> String {
        if self.disruptions.is_empty() {
            return "No disruptions.".to_owned();
        }
        let mut table = table(&["Disruption", "Date", "Cancelled"]);
        for disruption in &self.disruptions {
            let names = [&disruption.origin, &disruption.date].map(Cell::new);
            table.add_row(names.into_iter().chain([number(disruption.cancelled.into())]));
        }
        table.to_string()
    }

    fn aircraft_table(&self) -> String {
        let mut table = table(&["Aircraft", "Number"]);
        for (name, count) in [
            ("Take-offs accepted", self.aircraft.takeoffs_accepted),
            ("Take-offs rejected", self.aircraft.takeoffs_rejected),
            ("Flights with a conflict", self.flights_with_conflict),
        ] {
            table.add_row([Cell::new(name), number(count.into())]);
        }
        table.to_string()
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_BORDERS_ONLY).set_header(header);
    table
}

fn number(value: i128) -> Cell {
    Cell::new(thousands(value)).set_alignment(CellAlignment::Right)
}

/// `-1234567` as `-1,234,567`.
fn thousands(value: i128) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (-161_819, "-161,819"), (-100, "-100")];
        for (value, text) in cases {
            assert_eq!(thousands(value), text);
        }
    }

    #[test]
    fn json_has_exactly_the_published_keys_in_order() {
        let mut report = Report { flights: 1, events: 2, seconds: 0.5, ..Report::default() };
        report.carriers.insert("UA".to_owned(), Carrier { scheduled: 1, ..Carrier::default() });
        report.disruptions.push(Disruption { origin: "EWR".to_owned(), date: "2013-01-16".to_owned(), cancelled: 16 });
        let expected = concat!(
            r#"{"flights":1,"events":2,"seconds":0.5,"carriers":{"UA":{"scheduled":1,"cancelled":0,"departed":0,"#,
            r#""arrived":0,"diverted":0,"departed_late":0,"arrival_delay_minutes":0}},"#,
            r#""disruptions":[{"origin":"EWR","date":"2013-01-16","cancelled":16}],"#,
            r#""aircraft":{"takeoffs_accepted":0,"takeoffs_rejected":0},"flights_with_conflict":0}"#,
        );
        assert_eq!(serde_json::to_string(&report).unwrap(), expected);
    }

    #[test]
    fn tables_hold_carriers_totals_disruptions_and_aircraft() {
        let mut report = Report::default();
        report.carriers.insert("UA".to_owned(), Carrier { scheduled: 1200, ..Carrier::default() });
        report.carriers.insert("9E".to_owned(), Carrier { scheduled: 34, ..Carrier::default() });
        let text = report.tables();
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("`{part}` is missing in\n{text}"));
        assert!(place("9E") < place("UA") && place("UA") < place("Total"));
        assert!(place("1,234") < place("No disruptions."));
        assert!(place("No disruptions.") < place("Take-offs accepted"));
    }
}
