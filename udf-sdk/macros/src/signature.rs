//! The signature of an annotated function, and everything that can be wrong
//! with it short of its types.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, GenericParam, Ident, ItemFn, Lit, Meta, Pat, Result,
    ReturnType, Token, Type, Visibility,
};

/// A function that can be called from SQL, if its types allow.
pub(crate) struct Signature {
    /// The attributes that decide whether the function exists.
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) ident: Ident,
    pub(crate) options: Options,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returns: Type,
}

/// What the attribute says.
#[derive(Default)]
pub(crate) struct Options {
    /// The SQL name, where it is not the function's.
    pub(crate) name: Option<String>,
    pub(crate) volatility: Option<&'static str>,
}

/// One argument: its name without `r#`, and its type.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) ty: Type,
}

impl Signature {
    /// Reads the tokens of the attribute and of the item under it.
    pub(crate) fn parse(options: TokenStream, item: TokenStream) -> Result<Self> {
        let function: ItemFn = syn::parse2(item)
            .map_err(|error| Error::new(error.span(), "#[udf] goes on a function with a body"))?;
        // All that is wrong is said at once.
        let mut errors = modifiers(&function.sig);
        let mut keep = |error| errors.push(error);
        let options = Options::parse(options).map_err(&mut keep);
        let inputs = function.sig.inputs.iter();
        let parameters = inputs
            .filter_map(|input| Parameter::new(input).map_err(&mut keep).ok())
            .collect();
        let returns = returns(&function.sig).map_err(&mut keep);
        let error = errors.into_iter().reduce(|mut all, error| {
            all.combine(error);
            all
        });
        match (options, returns, error) {
            (Ok(options), Ok(returns), None) => Ok(Self {
                cfgs: cfgs(function.attrs),
                visibility: function.vis,
                ident: function.sig.ident,
                options,
                parameters,
                returns,
            }),
            (_, _, error) => Err(error.expect("an option or result that failed left its error")),
        }
    }

    /// The function's name without `r#`.
    pub(crate) fn symbol(&self) -> String {
        self.ident.unraw().to_string()
    }
}

impl Options {
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut options = Self::default();
        for meta in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens)? {
            options.set(&meta)?;
        }
        Ok(options)
    }

    fn set(&mut self, meta: &Meta) -> Result<()> {
        let word = meta.path().get_ident().map(Ident::to_string);
        let volatility = match word.as_deref() {
            Some("name") => return self.set_name(meta),
            Some("immutable") => "IMMUTABLE",
            Some("stable") => "STABLE",
            Some("volatile") => "VOLATILE",
            _ => {
                let message = "unknown option: write name = \"…\", immutable, stable or volatile";
                return Err(Error::new(meta.path().span(), message));
            }
        };
        meta.require_path_only()?;
        match self.volatility.replace(volatility) {
            None => Ok(()),
            Some(_) => {
                let message = "a function is immutable, stable or volatile, and only one of them";
                Err(Error::new(meta.span(), message))
            }
        }
    }

    fn set_name(&mut self, meta: &Meta) -> Result<()> {
        let Expr::Lit(ExprLit {
            lit: Lit::Str(name),
            ..
        }) = &meta.require_name_value()?.value
        else {
            return Err(Error::new(
                meta.span(),
                "the name is a string: name = \"…\"",
            ));
        };
        if name.value().is_empty() {
            return Err(Error::new(name.span(), "the name is empty"));
        }
        match self.name.replace(name.value()) {
            None => Ok(()),
            Some(_) => Err(Error::new(meta.span(), "the function has a name already")),
        }
    }
}

impl Parameter {
    pub(crate) fn new(input: &FnArg) -> Result<Self> {
        let input = match input {
            FnArg::Typed(input) => input,
            FnArg::Receiver(receiver) => {
                let message = "SQL has no `self`: write a function outside of `impl`";
                return Err(Error::new(receiver.span(), message));
            }
        };
        let Pat::Ident(pattern) = &*input.pat else {
            let message =
                "an argument needs a name, which SQL shows: take the pattern apart inside";
            return Err(Error::new(input.pat.span(), message));
        };
        Ok(Self {
            name: pattern.ident.unraw().to_string(),
            ty: short_lived(concrete(&input.ty)?)?,
        })
    }
}

/// Finds what a function that the host calls cannot be.
pub(crate) fn modifiers(signature: &syn::Signature) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut refuse = |span: Span, message: &str| errors.push(Error::new(span, message));
    if let Some(word) = &signature.asyncness {
        refuse(
            word.span,
            "SQL cannot await: an async function cannot be called from it",
        );
    }
    if let Some(word) = &signature.unsafety {
        refuse(
            word.span,
            "SQL cannot keep a promise: an unsafe function cannot be called from it",
        );
    }
    if let Some(abi) = &signature.abi {
        refuse(
            abi.extern_token.span,
            "the export is made for you: write a plain `fn`",
        );
    }
    if let Some(dots) = &signature.variadic {
        refuse(dots.span(), "the number of arguments must be fixed");
    }
    for parameter in &signature.generics.params {
        if !matches!(parameter, GenericParam::Lifetime(_)) {
            refuse(parameter.span(), GENERIC);
        }
    }
    errors
}

const GENERIC: &str = "a SQL function has one signature: it cannot be generic";

/// The type of the result.
pub(crate) fn returns(signature: &syn::Signature) -> Result<Type> {
    match &signature.output {
        ReturnType::Type(_, ty) => concrete(ty),
        ReturnType::Default => {
            let message = "a SQL function has a result: write `->` and its type";
            Err(Error::new(signature.ident.span(), message))
        }
    }
}

/// Refuses the type that stands for any.
fn concrete(ty: &Type) -> Result<Type> {
    match ty {
        Type::ImplTrait(_) => Err(Error::new(ty.span(), GENERIC)),
        _ => Ok(ty.clone()),
    }
}

/// Refuses a reference to what the host leaves in place for one call only.
fn short_lived(ty: Type) -> Result<Type> {
    match &ty {
        Type::Reference(reference) if matches!(&reference.lifetime, Some(name) if name.ident == "static") =>
        {
            let message = "an argument lives no longer than the call: leave `'static` out";
            Err(Error::new(reference.lifetime.span(), message))
        }
        _ => Ok(ty),
    }
}

/// The `cfg` attributes among others.
pub(crate) fn cfgs(mut attributes: Vec<Attribute>) -> Vec<Attribute> {
    attributes.retain(|attribute| attribute.path().is_ident("cfg"));
    attributes
}
