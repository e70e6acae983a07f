//! The macros of `fusebox-sdk`, which documents them.
//!
//! The macros do not interpret types: they pass the tokens of a signature to
//! the SDK's traits, which the compiler resolves.
#![forbid(unsafe_code)]

// The expansion of an aggregate.
mod aggregate;

// The expansion of a window function.
mod window;

// The expansion of a table function.
mod table;

// The expansion of an initialisation.
mod init;

// The expansion of a struct.
mod row;

// A struct with fields, checked.
mod fields;

// The methods of a block, checked.
mod methods;

// The expansion of a function.
mod expansion;

// The signature of a function, checked.
mod signature;

// Items of the traits of a type.
mod of_type;

// The options of an attribute.
mod options;

// SQL types as text.
mod sql_type;

use proc_macro::TokenStream;

/// Makes a function callable from SQL.
///
/// The function stays as it is. Its SQL name is its Rust name unless `name =
/// "…"` gives another; `immutable`, `stable` or `volatile` declares its
/// volatility, which the engine chooses by default. Its doc comment is its description in
/// SQL. `defaults(b = "10")` gives the
/// last arguments defaults, as constants of SQL.
///
/// With `columns`, the function is called with whole columns, as arrays of
/// arrow-rs. `returns = "…"` declares the SQL type of the result, `#[sql("…")]`
/// that of an argument, and `strict` makes results null where an argument is.
#[proc_macro_attribute]
pub fn udf(options: TokenStream, item: TokenStream) -> TokenStream {
    beside(item, |item| {
        let options = options::Options::parse_udf(options.into());
        let signature = signature::Signature::parse(options, item)?;
        Ok(expansion::expand(&signature))
    })
}

/// Makes an aggregate function from the methods of its state.
#[proc_macro_attribute]
pub fn udaf(options: TokenStream, item: TokenStream) -> TokenStream {
    beside(item, |item| aggregate::expand(options.into(), item))
}

/// Makes a window function from a method of its state, or from a function.
#[proc_macro_attribute]
pub fn udwf(options: TokenStream, item: TokenStream) -> TokenStream {
    beside(item, |item| window::expand(options.into(), item))
}

/// Makes a table function from a function that returns an iterator.
#[proc_macro_attribute]
pub fn udtf(options: TokenStream, item: TokenStream) -> TokenStream {
    beside(item, |item| table::expand(options.into(), item))
}

/// Runs a function when an instance is made, before its first call.
#[proc_macro_attribute]
pub fn init(options: TokenStream, item: TokenStream) -> TokenStream {
    beside(item, |item| init::expand(options.into(), item))
}

/// Returns the item without attributes of the macro, followed by its expansion.
fn beside(
    item: TokenStream,
    expand: impl FnOnce(proc_macro2::TokenStream) -> syn::Result<proc_macro2::TokenStream>,
) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    let generated = expand(item.clone()).unwrap_or_else(syn::Error::into_compile_error);
    let item = signature::without_sql(item);
    quote::quote!(#item #generated).into()
}

/// Makes a struct a SQL struct: `STRUCT("a" BIGINT, "b" VARCHAR)`.
///
/// The struct has named fields, and at most one lifetime, of fields that borrow
/// from an argument; `&'static str` is not a type of a field. If a field that
/// is not an `Option` is null, the struct is null.
///
/// ```ignore
/// use fusebox_sdk::{Row, udf};
///
/// #[derive(Row)]
/// struct Point {
///     x: f64,
///     y: f64,
/// }
///
/// #[derive(Row)]
/// struct Label<'a> {
///     text: &'a str,
///     place: Option<Point>,
/// }
///
/// #[udf]
/// fn label<'a>(text: &'a str, place: Option<Point>) -> Label<'a> {
///     Label { text, place }
/// }
/// ```
#[proc_macro_derive(Row)]
pub fn row(item: TokenStream) -> TokenStream {
    let expanded = fields::Struct::parse(item.into()).map(|row| row.expand());
    expanded
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}
