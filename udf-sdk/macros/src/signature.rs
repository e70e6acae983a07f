//! The signature of an annotated function, and all errors in it except those of
//! types.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, GenericParam, Ident, ItemFn, Lit, LitStr, Meta,
    MetaNameValue, Pat, PatType, Result, ReturnType, Type, Visibility,
};

use crate::options::{Options, PREPARE_LIMITS};
use crate::sql_type;

/// A function that can be called from SQL, if its types allow.
pub(crate) struct Signature {
    /// True if the function is marked `#[inline]`.
    pub(crate) is_inline: bool,
    /// The `cfg` attributes of the function.
    pub(crate) cfgs: Vec<Attribute>,
    /// The text of the doc comment.
    pub(crate) comment: String,
    pub(crate) visibility: Visibility,
    pub(crate) ident: Ident,
    pub(crate) options: Options,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returns: Type,
}

/// An argument: its name without `r#`, its type, and its SQL type if that is
/// declared.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) sql: Option<TokenStream>,
    /// The function that prepares a constant.
    pub(crate) prepare: Option<Expr>,
}

impl Signature {
    /// Parses the item under the attribute.
    pub(crate) fn parse(options: Result<Options>, item: TokenStream) -> Result<Self> {
        let function: ItemFn = syn::parse2(item)
            .map_err(|error| Error::new(error.span(), "#[udf] goes on a function with a body"))?;
        // Collects all errors, to report them at once.
        let mut errors = modifiers(&function.sig);
        let mut keep = |error| errors.push(error);
        let options = options.map_err(&mut keep);
        let inputs = function.sig.inputs.iter();
        let parameters: Vec<Parameter> = inputs
            .filter_map(|input| {
                let parameter = match &options {
                    Ok(options) if !options.columns => Parameter::new(input),
                    _ => Parameter::over_columns(input),
                };
                parameter.map_err(&mut keep).ok()
            })
            .collect();
        let returns = returns(&function.sig).map_err(&mut keep);
        if let Ok(options) = &options {
            options.check(&function.sig).unwrap_or_else(keep);
        }
        let error = errors.into_iter().reduce(|mut all, error| {
            all.combine(error);
            all
        });
        match (options, returns, error) {
            (Ok(options), Ok(returns), None) => Ok(Self {
                is_inline: function.attrs.iter().any(|it| it.path().is_ident("inline")),
                comment: comment(&function.attrs),
                cfgs: cfgs(function.attrs),
                visibility: function.vis,
                ident: function.sig.ident,
                options,
                parameters,
                returns,
            }),
            (_, _, error) => Err(error.expect("every failure has pushed its error")),
        }
    }

    /// Returns the name of the function without `r#`.
    pub(crate) fn symbol(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// Returns the limits that the function asks for, as SQL.
    pub(crate) fn limits(&self) -> String {
        let mut all: Vec<&str> = self.options.limits.iter().map(String::as_str).collect();
        if self.parameters.iter().any(|it| it.prepare.is_some()) {
            let option = |limit: &str| limit.split(' ').next().map(str::to_owned);
            let stated: Vec<_> = all.iter().map(|limit| option(limit)).collect();
            all.extend(
                PREPARE_LIMITS
                    .iter()
                    .filter(|it| !stated.contains(&option(it))),
            );
        }
        all.join(", ")
    }
}

/// Removes the attributes that the compiler does not know: `sql` and `constant`
/// before arguments.
pub(crate) fn without_sql(item: TokenStream) -> TokenStream {
    let Ok(mut function) = syn::parse2::<ItemFn>(item.clone()) else {
        return item;
    };
    if !function
        .sig
        .inputs
        .iter()
        .flat_map(attributes)
        .any(|attribute| is_sql(&attribute) || is_constant(&attribute))
    {
        return item;
    }
    for input in &mut function.sig.inputs {
        if let FnArg::Typed(input) = input {
            input
                .attrs
                .retain(|attribute| !is_sql(&attribute) && !is_constant(&attribute));
        }
    }
    function.into_token_stream()
}

fn attributes(input: &FnArg) -> &[Attribute] {
    match input {
        FnArg::Typed(input) => &input.attrs,
        FnArg::Receiver(receiver) => &receiver.attrs,
    }
}

fn is_sql(attribute: &&Attribute) -> bool {
    attribute.path().is_ident("sql")
}

fn is_constant(attribute: &&Attribute) -> bool {
    attribute.path().is_ident("constant")
}

/// Parses `#[constant(prepare = function)]` before an argument of a reference type.
fn prepare(input: &PatType) -> Result<Option<Expr>> {
    let Some(attribute) = input.attrs.iter().find(is_constant) else {
        return Ok(None);
    };
    let message =
        "expected a function that prepares the constant: #[constant(prepare = Regex::new)]";
    let meta: MetaNameValue = attribute
        .parse_args()
        .map_err(|_| Error::new(attribute.span(), message))?;
    if !meta.path.is_ident("prepare") {
        return Err(Error::new(meta.path.span(), message));
    }
    match &*input.ty {
        Type::Reference(ty) if ty.mutability.is_none() => Ok(Some(meta.value)),
        ty => {
            let message = "a prepared constant is borrowed: write `&` before its type";
            Err(Error::new(ty.span(), message))
        }
    }
}

impl Parameter {
    /// Parses an argument whose type determines its SQL type.
    pub(crate) fn new(input: &FnArg) -> Result<Self> {
        match attributes(input).iter().find(is_sql) {
            Some(attribute) => {
                let message =
                    "#[sql] requires #[udf(columns)]: otherwise the type determines the SQL type";
                Err(Error::new(attribute.span(), message))
            }
            None => Self::over_columns(input),
        }
    }

