//! Comparison of the cases of a function with what its calls give.

use arrow_array::ArrayRef;
use fusebox_runtime::{Kind, Scope};
use serde_json::Value;

use crate::case::CaseLine;
use crate::difference::Place;
use crate::execution::{Callable, Outcome};

/// Rows of a batch, beside one and all.
const BATCH: usize = 3;

/// Cases of a function that is called.
pub(crate) struct CaseCheck<'a> {
    pub(crate) name: &'a str,
    pub(crate) callable: &'a Callable,
    pub(crate) cases: &'a [CaseLine],
}

/// Columns of the rows of a stateful case, and the number of rows.
type Columns = (Vec<ArrayRef>, usize);

impl CaseCheck<'_> {
    /// Returns one line for each difference.
    ///
    /// # Errors
    ///
    /// The number of a case that does not fit the function, and the problem.
    pub(crate) fn differences(&self, kind: Kind) -> Result<Vec<String>, (usize, String)> {
        match kind {
            Kind::Scalar => self.scalar(),
            _ => self.stateful(kind),
        }
    }

    fn scalar(&self) -> Result<Vec<String>, (usize, String)> {
        let arguments = self.cases.iter().enumerate().map(|(number, case)| {
            let is_other = case.answer.is_some() == case.failure.is_some();
            let arguments = case.arguments.as_deref().filter(|_| !is_other);
            let problem = "expected arguments, and an answer or a failure, found another case";
            arguments.ok_or((number, problem.to_owned()))
        });
        let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
        let columns = match self.callable.columns(&arguments) {
            Ok(columns) => columns,
            // Again, to know the case.
            Err(_) => {
                for (number, row) in arguments.iter().enumerate() {
                    let column = self.callable.columns(&[*row]);
                    column.map_err(|problem| (number, problem))?;
                }
                return Err((
                    0,
                    "expected columns of bounded size, found larger".to_owned(),
                ));
            }
        };
        let mut found = Vec::new();
        let mut sizes = vec![1, BATCH, self.cases.len()];
        sizes.dedup();
        // What a function remembers depends on its batches.
        sizes.truncate(if self.callable.keeps_state() {
            1
        } else {
            sizes.len()
        });
        for batch in sizes {
            self.scalar_batches(&columns, batch, &mut found);
        }
        Ok(found)
    }

    /// Calls the function for all rows in batches, which end before and behind each row that
    /// fails: a batch ends with the first of them.
    fn scalar_batches(&self, columns: &[ArrayRef], batch: usize, found: &mut Vec<String>) {
        let scope = Callable::scope();
        let mut first = 0;
        while first < self.cases.len() {
            let rest = &self.cases[first..self.cases.len().min(first + batch)];
            let failing = rest.iter().position(|case| case.failure.is_some());
            if let Some(failing @ 1..) = failing {
                self.scalar_batch(columns, (first, failing), batch, &scope, found);
            }
            let rows = failing.map_or(rest.len(), |failing| failing + 1);
            self.scalar_batch(columns, (first, rest.len()), batch, &scope, found);
            first += rows;
        }
    }

    fn scalar_batch(
        &self,
        columns: &[ArrayRef],
        (first, rows): (usize, usize),
        batch: usize,
        scope: &Scope,
        found: &mut Vec<String>,
    ) {
        let cases = &self.cases[first..first + rows];
        let outcome = self.callable.call(columns, (first, rows), scope);
        let place = |row: usize| Place {
            function: self.name,
            case: first + row,
            batch,
        };
        let failing = cases.iter().position(|case| case.failure.is_some());
        if let Some(row) = failing {
            let alone = cases[row].failure.clone();
            let expected = alone.map(|failure| failure.shifted(row));
            let is_same = match (&expected, &outcome.failure) {
                (Some(expected), Some(failure)) if rows > 1 => failure.is_in_batch(expected),
                (expected, failure) => expected == failure,
            };
            if !is_same {
                let line = place(row).verdict(expected.as_ref(), outcome.failure.as_ref());
                found.push(line);
            }
            return;
        }
        if let Some(failure) = &outcome.failure {
            let row = failure.row.and_then(|row| usize::try_from(row).ok());
            let row = row.filter(|row| *row < rows).unwrap_or_default();
            found.push(place(row).verdict(None, Some(failure)));
            return;
        }
        let expected = cases.iter().map(|case| case.answer.as_ref());
        let expected = expected.collect::<Vec<_>>();
        for (row, expected) in expected.into_iter().enumerate() {
            let answer = outcome.answers.get(row);
            if answer != expected {
                found.push(place(row).value("answer", expected, answer));
            }
        }
        let fuel = cases[0]
            .fuel
            .filter(|fuel| batch == 1 && *fuel != outcome.fuel);
        found.extend(fuel.map(|fuel| place(0).fuel(fuel, outcome.fuel)));
    }

    fn stateful(&self, kind: Kind) -> Result<Vec<String>, (usize, String)> {
        let mut found = Vec::new();
        for (number, case) in self.cases.iter().enumerate() {
            let columns = self.columns(kind, case);
            let (columns, rows) = columns.map_err(|problem| (number, problem))?;
            let mut sizes = vec![1, BATCH, rows.max(1)];
            sizes.dedup();
            for batch in sizes {
                let outcome = outcome(self.callable, kind, case, (&columns, rows), batch);
                let place = Place {
                    function: self.name,
                    case: number,
                    batch,
                };
                compare(case, &outcome, place, &mut found);
            }
        }
        Ok(found)
    }

    /// Makes the columns of a case, which has to fit the kind of the function.
    fn columns(&self, kind: Kind, case: &CaseLine) -> Result<Columns, String> {
        let is_other = case.answers.is_some() == case.failure.is_some();
        let wrong = |expected: &str| format!("expected {expected}, found another case");
        if is_other {
            return Err(wrong("answers or a failure"));
        }
        if kind == Kind::Table {
            let arguments = case.arguments.as_deref();
            let arguments = arguments.ok_or_else(|| wrong("arguments of a table"))?;
            return Ok((self.callable.columns(&[arguments])?, BATCH + 1));
        }
        let rows = case
            .rows
            .as_ref()
            .ok_or_else(|| wrong("rows of arguments"))?;
        let rows: Vec<&[Value]> = rows.iter().map(Vec::as_slice).collect();
        let columns = self.callable.columns(&rows)?;
        if kind == Kind::Aggregate {
            let groups = case.groups.as_deref().unwrap_or_default();
            let is_bounded = groups.iter().all(|group| (*group as usize) < rows.len());
            if groups.len() != rows.len() || !is_bounded {
                return Err(wrong("a group below the number of rows for each row"));
            }
        }
        let peers = case.peers.as_deref().unwrap_or_default();
        let count = rows.len() as u64;
        let is_ordered = peers
            .iter()
            .all(|[first, end]| first < end && *end <= count);
        if !is_ordered
            || (kind == Kind::Window && case.peers.is_some() != self.callable.has_ranks())
        {
            return Err(wrong("ranges of peer rows for a function over ranks alone"));
        }
        Ok((columns, rows.len()))
    }
}

