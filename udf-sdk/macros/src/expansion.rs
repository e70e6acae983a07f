//! The expansion of an annotated function: its declaration and its export.

use fusebox_abi::{EXPORT_FUNCTION_PREFIX, EXPORT_INITIALIZE, SECTION_FUNCTIONS};
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Type};

use crate::of_type::{call_of_type, of_type};
use crate::options::Options;
use crate::signature::{Parameter, Signature};

/// Expands the attribute to one hidden constant, the text of the declaration,
/// which tests can read on any target. All other items are nested in it.
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
    let hidden = quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(dead_code, non_upper_case_globals, reason = "written by #[udf]")]
        #visibility const #constant: &::core::primitive::str = {
            // Only the export calls the function, so this prevents dead-code
            // warnings on other targets.
            let _ = #ident;
            #export
            #declaration
        };
    };
    match signature.options.columns {
        true => {
            let message = "#[udf(columns)] needs the feature `arrow` of fusebox-sdk";
            let otherwise = quote!(::core::compile_error! { #message });
            quote!(::fusebox_sdk::__with_arrow! { { #hidden } { #otherwise } })
        }
        false => hidden,
    }
}

/// The parts of a declaration of a function of another kind.
pub(crate) struct Statement<'a, P> {
    pub(crate) symbol: &'a str,
    /// The text of the doc comment.
    pub(crate) comment: &'a str,
    pub(crate) options: &'a Options,
    /// The variant of `Kind`, with its fields.
    pub(crate) kind: TokenStream,
    pub(crate) parameters: P,
    pub(crate) returns: TokenStream,
}

/// Expands to the hidden constant of a function of another kind, with content
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
        comment,
        options,
        kind,
        parameters,
        returns,
    } = statement;
    let constant = format_ident!("__fusebox_declaration_of_{symbol}");
    let name = options.name.as_deref().unwrap_or(symbol);
    let export = option((name != symbol).then_some(symbol));
    let volatility = option(options.volatility);
    let limits = options.limits.join(", ");
    let defaults = options.defaults();
    let reason = format!("written by #[{attribute}]");
    let declaration = section(
        &quote!(::fusebox_sdk::__private::Declared<'static>),
        &quote! {
            ::fusebox_sdk::__private::Declared {
                kind: ::fusebox_sdk::__private::Kind::#kind,
                declaration: ::fusebox_sdk::__private::Declaration {
                    name: #name,
                    parameters: &[#(#parameters),*],
                    defaults: &[#(#defaults),*],
                    returns: #returns,
                    volatility: #volatility,
                    export: #export,
                    options: #limits,
                    comment: #comment,
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

/// Expands to the declaration, as bytes in the custom section and as the value
/// of the constant. Types keep the author's spans, so that the compiler reports
/// errors there.
fn declaration(signature: &Signature) -> TokenStream {
    let symbol = signature.symbol();
    let name = signature.options.name.as_ref().unwrap_or(&symbol);
    let volatility = option(signature.options.volatility);
    let export = option((*name != symbol).then_some(&symbol));
    let limits = signature.limits();
    let comment = &signature.comment;
    let defaults = signature.options.defaults();
    let result = without_lifetimes(&signature.returns);
    // An error in the type is reported at the type.
    let span = signature.returns.span();
    let returns = match (&signature.options.returns, signature.options.columns) {
        (Some(sql), _) => quote_spanned! {span=>
            ::fusebox_sdk::__private::declared_returns::<#result>(#sql)
        },
        (None, true) => quote_spanned! {span=>
            ::fusebox_sdk::__private::column_returns::<#result>()
        },
        (None, false) => returns(&result, &quote!(ResultType<_>), span),
    };
    let sees_nulls = !signature.options.strict;
    let parameters = signature.parameters.iter().map(|parameter| {
        let (name, span) = (&parameter.name, parameter.ty.span());
        let ty = without_lifetimes(&parameter.ty);
        match (&parameter.sql, signature.options.columns) {
            (Some(sql), _) => quote_spanned! {span=>
                ::fusebox_sdk::__private::declared_parameter::<#ty>(#name, #sql, #sees_nulls)
            },
            (None, true) => quote_spanned! {span=>
                ::fusebox_sdk::__private::column_parameter::<#ty>(#name, #sees_nulls)
            },
            (None, false) => described(parameter),
        }
    });
    section(
        &quote!(::fusebox_sdk::__private::Declaration<'static>),
        &quote! {
            ::fusebox_sdk::__private::Declaration {
                name: #name,
                parameters: &[#(#parameters),*],
                defaults: &[#(#defaults),*],
                returns: #returns,
                volatility: #volatility,
                export: #export,
                options: #limits,
                comment: #comment,
            }
        },
    )
}

/// Expands to the description of an argument. An error in it is reported at its
/// type.
pub(crate) fn described(parameter: &Parameter) -> TokenStream {
    let name = &parameter.name;
    match &parameter.prepare {
        Some(prepare) => {
            let span = prepare.span();
            quote_spanned!(span=> ::fusebox_sdk::__private::prepared_parameter(#name, #prepare))
        }
        None => parameter_of(name, &parameter.ty, &quote!(ArgumentType<'_, _>)),
    }
}

/// Expands to the description of an argument whose type has the trait `of`.
pub(crate) fn parameter_of(name: &str, ty: &Type, of: &TokenStream) -> TokenStream {
    let span = ty.span();
    let ty = without_lifetimes(ty);
    let sql = of_type(&ty, of, "SQL");
    let sees_nulls = of_type(&ty, of, "SEES_NULLS");
    quote_spanned! {span=>
        ::fusebox_sdk::__private::Parameter::new(#name, #sql, #sees_nulls)
    }
}

/// Expands to the SQL type of a result whose type has the trait `of`. An error in
/// it is reported at `span`.
pub(crate) fn returns(ty: &TokenStream, of: &TokenStream, span: Span) -> TokenStream {
    let sql = of_type(ty, of, "SQL");
    quote_spanned!(span=> ::fusebox_sdk::__private::returns(#sql))
}

/// Expands to a declaration of a type, as bytes in the custom section and as a
/// value.
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

/// Expands to the export, which only a wasm32 module has. A native check finds
/// errors in the declaration, which has the same types with the same bounds.
fn export(signature: &Signature) -> TokenStream {
    let name = format!("{EXPORT_FUNCTION_PREFIX}{}", signature.symbol());
    operation(&name, |call| match signature.options.columns {
        true => over_columns(signature, call),
        false => over_rows(signature, call),
    })
}

/// Expands to a call of the function for each row.
fn over_rows(signature: &Signature, call: &TokenStream) -> TokenStream {
    let function = &signature.ident;
    let Row {
        names,
        pattern,
        ty,
        values,
    } = Row::new(&signature.parameters, &quote!(ArgumentType<'_, _>));
    let is_inline = signature.is_inline;
    let mut constants = TokenStream::new();
    let mut result = result(&signature.returns, &quote!(#function(#(#values),*)));
    let parameters = signature.parameters.iter().enumerate().rev();
    for (index, parameter) in parameters {
        let Some(prepare) = &parameter.prepare else {
            continue;
        };
        let constant = format_ident!("constant_{index}", span = Span::mixed_site());
        let argument = &names[index];
        constants.extend(quote! {
            let #constant = ::fusebox_sdk::__private::Prepared::new(#call, #index, #prepare);
        });
        result = quote!(#constant.with(#argument, #prepare, |#argument| #result));
    }
    quote! {
        #constants
        ::fusebox_sdk::__private::run::<#is_inline, #ty, _>(#call, |#pattern| #result)
    }
}

/// Expands to a call of the function with whole columns.
fn over_columns(signature: &Signature, call: &TokenStream) -> TokenStream {
    let function = &signature.ident;
    let columns = Ident::new("columns", Span::mixed_site());
    let arguments = (0..signature.parameters.len()).map(|index| quote!(#columns.get(#index)?));
    quote! {
        ::fusebox_sdk::__private::run_columns(#call, &__FUSEBOX_DECLARATION, |#columns| {
            ::core::result::Result::Ok(#function(#(#arguments),*))
        })
    }
}

/// The arguments of a row.
pub(crate) struct Row {
    pub(crate) names: Vec<Ident>,
    /// A pattern of the names, in pairs.
    pub(crate) pattern: TokenStream,
    /// The type of the pattern.
    pub(crate) ty: TokenStream,
    /// The values that the author's function receives.
    pub(crate) values: Vec<TokenStream>,
}

impl Row {
    /// Expands arguments whose types have the trait `of`.
    pub(crate) fn new(parameters: &[Parameter], of: &TokenStream) -> Self {
        // Hygienic, or an argument would shadow a function of the same name.
        let names: Vec<Ident> = (0..parameters.len())
            .map(|index| format_ident!("argument_{index}", span = Span::mixed_site()))
            .collect();
        let (mut pattern, mut row) = (quote!(()), quote!(()));
        let mut values = Vec::new();
        for (name, parameter) in names.iter().zip(parameters).rev() {
            pattern = quote!((#name, #pattern));
            if parameter.prepare.is_some() {
                row = quote!((_, #row));
                values.push(quote!(#name));
                continue;
            }
            let ty = without_lifetimes(&parameter.ty);
            let this = of_type(&ty, of, "This");
            row = quote!((#this, #row));
            values.push(call_of_type(&ty, of, "of", &quote!(#name)));
        }
        values.reverse();
        Self {
            names,
            pattern,
            ty: row,
            values,
        }
    }
}

/// Expands to the result of a row, of which the author's code returns `value`.
pub(crate) fn result(returns: &Type, value: &TokenStream) -> TokenStream {
    let ty = without_lifetimes(returns);
    call_of_type(&ty, &quote!(ResultType<_>), "this", value)
}

/// Expands to an export of that name, whose body `body` expands to.
pub(crate) fn operation(name: &str, body: impl FnOnce(&TokenStream) -> TokenStream) -> TokenStream {
    // Hygienic, or it would shadow a function of that name.
    let call = Ident::new("call", Span::mixed_site());
    let body = body(&quote!(&#call));
    quote! {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[unsafe(export_name = #name)]
            unsafe extern "C" fn __fusebox_export(
                args: *const ::fusebox_sdk::__private::ArrowArray,
                rows: ::core::primitive::u32,
                result: *mut ::fusebox_sdk::__private::ArrowArray,
            ) -> ::core::primitive::u32 {
                // SAFETY: the host passes the parameters that ABI 1 specifies,
                // with columns of the types of the declaration, which has them
                // from the same function.
                let #call = unsafe { ::fusebox_sdk::__private::Call::new(args, rows, result) };
                #body
            }
        };
    }
}

/// Expands to the export that runs before all others.
pub(crate) fn initialization(function: &Ident) -> TokenStream {
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[unsafe(export_name = #EXPORT_INITIALIZE)]
        extern "C" fn __fusebox_initialize() {
            ::fusebox_sdk::__private::initialize(#function);
        }
    }
}

/// Expands to a literal `Option`.
pub(crate) fn option(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// Replaces named lifetimes, which are declared only on the function, with
/// `'_`.
pub(crate) fn without_lifetimes(ty: &Type) -> TokenStream {
    with_lifetimes(ty.to_token_stream(), &|name| Ident::new("_", name.span()))
}

/// Renames each lifetime.
fn with_lifetimes(tokens: TokenStream, rename: &dyn Fn(Ident) -> Ident) -> TokenStream {
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