    /// Parses an argument whose SQL type may be declared.
    fn over_columns(input: &FnArg) -> Result<Self> {
        let input = match input {
            FnArg::Typed(input) => input,
            FnArg::Receiver(receiver) => {
                let message = "a SQL function has no `self`: write a function outside of `impl`";
                return Err(Error::new(receiver.span(), message));
            }
        };
        let Pat::Ident(pattern) = &*input.pat else {
            let message = "expected an argument name: destructure the pattern in the function body";
            return Err(Error::new(input.pat.span(), message));
        };
        let mut sql = None;
        for attribute in input.attrs.iter().filter(is_sql) {
            let message = "expected a string: #[sql(\"BIGINT\")]";
            let text: LitStr = attribute
                .parse_args()
                .map_err(|_| Error::new(attribute.span(), message))?;
            if sql.replace(sql_type::parse(&text)?).is_some() {
                return Err(Error::new(
                    attribute.span(),
                    "the argument has two #[sql] attributes",
                ));
            }
        }
        Ok(Self {
            name: pattern.ident.unraw().to_string(),
            ty: short_lived(concrete(&input.ty)?)?,
            prepare: prepare(input)?,
            sql,
        })
    }
}

/// Returns errors for modifiers that an exported function cannot have.
pub(crate) fn modifiers(signature: &syn::Signature) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut refuse = |span: Span, message: &str| errors.push(Error::new(span, message));
    if let Some(word) = &signature.asyncness {
        refuse(word.span, "a SQL function cannot be async");
    }
    if let Some(word) = &signature.unsafety {
        refuse(word.span, "a SQL function cannot be unsafe");
    }
    if let Some(abi) = &signature.abi {
        refuse(
            abi.extern_token.span,
            "a SQL function cannot be extern: the attribute generates the export",
        );
    }
    if let Some(dots) = &signature.variadic {
        refuse(dots.span(), "a SQL function cannot be variadic");
    }
    for parameter in &signature.generics.params {
        if !matches!(parameter, GenericParam::Lifetime(_)) {
            refuse(parameter.span(), GENERIC);
        }
    }
    errors
}

const GENERIC: &str = "a SQL function has one signature: it cannot be generic";

/// Returns the type of the result.
pub(crate) fn returns(signature: &syn::Signature) -> Result<Type> {
    match &signature.output {
        ReturnType::Type(_, ty) => concrete(ty),
        ReturnType::Default => {
            let message = "a SQL function must have a result: write `->` and its type";
            Err(Error::new(signature.ident.span(), message))
        }
    }
}

/// Rejects `impl Trait`.
fn concrete(ty: &Type) -> Result<Type> {
    match ty {
        Type::ImplTrait(_) => Err(Error::new(ty.span(), GENERIC)),
        _ => Ok(ty.clone()),
    }
}

/// Rejects a `'static` reference, since an argument borrows for one call only.
fn short_lived(ty: Type) -> Result<Type> {
    match &ty {
        Type::Reference(reference) if matches!(&reference.lifetime, Some(name) if name.ident == "static") =>
        {
            let message = "an argument borrows for one call: remove `'static`";
            Err(Error::new(reference.lifetime.span(), message))
        }
        _ => Ok(ty),
    }
}

/// Returns the `cfg` attributes.
pub(crate) fn cfgs(mut attributes: Vec<Attribute>) -> Vec<Attribute> {
    attributes.retain(|attribute| attribute.path().is_ident("cfg"));
    attributes
}

/// Returns the text of the doc comment, without the space before each line and without
/// blank lines around; empty if there is none.
pub(crate) fn comment(attributes: &[Attribute]) -> String {
    let text = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(MetaNameValue {
            path,
            value:
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }),
            ..
        }) if path.is_ident("doc") => Some(text.value()),
        _ => None,
    };
    let texts: Vec<String> = attributes.iter().filter_map(text).collect();
    let text = texts.join("\n");
    let lines = text
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines
        .collect::<Vec<_>>()
        .join("\n")
        .trim_matches('\n')
        .to_owned()
}
