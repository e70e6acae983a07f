//! Sites beside an oracle that compares rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, StringArray, UInt32Array};
use arrow_schema::DataType;
use arrow_select::concat::concat;
use arrow_select::take::take;
use fusebox_testing::{SplitMix64, TypeOptions, check_cases, data_type, random_array};
use proptest::prelude::*;

use super::*;
use crate::sandbox::MemoryReservation;

/// Reservation of a pool that has so many bytes left.
struct Share {
    left: Arc<AtomicUsize>,
    reserved: AtomicUsize,
}

impl Share {
    fn open(left: &Arc<AtomicUsize>) -> Box<dyn MemoryReservation> {
        Box::new(Self {
            left: Arc::clone(left),
            reserved: AtomicUsize::new(0),
        })
    }
}

impl MemoryReservation for Share {
    fn try_grow(&self, bytes: usize) -> bool {
        let fits = self.left.load(Ordering::Relaxed) >= bytes;
        if fits {
            self.left.fetch_sub(bytes, Ordering::Relaxed);
            self.reserved.fetch_add(bytes, Ordering::Relaxed);
        }
        fits
    }

    fn shrink(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
        self.reserved.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink(self.reserved.load(Ordering::Relaxed));
    }
}

/// A site with a guest that numbers the rows that it is asked.
struct Numbered {
    site: Site,
    left: Arc<AtomicUsize>,
    /// Rows that were asked.
    asked: Vec<Vec<ArrayRef>>,
    fuel_per_row: Option<f64>,
    is_forced: bool,
}

impl Numbered {
    fn new(types: &[DataType], bytes: usize) -> Self {
        let varying = |data_type: &DataType| SiteArgument::Varying(data_type.clone());
        let key = SiteKey {
            arguments: types.iter().map(varying).collect(),
            returns: DataType::Int64,
        };
        Self {
            site: Sites::default().take(key).unwrap(),
            left: Arc::new(AtomicUsize::new(bytes)),
            asked: Vec::new(),
            fuel_per_row: None,
            is_forced: true,
        }
    }

    fn forced(types: &[DataType]) -> Self {
        Self::new(types, 64 << 20)
    }

    /// Returns the number of each row, and how many rows were asked; `None` if each was.
    fn call(&mut self, columns: &[ArrayRef]) -> Option<(Vec<i64>, usize)> {
        let left = Arc::clone(&self.left);
        let open = move || Share::open(&left);
        let found = self.site.find(SiteBatch {
            columns,
            rows: columns[0].len(),
            fuel_per_row: self.fuel_per_row,
            is_row_by_row: false,
            is_forced: self.is_forced,
            open: &open,
        });
        let found = found.unwrap()?;
        assert!(found.asked.is_sorted());
        let first = self.asked.len() as i64;
        for row in &found.asked {
            let row = columns.iter().map(|column| column.slice(*row as usize, 1));
            self.asked.push(row.collect());
        }
        let new: ArrayRef = Arc::new(Int64Array::from_iter_values(first..self.asked.len() as i64));
        let answers = self.site.complete(&found, Some(&new)).unwrap().unwrap();
        let numbers = take(&answers, &UInt32Array::from(found.answers), None).unwrap();
        Some((
            numbers.as_primitive::<Int64Type>().values().to_vec(),
            found.asked.len(),
        ))
    }
}

/// Returns true if rows of columns are equal: by their bits, whatever is below a null.
fn are_equal(one: &[ArrayRef], other: &[ArrayRef]) -> bool {
    let rows = one.iter().zip(other);
    rows.map(|(one, other)| [one, other].map(|row| key_columns::plain(row).unwrap()))
        .all(|[one, other]| one == other)
}

/// Types that can be parts of keys, with dictionaries of them.
fn key_type() -> impl Strategy<Value = DataType> {
    let options = TypeOptions {
        depth: 1,
        ..TypeOptions::default()
    };
    data_type(options).prop_filter("of keys", is_key_type)
}

