//! The expansion of an initialisation: its export.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, ItemFn, Result};

use crate::expansion::initialization;
use crate::methods::all;
use crate::signature::modifiers;

/// Expands the attribute to the export.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let message = "#[init] goes on a function with a body";
    let item: ItemFn = syn::parse2(item).map_err(|error| Error::new(error.span(), message))?;
    let mut errors = modifiers(&item.sig);
    if !options.is_empty() {
        errors.push(Error::new(options.span(), "#[init] has no options"));
    }
    if let Some(argument) = item.sig.inputs.first() {
        let message = "an initialisation has no arguments";
        errors.push(Error::new(argument.span(), message));
    }
    if let Some(error) = all(errors) {
        return Err(error);
    }
    let function = &item.sig.ident;
    let cfgs = crate::signature::cfgs(item.attrs);
    let export = initialization(function);
    Ok(quote! {
        #(#cfgs)*
        const _: () = {
            // Only the export calls the function, so this prevents dead-code
            // warnings on other targets.
            let _ = #function;
            #export
        };
    })
}
