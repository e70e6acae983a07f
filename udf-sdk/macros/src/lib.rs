//! The attribute macro of `fusebox-sdk`, where it is documented.
//!
//! The macro knows nothing about types: it hands the tokens of a signature to
//! the SDK's traits, and the compiler works out the rest.
#![forbid(unsafe_code)]

// What the author wrote, checked.
mod signature;

// What it becomes.
mod expansion;

use proc_macro::TokenStream;

/// Makes a function callable from SQL.
///
/// The function stays as it is. Its SQL name is its Rust name unless
/// `name = "…"` gives another; `immutable`, `stable` or `volatile` says how its
/// result may change, and without one of them the engine decides.
#[proc_macro_attribute]
pub fn udf(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    let generated = match signature::Signature::parse(options.into(), item.clone()) {
        Ok(signature) => expansion::expand(&signature),
        Err(error) => error.into_compile_error(),
    };
    quote::quote!(#item #generated).into()
}
