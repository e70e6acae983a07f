//! Rows with and without equal keys.

use arrow::array::{Float64Array, Int64Array};
use arrow::datatypes::{DataType, Field};
use datafusion::execution::memory_pool::{GreedyMemoryPool, UnboundedMemoryPool};

use super::*;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("x", DataType::Float64, true),
    ]))
}

fn batch(rows: &[(Option<i64>, Option<f64>)]) -> RecordBatch {
    let ids: Int64Array = rows.iter().map(|(id, _)| *id).collect();
    let values: Float64Array = rows.iter().map(|(_, x)| *x).collect();
    RecordBatch::try_new(schema(), vec![Arc::new(ids), Arc::new(values)]).unwrap()
}

fn keys(constraint: Constraint) -> TableKeys {
    let constraints = Constraints::new_unverified(vec![constraint]);
    TableKeys::new("t".to_owned(), Some(&constraints))
}

/// Returns the error of adding rows to a table that has others.
async fn added(
    constraint: Constraint,
    added: &[(Option<i64>, Option<f64>)],
    before: &[(Option<i64>, Option<f64>)],
) -> Option<String> {
    let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
    let keys = keys(constraint);
    let kept = keys.of_added(&schema(), &[batch(added)], &pool).await;
    let compared = kept.and_then(|kept| kept.compare(&batch(before)));
    assert_eq!(pool.reserved(), 0);
    compared.err().map(|error| error.to_string())
}

#[tokio::test]
async fn equal_keys_are_refused_and_nulls_of_unique_columns_are_not() {
    let unique = || Constraint::Unique(vec![0, 1]);
    let one = (Some(1), Some(0.0));
    assert_eq!(added(unique(), &[one, (Some(1), None)], &[]).await, None);
    let nulls = [(None, Some(2.0)), (None, Some(2.0))];
    assert_eq!(added(unique(), &nulls, &nulls).await, None);
    let error = added(unique(), &[one, (Some(1), Some(-0.0))], &[]).await;
    let expected = "table `t` would have a duplicate key: expected one row with (id, x) = \
        (1, -0.0), found 2";
    assert!(error.unwrap().contains(expected));
    let error = added(unique(), &[one], &[(Some(2), Some(0.0)), one]).await;
    assert!(error.unwrap().contains("(id, x) = (1, 0.0), found 2"));
    let primary = Constraint::PrimaryKey(vec![0]);
    let error = added(primary, &[(None, Some(1.0))], &[]).await.unwrap();
    assert!(
        error.contains("expected a value of the NOT NULL column `id`"),
        "{error}"
    );
}

#[tokio::test]
async fn keys_are_charged() {
    let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(100_000));
    let keys = keys(Constraint::PrimaryKey(vec![0]));
    let rows: Vec<_> = (0..20_000).map(|n| (Some(n), None)).collect();
    let kept = keys.of_added(&schema(), &[batch(&rows)], &pool).await;
    let error = kept.unwrap_err();
    assert!(
        matches!(error, DataFusionError::ResourcesExhausted(_)),
        "{error}"
    );
    let kept = keys
        .of_added(&schema(), &[batch(&rows[..500])], &pool)
        .await;
    let kept = kept.unwrap();
    assert!(
        pool.reserved() > 500 * (KEY_BYTES + 9),
        "{}",
        pool.reserved()
    );
    let reserved = pool.reserved();
    kept.compare(&batch(&rows[500..1_000])).unwrap();
    assert_eq!(pool.reserved(), reserved);
    drop(kept);
    assert_eq!(pool.reserved(), 0);
}
