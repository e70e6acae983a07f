//! The methods of an `impl` block, and all errors in them except those of
//! types.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, ImplItem, ImplItemFn, ItemImpl, Result, ReturnType, Type};

use crate::expansion::without_lifetimes;
use crate::signature::{Parameter, cfgs, comment, modifiers};

/// An `impl` block of a state's struct.
pub(crate) struct Block {
    /// The `cfg` attributes of the block.
    pub(crate) cfgs: Vec<Attribute>,
    /// The text of the block's doc comment.
    pub(crate) comment: String,
    /// The struct.
    pub(crate) ty: Type,
    /// The struct's name in snake case.
    pub(crate) symbol: String,
    methods: Vec<ImplItemFn>,
}

/// A method, with the types of its arguments and of its result.
pub(crate) struct Method {
    pub(crate) ident: Ident,
    pub(crate) parameters: Vec<Parameter>,
    /// The return type; `()` if there is none.
    pub(crate) returns: Type,
}

/// The access of a method to the state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Changes,
    Reads,
}

impl Block {
    /// Parses a block under the attribute of that name.
    pub(crate) fn new(item: ItemImpl, attribute: &str) -> Result<Self> {
        if let Some((_, of, _)) = &item.trait_ {
            let message = format!(
                "#[{attribute}] goes on an `impl` block of the struct itself, without a trait"
            );
            return Err(Error::new(of.span(), message));
        }
        if let Some(parameter) = item.generics.params.first() {
            let message = "the state of a SQL function cannot be generic";
            return Err(Error::new(parameter.span(), message));
        }
        let name = match &*item.self_ty {
            Type::Path(path) => path.path.segments.last().map(|last| &last.ident),
            _ => None,
        };
        let Some(name) = name else {
            let message = format!("#[{attribute}] goes on an `impl` block of a struct");
            return Err(Error::new(item.self_ty.span(), message));
        };
        let symbol = snake_case(&name.unraw().to_string());
        let methods = item.items.into_iter().filter_map(|item| match item {
            ImplItem::Fn(method) => Some(method),
            _ => None,
        });
        Ok(Self {
            comment: comment(&item.attrs),
            cfgs: cfgs(item.attrs),
            symbol,
            methods: methods.collect(),
            ty: *item.self_ty,
        })
    }

    /// Parses the method of that name, if there is one.
    pub(crate) fn method(&self, name: &str, access: Access) -> Option<Result<Method>> {
        let mut methods = self.methods.iter();
        let method = methods.find(|method| method.sig.ident.unraw() == name)?;
        Some(self.checked(method, access))
    }

    /// Parses the required method of that name; the error shows how to write
    /// it.
    pub(crate) fn required(&self, name: &str, access: Access, how: &str) -> Result<Method> {
        self.method(name, access).unwrap_or_else(|| {
            let message = format!("missing method `{name}`: write {how}");
            Err(Error::new(self.ty.span(), message))
        })
    }

    fn checked(&self, method: &ImplItemFn, access: Access) -> Result<Method> {
        let signature = &method.sig;
        let mut errors = modifiers(signature);
        let (reference, verb) = match access {
            Access::Changes => ("&mut self", "changes"),
            Access::Reads => ("&self", "reads"),
        };
        let is_right = signature.receiver().is_some_and(|receiver| {
            let changes = receiver.mutability.is_some();
            let is_changed = access == Access::Changes;
            receiver.reference.is_some() && receiver.colon_token.is_none() && changes == is_changed
        });
        if !is_right {
            let span = signature
                .receiver()
                .map_or(signature.ident.span(), Spanned::span);
            let name = &signature.ident;
            let message = format!("`{name}` must take `{reference}`: it {verb} the state in place");
            errors.push(Error::new(span, message));
        }
        let mut parameters = Vec::new();
        for input in &signature.inputs {
            if let FnArg::Typed(_) = input {
                match Parameter::new(input) {
                    Ok(parameter) => parameters.push(self.without_self(parameter)?),
                    Err(error) => errors.push(error),
                }
            }
        }
        let returns = match &signature.output {
            ReturnType::Default => syn::parse_quote!(()),
            ReturnType::Type(_, ty) => match &**ty {
                Type::ImplTrait(_) => {
                    let message = "a SQL function has one signature: it cannot be generic";
                    errors.push(Error::new(ty.span(), message));
                    syn::parse_quote!(())
                }
                ty => syn::parse2(replace_self(ty.to_token_stream(), &self.ty))?,
            },
        };
        let ident = signature.ident.clone();
        all(errors).map_or(
            Ok(Method {
                ident,
                parameters,
                returns,
            }),
            Err,
        )
    }

    fn without_self(&self, parameter: Parameter) -> Result<Parameter> {
        let ty = replace_self(parameter.ty.to_token_stream(), &self.ty);
        Ok(Parameter {
            ty: syn::parse2(ty)?,
            ..parameter
        })
    }

    /// Expands to the path of a method, for use outside of the block.
    pub(crate) fn path(&self, method: &Method) -> TokenStream {
        let Self { ty, .. } = self;
        let ident = &method.ident;
        quote!(<#ty>::#ident)
    }
}

impl Method {
    /// Returns the types of the arguments, without their lifetimes.
    pub(crate) fn types(&self) -> impl Iterator<Item = TokenStream> {
        let parameters = self.parameters.iter();
        parameters.map(|parameter| without_lifetimes(&parameter.ty))
    }
}

/// Combines all errors, if there are any.
pub(crate) fn all(errors: impl IntoIterator<Item = Error>) -> Option<Error> {
    errors.into_iter().reduce(|mut all, error| {
        all.combine(error);
        all
    })
}

/// Replaces `Self`, which is not defined outside of the block.
fn replace_self(tokens: TokenStream, ty: &Type) -> TokenStream {
    let replaced = tokens.into_iter().flat_map(|tree| match tree {
        TokenTree::Ident(name) if name == "Self" => with_span(ty, name.span()),
        TokenTree::Group(group) => {
            let inner = replace_self(group.stream(), ty);
            let mut group = proc_macro2::Group::new(group.delimiter(), inner);
            group.set_span(group.span());
            TokenTree::from(group).into()
        }
        tree => tree.into(),
    });
    replaced.collect()
}

/// Returns the type with another span.
fn with_span(ty: &Type, span: Span) -> TokenStream {
    let tokens = ty.to_token_stream().into_iter().map(|mut tree| {
        tree.set_span(tree.span().located_at(span));
        tree
    });
    tokens.collect()
}

/// Converts `HttpLog` to `http_log`.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(index + 1);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                let ends = before.is_lowercase() || before.is_ascii_digit();
                ends || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            });
        if begins {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn camel_case_name_becomes_snake_case() {
        for (camel, snake) in [
            ("Geomean", "geomean"),
            ("GeoMean", "geo_mean"),
            ("HTTPLog", "http_log"),
            ("X", "x"),
            ("Top10Sum", "top10_sum"),
            ("Sum2", "sum2"),
            ("already_so", "already_so"),
        ] {
            assert_eq!(snake_case(camel), snake);
        }
    }
}
