//! Records by what they are about.

use fusebox_turns::Record;

/// All that was measured; at least one thing.
pub(crate) struct Records(Vec<Record>);

impl Records {
    /// Reads records, one a line.
    ///
    /// # Errors
    ///
    /// If a line is none, or if there is none.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let records = Record::read(text)?;
        match records.is_empty() {
            true => Err("there are no records: no bench measured anything".to_owned()),
            false => Ok(Self(records)),
        }
    }

    /// The records of a bench, in the order in which they were made.
    pub(crate) fn of(&self, bench: &str) -> impl Iterator<Item = &Record> + Clone {
        self.0.iter().filter(move |record| record.bench == bench)
    }

    /// The same, of Fusebox alone.
    pub(crate) fn ours(&self, bench: &str) -> impl Iterator<Item = &Record> + Clone {
        self.of(bench).filter(|record| record.engine == "fusebox")
    }
}

/// Each once, in the order in which they come first.
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
    fn no_record_is_an_error_that_says_so() {
        let error = Records::read("\n").err().unwrap();
        assert_eq!(error, "there are no records: no bench measured anything");
    }

    #[test]
    fn a_line_that_is_none_is_an_error_with_its_number() {
        let error = Records::read("{}\nnothing").err().unwrap();
        assert!(error.starts_with("line 2: "), "{error}");
    }

    #[test]
    fn what_comes_twice_is_there_once() {
        assert_eq!(distinct([3, 1, 3, 2, 1].into_iter()), [3, 1, 2]);
    }
}
