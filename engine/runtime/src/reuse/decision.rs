//! The choice between asking each row and looking rows up.
//!
//! Costs are estimated from fuel and from sizes, and never measured: what a guest is asked
//! depends on no clock.

/// Time that a unit of fuel takes, in nanoseconds.
const NANOS_PER_FUEL: f64 = 0.3;

/// Time of asking a row below which no look-up is cheaper, in nanoseconds.
const ASK_NANOS_MIN: f64 = 6.0;

/// Factor by which looking up has to be cheaper.
const MARGIN: f64 = 1.1;

/// Batches between two trials, at most.
const PAUSE_MAX: u32 = 1 << 10;

/// Trials that gains may pay at most.
const CREDIT_TRIALS_MAX: f64 = 2.0;

/// Expected costs of a row, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Costs {
    /// Of asking it.
    pub(super) ask: f64,
    /// Of looking it up, and taking its answer.
    pub(super) find: f64,
    /// Of keeping its answer.
    pub(super) keep: f64,
}

impl Costs {
    /// Returns the expected time of asking a row that burns `fuel` and takes `border`
    /// nanoseconds outside of the guest.
    pub(super) fn of_asking(fuel: f64, border: f64) -> f64 {
        fuel * NANOS_PER_FUEL + border
    }

    /// Returns true if no look-up is cheaper than asking a row for `ask` nanoseconds.
    pub(super) fn are_below_any_gain(ask: f64) -> bool {
        ask < ASK_NANOS_MIN
    }

    /// Returns the time of looking up `rows` rows all of which are new.
    fn of_trial(&self, rows: usize) -> f64 {
        rows as f64 * (self.find + self.keep)
    }

    /// Returns the time that looking up saved for `rows` rows of which `asked` were asked.
    fn gain(&self, rows: usize, asked: f64) -> f64 {
        let rows = rows as f64;
        (rows - asked) * self.ask - rows * self.find - asked * self.keep
    }
}

/// Choice for the batches of a site.
#[derive(Debug)]
pub(super) struct Decision {
    state: State,
    /// Batches of the next pause.
    pause: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Each row is asked, for so many batches.
    Paused(u32),
    /// Rows are looked up; gains and losses so far, in nanoseconds.
    On { credit: f64 },
    /// Each row is asked.
    Ended,
}

impl Default for Decision {
    fn default() -> Self {
        Self {
            state: State::Paused(0),
            pause: 1,
        }
    }
}

impl Decision {
    /// Returns true if rows are looked up.
    pub(super) fn is_on(&self) -> bool {
        matches!(self.state, State::On { .. })
    }

    /// Returns true if a batch should be judged, because rows are not looked up and a pause
    /// has ended; counts the batch otherwise.
    pub(super) fn is_due(&mut self) -> bool {
        match &mut self.state {
            State::On { .. } | State::Ended => false,
            State::Paused(0) => true,
            State::Paused(left) => {
                *left -= 1;
                false
            }
        }
    }

    /// Begins to look up rows if that is expected to be faster for `rows` rows of which
    /// `distinct` are distinct, or else pauses.
    pub(super) fn judge(&mut self, rows: usize, distinct: f64, costs: Costs) {
        let without = rows as f64 * costs.ask;
        let with = without - costs.gain(rows, distinct);
        match !Costs::are_below_any_gain(costs.ask) && without > MARGIN * with {
            true => {
                let credit = costs.of_trial(rows);
                self.state = State::On { credit };
            }
            false => self.pause(),
        }
    }

    /// Adds the gain of a batch of `rows` rows of which `asked` were asked; returns false if
    /// the losses are more than one trial more than the gains, and rows are looked up no
    /// longer.
    pub(super) fn settle(&mut self, rows: usize, asked: usize, costs: Costs) -> bool {
        let State::On { credit } = &mut self.state else {
            return true;
        };
        let most = CREDIT_TRIALS_MAX * costs.of_trial(rows);
        *credit = (*credit + costs.gain(rows, asked as f64)).min(most);
        if *credit >= most {
            self.pause = 1;
        }
        let goes_on = *credit >= 0.0;
        if !goes_on {
            self.pause();
        }
        goes_on
    }

    /// Pauses, for twice as long as the last time.
    pub(super) fn pause(&mut self) {
        self.state = State::Paused(self.pause);
        self.pause = (2 * self.pause).min(PAUSE_MAX);
    }

    /// Ends look-ups for good.
    pub(super) fn end(&mut self) {
        self.state = State::Ended;
    }

    /// Returns true if look-ups have ended.
    pub(super) fn has_ended(&self) -> bool {
        self.state == State::Ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = 8_192;

    /// Costs of numbers, for a function of so many nanoseconds a row.
    fn numbers(ask: f64) -> Costs {
        Costs {
            ask,
            find: 2.6,
            keep: 10.0,
        }
    }

    fn judged(ask: f64, distinct: f64) -> bool {
        let mut decision = Decision::default();
        assert!(decision.is_due());
        decision.judge(ROWS, distinct, numbers(ask));
        decision.is_on()
    }

    #[test]
    fn rows_are_looked_up_if_that_is_faster_by_a_tenth() {
        assert!(judged(30.0, 16.0));
        assert!(judged(30.0, 0.4 * ROWS as f64));
        assert!(!judged(30.0, 0.9 * ROWS as f64));
        assert!(!judged(30.0, ROWS as f64));
        assert!(judged(6.0, 16.0));
        assert!(!judged(5.9, 16.0));
        // Even if asking is expensive, a tenth of the rows has to be known.
        assert!(!judged(10_000.0, 0.95 * ROWS as f64));
        assert!(judged(10_000.0, 0.85 * ROWS as f64));
    }

    #[test]
    fn pauses_double_while_looking_up_does_not_pay() {
        let mut decision = Decision::default();
        let mut judged = Vec::new();
        for batch in 0..100 {
            if decision.is_due() {
                judged.push(batch);
                decision.judge(ROWS, ROWS as f64, numbers(30.0));
            }
        }
        assert_eq!(judged, [0, 2, 5, 10, 19, 36, 69]);
    }

    #[test]
    fn one_trial_may_be_lost_and_gains_pay_for_another() {
        let costs = numbers(30.0);
        let mut decision = Decision::default();
        decision.judge(ROWS, 16.0, costs);
        // The sample misled: one batch of new rows uses the credit up.
        assert!(decision.settle(ROWS, ROWS, costs));
        assert!(!decision.settle(ROWS, ROWS, costs));
        assert!(!decision.is_on() && !decision.is_due());

        let mut decision = Decision::default();
        decision.judge(ROWS, 16.0, costs);
        for _ in 0..10 {
            assert!(decision.settle(ROWS, 16, costs));
        }
        assert!(decision.settle(ROWS, ROWS, costs));
        assert!(decision.settle(ROWS, ROWS, costs));
        assert!(!decision.settle(ROWS, ROWS, costs));
    }

    #[test]
    fn look_ups_that_have_ended_are_not_tried_again() {
        let mut decision = Decision::default();
        decision.end();
        assert!(decision.has_ended());
        assert!((0..10_000).all(|_| !decision.is_due() && !decision.is_on()));
    }
}
