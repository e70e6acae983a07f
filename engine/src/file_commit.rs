//! Files that a statement writes, which get their names when all of it has succeeded.
//!
//! DataFusion completes its files although the query that it writes, or the writing of a value, has
//! failed: a file that was there before would be replaced by a part of the new one.

// Directories that `COPY` fills.
mod copied_folder;

// Object stores that complete files later.
mod pending_store;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::object_store::path::Path;
use datafusion::object_store::{MultipartUpload, ObjectStore, PutOptions, PutPayload};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::TryStreamExt;

use copied_folder::CopiedFolder;
pub(crate) use copied_folder::{copied_folder, state_append};
use pending_store::with_pending_files;

/// Puts a [`CommitExec`] above the operators of a plan that write files, to `folder` if it is to
/// have none before.
pub(crate) fn commit_files(
    plan: Arc<dyn ExecutionPlan>,
    folder: Option<&CopiedFolder>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let committed = plan.transform_down(|node| {
        if !node.is::<DataSinkExec>() {
            return Ok(Transformed::no(node));
        }
        let commit: Arc<dyn ExecutionPlan> = Arc::new(CommitExec {
            input: node,
            folder: folder.cloned(),
        });
        Ok(Transformed::new(commit, true, TreeNodeRecursion::Jump))
    })?;
    Ok(committed.data)
}

/// Files that are written and have no names yet.
#[derive(Debug, Default)]
struct PendingFiles(Mutex<Vec<PendingFile>>);

/// File that is written and has no name yet.
#[derive(Debug)]
enum PendingFile {
    /// One that is small enough for a single request.
    Whole {
        store: Arc<dyn ObjectStore>,
        location: Path,
        payload: PutPayload,
        options: PutOptions,
    },
    Parts(Box<dyn MultipartUpload>),
}

impl PendingFiles {
    fn push(&self, file: PendingFile) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.push(file);
    }

    fn take(&self) -> Vec<PendingFile> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut files)
    }

    /// Gives all files their names.
    async fn commit(&self) -> Result<()> {
        for file in self.take() {
            match file {
                PendingFile::Whole {
                    store,
                    location,
                    payload,
                    options,
                } => {
                    store.put_opts(&location, payload, options).await?;
                }
                PendingFile::Parts(mut upload) => {
                    upload.complete().await?;
                }
            }
        }
        Ok(())
    }

    /// Removes all files.
    async fn abort(&self) {
        for file in self.take() {
            if let PendingFile::Parts(mut upload) = file
                && let Err(error) = upload.abort().await
            {
                tracing::debug!(%error, "cannot remove a part of a file");
            }
        }
    }
}

/// Node above an operator that writes files. Those of a statement that is dropped are removed by
/// their store.
#[derive(Debug)]
struct CommitExec {
    input: Arc<dyn ExecutionPlan>,
    /// Directory that is to have no files.
    folder: Option<CopiedFolder>,
}

impl DisplayAs for CommitExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => f.write_str(self.name()),
            DisplayFormatType::TreeRender => Ok(()),
        }
    }
}

impl ExecutionPlan for CommitExec {
    fn name(&self) -> &'static str {
        "CommitFilesExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => {
                let folder = self.folder.clone();
                Ok(Arc::new(Self { input, folder }))
            }
            _ => datafusion::common::internal_err!("CommitFilesExec has one input"),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let files = Arc::<PendingFiles>::default();
        let pending = with_pending_files(&context, &files);
        let counts = self.input.execute(partition, Arc::new(pending))?;
        let folder = self.folder.clone();
        let schema = self.schema();
        let written = async move {
            if let Some(folder) = folder {
                folder.check(&context).await?;
            }
            match counts.try_collect::<Vec<_>>().await {
                Ok(counts) => {
                    files.commit().await?;
                    Ok(futures::stream::iter(counts.into_iter().map(Ok)))
                }
                Err(error) => {
                    files.abort().await;
                    Err(error)
                }
            }
        };
        let counts = futures::stream::once(written).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, counts)))
    }
}
