//! What stands next to an annotated function: its declaration and its export.

use fusebox_abi::{EXPORT_FUNCTION_PREFIX, SECTION_FUNCTIONS};
use proc_macro2::{Group, Ident, Punct, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::Type;

use crate::signature::Signature;

/// Writes one hidden constant, the declaration's text, which tests can read on
/// any target. The other items are inside it, out of the author's way.
pub(crate) fn expand(signature: &Signature) -> TokenStream {
    let Signature {
        cfgs, visibility, ..
    } = signature;
    let constant = format_ident!("__fusebox_declaration_of_{}", signature.symbol());
    let declaration = declaration(signature);
    let export = export(signature);
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(dead_code, non_upper_case_globals, reason = "written by #[udf]")]
        #visibility const #constant: &::core::primitive::str = {
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
        const __FUSEBOX_BYTES: [::core::primitive::u8; __FUSEBOX_DECLARATION.len()] =
            __FUSEBOX_DECLARATION.statement();
        #[cfg(target_arch = "wasm32")]
        #[used]
        #[unsafe(link_section = #SECTION_FUNCTIONS)]
        static __FUSEBOX_SECTION: [::core::primitive::u8; __FUSEBOX_BYTES.len()] = __FUSEBOX_BYTES;
        ::fusebox_sdk::__private::text(&__FUSEBOX_BYTES)
    }
}

/// The export. It is compiled for every target, so that a native check finds
/// what is wrong with it, but only a module exports it.
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
        #[cfg_attr(target_arch = "wasm32", unsafe(export_name = #export))]
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
    fn walk(tokens: TokenStream) -> TokenStream {
        let mut after_quote = false;
        let walk_tree = |tree| match tree {
            TokenTree::Ident(name) if after_quote && name != "static" => {
                after_quote = false;
                Ident::new("_", name.span()).into()
            }
            TokenTree::Group(group) => {
                let mut walked = Group::new(group.delimiter(), walk(group.stream()));
                walked.set_span(group.span());
                walked.into()
            }
            tree => {
                after_quote = matches!(&tree, TokenTree::Punct(mark) if is_quote(mark));
                tree
            }
        };
        tokens.into_iter().map(walk_tree).collect()
    }
    fn is_quote(mark: &Punct) -> bool {
        mark.as_char() == '\''
    }
    walk(ty.to_token_stream())
}
