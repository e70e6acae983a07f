//! A struct with fields, and all errors in it except those of types.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Fields, GenericParam, ItemStruct, Lifetime, Result, Type};

use crate::of_type::{call_of_type, ends, of_type};

/// A struct with named fields and at most one lifetime.
pub(crate) struct Struct {
    pub(crate) ident: Ident,
    pub(crate) lifetime: Option<Lifetime>,
    pub(crate) names: Vec<Ident>,
    pub(crate) types: Vec<Type>,
}

impl Struct {
    /// Parses the tokens of the item.
    pub(crate) fn parse(item: TokenStream) -> Result<Self> {
        let message = "#[derive(Row)] requires a struct with named fields";
        let item: ItemStruct =
            syn::parse2(item).map_err(|error| Error::new(error.span(), message))?;
        let ident = item.ident;
        let Fields::Named(fields) = item.fields else {
            return Err(Error::new(ident.span(), message));
        };
        if fields.named.is_empty() {
            return Err(Error::new(
                ident.span(),
                "#[derive(Row)] requires at least one field",
            ));
        }
        for field in &fields.named {
            owned_or_short_lived(field.ty.to_token_stream())?;
        }
        let mut lifetime = None;
        for parameter in item.generics.params {
            let message = match parameter {
                GenericParam::Lifetime(parameter) if lifetime.is_none() => {
                    lifetime = Some(parameter.lifetime);
                    continue;
                }
                GenericParam::Lifetime(_) => {
                    "#[derive(Row)] allows one lifetime: all fields borrow from one call"
                }
                _ => "#[derive(Row)] allows no type or const parameters",
            };
            return Err(Error::new(parameter.span(), message));
        }
        Ok(Self {
            ident,
            lifetime,
            names: fields
                .named
                .iter()
                .filter_map(|field| field.ident.clone())
                .collect(),
            types: fields.named.into_iter().map(|field| field.ty).collect(),
        })
    }

    /// The generics of an implementation for the struct, if it borrows.
    pub(crate) fn generics(&self) -> Option<TokenStream> {
        let lifetime = self.lifetime.as_ref();
        lifetime.map(|lifetime| quote!(<#lifetime>))
    }

    /// The lifetime of the struct, or of its values if it has none. The expansion
    /// spells the types of fields as the struct does.
    pub(crate) fn value_lifetime(&self) -> Lifetime {
        let otherwise = || Lifetime::new("'fusebox", Span::mixed_site());
        self.lifetime.clone().unwrap_or_else(otherwise)
    }

    /// The spans of the first and the last token of each field's type.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (Span, Span)> {
        let types = self.types.iter();
        types.map(|ty| ends(&ty.to_token_stream()))
    }

    /// Variables for the fields, which lie at their types.
    pub(crate) fn locals(&self) -> Vec<Ident> {
        let ends = self.ends().enumerate();
        ends.map(|(index, (first, _))| format_ident!("fusebox_field_{index}", span = first))
            .collect()
    }

    /// The names of the fields, which lie at their types.
    pub(crate) fn names_at_types(&self) -> Vec<Ident> {
        let names = self.names.iter().zip(self.ends());
        names
            .map(|(name, (first, _))| {
                let mut name = name.clone();
                name.set_span(name.span().located_at(first));
                name
            })
            .collect()
    }

    /// Expands to an item of each field's type.
    pub(crate) fn items(&self, item: &str) -> Vec<TokenStream> {
        let of = self.field();
        let types = self.types.iter().map(ToTokens::to_token_stream);
        types.map(|ty| of_type(&ty, &of, item)).collect()
    }

    /// Expands to a call of such an item for each field, with arguments that
    /// `arguments` expands to, from the index of the field.
    pub(crate) fn calls(
        &self,
        item: &str,
        arguments: impl Fn(usize) -> TokenStream,
    ) -> Vec<TokenStream> {
        let of = self.field();
        let types = self.types.iter().map(ToTokens::to_token_stream).enumerate();
        types
            .map(|(index, ty)| call_of_type(&ty, &of, item, &arguments(index)))
            .collect()
    }

    /// Expands to the same calls, each with a `?`.
    pub(crate) fn tried_calls(
        &self,
        item: &str,
        arguments: impl Fn(usize) -> TokenStream,
    ) -> Vec<TokenStream> {
        let calls = self.calls(item, arguments).into_iter().zip(self.ends());
        calls
            .map(|(call, (_, last))| {
                let mark = quote_spanned!(last=> ?);
                quote!(#call #mark)
            })
            .collect()
    }

    /// The trait of fields.
    fn field(&self) -> TokenStream {
        let lifetime = self.value_lifetime();
        quote!(Field<#lifetime>)
    }
}

/// Rejects a `'static` borrow, since a field borrows for one call only.
fn owned_or_short_lived(ty: TokenStream) -> Result<()> {
    let mut trees = ty.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Group(group) => owned_or_short_lived(group.stream())?,
            TokenTree::Punct(mark) if mark.as_char() == '\'' => match trees.peek() {
                Some(TokenTree::Ident(name)) if name == "static" => {
                    let message = "a field borrows for one call: use the lifetime of the struct, \
                                   or an owned type";
                    return Err(Error::new(mark.span(), message));
                }
                _ => {}
            },
            _ => {}
        }
    }
    Ok(())
}
