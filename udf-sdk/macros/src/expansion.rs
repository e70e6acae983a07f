//! What stands next to an annotated function: its declaration and its export.

use fusebox_abi::{EXPORT_FUNCTION_PREFIX, SECTION_FUNCTIONS};
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, Type};

use crate::signature::{Options, Signature};

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

/// What the declaration of a function of another kind is made of.
pub(crate) struct Statement<'a, P> {
    pub(crate) symbol: &'a str,
    pub(crate) options: &'a Options,
    /// A `Kind`, with what belongs to it.
    pub(crate) kind: TokenStream,
    pub(crate) parameters: P,
    pub(crate) returns: TokenStream,
}

/// Writes the hidden constant of a function of another kind, with some content
/// before the declaration.
pub(crate) fn constant(
    cfgs: &[Attribute],
    visibility: &TokenStream,
    attribute: &str,
    content: TokenStream,
    statement: Statement<'_, impl Iterator<Item = TokenStream>>,
) -> TokenStream {
    let Statement {
        symbol,
        options,
        kind,
        parameters,
        returns,
    } = statement;
    let constant = format_ident!("__fusebox_declaration_of_{symbol}");
    let name = options.name.as_deref().unwrap_or(symbol);
    let export = option((name != symbol).then_some(symbol));
    let volatility = option(options.volatility);
    let reason = format!("written by #[{attribute}]");
    let declaration = section(
        &quote!(::fusebox_sdk::__private::Declared<'static>),
        &quote! {
            ::fusebox_sdk::__private::Declared {
                kind: ::fusebox_sdk::__private::Kind::#kind,
                declaration: ::fusebox_sdk::__private::Declaration {
                    name: #name,
                    parameters: &[#(#parameters),*],
                    returns: #returns,
                    volatility: #volatility,
                    export: #export,
                },
            }
        },
    );
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(dead_code, non_upper_case_globals, reason = #reason)]
        #visibility const #constant: &::core::primitive::str = {
            #content
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
    section(
        &quote!(::fusebox_sdk::__private::Declaration<'static>),
        &quote! {
            ::fusebox_sdk::__private::Declaration {
                name: #name,
                parameters: &[#(#parameters),*],
                returns: ::fusebox_sdk::__private::returns::<#returns>(),
                volatility: #volatility,
                export: #export,
            }
        },
    )
}

/// A declaration of some type, as bytes in the custom section and as a value.
pub(crate) fn section(ty: &TokenStream, declaration: &TokenStream) -> TokenStream {
    quote! {
        const __FUSEBOX_DECLARATION: #ty = #declaration;
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
    let name = format!("{EXPORT_FUNCTION_PREFIX}{}", signature.symbol());
    let (arguments, row) = arguments(signature.parameters.len());
    operation(
        &name,
        |call| quote!(::fusebox_sdk::__private::run(#call, |#row| #function(#(#arguments),*))),
    )
}

/// Names for so many arguments, and the same in pairs.
pub(crate) fn arguments(count: usize) -> (Vec<Ident>, TokenStream) {
    // Hygienic, or an argument would hide a function of the same name.
    let arguments: Vec<Ident> = (0..count)
        .map(|index| format_ident!("argument_{index}", span = Span::mixed_site()))
        .collect();
    let pairs = arguments
        .iter()
        .rev()
        .fold(quote!(()), |rest, argument| quote!((#argument, #rest)));
    (arguments, pairs)
}

/// An export of that name, which has the call that it is given answered.
pub(crate) fn operation(
    name: &str,
    answer: impl FnOnce(&TokenStream) -> TokenStream,
) -> TokenStream {
    // Hygienic, or it would hide a function of that name.
    let call = Ident::new("call", Span::mixed_site());
    let answer = answer(&quote!(&#call));
    quote! {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[unsafe(export_name = #name)]
            unsafe extern "C" fn __fusebox_export(
                args: *const ::fusebox_sdk::__private::ArrowArray,
                rows: ::core::primitive::u32,
                result: *mut ::fusebox_sdk::__private::ArrowArray,
            ) -> ::core::primitive::u32 {
                // SAFETY: the host passes what ABI 1 says, with columns of the
                // types that the declaration takes from the same function.
                let #call = unsafe { ::fusebox_sdk::__private::Call::new(args, rows, result) };
                #answer
            }
        };
    }
}

/// A literal `Option`.
pub(crate) fn option(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// Replaces named lifetimes, which only the function itself declares, by `'_`.
pub(crate) fn without_lifetimes(ty: &Type) -> TokenStream {
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
