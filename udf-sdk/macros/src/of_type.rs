//! Items of the traits of a type, whose tokens lie at the type.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

/// Expands to an item of a trait of the SDK, `<T as Trait>::ITEM`. All of it lies
/// at the type, so that the errors of a type without that trait are equal, and the
/// compiler prints one.
pub(crate) fn of_type(ty: &TokenStream, of: &TokenStream, item: &str) -> TokenStream {
    let (first, last) = ends(ty);
    let item: TokenStream = item.parse().expect("it is an identifier or a path");
    let item = with_span(item, last);
    let of = with_span(of.clone(), last);
    let open = quote_spanned!(first=> <);
    let rest = quote_spanned!(last=> as ::fusebox_sdk::__private::#of>::#item);
    quote!(#open #ty #rest)
}

/// Expands to a call of such an item.
pub(crate) fn call_of_type(
    ty: &TokenStream,
    of: &TokenStream,
    item: &str,
    argument: &TokenStream,
) -> TokenStream {
    let item = of_type(ty, of, item);
    let argument = quote_spanned!(ends(ty).1=> (#argument));
    quote!(#item #argument)
}

/// Returns the spans of the first and the last token.
pub(crate) fn ends(tokens: &TokenStream) -> (Span, Span) {
    let mut ends = tokens.clone().into_iter().map(|tree| match tree {
        // A type that a declarative macro received.
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => ends(&group.stream()),
        tree => (tree.span(), tree.span()),
    });
    let first = ends
        .next()
        .unwrap_or((Span::call_site(), Span::call_site()));
    (first.0, ends.last().unwrap_or(first).1)
}

/// Returns tokens with another span.
fn with_span(tokens: TokenStream, span: Span) -> TokenStream {
    let located = tokens.into_iter().map(|mut tree| {
        tree.set_span(span);
        tree
    });
    located.collect()
}