/// Calls a function that keeps state for a case.
pub(crate) fn outcome(
    callable: &Callable,
    kind: Kind,
    case: &CaseLine,
    (columns, rows): (&[ArrayRef], usize),
    batch: usize,
) -> Outcome {
    match kind {
        Kind::Aggregate => {
            let groups = case.groups.as_deref().unwrap_or_default();
            callable.aggregate(columns, groups, batch)
        }
        Kind::Window => callable.window(columns, rows, case.peers.as_deref(), batch),
        _ => callable.table(columns, batch),
    }
}

fn compare(case: &CaseLine, outcome: &Outcome, place: Place<'_>, found: &mut Vec<String>) {
    let failure = outcome.failure.as_ref();
    let is_same = match (&case.failure, failure) {
        (Some(expected), Some(failure)) => failure.is_in_batch(expected),
        (expected, failure) => expected.as_ref() == failure,
    };
    if !is_same {
        found.push(place.verdict(case.failure.as_ref(), failure));
    }
    if case.failure.is_some() || failure.is_some() {
        return;
    }
    let [states, merged] = outcome
        .states
        .clone()
        .map_or([None, None], |states| states.map(Some));
    for (what, expected, answers) in [
        ("answer", &case.answers, &Some(outcome.answers.clone())),
        ("state", &case.states, &states),
        ("merged answer", &case.merged, &merged),
    ] {
        let [expected, answers] =
            [expected, answers].map(|list| list.as_deref().unwrap_or_default());
        for position in 0..expected.len().max(answers.len()) {
            let (expected, answer) = (expected.get(position), answers.get(position));
            if expected != answer {
                let what = format!("{what} {position}");
                found.push(place.value(&what, expected, answer));
            }
        }
    }
    let fuel = case
        .fuel
        .filter(|fuel| place.batch == 1 && *fuel != outcome.fuel);
    found.extend(fuel.map(|fuel| place.fuel(fuel, outcome.fuel)));
}
