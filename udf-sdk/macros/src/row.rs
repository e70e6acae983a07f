//! A struct that stands for a SQL struct.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, Fields, GenericParam, ItemStruct, Lifetime, Result, Type};

use crate::expansion::with_lifetimes;

/// A struct with named fields, which borrows for one lifetime at most.
pub(crate) struct Struct {
    ident: Ident,
    lifetime: Option<Lifetime>,
    names: Vec<Ident>,
    types: Vec<Type>,
}

impl Struct {
    /// Reads the tokens of the item.
    pub(crate) fn parse(item: TokenStream) -> Result<Self> {
        let message = "a SQL struct has names for its fields: derive Row on a struct with them";
        let item: ItemStruct =
            syn::parse2(item).map_err(|error| Error::new(error.span(), message))?;
        let ident = item.ident;
        let Fields::Named(fields) = item.fields else {
            return Err(Error::new(ident.span(), message));
        };
        if fields.named.is_empty() {
            return Err(Error::new(
                ident.span(),
                "a SQL struct has a field at least",
            ));
        }
        let mut lifetime = None;
        for parameter in item.generics.params {
            let message = match parameter {
                GenericParam::Lifetime(parameter) if lifetime.is_none() => {
                    lifetime = Some(parameter.lifetime);
                    continue;
                }
                GenericParam::Lifetime(_) => {
                    "all fields of a SQL struct borrow from one call: use one lifetime"
                }
                _ => "a SQL struct has one type for each field: it cannot be generic",
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

    /// Writes what makes the struct an argument, a result, and part of either.
    pub(crate) fn expand(&self) -> TokenStream {
        let Self {
            ident,
            lifetime,
            names,
            types,
        } = self;
        let sdk = quote!(::fusebox_sdk::__private);
        let generics = lifetime.as_ref().map(|lifetime| quote!(<#lifetime>));
        let at = lifetime.as_ref().map(|_| quote!(<'fusebox>));
        let sql_names = names.iter().map(|name| name.unraw().to_string());
        let fields = pairs(types);
        let locals: Vec<Ident> = (0..names.len())
            .map(|index| format_ident!("field_{index}", span = Span::mixed_site()))
            .collect();
        let views = pairs(&locals);
        // The same types, borrowing from a call.
        let rename = |name: Ident| match lifetime {
            Some(lifetime) if lifetime.ident == name => Ident::new("fusebox", name.span()),
            _ => name,
        };
        let types_at = types.iter();
        let types_at = types_at.map(|ty| with_lifetimes(ty.to_token_stream(), &rename));
        let types_at: Vec<TokenStream> = types_at.collect();
        let fields_at = pairs(&types_at);
        let fields_view = quote!(#sdk::FieldsView<'fusebox, #fields_at>);
        let structure = quote!(#sdk::Structure);
        let borrows = pairs(names.iter().map(|name| quote!(&self.#name)));
        quote! {
            const _: () = {
                impl #generics #sdk::SqlType for #ident #generics {
                    const SQL: #sdk::Sql = #sdk::Sql::Struct(<Self as #structure>::FIELDS);
                }

                impl #generics #structure for #ident #generics {
                    const FIELDS: &'static [(&'static ::core::primitive::str, #sdk::Sql)] = &[
                        #((#sql_names, <#types as #sdk::SqlPart>::PART)),*
                    ];

                    fn append_wanted(
                        &self,
                        wanted: &[::core::primitive::bool],
                        column: &mut #sdk::Node,
                    ) -> ::core::result::Result<(), #sdk::Full> {
                        #sdk::append_wanted_fields(#borrows, wanted, column)
                    }

                    fn wanted_bytes(
                        &self,
                        wanted: &[::core::primitive::bool],
                    ) -> ::core::primitive::usize {
                        #sdk::wanted_fields_bytes(#borrows, wanted)
                    }
                }

                impl #generics #sdk::Nested for #ident #generics {}
                impl #generics #sdk::InVec for #ident #generics {}

                // A type of its own, so that fields may have types that are
                // private where the struct is not.
                #[derive(::core::clone::Clone, ::core::marker::Copy)]
                pub struct FieldsView<'fusebox>(#fields_view);

                impl<'fusebox> #sdk::View<'fusebox> for FieldsView<'fusebox> {
                    const READ_BYTES: ::core::primitive::usize =
                        <#fields_view as #sdk::View<'fusebox>>::READ_BYTES;

                    #[inline]
                    fn rows(&self) -> ::core::primitive::usize {
                        #sdk::View::rows(&self.0)
                    }

                    #[inline]
                    fn part<const ALONE: ::core::primitive::bool>(
                        self,
                        start: ::core::primitive::usize,
                        len: ::core::primitive::usize,
                    ) -> Self {
                        Self(#sdk::View::part::<ALONE>(self.0, start, len))
                    }
                }

                impl #generics #sdk::Item for #ident #generics {
                    type At<'fusebox> = #ident #at;
                    type View<'fusebox> = FieldsView<'fusebox>;

                    fn view<'fusebox>(
                        array: #sdk::Array<'fusebox>,
                        places: &mut #sdk::Places,
                    ) -> Self::View<'fusebox> {
                        FieldsView(#sdk::fields_view::<#fields_at>(array, places))
                    }

                    fn item<'fusebox>(
                        view: &Self::View<'fusebox>,
                        index: ::core::primitive::usize,
                    ) -> ::core::option::Option<Self::At<'fusebox>> {
                        let #views = view.0.get(index)?;
                        ::core::option::Option::Some(#ident {
                            #(#names: <#types_at as #sdk::Part>::part(#locals, index)?),*
                        })
                    }
                }

                impl #generics #sdk::Append for #ident #generics {
                    fn start(column: &mut #sdk::Node) {
                        #sdk::start_fields::<#fields>(column)
                    }

                    fn append(
                        &self,
                        column: &mut #sdk::Node,
                    ) -> ::core::result::Result<(), #sdk::Full> {
                        #sdk::append_fields(#borrows, column)
                    }

                    fn settled_bytes(&self) -> ::core::primitive::usize {
                        #sdk::fields_bytes(#borrows)
                    }
                }
            };
        }
    }
}

/// Puts things in pairs, since the SDK's traits know no tuples of any length.
fn pairs<T: ToTokens>(
    things: impl IntoIterator<Item = T, IntoIter: DoubleEndedIterator>,
) -> TokenStream {
    let things = things.into_iter().rev();
    things.fold(
        quote!(()),
        |rest, thing| quote_spanned!(thing.span()=> (#thing, #rest)),
    )
}
