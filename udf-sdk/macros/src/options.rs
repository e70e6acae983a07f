//! The options of an attribute.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, LitStr, Meta, Result, Token};

use crate::sql_type;

/// The options of an attribute.
#[derive(Default)]
pub(crate) struct Options {
    /// The SQL name, if it is not the function's.
    pub(crate) name: Option<String>,
    pub(crate) volatility: Option<&'static str>,
    /// True for a function over whole columns.
    pub(crate) columns: bool,
    /// True if the result of such a function is null where an argument is.
    pub(crate) strict: bool,
    /// The SQL type of the result, if it is declared.
    pub(crate) returns: Option<TokenStream>,
    /// Limits that the function asks for, as options of SQL.
    pub(crate) limits: Vec<String>,
    /// Arguments with defaults, as constants of SQL.
    defaults: Option<Vec<(String, LitStr)>>,
}

/// Options that are limits: those of numbers, and those of sizes.
const LIMITS: [(&str, bool); 6] = [
    ("fuel_per_row", true),
    ("fuel_per_call", true),
    ("fuel_init", true),
    ("memory", false),
    ("stack", false),
    ("result_bytes", false),
];

/// Fuel that a function asks for if it prepares constants: they may be completed where
/// they are first used, as the automata of a regular expression are.
pub(crate) const PREPARE_LIMITS: [&str; 2] = ["fuel_per_row = 10000000", "fuel_per_call = 5000000"];

impl Options {
    /// Parses the options that every attribute has.
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let message = "unknown option: write name = \"…\", immutable, stable, volatile, \
                       defaults(…) or a limit, as fuel_per_row = 5_000_000";
        Self::parse_with(tokens, |_, meta| {
            Err(Error::new(meta.path().span(), message))
        })
    }

    /// Parses the options of `#[udf]`, which has more.
    pub(crate) fn parse_udf(tokens: TokenStream) -> Result<Self> {
        Self::parse_with(tokens, |options, meta| match word(meta).as_deref() {
            Some("columns") => set_flag(&mut options.columns, meta),
            Some("strict") => set_flag(&mut options.strict, meta),
            Some("returns") => options.set_returns(meta),
            _ => {
                let message = "unknown option: write name = \"…\", immutable, stable, volatile, \
                               defaults(…), a limit, as fuel_per_row = 5_000_000, or columns, and with that \
                               strict or returns = \"…\"";
                Err(Error::new(meta.path().span(), message))
            }
        })
    }

    fn parse_with(
        tokens: TokenStream,
        other: impl Fn(&mut Self, &Meta) -> Result<()>,
    ) -> Result<Self> {
        let mut options = Self::default();
        for meta in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens)? {
            match word(&meta).as_deref() {
                Some("name") => options.set_name(&meta),
                Some("immutable") => options.set_volatility("IMMUTABLE", &meta),
                Some("stable") => options.set_volatility("STABLE", &meta),
                Some("volatile") => options.set_volatility("VOLATILE", &meta),
                Some("defaults") => options.set_defaults(&meta),
                Some(name) if LIMITS.iter().any(|(limit, _)| *limit == name) => {
                    options.set_limit(name, &meta)
                }
                _ => other(&mut options, &meta),
            }?;
        }
        Ok(options)
    }

    fn set_volatility(&mut self, volatility: &'static str, meta: &Meta) -> Result<()> {
        meta.require_path_only()?;
        match self.volatility.replace(volatility) {
            None => Ok(()),
            Some(_) => {
                let message = "expected only one of immutable, stable and volatile";
                Err(Error::new(meta.span(), message))
            }
        }
    }

    fn set_limit(&mut self, name: &str, meta: &Meta) -> Result<()> {
        let is_number = LIMITS.contains(&(name, true));
        let value = match &meta.require_name_value()?.value {
            Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                ..
            }) if is_number => number.base10_digits().to_owned(),
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) if !is_number => format!("'{}'", text.value().replace('\'', "''")),
            value => {
                let message = match is_number {
                    true => format!("expected a number: {name} = 5_000_000"),
                    false => format!("expected a size: {name} = \"64MB\""),
                };
                return Err(Error::new(value.span(), message));
            }
        };
        let is_same = |limit: &String| limit.starts_with(&format!("{name} ="));
        if self.limits.iter().any(is_same) {
            let message = format!("the option `{name}` is given twice");
            return Err(Error::new(meta.span(), message));
        }
        self.limits.push(format!("{name} = {value}"));
        Ok(())
    }

    /// Parses `defaults(b = "10", c = "'x'")`.
    fn set_defaults(&mut self, meta: &Meta) -> Result<()> {
        let message = "expected constants of SQL as strings: defaults(b = \"10\", c = \"'x'\")";
        let parse = Punctuated::<Meta, Token![,]>::parse_terminated;
        let list = meta.require_list()?.parse_args_with(parse)?;
        let default = |meta: &Meta| match meta.path().get_ident() {
            Some(name) => Ok((name.unraw().to_string(), string(meta, message)?.clone())),
            None => Err(Error::new(meta.span(), message)),
        };
        let defaults = list.iter().map(default).collect::<Result<_>>()?;
        match self.defaults.replace(defaults) {
            None => Ok(()),
            Some(_) => Err(Error::new(
                meta.span(),
                "the option `defaults` is given twice",
            )),
        }
    }

    /// Expands to the pairs of names and constants.
    pub(crate) fn defaults(&self) -> impl Iterator<Item = TokenStream> {
        let defaults = self.defaults.iter().flatten();
        defaults.map(|(name, text)| quote!((#name, #text)))
    }

    fn set_name(&mut self, meta: &Meta) -> Result<()> {
        let name = string(meta, "expected a string: name = \"…\"")?;
        if name.value().is_empty() {
            return Err(Error::new(name.span(), "the name is empty"));
        }
        match self.name.replace(name.value()) {
            None => Ok(()),
            Some(_) => Err(Error::new(meta.span(), "the option `name` is given twice")),
        }
    }

    fn set_returns(&mut self, meta: &Meta) -> Result<()> {
        let message = "expected a string: returns = \"BIGINT\"";
        let sql = sql_type::parse(string(meta, message)?)?;
        match self.returns.replace(sql) {
            None => Ok(()),
            Some(_) => Err(Error::new(
                meta.span(),
                "the option `returns` is given twice",
            )),
        }
    }

    /// Checks for options and arguments that a function over rows or over
    /// columns cannot have.
    pub(crate) fn check(&self, signature: &syn::Signature) -> Result<()> {
        let refuse = |message: &str| Err(Error::new(signature.ident.span(), message));
        let has_more = self.strict || self.returns.is_some();
        match self.columns {
            true if signature.inputs.is_empty() => {
                refuse("expected at least one argument, which gives the number of rows")
            }
            false if has_more => refuse(
                "`strict` and `returns` require `columns`: otherwise the types determine both",
            ),
            _ => Ok(()),
        }
    }
}

/// Returns the name of an option.
fn word(meta: &Meta) -> Option<String> {
    meta.path().get_ident().map(Ident::to_string)
}

fn set_flag(flag: &mut bool, meta: &Meta) -> Result<()> {
    meta.require_path_only()?;
    match std::mem::replace(flag, true) {
        false => Ok(()),
        true => Err(Error::new(meta.span(), "the option is given twice")),
    }
}

/// Returns the string of `option = "…"`.
fn string<'m>(meta: &'m Meta, message: &str) -> Result<&'m LitStr> {
    match &meta.require_name_value()?.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Ok(text),
        _ => Err(Error::new(meta.span(), message)),
    }
}
