//! The expansion of an aggregate: its declaration, its exports, and the static
//! of its states.

use fusebox_abi::{
    EXPORT_FINISH_PREFIX, EXPORT_MERGE_PREFIX, EXPORT_RELEASE_GROUPS_PREFIX, EXPORT_RETRACT_PREFIX,
    EXPORT_STATE_PREFIX, EXPORT_UPDATE_PREFIX,
};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemImpl, Result, Type};

use crate::expansion::{
    self, Row, Statement, constant, described, operation, result, without_lifetimes,
};
use crate::methods::{Access, Block, Method, all};
use crate::of_type::{call_of_type, of_type};
use crate::options::Options;

/// The methods of a state.
struct Aggregate {
    block: Block,
    options: Options,
    update: Method,
    merge: Method,
    finish: Method,
    retract: Option<Method>,
}

/// Expands the attribute to one hidden constant, as for a function.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let message = "#[udaf] goes on the `impl` block of a state's struct";
    let item: ItemImpl = syn::parse2(item).map_err(|error| Error::new(error.span(), message))?;
    let aggregate = Aggregate::new(Options::parse(options), Block::new(item, "udaf")?)?;
    Ok(aggregate.expand())
}

impl Aggregate {
    fn new(options: Result<Options>, block: Block) -> Result<Self> {
        let update = block.required(
            "update",
            Access::Changes,
            "`fn update(&mut self, …)`, which adds a row to the state",
        );
        let merge = block.required(
            "merge",
            Access::Changes,
            "`fn merge(&mut self, other: Self)`, which adds another state to the state",
        );
        let merge = merge.and_then(|merge| check_merge(&block, merge));
        let finish = block.required(
            "finish",
            Access::Reads,
            "`fn finish(&self) -> …`, which returns the result of the state",
        );
        let finish = finish.and_then(check_finish);
        let retract = block.method("retract", Access::Changes).transpose();
        let retract = match (&update, retract) {
            (Ok(update), Ok(Some(retract))) => check_retract(update, retract).map(Some),
            (_, retract) => retract,
        };
        match (options, update, merge, finish, retract) {
            (Ok(options), Ok(update), Ok(merge), Ok(finish), Ok(retract)) => Ok(Self {
                block,
                options,
                update,
                merge,
                finish,
                retract,
            }),
            (options, update, merge, finish, retract) => {
                let errors = [
                    options.err(),
                    update.err(),
                    merge.err(),
                    finish.err(),
                    retract.err(),
                ];
                Err(all(errors.into_iter().flatten()).expect("one of them failed"))
            }
        }
    }

