//! The macros of `fusebox-sdk`, where they are documented.
//!
//! The macros know nothing about types: they hand the tokens of a signature to
//! the SDK's traits, and the compiler works out the rest.
#![forbid(unsafe_code)]

// What the author wrote, checked.
mod signature;

// A SQL type as text.
mod sql_type;

// A struct that stands for a SQL struct, and what it becomes.
mod row;

// An aggregate: the methods of its state.
mod aggregate;

// A window function: a method of its state, or a function.
mod window;

// A table function.
mod table;

// The methods of a block, checked.
mod methods;

// What a function becomes.
mod expansion;

use proc_macro::TokenStream;

/// Makes a function callable from SQL.
///
/// The function stays as it is. Its SQL name is its Rust name unless
/// `name = "…"` gives another; `immutable`, `stable` or `volatile` says how its
/// result may change, and without one of them the engine decides.
///
/// With `columns`, the function is called with whole columns, as arrays of
/// arrow-rs. `returns = "…"` says which SQL type the result has, `#[sql("…")]`
/// before an argument says it of that, and `strict` that nulls are not the
/// function's business.
#[proc_macro_attribute]
pub fn udf(options: TokenStream, item: TokenStream) -> TokenStream {
    beside(item, |item| {
        let options = signature::Options::parse_udf(options.into());
        let signature = signature::Signature::parse(options, item)?;
        Ok(expansion::expand(&signature))
    })
}

/// Makes an aggregate function of the methods of its state.
#[proc_macro_attribute]
pub fn udaf(options: TokenStream, item: TokenStream) -> TokenStream {
    beside(item, |item| aggregate::expand(options.into(), item))
}

/// Makes a window function of a method of its state, or of a function.
#[proc_macro_attribute]
pub fn udwf(options: TokenStream, item: TokenStream) -> TokenStream {
    beside(item, |item| window::expand(options.into(), item))
}

/// Makes a table function of a function that returns an iterator.
#[proc_macro_attribute]
pub fn udtf(options: TokenStream, item: TokenStream) -> TokenStream {
    beside(item, |item| table::expand(options.into(), item))
}

/// Leaves an item as the compiler knows it, and puts something next to it.
fn beside(
    item: TokenStream,
    expand: impl FnOnce(proc_macro2::TokenStream) -> syn::Result<proc_macro2::TokenStream>,
) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    let generated = expand(item.clone()).unwrap_or_else(syn::Error::into_compile_error);
    let item = signature::without_sql(item);
    quote::quote!(#item #generated).into()
}

/// Makes a struct stand for a SQL struct: `STRUCT("a" BIGINT, "b" VARCHAR)`.
///
/// The struct has named fields, and at most one lifetime, for those that
/// borrow: from an argument, so that `&'static str` is no type of a field. Where
/// a field is null that is not an `Option`, the struct is null.
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
    let expanded = row::Struct::parse(item.into()).map(|row| row.expand());
    expanded
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}
