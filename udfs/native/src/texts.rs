//! The aggregates of texts.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BinaryArray, Int64Array, ListBuilder, StringArray, StringViewBuilder,
    UInt32Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, UInt32Type, UInt64Type};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use stats::{ApproxDistinctHll, TopkStr};

use crate::aggregate::Aggregate;
use crate::columns::{Longs, Texts, not_an_array_of, numbers};
use crate::lists::{Lists, list_of, lists};

impl Aggregate for ApproxDistinctHll {
    const NAME: &'static str = "native_approx_distinct_hll";
    const CAN_RETRACT: bool = false;
    const HAS_HEAP: bool = true;

    type Row<'a> = (&'a str,);
    type Columns<'a> = (Texts<'a>,);
    type States<'a> = &'a BinaryArray;

    fn returns() -> DataType {
        DataType::Int64
    }

    fn state_fields() -> Vec<Field> {
        vec![Field::new("registers", DataType::Binary, false)]
    }

    fn update(&mut self, (text,): (&str,)) -> Result<()> {
        self.update(text);
        Ok(())
    }

    fn retract(&mut self, _: (&str,)) -> Result<()> {
        exec_err!("a text cannot be taken away again")
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.merge(other);
        Ok(())
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        self.registers.capacity()
    }

    fn emit(states: Vec<Self>) -> Result<Vec<ArrayRef>> {
        let registers = states.iter().map(|state| state.registers.as_slice());
        Ok(vec![Arc::new(BinaryArray::from_iter_values(registers))])
    }

    fn read(arrays: &[ArrayRef]) -> Result<&BinaryArray> {
        let [registers] = arrays else {
            return exec_err!("not the columns of a state");
        };
        let binary = registers.as_binary_opt();
        binary.ok_or_else(|| not_an_array_of(registers))
    }

    fn state(states: &&BinaryArray, row: usize) -> Self {
        Self {
            registers: states.value(row).to_vec(),
        }
    }

    fn finish(states: &[Self]) -> Result<ArrayRef> {
        let counts = states.iter().map(Self::finish);
        Ok(Arc::new(Int64Array::from_iter_values(counts)))
    }
}

/// The columns of states.
pub(crate) struct TopkColumns<'a> {
    k: &'a [i64],
    texts: &'a StringArray,
    ends: Lists<'a, UInt64Type>,
    counts: Lists<'a, Int64Type>,
    hashes: Lists<'a, UInt32Type>,
    slots: Lists<'a, UInt32Type>,
    gone: &'a [u32],
}

impl Aggregate for TopkStr {
    const NAME: &'static str = "native_topk_str";
    const CAN_RETRACT: bool = true;
    const HAS_HEAP: bool = true;

    type Row<'a> = (&'a str, i64);
    type Columns<'a> = (Texts<'a>, Longs<'a>);
    type States<'a> = TopkColumns<'a>;

    fn returns() -> DataType {
        list_of(DataType::Utf8View)
    }

    fn state_fields() -> Vec<Field> {
        let field = |name, ty| Field::new(name, ty, false);
        vec![
            field("k", DataType::Int64),
            field("texts", DataType::Utf8),
            field("ends", list_of(DataType::UInt64)),
            field("counts", list_of(DataType::Int64)),
            field("hashes", list_of(DataType::UInt32)),
            field("slots", list_of(DataType::UInt32)),
            field("gone", DataType::UInt32),
        ]
    }

    fn update(&mut self, (text, k): (&str, i64)) -> Result<()> {
        self.update(text, k)
            .map_err(|message| exec_datafusion_err!("{message}"))
    }

    fn retract(&mut self, (text, k): (&str, i64)) -> Result<()> {
        self.retract(text, k)
            .map_err(|message| exec_datafusion_err!("{message}"))
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.merge(other)
            .map_err(|message| exec_datafusion_err!("{message}"))
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        self.texts.capacity()
            + self.ends.capacity() * size_of::<u64>()
            + self.counts.capacity() * size_of::<i64>()
            + (self.hashes.capacity() + self.slots.capacity()) * size_of::<u32>()
    }

    fn emit(states: Vec<Self>) -> Result<Vec<ArrayRef>> {
        let k = states.iter().map(|state| state.k);
        let texts = states.iter().map(|state| state.texts.as_str());
        let gone = states.iter().map(|state| state.gone);
        Ok(vec![
            Arc::new(Int64Array::from_iter_values(k)),
            Arc::new(StringArray::from_iter_values(texts)),
            lists::<UInt64Type>(states.iter().map(|state| state.ends.as_slice())),
            lists::<Int64Type>(states.iter().map(|state| state.counts.as_slice())),
            lists::<UInt32Type>(states.iter().map(|state| state.hashes.as_slice())),
            lists::<UInt32Type>(states.iter().map(|state| state.slots.as_slice())),
            Arc::new(UInt32Array::from_iter_values(gone)),
        ])
    }

    fn read(arrays: &[ArrayRef]) -> Result<TopkColumns<'_>> {
        let [k, texts, ends, counts, hashes, slots, gone] = arrays else {
            return exec_err!("not the columns of a state");
        };
        let text = texts.as_string_opt();
        Ok(TopkColumns {
            k: numbers::<Int64Type>(k)?,
            texts: text.ok_or_else(|| not_an_array_of(texts))?,
            ends: Lists::read(ends)?,
            counts: Lists::read(counts)?,
            hashes: Lists::read(hashes)?,
            slots: Lists::read(slots)?,
            gone: numbers::<UInt32Type>(gone)?,
        })
    }

    fn state(states: &TopkColumns<'_>, row: usize) -> Self {
        Self {
            k: states.k[row],
            texts: states.texts.value(row).to_owned(),
            ends: states.ends.list(row).to_vec(),
            counts: states.counts.list(row).to_vec(),
            hashes: states.hashes.list(row).to_vec(),
            slots: states.slots.list(row).to_vec(),
            gone: states.gone[row],
        }
    }

    fn finish(states: &[Self]) -> Result<ArrayRef> {
        let mut tops = ListBuilder::new(StringViewBuilder::new());
        for state in states {
            let top = state.finish();
            let is_valid = top.is_some();
            for text in top.iter().flatten() {
                tops.values().append_value(text);
            }
            tops.append(is_valid);
        }
        Ok(Arc::new(tops.finish()))
    }
}
