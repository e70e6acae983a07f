//! The expansion of a struct that is a SQL struct.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

use crate::fields::Struct;

impl Struct {
    /// Expands to the implementations that make the struct an argument, a
    /// result, and an item or field of either.
    pub(crate) fn expand(&self) -> TokenStream {
        let sdk = quote!(::fusebox_sdk::__private);
        let types = self.sql_types(&sdk);
        let item = self.item(&sdk);
        let reading = self.reading(&sdk);
        let appending = self.appending(&sdk);
        let charging = self.charging(&sdk);
        let view = self.view(&sdk);
        quote! {
            #[allow(clippy::type_complexity, reason = "the types are those of the struct")]
            const _: () = {
                #types
                #item
                #reading
                #appending
                #charging
                #view
            };
        }
    }

    /// Expands to the SQL type, and to the projection of the fields.
    fn sql_types(&self, sdk: &TokenStream) -> TokenStream {
        let ident = &self.ident;
        let generics = self.generics();
        let structure = quote!(#sdk::Structure);
        quote! {
            impl #generics #sdk::SqlType for #ident #generics {
                const SQL: #sdk::Sql = #sdk::Sql::Struct(<Self as #structure>::FIELDS);
            }

            impl #generics #structure for #ident #generics {
                const FIELDS: &'static [(&'static ::core::primitive::str, #sdk::Sql)] =
                    FieldsView::FIELDS;

                fn append_projected(
                    &self,
                    projection: &[::core::primitive::bool],
                    column: &mut #sdk::ColumnBuilder,
                ) -> ::core::result::Result<(), #sdk::OffsetOverflow> {
                    FieldsView::append_projected(self, projection, #sdk::append_row(column))
                }

                fn projected_bytes(
                    &self,
                    projection: &[::core::primitive::bool],
                ) -> ::core::primitive::usize {
                    FieldsView::projected_bytes(self, projection)
                }
            }

            impl #generics #sdk::Nested for #ident #generics {}
            impl #generics #sdk::ListItem for #ident #generics {}
        }
    }

    /// Expands to the value of a row, and to its conversion to a result.
    fn item(&self, sdk: &TokenStream) -> TokenStream {
        let ident = &self.ident;
        let generics = self.generics();
        let elided = self.lifetime.as_ref().map(|_| quote!(<'_>));
        let lifetime = self.value_lifetime();
        let count = self.names.len();
        quote! {
            #[diagnostic::do_not_recommend]
            impl #sdk::Item for #ident #elided {
                type At<#lifetime> = #ident #generics;
                type View<#lifetime> = FieldsView<#lifetime>;

                fn view<#lifetime>(
                    array: #sdk::InputArray<#lifetime>,
                    slots: &mut #sdk::CopySlots,
                ) -> Self::View<#lifetime> {
                    FieldsView::new(array, slots)
                }

                fn item<#lifetime>(
                    view: &Self::View<#lifetime>,
                    index: ::core::primitive::usize,
                ) -> ::core::option::Option<Self::At<#lifetime>> {
                    view.get(index)
                }
            }

            impl #generics #sdk::Append for #ident #generics {
                fn start(column: &mut #sdk::ColumnBuilder) {
                    FieldsView::start(#sdk::start_struct(column, #count));
                }

                fn append(
                    &self,
                    column: &mut #sdk::ColumnBuilder,
                ) -> ::core::result::Result<(), #sdk::OffsetOverflow> {
                    FieldsView::append(self, #sdk::append_struct(column))
                }

                fn charged_bytes(&self) -> ::core::primitive::usize {
                    FieldsView::charged_bytes(self)
                }
            }
        }
    }

    /// Expands to the declaration of the fields, and to the reading of a value. These
    /// and the next operations alone name the types of the fields.
    fn reading(&self, sdk: &TokenStream) -> TokenStream {
        let ident = &self.ident;
        let generics = self.generics();
        let lifetime = self.value_lifetime();
        let locals = self.locals();
        let names = self.names_at_types();
        let sql_names = self.names.iter().map(|name| name.unraw().to_string());
        let sqls = self.items("SQL");
        let views = self.calls("view", |index| quote!(array, #index, slots));
        let items = self.tried_calls("item", |index| {
            let local = &locals[index];
            quote!(&self.#local, index)
        });
        quote! {
            impl<#lifetime> FieldsView<#lifetime> {
                const FIELDS: &'static [(&'static ::core::primitive::str, #sdk::Sql)] = &[
                    #((#sql_names, #sqls)),*
                ];

                fn new(array: #sdk::InputArray<#lifetime>, slots: &mut #sdk::CopySlots) -> Self {
                    let rows = #sdk::struct_rows(array);
                    Self {
                        #(#locals: #views,)*
                        rows,
                    }
                }

                fn get(
                    &self,
                    index: ::core::primitive::usize,
                ) -> ::core::option::Option<#ident #generics> {
                    self.rows.get(index)?;
                    ::core::option::Option::Some(#ident {
                        #(#names: #items),*
                    })
                }
            }
        }
    }

    /// Expands to the conversion of a value to a result.
    fn appending(&self, sdk: &TokenStream) -> TokenStream {
        let ident = &self.ident;
        let generics = self.generics();
        let lifetime = self.value_lifetime();
        let locals = self.locals();
        let names = self.names_at_types();
        let values = self.values();
        let started = self.calls("start", |index| locals[index].to_token_stream());
        let appended = self.tried_calls("append", |index| {
            let (value, local) = (&values[index], &locals[index]);
            quote!(#value, #local)
        });
        quote! {
            impl<#lifetime> FieldsView<#lifetime> {
                fn start(columns: &mut [#sdk::ColumnBuilder]) {
                    if let [#(#locals),*] = columns {
                        #(#started;)*
                    }
                }

                fn append(
                    value: &#ident #generics,
                    columns: &mut [#sdk::ColumnBuilder],
                ) -> ::core::result::Result<(), #sdk::OffsetOverflow> {
                    let #ident { #(#names: #values),* } = value;
                    if let [#(#locals),*] = columns {
                        #(#appended;)*
                    }
                    ::core::result::Result::Ok(())
                }

                fn append_projected(
                    value: &#ident #generics,
                    projection: &[::core::primitive::bool],
                    columns: &mut [#sdk::ColumnBuilder],
                ) -> ::core::result::Result<(), #sdk::OffsetOverflow> {
                    let #ident { #(#names: #values),* } = value;
                    if let [#(#locals),*] = columns {
                        #(
                            let (is_projected, projection) = #sdk::split_projection(projection);
                            if is_projected {
                                #appended;
                            }
                        )*
                    }
                    ::core::result::Result::Ok(())
                }
            }
        }
    }

    /// Expands to the bytes that a value is charged for.
    fn charging(&self, sdk: &TokenStream) -> TokenStream {
        let ident = &self.ident;
        let generics = self.generics();
        let lifetime = self.value_lifetime();
        let names = self.names_at_types();
        let values = self.values();
        let bytes = self.calls("charged_bytes", |index| values[index].to_token_stream());
        let projected = bytes.iter().rev().fold(quote!(0), |rest, bytes| {
            quote! {{
                let (is_projected, projection) = #sdk::split_projection(projection);
                let first = if is_projected { #bytes } else { 0 };
                ::core::primitive::usize::saturating_add(first, #rest)
            }}
        });
        let bytes = bytes.iter().rev().fold(
            quote!(0),
            |rest, bytes| quote!(::core::primitive::usize::saturating_add(#bytes, #rest)),
        );
        quote! {
            impl<#lifetime> FieldsView<#lifetime> {
                fn charged_bytes(value: &#ident #generics) -> ::core::primitive::usize {
                    let #ident { #(#names: #values),* } = value;
                    #bytes
                }

                fn projected_bytes(
                    value: &#ident #generics,
                    projection: &[::core::primitive::bool],
                ) -> ::core::primitive::usize {
                    let #ident { #(#names: #values),* } = value;
                    #projected
                }
            }
        }
    }

    /// Variables for the values of the fields.
    fn values(&self) -> Vec<Ident> {
        let locals = self.locals();
        let values = locals.iter().map(|local| format_ident!("{local}_value"));
        values.collect()
    }

    /// Expands to the type of the view of a column.
    fn view(&self, sdk: &TokenStream) -> TokenStream {
        let lifetime = self.value_lifetime();
        let locals = self.locals();
        let views = self.items("View").into_iter().zip(self.ends());
        let views = views.map(|(view, (first, last))| {
            let open = quote_spanned!(first=> ::core::mem::ManuallyDrop<);
            let close = quote_spanned!(last=> >);
            quote!(#open #view #close)
        });
        let charges = self.items("READ_CHARGE_BYTES");
        let slices = self.calls("slice::<COPY>", |index| {
            let local = &locals[index];
            quote!(self.#local, start, end)
        });
        quote! {
            // A separate type, so that a public struct may have fields of
            // private types. The last field has a size whatever the types are.
            pub struct FieldsView<#lifetime> {
                #(#locals: #views,)*
                rows: #sdk::StructRows<#lifetime>,
            }

            impl<#lifetime> ::core::clone::Clone for FieldsView<#lifetime> {
                #[inline]
                fn clone(&self) -> Self {
                    *self
                }
            }

            impl<#lifetime> ::core::marker::Copy for FieldsView<#lifetime> {}

            impl<#lifetime> #sdk::View<#lifetime> for FieldsView<#lifetime> {
                const READ_CHARGE_BYTES: ::core::primitive::usize =
                    <#sdk::StructRows<#lifetime> as #sdk::View<#lifetime>>::READ_CHARGE_BYTES
                        #(+ #charges)*;

                #[inline]
                fn rows(&self) -> ::core::primitive::usize {
                    #sdk::View::rows(&self.rows)
                }

                #[inline]
                fn slice<const COPY: ::core::primitive::bool>(
                    self,
                    start: ::core::primitive::usize,
                    end: ::core::primitive::usize,
                ) -> Self {
                    Self {
                        rows: #sdk::View::slice::<COPY>(self.rows, start, end),
                        #(#locals: #slices,)*
                    }
                }
            }
        }
    }
}
