//! The expansion of a table function: its declaration and its export.

use fusebox_abi::EXPORT_TABLE_PREFIX;
use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    AngleBracketedGenericArguments, Error, GenericArgument, ItemFn, PathArguments, Result,
    ReturnType, Type, TypeImplTrait, TypeParamBound,
};

use crate::expansion::{self, Row, Statement, constant, described, operation};
use crate::methods::all;
use crate::of_type::call_of_type;
use crate::options::Options;
use crate::signature::{Parameter, cfgs, comment, modifiers};

/// A function that returns an iterator.
struct Table {
    item: ItemFn,
    options: Options,
    parameters: Vec<Parameter>,
    /// The type of a row.
    row: TokenStream,
    /// True if the function returns a `Result`.
    may_fail: bool,
}

/// Expands the attribute to one hidden constant, as for a function.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let message = "#[udtf] goes on a function with a body";
    let item: ItemFn = syn::parse2(item).map_err(|error| Error::new(error.span(), message))?;
    Ok(Table::new(Options::parse(options), item)?.expand())
}

impl Table {
    fn new(options: Result<Options>, item: ItemFn) -> Result<Self> {
        let mut errors = modifiers(&item.sig);
        let mut keep = |error| errors.push(error);
        let inputs = item.sig.inputs.iter();
        let parameters = inputs
            .filter_map(|input| {
                let parameter = Parameter::new(input).and_then(owned);
                parameter.map_err(&mut keep).ok()
            })
            .collect();
        let row = match &item.sig.output {
            ReturnType::Type(_, ty) => row(ty),
            ReturnType::Default => {
                let message =
                    "a table function must return an iterator: write `-> impl Iterator<Item = …>`";
                Err(Error::new(item.sig.ident.span(), message))
            }
        };
        let row = row.map_err(&mut keep);
        let options = options.map_err(&mut keep);
        match (options, row, all(errors)) {
            (Ok(options), Ok((row, may_fail)), None) => Ok(Self {
                item,
                options,
                parameters,
                row,
                may_fail,
            }),
            (_, _, error) => Err(error.expect("every failure has pushed its error")),
        }
    }

    fn expand(&self) -> TokenStream {
        let sdk = quote!(::fusebox_sdk::__private);
        let Self { row, .. } = self;
        let function = &self.item.sig.ident;
        let symbol = function.unraw().to_string();
        let Row {
            names,
            pattern,
            ty: pairs,
            values,
        } = Row::new(&self.parameters, &quote!(ArgumentType<'_, _>));
        let types = self.parameters.iter().map(|parameter| &parameter.ty);
        let rows = quote_spanned!(function.span()=> #function(#(#names),*));
        let result = match self.may_fail {
            true => rows,
            false => {
                quote!(::core::result::Result::Ok::<_, ::core::convert::Infallible>(#rows))
            }
        };
        // An iterator that borrows, or no iterator, is reported at the result.
        let returns = self.item.sig.output.span();
        let rows = quote_spanned!(returns=> ::fusebox_sdk::__private::BoxedRows<#row>);
        let row_type = expansion::returns(row, &quote!(RowType<_>), returns);
        let of = quote!(RowType<_>);
        let memory = call_of_type(row, &of, "memory", &quote!(&__FUSEBOX_TABLE));
        let called = quote!(__fusebox_rows(#(#values),*));
        let returned = call_of_type(row, &of, "returned", &called);
        let boxed = quote_spanned!(returns=> ::fusebox_sdk::__private::boxed_rows(#result));
        let export = operation(
            &format!("{EXPORT_TABLE_PREFIX}{symbol}"),
            |call| quote!(#sdk::next_rows::<#pairs, _>(#call, #memory, |#pattern| #returned)),
        );
        let content = quote! {
            // Compiled on every target, to check that the iterator does not
            // borrow.
            fn __fusebox_rows(#(#names: #types),*) -> #rows {
                #boxed
            }
            #[cfg(target_arch = "wasm32")]
            ::std::thread_local! {
                static __FUSEBOX_TABLE: ::core::cell::Cell<#sdk::TableState<#row>> =
                    const { ::core::cell::Cell::new(#sdk::TableState::New) };
            }
            #export
        };
        let statement = Statement {
            symbol: &symbol,
            comment: &comment(&self.item.attrs),
            options: &self.options,
            kind: quote!(Table),
            parameters: self.parameters.iter().map(described),
            returns: row_type,
        };
        let visibility = &self.item.vis;
        constant(
            &cfgs(self.item.attrs.clone()),
            &quote!(#visibility),
            "udtf",
            content,
            statement,
        )
    }
}

/// Rejects an argument that borrows.
fn owned(parameter: Parameter) -> Result<Parameter> {
    match borrows(parameter.ty.to_token_stream()) {
        false => Ok(parameter),
        true => {
            let message = "a table function cannot borrow from its arguments, since its iterator \
                           outlives the call: take an owned type, such as a String or a Vec";
            Err(Error::new(parameter.ty.span(), message))
        }
    }
}

fn borrows(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Group(group) => borrows(group.stream()),
        TokenTree::Punct(mark) => matches!(mark.as_char(), '&' | '\''),
        _ => false,
    })
}

/// Returns the type of the rows of a result type, and true if that is a
/// `Result`.
fn row(ty: &Type) -> Result<(TokenStream, bool)> {
    let of_iterator = |ty: &Type| match ty {
        Type::ImplTrait(ty) => row_type(ty),
        ty => Ok(quote_spanned!(ty.span()=> <#ty as ::core::iter::Iterator>::Item)),
    };
    if let Type::Path(path) = ty
        && let Some(last) = path.path.segments.last()
        && last.ident == "Result"
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(GenericArgument::Type(rows)) = arguments.args.first()
    {
        return Ok((of_iterator(rows)?, true));
    }
    Ok((of_iterator(ty)?, false))
}

/// Returns the type of the items of an `impl Iterator`.
fn row_type(ty: &TypeImplTrait) -> Result<TokenStream> {
    let bounds = ty.bounds.iter().filter_map(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    });
    let arguments = bounds.filter_map(|bound| match &bound.arguments {
        PathArguments::AngleBracketed(AngleBracketedGenericArguments { args, .. }) => Some(args),
        _ => None,
    });
    let mut items = arguments.flatten().filter_map(|argument| match argument {
        GenericArgument::AssocType(item) if item.ident == "Item" => Some(&item.ty),
        _ => None,
    });
    let message = "missing type of the rows: write `impl Iterator<Item = …>`";
    items
        .next()
        .map(ToTokens::to_token_stream)
        .ok_or_else(|| Error::new(ty.span(), message))
}
