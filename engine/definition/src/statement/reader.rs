//! Grammar of the statements other than `CREATE FUNCTION`.

use sqlparser::ast::{Query, SetExpr, TableFactor};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::clauses::SourceClause;
use super::words::Reader;
use super::{CreateModule, FunctionName, FuseboxStatement, ImportFunctions, NamePattern};
use crate::parse_error::ParseError;

type Result<T, E = ParseError> = std::result::Result<T, E>;

impl Reader<'_, '_> {
    /// Parses a statement of Fusebox; `None`, consuming nothing, if it does not
    /// begin like one.
    pub(super) fn statement(&mut self) -> Result<Option<FuseboxStatement>> {
        let first: Vec<String> = (0..6).map(|n| self.word_at(n)).collect();
        let words: Vec<&str> = first.iter().map(String::as_str).collect();
        Ok(Some(match words[..] {
            ["CREATE", "MODULE", ..] => self.create_module(1)?,
            ["CREATE", "OR", "REPLACE", "MODULE", ..] => self.create_module(3)?,
            ["CREATE", ref rest @ ..] if names_a_function(rest) => {
                FuseboxStatement::CreateFunction(Box::new(self.create_function()?))
            }
            ["IMPORT", "FUNCTIONS", ..] => self.import(1)?,
            ["IMPORT", "OR", "REPLACE", "FUNCTIONS", ..] => self.import(3)?,
            ["IMPORT", ..] => {
                self.skip(1);
                let token = self.0.peek_token();
                self.0.expected("FUNCTIONS FROM MODULE", token)?
            }
            ["DROP", "FUNCTION" | "AGGREGATE", ..] => self.drop_functions()?,
            ["DROP", "MODULE", ..] => self.drop_modules()?,
            ["ALTER", "FUNCTION", ..] => self.alter_function()?,
            ["COMMENT", "ON", "FUNCTION" | "AGGREGATE", ..] => self.comment_on()?,
            ["SHOW", "FUNCTIONS", ..] => self.show_functions(false)?,
            ["SHOW", "USER", "FUNCTIONS", ..] => self.show_functions(true)?,
            ["SHOW", "MODULES", ..] => {
                self.skip(2);
                let like = self.name_pattern()?;
                FuseboxStatement::ShowModules { like }
            }
            ["SHOW", "CREATE", "FUNCTION", ..] => {
                self.skip(3);
                FuseboxStatement::ShowCreateFunction(self.function_name()?)
            }
            ["SHOW", "CREATE", "MODULE", ..] => {
                self.skip(3);
                FuseboxStatement::ShowCreateModule(self.name()?)
            }
            ["DESCRIBE" | "DESC" | "SHOW", "MODULE", ..] => {
                self.skip(2);
                FuseboxStatement::DescribeModule(self.name()?)
            }
            ["DESCRIBE" | "DESC" | "SHOW", "FUNCTION", ..] => {
                self.skip(2);
                FuseboxStatement::DescribeFunction(self.function_name()?)
            }
            ["SUMMARIZE", ..] => {
                self.skip(1);
                FuseboxStatement::Summarize(Box::new(self.source_query()?))
            }
            _ => match self.role_statement(&words)? {
                Some(statement) => FuseboxStatement::Role(statement),
                None => return Ok(None),
            },
        }))
    }

    /// A query, or the name of a table whose rows are meant.
    fn source_query(&mut self) -> Result<Query> {
        let is_query = matches!(
            &*self.word_at(0),
            "SELECT" | "WITH" | "VALUES" | "FROM" | "TABLE"
        );
        if is_query || self.0.peek_token_ref().token == Token::LParen {
            return Ok(*self.0.parse_query()?);
        }
        let table = self.0.parse_object_name(false)?;
        let mut rows = Parser::new(&GenericDialect {})
            .try_with_sql("SELECT * FROM rows")?
            .parse_query()?;
        if let SetExpr::Select(select) = rows.body.as_mut()
            && let [from] = &mut select.from[..]
            && let TableFactor::Table { name, .. } = &mut from.relation
        {
            *name = table;
        }
        Ok(*rows)
    }

    fn create_module(&mut self, words: usize) -> Result<FuseboxStatement> {
        let or_replace = words == 3;
        self.skip(words + 1);
        let if_not_exists = self.eat_all(&["IF", "NOT", "EXISTS"]);
        let name = self.name()?;
        let language = match self.eat("LANGUAGE") {
            true => Some(self.language()?),
            false => None,
        };
        let source = if self.eat("FROM") {
            SourceClause::Path(self.0.parse_literal_string()?)
        } else {
            self.expect("AS")?;
            self.body()?
        };
        let sha256 = match self.eat("SHA256") {
            true => Some(self.0.parse_literal_string()?),
            false => None,
        };
        let options = match self.eat("WITH") {
            true => Some(self.options()?),
            false => None,
        };
        Ok(FuseboxStatement::CreateModule(CreateModule {
            or_replace,
            if_not_exists,
            name,
            language,
            source,
            sha256,
            options,
        }))
    }

