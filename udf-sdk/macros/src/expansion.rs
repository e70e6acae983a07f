//! What stands next to an annotated function: its declaration and its export.

use fusebox_abi::{EXPORT_FUNCTION_PREFIX, SECTION_FUNCTIONS};
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::Type;

use crate::signature::Signature;

/// Writes one hidden constant, the declaration's text, which tests can read on
/// any target. The other items are inside it, out of the author's way.
pub(crate) fn expand(signature: &Signature) -> TokenStream {
    let Signature {
        cfgs,
        visibility,
        ident,
        ..
    } = signature;
    let constant = format_ident!("__fusebox_declaration_of_{}", signature.symbol());
    let declaration = declaration(signature);
    let export = export(signature);
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(dead_code, non_upper_case_globals, reason = "written by #[udf]")]
        #visibility const #constant: &::core::primitive::str = {
            // Only the export calls the function, which is not dead without.
            let _ = #ident;
            #export
            #declaration
        };
    }
}

/// The declaration, as bytes in the custom section and as the value of the
/// constant. Types keep the author's spans, so that the compiler complains
/// about them where they were written.
fn declaration(signature: &Signature) -> TokenStream {
    let symbol = signature.symbol();
    let name = signature.options.name.as_ref().unwrap_or(&symbol);
    let volatility = option(signature.options.volatility);
    let export = option((*name != symbol).then_some(&symbol));
    let returns = without_lifetimes(&signature.returns);
    let parameters = signature.parameters.iter().map(|parameter| {
        let name = &parameter.name;
        let ty = without_lifetimes(&parameter.ty);
        quote!(::fusebox_sdk::__private::Parameter::of::<#ty>(#name))
    });
    quote! {
        const __FUSEBOX_DECLARATION: ::fusebox_sdk::__private::Declaration<'static> =
            ::fusebox_sdk::__private::Declaration {
                name: #name,
                parameters: &[#(#parameters),*],
                returns: ::fusebox_sdk::__private::returns::<#returns>(),
                volatility: #volatility,
                export: #export,
            };
        const __FUSEBOX_BYTES: [::core::primitive::u8; __FUSEBOX_DECLARATION.statement_len()] =
            __FUSEBOX_DECLARATION.statement();
        #[cfg(target_arch = "wasm32")]
        #[used]
        #[unsafe(link_section = #SECTION_FUNCTIONS)]
        static __FUSEBOX_SECTION: [::core::primitive::u8; __FUSEBOX_BYTES.len()] = __FUSEBOX_BYTES;
        ::fusebox_sdk::__private::text(&__FUSEBOX_BYTES)
    }
}

/// The export, which only a module has. What a native check must find, it finds
/// in the declaration: the same types with the same bounds.
fn export(signature: &Signature) -> TokenStream {
    let function = &signature.ident;
    let export = format!("{EXPORT_FUNCTION_PREFIX}{}", signature.symbol());
    // Hygienic, or an argument would hide a function of the same name.
    let arguments: Vec<Ident> = (0..signature.parameters.len())
        .map(|index| format_ident!("argument_{index}", span = Span::mixed_site()))
        .collect();
    let row = arguments
        .iter()
        .rev()
        .fold(quote!(()), |rest, argument| quote!((#argument, #rest)));
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[unsafe(export_name = #export)]
        unsafe extern "C" fn __fusebox_export(
            args: *const ::fusebox_sdk::__private::ArrowArray,
            rows: ::core::primitive::u32,
            result: *mut ::fusebox_sdk::__private::ArrowArray,
        ) -> ::core::primitive::u32 {
            // SAFETY: the host passes what ABI 1 says, with columns of the
            // types that the declaration takes from the same function.
            let call = unsafe { ::fusebox_sdk::__private::Call::new(args, rows, result) };
            ::fusebox_sdk::__private::run(&call, |#row| #function(#(#arguments),*))
        }
    }
}

/// A literal `Option`.
fn option(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// Replaces named lifetimes, which only the function itself declares, by `'_`.
fn without_lifetimes(ty: &Type) -> TokenStream {
    with_lifetimes(ty.to_token_stream(), &|name| Ident::new("_", name.span()))
}

/// Replaces the name of each lifetime.
pub(crate) fn with_lifetimes(tokens: TokenStream, rename: &dyn Fn(Ident) -> Ident) -> TokenStream {
    let mut after_quote = false;
    let renamed = |tree| match tree {
        TokenTree::Ident(name) if after_quote => {
            after_quote = false;
            rename(name).into()
        }
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), with_lifetimes(group.stream(), rename));
            inner.set_span(group.span());
            inner.into()
        }
        tree => {
            after_quote = matches!(&tree, TokenTree::Punct(mark) if mark.as_char() == '\'');
            tree
        }
    };
    tokens.into_iter().map(renamed).collect()
}
