//! Completion of `CREATE FUNCTION` by the declaration of the module.
//!
//! A clause that the statement omits comes from the declaration; a clause that
//! contradicts it is refused.

use arrow_schema::DataType;

use super::{CreateFunction, Declarations};
use crate::definition::{Definition, ModuleSource, NullHandling, Volatility};
use crate::digest::Digest;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::signature::{Argument, Signature};
use crate::statement_error::StatementError;

impl CreateFunction {
    /// Returns the symbol in the module, which defaults to the name.
    pub fn symbol(&self) -> &str {
        self.symbol.as_deref().unwrap_or(&self.name)
    }

    /// Returns the argument types, if the statement gives them.
    pub fn types(&self) -> Option<Vec<DataType>> {
        types(&self.arguments)
    }

    /// Takes the kind from the declaration, for statements that cannot express it.
    ///
    /// # Errors
    ///
    /// [`StatementError::NotUnique`] if several declarations fit.
    pub fn adopt_kind(&mut self, declarations: &Declarations) -> Result<(), StatementError> {
        if let Some(declared) = declarations.find(self)? {
            self.kind = declared.kind;
        }
        Ok(())
    }

    /// Completes the statement by the module's declaration.
    ///
    /// `defaults` gives the default limits of a kind, `ceilings` the highest limits
    /// that the session allows, and `weights` is the version of the weights of fuel.
    ///
    /// # Errors
    ///
    /// Clauses that are missing or contradict the declaration, and bad options.
    pub fn complete(
        &self,
        declarations: &Declarations,
        defaults: impl Fn(Kind) -> Limits,
        ceilings: Limits,
        digest: Digest,
        source: ModuleSource,
        weights: u32,
    ) -> Result<Definition, StatementError> {
        self.check_against(declarations)?;
        let declared = declarations.find(self)?;
        let arguments = stated_or(&self.arguments, declared.map(|d| &d.arguments));
        let returns = stated_or(&self.returns, declared.map(|d| &d.returns));
        let state = stated_or(&self.state, declared.map(|d| &d.state));
        let comment = stated_or(&self.comment, declared.map(|d| &d.comment));
        let kind = self.kind_with(declared);
        let undeclared = |clause| declarations.undeclared(clause, declared, self.symbol());
        if kind == Kind::Aggregate && state.is_none() {
            return Err(undeclared("STATE"));
        }
        let limits = self.limits_with(declared, defaults(kind), ceilings)?;
        let stated_options = self.options.clone().unwrap_or_default();
        let declared_options = declared.and_then(|d| d.options.as_ref());
        let declared_options = declared_options.map(|all| all.without(&stated_options));
        let declared_options = declared_options.unwrap_or_default();
        let reset = stated_options.reset()?.or(declared_options.reset()?);
        let on_error = stated_options.on_error()?;
        let on_error = on_error.or(declared_options.on_error()?);
        let abi = stated_options.abi()?.or(declared_options.abi()?);
        let reuse = stated_options.reuse()?.or(declared_options.reuse()?);
        Ok(Definition {
            name: self.name.clone(),
            kind,
            state: state.unwrap_or_default(),
            signature: Signature {
                arguments: arguments.ok_or_else(|| undeclared("arguments"))?,
                returns: returns.ok_or_else(|| undeclared("RETURNS"))?,
            },
            // No import of a module is nondeterministic.
            volatility: self
                .volatility
                .or(declared.and_then(|d| d.volatility))
                .unwrap_or(Volatility::Immutable),
            nulls: self
                .nulls
                .or(declared.and_then(|d| d.nulls))
                .unwrap_or(NullHandling::Called),
            limits,
            reset: reset.unwrap_or_default(),
            on_error: on_error.unwrap_or_default(),
            reuse: reuse.unwrap_or_default(),
            abi,
            digest,
            symbol: declared.unwrap_or(self).symbol().to_owned(),
            source,
            temporary: self.temporary,
            comment,
            weights: Some(weights),
        })
    }

    /// Returns the limits that the statement and the declaration state. A declaration may ask for
    /// other limits than the default ones, and gets no more than the session allows.
    fn limits_with(
        &self,
        declared: Option<&Self>,
        defaults: Limits,
        ceilings: Limits,
    ) -> Result<Limits, StatementError> {
        let stated = self.options.clone().unwrap_or_default();
        let limits = match declared.and_then(|d| d.options.as_ref()) {
            Some(options) => {
                // A module does not choose the files that it reads.
                options.refuse_grants()?;
                let asked = options.without(&stated).apply(defaults)?;
                asked.at_most(ceilings)
            }
            None => defaults,
        };
        limits.check(ceilings)?;
        let limits = stated.apply(limits)?;
        limits.check(ceilings)?;
        Ok(limits)
    }

    /// Checks that the statement does not contradict the module's declaration.
    ///
    /// # Errors
    ///
    /// [`StatementError::Contradiction`] with both.
    pub fn check_against(&self, declarations: &Declarations) -> Result<(), StatementError> {
        match declarations.find(self)? {
            Some(declared) if self.contradicts(declared) => Err(StatementError::Contradiction {
                declared: declared.to_string(),
                stated: self.to_string(),
                kind: Some(declared.kind).filter(|kind| self.kind_with(Some(declared)) != *kind),
            }),
            _ => Ok(()),
        }
    }

    /// Returns the kind of the function. A statement without RETURNS takes the kind
    /// of a table function from the declaration.
    fn kind_with(&self, declared: Option<&Self>) -> Kind {
        match declared {
            Some(declared) if self.kind == Kind::Scalar && self.returns.is_none() => {
                match declared.kind {
                    Kind::Table => Kind::Table,
                    _ => Kind::Scalar,
                }
            }
            _ => self.kind,
        }
    }

    fn contradicts(&self, declared: &Self) -> bool {
        fn differ<T: PartialEq>(stated: &Option<T>, declared: &Option<T>) -> bool {
            matches!((stated, declared), (Some(stated), Some(declared)) if stated != declared)
        }
        self.kind_with(Some(declared)) != declared.kind
            || differ(&self.types(), &declared.types())
            || differ(&self.returns, &declared.returns)
            || differ(&types(&self.state), &types(&declared.state))
            || differ(&self.volatility, &declared.volatility)
            || differ(&self.nulls, &declared.nulls)
    }
}

/// Returns a clause of the statement, or that of the declaration.
fn stated_or<T: Clone>(stated: &Option<T>, declared: Option<&Option<T>>) -> Option<T> {
    stated.clone().or_else(|| declared.cloned().flatten())
}

/// Returns the types of columns.
fn types(columns: &Option<Vec<Argument>>) -> Option<Vec<DataType>> {
    let types = columns.as_ref()?.iter().map(|c| c.data_type.clone());
    Some(types.collect())
}
