//! Types of exported functions, as the validator knows them.

use wasmparser::PrimitiveValType;
use wasmparser::component_types::{
    ComponentDefinedType, ComponentFuncTypeId, ComponentValType, VariantType,
};
use wasmparser::types::Types;

use super::error::ComponentError;
use super::unsupported::Unsupported;
use super::wit_type::WitType;
use super::{TYPE_DEPTH_MAX, TYPES_MAX};

/// Parameters and result of a function.
pub(super) type Signature = (Vec<(String, WitType)>, Option<WitType>);

/// Writes out the types of functions. A type of a few bytes may refer to others 2^n times, so
/// that all parts are counted.
pub(super) struct TypeReader<'t> {
    types: &'t Types,
    count: usize,
}

/// Reason for not reading a type.
enum Stop {
    Unsupported(Unsupported),
    TooLarge,
}

impl<'t> TypeReader<'t> {
    pub(super) fn new(types: &'t Types) -> Self {
        Self { types, count: 0 }
    }

    /// Reads the type of a function.
    pub(super) fn function(
        &mut self,
        id: ComponentFuncTypeId,
    ) -> Result<Result<Signature, Unsupported>, ComponentError> {
        match self.signature(id) {
            Ok(signature) => Ok(Ok(signature)),
            Err(Stop::Unsupported(reason)) => Ok(Err(reason)),
            Err(Stop::TooLarge) => Err(ComponentError::TypesTooLarge {
                types_max: TYPES_MAX,
            }),
        }
    }

    fn signature(&mut self, id: ComponentFuncTypeId) -> Result<Signature, Stop> {
        let function = &self.types[id];
        if function.async_ {
            return Err(Stop::Unsupported(Unsupported::Async));
        }
        let mut parameters = Vec::new();
        for (name, ty) in &function.params {
            parameters.push((name.to_string(), self.value(*ty, 0)?));
        }
        let result = function.result.map(|ty| self.value(ty, 0));
        Ok((parameters, result.transpose()?))
    }

    fn value(&mut self, ty: ComponentValType, depth: usize) -> Result<WitType, Stop> {
        self.count(1)?;
        if depth >= TYPE_DEPTH_MAX {
            return Err(Stop::Unsupported(Unsupported::DeepType {
                depth_max: TYPE_DEPTH_MAX,
            }));
        }
        match ty {
            ComponentValType::Primitive(ty) => primitive(ty),
            ComponentValType::Type(id) => {
                let types = self.types;
                self.defined(&types[id], depth + 1)
            }
        }
    }

    fn defined(&mut self, ty: &ComponentDefinedType, depth: usize) -> Result<WitType, Stop> {
        Ok(match ty {
            ComponentDefinedType::Primitive(ty) => primitive(*ty)?,
            ComponentDefinedType::Record(record) => {
                let mut fields = Vec::new();
                for (name, ty) in &record.fields {
                    fields.push((name.to_string(), self.value(*ty, depth)?));
                }
                WitType::Record(fields)
            }
            ComponentDefinedType::Variant(variant) => self.variant(variant, depth)?,
            ComponentDefinedType::List { element, .. } => {
                WitType::List(Box::new(self.value(*element, depth)?))
            }
            ComponentDefinedType::Tuple(tuple) => {
                let types = tuple.types.iter().map(|ty| self.value(*ty, depth));
                WitType::Tuple(types.collect::<Result<_, _>>()?)
            }
            ComponentDefinedType::Flags(names) => {
                self.count(names.len())?;
                WitType::Flags(names.iter().map(|name| name.to_string()).collect())
            }
            ComponentDefinedType::Enum(names) => {
                self.count(names.len())?;
                WitType::Enum(names.iter().map(|name| name.to_string()).collect())
            }
            ComponentDefinedType::Option { ty, .. } => {
                WitType::Option(Box::new(self.value(*ty, depth)?))
            }
            ComponentDefinedType::Result { ok, err, .. } => WitType::Result {
                ok: self.optional(*ok, depth)?.map(Box::new),
                error: self.optional(*err, depth)?.map(Box::new),
            },
            ComponentDefinedType::Own(_) | ComponentDefinedType::Borrow(_) => {
                return unsupported("a resource");
            }
            ComponentDefinedType::Future { .. } => return unsupported("a future"),
            ComponentDefinedType::Stream { .. } => return unsupported("a stream"),
            ComponentDefinedType::Map { .. } => return unsupported("a map"),
            ComponentDefinedType::FixedLengthList { .. } => {
                return unsupported("a list of fixed length");
            }
        })
    }

    fn variant(&mut self, variant: &VariantType, depth: usize) -> Result<WitType, Stop> {
        self.count(variant.cases.len())?;
        let mut cases = Vec::new();
        for (name, case) in &variant.cases {
            cases.push((name.to_string(), self.optional(case.ty, depth)?));
        }
        Ok(WitType::Variant(cases))
    }

    fn optional(
        &mut self,
        ty: Option<ComponentValType>,
        depth: usize,
    ) -> Result<Option<WitType>, Stop> {
        ty.map(|ty| self.value(ty, depth)).transpose()
    }

    fn count(&mut self, types: usize) -> Result<(), Stop> {
        self.count = self.count.saturating_add(types);
        match self.count <= TYPES_MAX {
            true => Ok(()),
            false => Err(Stop::TooLarge),
        }
    }
}

fn primitive(ty: PrimitiveValType) -> Result<WitType, Stop> {
    Ok(match ty {
        PrimitiveValType::Bool => WitType::Bool,
        PrimitiveValType::S8 => WitType::S8,
        PrimitiveValType::U8 => WitType::U8,
        PrimitiveValType::S16 => WitType::S16,
        PrimitiveValType::U16 => WitType::U16,
        PrimitiveValType::S32 => WitType::S32,
        PrimitiveValType::U32 => WitType::U32,
        PrimitiveValType::S64 => WitType::S64,
        PrimitiveValType::U64 => WitType::U64,
        PrimitiveValType::F32 => WitType::F32,
        PrimitiveValType::F64 => WitType::F64,
        PrimitiveValType::Char => WitType::Char,
        PrimitiveValType::String => WitType::String,
        PrimitiveValType::ErrorContext => return unsupported("an error-context"),
    })
}

fn unsupported<T>(ty: &'static str) -> Result<T, Stop> {
    Err(Stop::Unsupported(Unsupported::Type { ty }))
}