    fn expand(&self) -> TokenStream {
        let sdk = quote!(::fusebox_sdk::__private);
        let Self { block, .. } = self;
        let ty = &block.ty;
        let state = of_type(&ty.to_token_stream(), &quote!(StateType<_>), "FIELDS");
        let state = quote_spanned!(ty.span()=> ::fusebox_sdk::__private::checked_fields(#state));
        let returns = without_lifetimes(&self.finish.returns);
        let statement = Statement {
            symbol: &block.symbol,
            comment: &block.comment,
            options: &self.options,
            kind: quote!(Aggregate(#state)),
            parameters: self.update.parameters.iter().map(described),
            returns: expansion::returns(
                &returns,
                &quote!(ResultType<_>),
                self.finish.returns.span(),
            ),
        };
        let changing = [Some(&self.update), Some(&self.merge), self.retract.as_ref()];
        let changing = changing.into_iter().flatten();
        let outputs = changing.clone().map(|method| {
            let returns = method.returns.to_token_stream();
            of_type(&returns, &quote!(UpdateType<_>), "CHECKED")
        });
        let methods = changing.chain([&self.finish]);
        let paths = methods.map(|method| block.path(method));
        let exports = self.exports();
        let content = quote! {
            // Only the exports call the methods, so this prevents dead-code
            // warnings on other targets.
            #(let _ = #paths;)*
            #(const _: () = #outputs;)*
            #[cfg(target_arch = "wasm32")]
            ::std::thread_local! {
                static __FUSEBOX_STATES: ::core::cell::Cell<#sdk::States<#ty>> =
                    const { ::core::cell::Cell::new(#sdk::States::new()) };
            }
            #exports
        };
        constant(&block.cfgs, &quote!(), "udaf", content, statement)
    }

    fn exports(&self) -> TokenStream {
        let sdk = quote!(::fusebox_sdk::__private);
        let Self { block, .. } = self;
        let symbol = &block.symbol;
        let (state, of) = (block.ty.to_token_stream(), quote!(StateType<_>));
        let states = call_of_type(&state, &of, "memory", &quote!(&__FUSEBOX_STATES));
        let argument = quote!(ArgumentType<'_, _>);
        let take = |prefix: &str, method: &Method, argument: &TokenStream| {
            let path = block.path(method);
            let Row {
                pattern,
                ty: row,
                values,
                ..
            } = Row::new(&method.parameters, argument);
            let of_mut = call_of_type(&state, &of, "of_mut", &quote!(state));
            let done = call_of_type(
                &method.returns.to_token_stream(),
                &quote!(UpdateType<_>),
                "this",
                &quote!(#path(#of_mut, #(#values),*)),
            );
            operation(&format!("{prefix}{symbol}"), |call| {
                quote! {
                    #sdk::update::<_, #row, _>(#call, #states, |state, #pattern| #done)
                }
            })
        };
        let update = take(EXPORT_UPDATE_PREFIX, &self.update, &argument);
        let merge = take(EXPORT_MERGE_PREFIX, &self.merge, &of);
        let retract = self.retract.as_ref();
        let retract = retract.map(|retract| take(EXPORT_RETRACT_PREFIX, retract, &argument));
        let show = operation(
            &format!("{EXPORT_STATE_PREFIX}{symbol}"),
            |call| quote!(#sdk::return_states(#call, #states)),
        );
        let finish = block.path(&self.finish);
        let of_ref = call_of_type(&state, &of, "of_ref", &quote!(known.of(group)));
        let finish = result(&self.finish.returns, &quote!(#finish(#of_ref)));
        let finish = operation(&format!("{EXPORT_FINISH_PREFIX}{symbol}"), |call| {
            quote! {
                #sdk::with_states(#states, |known| {
                    #sdk::run_some(#call, |(group, ())| #finish)
                })
            }
        });
        let forget = operation(
            &format!("{EXPORT_RELEASE_GROUPS_PREFIX}{symbol}"),
            |call| quote!(#sdk::release_groups(#call, #states)),
        );
        quote!(#update #merge #retract #show #finish #forget)
    }
}

/// Checks that `merge` takes another state. Its type is then that of the block, also
/// in messages.
fn check_merge(block: &Block, mut merge: Method) -> Result<Method> {
    let text = |ty: &Type| ty.to_token_stream().to_string();
    match &mut merge.parameters[..] {
        [other] if text(&other.ty) == text(&block.ty) => {
            other.ty = block.ty.clone();
            Ok(merge)
        }
        other => {
            let span = other
                .first()
                .map_or(merge.ident.span(), |other| other.ty.span());
            let message = "`merge` must take one argument: `other: Self`";
            Err(Error::new(span, message))
        }
    }
}

/// Checks that `finish` has a result and no arguments.
fn check_finish(finish: Method) -> Result<Method> {
    let message = "`finish` must have a result and no arguments: `fn finish(&self) -> …`";
    let is_nothing = matches!(&finish.returns, Type::Tuple(tuple) if tuple.elems.is_empty());
    match finish.parameters.first() {
        Some(argument) => Err(Error::new(argument.ty.span(), message)),
        None if is_nothing => Err(Error::new(finish.ident.span(), message)),
        None => Ok(finish),
    }
}

/// Checks that `retract` takes the arguments of `update`: both receive the same
/// columns.
fn check_retract(update: &Method, retract: Method) -> Result<Method> {
    let text = |method: &Method| -> Vec<String> {
        let types = method.types();
        types.map(|ty| ty.to_string()).collect()
    };
    if text(update) == text(&retract) {
        return Ok(retract);
    }
    let message = "`retract` must have the argument types of `update`";
    Err(Error::new(retract.ident.span(), message))
}
