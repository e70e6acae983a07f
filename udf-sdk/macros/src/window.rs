//! The expansion of a window function: its declaration and its export.

use fusebox_abi::{EXPORT_NEXT_PREFIX, EXPORT_PARTITION_PREFIX, EXPORT_RANK_PREFIX};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Item, ItemImpl, Meta, Result, Token, Type};

use crate::expansion::{
    self, Row, Statement, constant, described, operation, parameter_of, result, without_lifetimes,
};
use crate::methods::{Access, Block};
use crate::of_type::{call_of_type, of_type};
use crate::options::Options;
use crate::signature::Signature;

/// Expands the attribute to one hidden constant, as for a function.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let (is_rank, options) = options_and_rank(options)?;
    match syn::parse2(item.clone())? {
        Item::Impl(item) if !is_rank => row_by_row(Options::parse(options)?, item),
        Item::Fn(_) if is_rank => over_peers(&Signature::parse(Options::parse(options), item)?),
        Item::Fn(_) => over_partitions(&Signature::parse(Options::parse(options), item)?),
        other => {
            let message = match is_rank {
                true => "#[udwf(rank)] goes on a function",
                false => "#[udwf] goes on a function, or on the `impl` block of a state's struct",
            };
            Err(Error::new(other.span(), message))
        }
    }
}

/// Removes `rank` from the options.
fn options_and_rank(tokens: TokenStream) -> Result<(bool, TokenStream)> {
    let metas = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens)?;
    let is_rank = |meta: &Meta| matches!(meta, Meta::Path(path) if path.is_ident("rank"));
    let has_rank = metas.iter().any(is_rank);
    let rest = metas.iter().filter(|meta| !is_rank(meta));
    Ok((has_rank, quote!(#(#rest),*)))
}

/// Expands a method that keeps state from row to row.
fn row_by_row(options: Options, item: ItemImpl) -> Result<TokenStream> {
    let sdk = quote!(::fusebox_sdk::__private);
    let block = Block::new(item, "udwf")?;
    let how = "`fn next(&mut self, …) -> …`, which returns the result of a row";
    let next = block.required("next", Access::Changes, how)?;
    if matches!(&next.returns, Type::Tuple(tuple) if tuple.elems.is_empty()) {
        let message = "a SQL function must have a result: write `->` and its type";
        return Err(Error::new(next.ident.span(), message));
    }
    let ty = &block.ty;
    let path = block.path(&next);
    let returns = without_lifetimes(&next.returns);
    let (state, of) = (ty.to_token_stream(), quote!(WindowStateType<_>));
    let checked = of_type(&state, &of, "CHECKED");
    let memory = call_of_type(&state, &of, "memory", &quote!(&__FUSEBOX_STATE));
    let of_mut = call_of_type(&state, &of, "of_mut", &quote!(state));
    let Row {
        pattern,
        ty: row,
        values,
        ..
    } = Row::new(&next.parameters, &quote!(ArgumentType<'_, _>));
    let result = result(&next.returns, &quote!(#path(#of_mut, #(#values),*)));
    let name = format!("{EXPORT_NEXT_PREFIX}{}", block.symbol);
    let export = operation(&name, |call| {
        quote! {
            #sdk::next::<_, #row, _>(#call, #memory, |state, #pattern| #result)
        }
    });
    let content = quote! {
        // Only the export calls the method, so this prevents dead-code warnings
        // on other targets.
        let _ = #path;
        const _: () = #checked;
        #[cfg(target_arch = "wasm32")]
        ::std::thread_local! {
            static __FUSEBOX_STATE: ::core::cell::Cell<::core::option::Option<#ty>> =
                const { ::core::cell::Cell::new(::core::option::Option::None) };
        }
        #export
    };
    let statement = Statement {
        symbol: &block.symbol,
        comment: &block.comment,
        options: &options,
        kind: quote!(Window),
        parameters: next.parameters.iter().map(described),
        returns: expansion::returns(&returns, &quote!(ResultType<_>), next.returns.span()),
    };
    Ok(constant(&block.cfgs, &quote!(), "udwf", content, statement))
}

/// Expands a function of whole partitions.
fn over_partitions(signature: &Signature) -> Result<TokenStream> {
    let sdk = quote!(::fusebox_sdk::__private);
    let function = &signature.ident;
    if signature.parameters.is_empty() {
        let message = "expected at least one argument of type Partition, which gives the number \
                       of rows; for ranks, use #[udwf(rank)]";
        return Err(Error::new(function.span(), message));
    }
    let symbol = signature.symbol();
    let returns = without_lifetimes(&signature.returns);
    let of = quote!(PartitionType<'_, _>);
    let Row {
        pattern,
        ty: row,
        values,
        ..
    } = Row::new(&signature.parameters, &of);
    let result = call_of_type(
        &returns,
        &quote!(PartitionResultType<_>),
        "this",
        &quote!(#function(#(#values),*)),
    );
    let export = operation(
        &format!("{EXPORT_PARTITION_PREFIX}{symbol}"),
        |call| quote!(#sdk::partition::<#row, _>(#call, |#pattern| #result)),
    );
    let content = quote! {
        // Only the export calls the function, so this prevents dead-code
        // warnings on other targets.
        let _ = #function;
        #export
    };
    let statement = Statement {
        symbol: &symbol,
        comment: &signature.comment,
        options: &signature.options,
        kind: quote!(Window),
        parameters: signature
            .parameters
            .iter()
            .map(|parameter| parameter_of(&parameter.name, &parameter.ty, &of)),
        returns: expansion::returns(
            &returns,
            &quote!(PartitionResultType<_>),
            signature.returns.span(),
        ),
    };
    let visibility = &signature.visibility;
    Ok(constant(
        &signature.cfgs,
        &quote!(#visibility),
        "udwf",
        content,
        statement,
    ))
}

/// Expands a function of peer rows.
fn over_peers(signature: &Signature) -> Result<TokenStream> {
    let sdk = quote!(::fusebox_sdk::__private);
    let function = &signature.ident;
    let [peers] = &signature.parameters[..] else {
        let message = "#[udwf(rank)] expects one argument: `peers: Peers`";
        return Err(Error::new(function.span(), message));
    };
    let symbol = signature.symbol();
    let returns = without_lifetimes(&signature.returns);
    // An argument of another type is reported at the argument.
    let rows = Ident::new("fusebox_peers", peers.ty.span());
    let result = result(&signature.returns, &quote!(#function(#rows)));
    let export = operation(
        &format!("{EXPORT_RANK_PREFIX}{symbol}"),
        |call| quote!(#sdk::rank(#call, |#rows| #result)),
    );
    let mut check = function.clone();
    check.set_span(function.span().located_at(peers.ty.span()));
    let content = quote! {
        #[cfg(not(target_arch = "wasm32"))]
        let _: fn(::fusebox_sdk::Peers) -> #returns = #check;
        #export
    };
    let statement = Statement {
        symbol: &symbol,
        comment: &signature.comment,
        options: &signature.options,
        kind: quote!(Window),
        parameters: std::iter::empty(),
        returns: expansion::returns(&returns, &quote!(ResultType<_>), signature.returns.span()),
    };
    let visibility = &signature.visibility;
    Ok(constant(
        &signature.cfgs,
        &quote!(#visibility),
        "udwf",
        content,
        statement,
    ))
}
