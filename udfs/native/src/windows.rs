//! Window functions: a state that is updated row by row through a partition.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, Field, FieldRef, Float64Type, Int64Type, IntervalMonthDayNano,
};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};
use fusebox_sdk::{Interval, Timestamp};
use stats::{Ema, Sessionize};

use crate::columns::{Columns, Doubles, Intervals, Timestamps};
use crate::rows;

/// The trait of Rust structs that are window functions.
pub(crate) trait Running: Default + Debug + Send + Sync + 'static {
    /// The SQL name.
    const NAME: &'static str;

    /// The arguments of a row.
    type Row: Copy;

    /// The columns of its arguments.
    type Columns<'a>: Columns<'a, Row = Self::Row>;

    /// The type of the result.
    type Result: ArrowPrimitiveType;

    /// Returns the result of the next row without nulls.
    fn next(
        &mut self,
        row: Self::Row,
    ) -> Result<<Self::Result as ArrowPrimitiveType>::Native, &'static str>;
}

impl Running for Ema {
    const NAME: &'static str = "native_ema";

    type Row = (f64, f64);
    type Columns<'a> = (Doubles<'a>, Doubles<'a>);
    type Result = Float64Type;

    #[inline]
    fn next(&mut self, (value, alpha): (f64, f64)) -> Result<f64, &'static str> {
        Ok(self.next(value, alpha))
    }
}

impl Running for Sessionize {
    const NAME: &'static str = "native_sessionize";

    type Row = (i64, IntervalMonthDayNano);
    type Columns<'a> = (Timestamps<'a>, Intervals<'a>);
    type Result = Int64Type;

    #[inline]
    fn next(&mut self, (ts, gap): (i64, IntervalMonthDayNano)) -> Result<i64, &'static str> {
        let gap = Interval {
            months: gap.months,
            days: gap.days,
            nanoseconds: gap.nanoseconds,
        };
        self.next(Timestamp::from_count(ts), gap)
    }
}

/// Creates the window function of a struct.
pub(crate) fn twin<W: Running>() -> WindowUDF {
    WindowUDF::from(Function::<W> {
        signature: Signature::exact(W::Columns::types(), Volatility::Immutable),
        running: PhantomData,
    })
}

#[derive(Debug)]
struct Function<W> {
    signature: Signature,
    running: PhantomData<fn() -> W>,
}

// There is one instance of each type.

impl<W> PartialEq for Function<W> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<W> Eq for Function<W> {}

impl<W: Running> Hash for Function<W> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        W::NAME.hash(state);
    }
}

impl<W: Running> WindowUDFImpl for Function<W> {
    fn name(&self) -> &str {
        W::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Evaluator::<W>(PhantomData)))
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Field::new(args.name(), W::Result::DATA_TYPE, true).into())
    }
}

/// Evaluates whole partitions, each with a state of its own.
#[derive(Debug)]
struct Evaluator<W>(PhantomData<fn() -> W>);

impl<W: Running> PartitionEvaluator for Evaluator<W> {
    fn evaluate_all(&mut self, values: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        let columns = W::Columns::read(values)?;
        let called = rows::called(values, None);
        let mut state = W::default();
        let mut results = vec![Default::default(); num_rows];
        rows::visit(num_rows, called.as_ref(), |row| {
            let result = state.next(columns.row(row));
            results[row] = result.map_err(|message| exec_datafusion_err!("{message}"))?;
            Ok(())
        })?;
        Ok(Arc::new(PrimitiveArray::<W::Result>::new(
            results.into(),
            called,
        )))
    }
}
