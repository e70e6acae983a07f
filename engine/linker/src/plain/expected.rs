//! Expectations of a plain function: its type, and the exports beside it.

use wasmparser::ValType;

use super::PlainFunction;
use super::companions::Companions;
use super::convention::{CANONICAL_PARAMETERS_MAX, ResultShape, TextConvention};

impl PlainFunction<'_> {
    /// Describes what is expected of the module instead, unless the function fits its columns.
    pub fn mismatch(&self) -> Option<String> {
        if self.lacks_convention() {
            return Some("expected a convention for text and bytes".to_owned());
        }
        if self.returns.len() > 1 && self.returns.iter().any(|ty| ty.is_text()) {
            return Some("expected a STRUCT of numbers, or text alone".to_owned());
        }
        if self.convention == Some(TextConvention::Canonical)
            && self.parameters_of(self.convention) > CANONICAL_PARAMETERS_MAX
        {
            return Some(format!(
                "expected at most {CANONICAL_PARAMETERS_MAX} parameters of a component's function, \
                 of which text has two"
            ));
        }
        if self.shape().is_none() {
            return Some(format!("expected {}", self.expected_types()));
        }
        self.missing_allocator()
    }

    /// Returns true if there are text or bytes, and no convention for them.
    pub fn lacks_convention(&self) -> bool {
        self.has_text() && self.convention.is_none()
    }

    /// Returns the convention that the module seems to have, by its exports and the type of the
    /// function.
    pub fn likely_convention(&self) -> Option<TextConvention> {
        let exports = |name: &str| self.exports.contains_key(name);
        if exports("__new") && exports("__pin") {
            Some(TextConvention::AssemblyScript)
        } else if exports("cabi_realloc") {
            Some(TextConvention::Canonical)
        } else {
            let ptr_len = Self {
                convention: Some(TextConvention::PtrLen),
                ..self.clone()
            };
            ptr_len.shape().and(ptr_len.convention)
        }
    }

    /// Returns the convention, if there are text or bytes.
    pub(super) fn text_convention(&self) -> Option<TextConvention> {
        self.convention.filter(|_| self.has_text())
    }

    /// Returns the way in which the function returns its result; `None` if its type does not fit.
    pub(super) fn shape(&self) -> Option<ResultShape> {
        let mut shapes = self.shapes().iter().copied();
        shapes.find(|shape| self.has_shape(self.convention, *shape))
    }

    /// Returns the type of the first parameter of each argument.
    pub(super) fn parameter_types(&self, shape: ResultShape) -> Vec<ValType> {
        let mut position = usize::from(shape == ResultShape::Area);
        let arguments = self.arguments.iter().map(|ty| {
            let first = self.parameters.get(position).copied();
            position += match ty.is_text() {
                true => self.convention.map_or(1, TextConvention::parameters),
                false => 1,
            };
            first.unwrap_or(ValType::I32)
        });
        arguments.collect()
    }

    fn has_text(&self) -> bool {
        let mut types = self.arguments.iter().chain(self.returns);
        types.any(|ty| ty.is_text())
    }

    fn shapes(&self) -> &'static [ResultShape] {
        match (self.returns, self.convention) {
            ([one], Some(convention)) if one.is_text() => convention.shapes(),
            _ => &[ResultShape::Numbers],
        }
    }

    fn parameters_of(&self, convention: Option<TextConvention>) -> usize {
        let texts = self.arguments.iter().filter(|ty| ty.is_text()).count();
        self.arguments.len() - texts + texts * convention.map_or(1, TextConvention::parameters)
    }

    fn has_shape(&self, convention: Option<TextConvention>, shape: ResultShape) -> bool {
        let mut parameters = self.parameters.iter();
        if shape == ResultShape::Area && parameters.next() != Some(&ValType::I32) {
            return false;
        }
        let of_text = convention.map_or(1, TextConvention::parameters);
        let fit = self.arguments.iter().all(|ty| match ty.is_text() {
            true => (0..of_text).all(|_| parameters.next() == Some(&ValType::I32)),
            false => parameters.next().is_some_and(|wasm| ty.is_passed_as(*wasm)),
        });
        let returns = match shape {
            ResultShape::Numbers => {
                let mut pairs = self.returns.iter().zip(self.results);
                self.returns.len() == self.results.len()
                    && !self.returns.is_empty()
                    && pairs.all(|(ty, wasm)| ty.is_result_of(*wasm))
            }
            _ => self.results == shape.results(&[]),
        };
        fit && parameters.next().is_none() && returns
    }

    /// Formats the types that fit best: several if there are several ways of returning text.
    fn expected_types(&self) -> String {
        let list = |types: &[ValType]| {
            let names: Vec<_> = types.iter().map(ValType::to_string).collect();
            names.join(", ")
        };
        let mut parameters = Vec::new();
        for ty in self.arguments {
            let count = match ty.is_text() {
                true => self.convention.map_or(1, TextConvention::parameters),
                false => 1,
            };
            parameters.extend(std::iter::repeat_n(ty.wasm(), count));
        }
        let types = self.shapes().iter().map(|shape| {
            let mut parameters = parameters.clone();
            if *shape == ResultShape::Area {
                parameters.insert(0, ValType::I32);
            }
            let results = shape.results(self.returns);
            match &results[..] {
                [one] => format!("({}) -> {one}", list(&parameters)),
                _ => format!("({}) -> ({})", list(&parameters), list(&results)),
            }
        });
        types.collect::<Vec<_>>().join(" or ")
    }

    /// Names the allocator that a convention needs for arguments, if it is not there.
    fn missing_allocator(&self) -> Option<String> {
        let convention = self.convention.filter(|one| !one.borrows_arguments())?;
        let found = Companions::of(self.exports, self.name, self.text_convention());
        let needs_one = self.arguments.iter().any(|ty| ty.is_text());
        if !needs_one || found.allocator.is_some() {
            return None;
        }
        Some(
            match convention {
                TextConvention::AssemblyScript => {
                    "expected the export `__new` of type (i32, i32) -> i32, found none: compile \
                     with --exportRuntime"
                }
                _ => {
                    "expected the export `cabi_realloc` of type (i32, i32, i32, i32) -> i32, \
                     found none: compile with wit-bindgen, or take text by 'ptr_len'"
                }
            }
            .to_owned(),
        )
    }
}
