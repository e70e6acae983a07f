//! Records, selected by bench.

use fusebox_paired::Record;

/// All records of a run; at least one.
pub(crate) struct Records(Vec<Record>);

impl Records {
    /// Parses records, one a line.
    ///
    /// # Errors
    ///
    /// If a line is not a record, or if there are no records.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let records = Record::read(text)?;
        match records.is_empty() {
            true => Err("no records: no measurement was selected".to_owned()),
            false => Ok(Self(records)),
        }
    }

    /// Returns the records of a bench, in the order of the run.
    pub(crate) fn of(&self, bench: &str) -> impl Iterator<Item = &Record> + Clone {
        self.0.iter().filter(move |record| record.bench == bench)
    }

    /// Returns the records of a bench whose engine is Fusebox.
    pub(crate) fn of_fusebox(&self, bench: &str) -> impl Iterator<Item = &Record> + Clone {
        self.of(bench).filter(|record| record.engine == "fusebox")
    }
}

/// Removes duplicates, keeping the order.
pub(crate) fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut known = Vec::new();
    for one in all {
        if !known.contains(&one) {
            known.push(one);
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_records_is_an_error() {
        let error = Records::read("\n").err().unwrap();
        assert_eq!(error, "no records: no measurement was selected");
    }

    #[test]
    fn the_error_of_an_invalid_line_has_its_number() {
        let error = Records::read("{}\nnothing").err().unwrap();
        assert!(error.starts_with("line 2: "), "{error}");
    }

    #[test]
    fn duplicates_are_removed_and_the_order_is_kept() {
        assert_eq!(distinct([3, 1, 3, 2, 1].into_iter()), [3, 1, 2]);
    }
}
