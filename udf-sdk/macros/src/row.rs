//! The expansion of a struct that is a SQL struct.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Error, Fields, GenericParam, ItemStruct, Lifetime, Result, Type};

use crate::expansion::with_lifetimes;

/// A struct with named fields and at most one lifetime.
pub(crate) struct Struct {
    ident: Ident,
    lifetime: Option<Lifetime>,
    names: Vec<Ident>,
    types: Vec<Type>,
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

    /// Expands to the implementations that make the struct an argument, a
    /// result, and an item or field of either.
    pub(crate) fn expand(&self) -> TokenStream {
        let sdk = quote!(::fusebox_sdk::__private);
        let types = self.sql_types(&sdk);
        let item = self.item(&sdk);
        let append = self.append(&sdk);
        quote! {
            const _: () = {
                #types
                #item
                #append
            };
        }
    }

    /// The generics of an implementation for the struct, if it borrows.
    fn generics(&self) -> Option<TokenStream> {
        let lifetime = self.lifetime.as_ref();
        lifetime.map(|lifetime| quote!(<#lifetime>))
    }

    /// The fields in pairs, borrowed.
    fn borrows(&self) -> TokenStream {
        pairs(self.names.iter().map(|name| quote!(&self.#name)))
    }

    /// Expands to the SQL type, and to the projection of the fields.
    fn sql_types(&self, sdk: &TokenStream) -> TokenStream {
        let Self { ident, types, .. } = self;
        let generics = self.generics();
        let borrows = self.borrows();
        let structure = quote!(#sdk::Structure);
        let sql_names = self.names.iter().map(|name| name.unraw().to_string());
        quote! {
            impl #generics #sdk::SqlType for #ident #generics {
                const SQL: #sdk::Sql = #sdk::Sql::Struct(<Self as #structure>::FIELDS);
            }

            impl #generics #structure for #ident #generics {
                const FIELDS: &'static [(&'static ::core::primitive::str, #sdk::Sql)] = &[
                    #((#sql_names, <#types as #sdk::SqlItem>::ITEM_SQL)),*
                ];

                fn append_projected(
                    &self,
                    projection: &[::core::primitive::bool],
                    column: &mut #sdk::ColumnBuilder,
                ) -> ::core::result::Result<(), #sdk::OffsetOverflow> {
                    #sdk::append_projected_fields(#borrows, projection, column)
                }

                fn projected_bytes(
                    &self,
                    projection: &[::core::primitive::bool],
                ) -> ::core::primitive::usize {
                    #sdk::projected_fields_bytes(#borrows, projection)
                }
            }

            impl #generics #sdk::Nested for #ident #generics {}
            impl #generics #sdk::ListItem for #ident #generics {}
        }
    }

    /// Expands to the view of a column, and to the value of a row.
    fn item(&self, sdk: &TokenStream) -> TokenStream {
        let Self {
            ident,
            lifetime,
            names,
            types,
        } = self;
        let generics = self.generics();
        let at = lifetime.as_ref().map(|_| quote!(<'fusebox>));
        let locals: Vec<Ident> = (0..names.len())
            .map(|index| format_ident!("field_{index}", span = Span::mixed_site()))
            .collect();
        let views = pairs(&locals);
        // The same types, with the lifetime of a call.
        let rename = |name: Ident| match lifetime {
            Some(lifetime) if lifetime.ident == name => Ident::new("fusebox", name.span()),
            _ => name,
        };
        let types_at = types.iter();
        let types_at = types_at.map(|ty| with_lifetimes(ty.to_token_stream(), &rename));
        let types_at: Vec<TokenStream> = types_at.collect();
        let fields_at = pairs(&types_at);
        let fields_view = quote!(#sdk::FieldsView<'fusebox, #fields_at>);
        let view = view_type(sdk, &fields_view);
        quote! {
            #view

            impl #generics #sdk::Item for #ident #generics {
                type At<'fusebox> = #ident #at;
                type View<'fusebox> = FieldsView<'fusebox>;

                fn view<'fusebox>(
                    array: #sdk::InputArray<'fusebox>,
                    slots: &mut #sdk::CopySlots,
                ) -> Self::View<'fusebox> {
                    FieldsView(#sdk::fields_view::<#fields_at>(array, slots))
                }

                fn item<'fusebox>(
                    view: &Self::View<'fusebox>,
                    index: ::core::primitive::usize,
                ) -> ::core::option::Option<Self::At<'fusebox>> {
                    let #views = view.0.get(index)?;
                    ::core::option::Option::Some(#ident {
                        #(#names: <#types_at as #sdk::NullableItem>::nullable_item(#locals, index)?),*
                    })
                }
            }
        }
    }

    /// Expands to the conversion of a value to a result.
    fn append(&self, sdk: &TokenStream) -> TokenStream {
        let ident = &self.ident;
        let generics = self.generics();
        let borrows = self.borrows();
        let fields = pairs(&self.types);
        quote! {
            impl #generics #sdk::Append for #ident #generics {
                fn start(column: &mut #sdk::ColumnBuilder) {
                    #sdk::start_fields::<#fields>(column)
                }

                fn append(
                    &self,
                    column: &mut #sdk::ColumnBuilder,
                ) -> ::core::result::Result<(), #sdk::OffsetOverflow> {
                    #sdk::append_fields(#borrows, column)
                }

                fn charged_bytes(&self) -> ::core::primitive::usize {
                    #sdk::fields_bytes(#borrows)
                }
            }
        }
    }
}

/// Expands to the type of the view of a column.
fn view_type(sdk: &TokenStream, fields_view: &TokenStream) -> TokenStream {
    quote! {
        // A separate type, so that a public struct may have fields of
        // private types.
        #[derive(::core::clone::Clone, ::core::marker::Copy)]
        pub struct FieldsView<'fusebox>(#fields_view);

        impl<'fusebox> #sdk::View<'fusebox> for FieldsView<'fusebox> {
            const READ_CHARGE_BYTES: ::core::primitive::usize =
                <#fields_view as #sdk::View<'fusebox>>::READ_CHARGE_BYTES;

            #[inline]
            fn rows(&self) -> ::core::primitive::usize {
                #sdk::View::rows(&self.0)
            }

            #[inline]
            fn slice<const COPY: ::core::primitive::bool>(
                self,
                start: ::core::primitive::usize,
                end: ::core::primitive::usize,
            ) -> Self {
                Self(#sdk::View::slice::<COPY>(self.0, start, end))
            }
        }
    }
}

/// Nests elements in pairs, since the SDK's traits cannot be implemented for
/// tuples of any length.
fn pairs<T: ToTokens>(
    things: impl IntoIterator<Item = T, IntoIter: DoubleEndedIterator>,
) -> TokenStream {
    let things = things.into_iter().rev();
    things.fold(
        quote!(()),
        |rest, thing| quote_spanned!(thing.span()=> (#thing, #rest)),
    )
}
