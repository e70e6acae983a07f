//! Statements of Fusebox, each to what executes it.

use datafusion::dataframe::DataFrame;
use fusebox_definition::PrivilegeObject;
use fusebox_definition::statement::FuseboxStatement;
use fusebox_runtime::{Error, Result};

use super::Session;

impl Session {
    /// Executes a statement that DataFusion does not know.
    pub(super) async fn execute_fusebox(&self, statement: FuseboxStatement) -> Result<DataFrame> {
        self.check_create(&statement)?;
        match statement {
            FuseboxStatement::CreateModule(create) => self.execute_create_module(create).await?,
            FuseboxStatement::CreateFunction(create) => {
                self.execute_create_function(*create).await?;
            }
            FuseboxStatement::ImportFunctions(import) => self.execute_import(&import).await?,
            FuseboxStatement::DropFunctions {
                if_exists,
                functions,
                cascade,
            } => {
                self.execute_drop_functions(if_exists, functions, cascade)
                    .await?;
            }
            FuseboxStatement::DropModules {
                if_exists,
                modules,
                cascade,
            } => {
                self.execute_drop_modules(if_exists, modules, cascade)
                    .await?;
            }
            FuseboxStatement::AlterFunction { function, options } => {
                self.execute_alter_function(function, options).await?;
            }
            FuseboxStatement::RenameFunction { function, to } => {
                self.execute_rename_function(function, to).await?;
            }
            FuseboxStatement::DescribeFunction(function) => {
                return self.describe_function(&function);
            }
            FuseboxStatement::CommentOnFunction { function, comment } => {
                self.execute_comment_on(function, comment).await?;
            }
            FuseboxStatement::ShowFunctions { user, like } => {
                self.synchronize()?;
                return self.show_functions(user, like.as_ref());
            }
            FuseboxStatement::ShowModules { like } => return self.show_modules(like.as_ref()),
            FuseboxStatement::Role(statement) => return self.execute_role(statement),
            FuseboxStatement::ShowCreateFunction(function) => {
                self.check_shown(PrivilegeObject::Function(function.name.clone()))?;
                return self.show_create_function(&function).await;
            }
            FuseboxStatement::ShowCreateModule(module) => {
                self.check_shown(PrivilegeObject::Module(module.clone()))?;
                return self.show_create_module(&module).await;
            }
            FuseboxStatement::DescribeModule(module) => return self.describe_module(&module).await,
            other => return Err(Error::Internal(format!("{other:?} is not implemented"))),
        }
        self.no_result()
    }
}