/// Makes batches of rows that occur several times: slices of longer columns, with different
/// garbage below nulls, and texts in blocks that rows share and in others.
fn batches(types: &[DataType], seed: u64) -> Vec<Vec<ArrayRef>> {
    let mut random = SplitMix64(seed);
    let kinds = 1 + random.below(12);
    let pools: Vec<_> = types
        .iter()
        .map(|data_type| random_array(data_type, kinds, true, &mut random))
        .collect();
    let batch = |random: &mut SplitMix64| -> Vec<ArrayRef> {
        let rows = 1 + random.below(60);
        let column = |pool: &ArrayRef| {
            let picked = (0..rows + 3).map(|_| random.below(kinds) as u32);
            let picked = UInt32Array::from_iter_values(picked);
            let column = take(pool, &picked, None).unwrap();
            let column = match random.one_in(2) {
                // The same blocks under other numbers.
                true => concat(&[&pool.slice(0, 0), &column]).unwrap(),
                false => column,
            };
            column.slice(2, rows)
        };
        pools.iter().map(column).collect()
    };
    (0..4).map(|_| batch(&mut random)).collect()
}

#[test]
fn rows_have_the_answers_of_equal_rows_and_are_asked_once() {
    let types = prop::collection::vec(key_type(), 1..5);
    let counts = [AtomicUsize::new(0), AtomicUsize::new(0)];
    check_cases(300, &(types, any::<u64>()), |(types, seed)| {
        let mut numbered = Numbered::forced(&types);
        for columns in batches(&types, seed) {
            let before = numbered.asked.len();
            let (numbers, asked) = numbered.call(&columns).unwrap();
            for (row, number) in numbers.iter().enumerate() {
                let row: Vec<_> = columns.iter().map(|column| column.slice(row, 1)).collect();
                let answered = &numbered.asked[*number as usize];
                assert!(are_equal(&row, answered), "{types:?} {row:?} {answered:?}");
            }
            for new in before..numbered.asked.len() {
                let row = &numbered.asked[new];
                let mut others = numbered.asked[..new].iter();
                assert!(!others.any(|other| are_equal(row, other)), "{row:?}");
            }
            counts[0].fetch_add(asked, Ordering::Relaxed);
            counts[1].fetch_add(numbers.len() - asked, Ordering::Relaxed);
        }
    });
    let [asked, answered] = counts.map(AtomicUsize::into_inner);
    assert!(asked > 2_000 && answered > 10_000, "{asked} {answered}");
}

fn numbers(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

#[test]
fn garbage_below_nulls_is_not_seen_and_floats_differ_by_their_bits() {
    let mut numbered = Numbered::forced(&[DataType::Int64]);
    let values = vec![7, 8, 0, 7, 9, 0].into();
    let nulls = vec![true, false, true, true, false, false].into();
    let column: ArrayRef = Arc::new(Int64Array::new(values, Some(nulls)));
    let found = numbered.call(&[column]).unwrap();
    assert_eq!(found, (vec![0, 1, 2, 0, 1, 1], 3));

    let mut numbered = Numbered::forced(&[DataType::Float64]);
    let nans = [f64::NAN, -f64::NAN, f64::NAN, 0.0, -0.0, 0.0];
    let column: ArrayRef = Arc::new(arrow_array::Float64Array::from(nans.to_vec()));
    let found = numbered.call(&[column]).unwrap();
    assert_eq!(found, (vec![0, 1, 0, 2, 3, 2], 4));
}

#[test]
fn map_is_cleared_once_it_is_full() {
    let most = map::ENTRIES_MAX as i64;
    let mut numbered = Numbered::forced(&[DataType::Int64]);
    let asked = |numbered: &mut Numbered, rows: ArrayRef| numbered.call(&[rows]).unwrap().1;
    assert_eq!(
        asked(&mut numbered, numbers(0..most - 1)),
        most as usize - 1
    );
    assert_eq!(asked(&mut numbered, numbers(0..most - 1)), 0);
    // More rows than it has place for are asked, and most are kept for this batch only.
    assert_eq!(asked(&mut numbered, numbers(0..most + 500)), 501);
    assert_eq!(asked(&mut numbered, numbers(0..100)), 100);
    assert_eq!(asked(&mut numbered, numbers(0..100)), 0);
    // Within a batch too.
    let twice = (0..2 * most).map(|row| row % (most + 1));
    let again = asked(&mut numbered, numbers(twice));
    assert!((again as i64 - most).abs() < 300, "{again}");
}

#[test]
fn rows_that_are_made_to_collide_are_asked_each_time() {
    // The hash of a pair whose first word this is does not depend on the second.
    let first = 0x243f_6a88_85a3_08d3_i64;
    let rows = 10_000;
    let columns = [numbers((0..rows).map(|_| first)), numbers(0..rows)];
    let mut numbered = Numbered::forced(&[DataType::Int64, DataType::Int64]);
    // Answers of rows that are not kept fill the column, until it is cleared.
    for known in [0, 16, 0] {
        let (answers, asked) = numbered.call(&columns).unwrap();
        assert_eq!(asked, rows as usize - known);
        let found = answers.iter().map(|answer| {
            let row = &numbered.asked[*answer as usize];
            row[1].as_primitive::<Int64Type>().value(0)
        });
        assert!(found.eq(0..rows));
    }
}

#[test]
fn refused_memory_ends_look_ups_and_no_call() {
    let columns = [numbers((0..8_000).map(|row| row % 5_000))];
    for (bytes, expected) in [(0, [false, false]), (64 << 20, [true, true])] {
        let mut numbered = Numbered::new(&[DataType::Int64], bytes);
        let found = [(); 2].map(|()| numbered.call(&columns).is_some());
        assert_eq!(found, expected, "{bytes}");
    }
    let mut numbered = Numbered::forced(&[DataType::Int64]);
    let open = || Share::open(&numbered.left);
    let batch = SiteBatch {
        columns: &columns,
        rows: 8_000,
        fuel_per_row: None,
        is_row_by_row: false,
        is_forced: true,
        open: &open,
    };
    let found = numbered.site.find(batch).unwrap().unwrap();
    assert_eq!(found.asked.len(), 5_000);
    // Another took the rest meanwhile.
    let taken = numbered.left.swap(0, Ordering::Relaxed);
    let big: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..5_000).map(|_| "x".repeat(1_000)),
    ));
    let answers = numbered.site.complete(&found, Some(&big)).unwrap();
    assert_eq!(answers.unwrap().len(), 5_000);
    // All that was reserved is released.
    assert_eq!(numbered.left.load(Ordering::Relaxed) + taken, 64 << 20);
    assert!(numbered.site.find(batch).unwrap().is_none());
}