    fn import(&mut self, words: usize) -> Result<FuseboxStatement> {
        let or_replace = words == 3;
        self.skip(words + 1);
        self.expect("FROM")?;
        self.expect("MODULE")?;
        let module = self.name()?;
        let like = self.like()?;
        let mut except = Vec::new();
        if like.is_none() && self.eat("EXCEPT") {
            self.0.expect_token(&Token::LParen)?;
            except.push(self.name()?);
            while self.0.consume_token(&Token::Comma) {
                except.push(self.name()?);
            }
            self.0.expect_token(&Token::RParen)?;
        }
        let prefix = match self.eat("AS") {
            true => {
                self.expect("PREFIX")?;
                Some(self.0.parse_literal_string()?)
            }
            false => None,
        };
        let options = match self.eat("WITH") {
            true => Some(self.options()?),
            false => None,
        };
        Ok(FuseboxStatement::ImportFunctions(ImportFunctions {
            or_replace,
            module,
            like,
            except,
            prefix,
            options,
        }))
    }

    fn drop_functions(&mut self) -> Result<FuseboxStatement> {
        self.skip(2);
        let if_exists = self.eat_all(&["IF", "EXISTS"]);
        let mut functions = vec![self.function_name()?];
        while self.0.consume_token(&Token::Comma) {
            functions.push(self.function_name()?);
        }
        let cascade = self.cascade();
        Ok(FuseboxStatement::DropFunctions {
            if_exists,
            functions,
            cascade,
        })
    }

    fn drop_modules(&mut self) -> Result<FuseboxStatement> {
        self.skip(2);
        let if_exists = self.eat_all(&["IF", "EXISTS"]);
        let mut modules = vec![self.name()?];
        while self.0.consume_token(&Token::Comma) {
            modules.push(self.name()?);
        }
        let cascade = self.cascade();
        Ok(FuseboxStatement::DropModules {
            if_exists,
            modules,
            cascade,
        })
    }

    /// `RESTRICT`, which is the default, or `CASCADE`.
    fn cascade(&mut self) -> bool {
        !self.eat("RESTRICT") && self.eat("CASCADE")
    }

    fn alter_function(&mut self) -> Result<FuseboxStatement> {
        self.skip(2);
        let function = self.function_name()?;
        if self.eat_all(&["RENAME", "TO"]) {
            let to = self.name()?;
            return Ok(FuseboxStatement::RenameFunction { function, to });
        }
        self.expect("SET")?;
        let options = self.options()?;
        Ok(FuseboxStatement::AlterFunction { function, options })
    }

    fn comment_on(&mut self) -> Result<FuseboxStatement> {
        self.skip(3);
        let function = self.function_name()?;
        self.expect("IS")?;
        let comment = match self.eat("NULL") {
            true => None,
            false => Some(self.comment()?),
        };
        Ok(FuseboxStatement::CommentOnFunction { function, comment })
    }

    fn show_functions(&mut self, user: bool) -> Result<FuseboxStatement> {
        self.skip(if user { 3 } else { 2 });
        let like = self.name_pattern()?;
        if like.is_none() && self.word_at(0) == "WHERE" {
            let token = self.0.peek_token();
            let what = "LIKE or ILIKE, or SELECT … FROM information_schema.routines WHERE …";
            self.0.expected(what, token)?;
        }
        Ok(FuseboxStatement::ShowFunctions { user, like })
    }

    /// `LIKE 'pattern'` or `ILIKE 'pattern'`.
    fn name_pattern(&mut self) -> Result<Option<NamePattern>> {
        let ignores_case = match (self.eat("LIKE"), self.eat("ILIKE")) {
            (true, _) => false,
            (_, true) => true,
            _ => return Ok(None),
        };
        Ok(Some(NamePattern {
            pattern: self.0.parse_literal_string()?,
            ignores_case,
        }))
    }

    fn like(&mut self) -> Result<Option<String>> {
        Ok(match self.eat("LIKE") {
            true => Some(self.0.parse_literal_string()?),
            false => None,
        })
    }

    /// `f` or `f(BIGINT, VARCHAR)`.
    fn function_name(&mut self) -> Result<FunctionName> {
        let name = self.name()?;
        let arguments = if self.0.peek_token_ref().token == Token::LParen {
            let arguments = self.arguments(&name)?;
            Some(arguments.into_iter().map(|a| a.data_type).collect())
        } else {
            None
        };
        Ok(FunctionName { name, arguments })
    }
}

/// Returns true if the words after `CREATE` lead to `FUNCTION`.
fn names_a_function(words: &[&str]) -> bool {
    let rest = words.strip_prefix(&["OR", "REPLACE"]).unwrap_or(words);
    let rest = match rest {
        ["TEMPORARY" | "TEMP", rest @ ..] => rest,
        _ => rest,
    };
    matches!(
        rest,
        ["FUNCTION" | "AGGREGATE", ..] | ["WINDOW", "FUNCTION", ..]
    )
}