#[test]
fn rows_are_looked_up_by_themselves_where_that_pays() {
    let few = [numbers((0..8_192).map(|row| row % 100))];
    let unique = |batch: i64| [numbers(batch * 8_192..(batch + 1) * 8_192)];
    let site = |fuel| {
        let mut numbered = Numbered::forced(&[DataType::Int64]);
        numbered.is_forced = false;
        numbered.fuel_per_row = fuel;
        numbered
    };
    // Nothing is known of the function, or it is cheap.
    assert!(site(None).call(&few).is_none());
    assert!(site(Some(5.0)).call(&few).is_none());
    let mut numbered = site(Some(200.0));
    assert_eq!(numbered.call(&few).unwrap().1, 100);
    assert_eq!(numbered.call(&few).unwrap().1, 0);
    // What was gained pays for a trial, and another.
    let tried = (0..40).filter(|batch| numbered.call(&unique(*batch)).is_some());
    assert_eq!(tried.count(), 3);
    let mut numbered = site(Some(200.0));
    let tried = (0..40).filter(|batch| numbered.call(&unique(*batch)).is_some());
    assert_eq!(tried.count(), 0);
}

#[test]
fn sites_are_told_apart_by_types_and_constants() {
    let sites = Sites::default();
    let key = |constant: i64, returns: DataType| SiteKey {
        arguments: vec![
            SiteArgument::Varying(DataType::Int64),
            SiteArgument::Constant(numbers(constant..constant + 1)),
        ],
        returns,
    };
    let mut one = sites.take(key(1, DataType::Int64)).unwrap();
    let columns = [numbers(0..100)];
    let open = || Share::open(&Arc::new(AtomicUsize::new(64 << 20)));
    let batch = SiteBatch {
        columns: &columns,
        rows: 100,
        fuel_per_row: None,
        is_row_by_row: false,
        is_forced: true,
        open: &open,
    };
    let found = one.find(batch).unwrap().unwrap();
    one.complete(&found, Some(&columns[0])).unwrap();
    sites.put(one);
    let asked = |key| {
        let mut site = sites.take(key).unwrap();
        let asked = site.find(batch).unwrap().unwrap().asked.len();
        sites.put(site);
        asked
    };
    assert_eq!(asked(key(2, DataType::Int64)), 100);
    assert_eq!(asked(key(1, DataType::Int32)), 100);
    assert_eq!(asked(key(1, DataType::Int64)), 0);
    // There are at most so many.
    let all = (10..40).map(|constant| sites.take(key(constant, DataType::Int64)));
    let all: Vec<_> = all.flatten().collect();
    all.into_iter().for_each(|site| sites.put(site));
    assert!(sites.take(key(50, DataType::Int64)).is_none());
    assert!(sites.take(key(10, DataType::Int64)).is_some());
}
