//! Items that exports, start functions and active segments reach.

use crate::error::Error;
use crate::modules::{Item, Modules};
use crate::references::References;
use crate::segments::{Mode, Segments};
use crate::space::{PerSpace, Space};

/// A search for the items that others refer to, directly or through others. All items are
/// targets of the resolution.
pub(crate) struct Reach<'m, 'a> {
    segments: Segments<'m, 'a>,
    is_reached: PerSpace<Vec<bool>>,
    /// Items that are reached, and whose own references have not been followed.
    left: Vec<Item>,
    /// The functions whose address reached code takes.
    pub(crate) taken: Vec<Item>,
    /// True if reached code names a data segment.
    pub(crate) names_data: bool,
    /// The functions that an indirect call may call. Empty once they are reached.
    callable: Vec<Item>,
}

impl<'m, 'a> Reach<'m, 'a> {
    /// A search in which an indirect call reaches the functions `callable`.
    pub(crate) fn new(segments: Segments<'m, 'a>, callable: Vec<Item>) -> Self {
        let mut is_reached = PerSpace::<Vec<bool>>::default();
        for space in Space::ALL {
            is_reached[space] = vec![false; segments.modules.totals[space] as usize];
        }
        Self {
            segments,
            is_reached,
            left: Vec::new(),
            taken: Vec::new(),
            names_data: false,
            callable,
        }
    }

    /// Reaches an item, and all that it refers to.
    pub(crate) fn add(&mut self, item: Item) -> Result<(), Error> {
        self.visit(item);
        while let Some(item) = self.left.pop() {
            self.follow(item)?;
        }
        Ok(())
    }

    /// Returns true if an item has been reached.
    pub(crate) fn contains(&self, item: Item) -> bool {
        let target = self.segments.resolution.target(item);
        let is_reached = self.is_reached[target.space].get(target.number as usize);
        is_reached.copied().unwrap_or(false)
    }

    /// Returns true if a function refers to a global that has been reached.
    pub(crate) fn uses_reached_global(&self, function: Item) -> Result<bool, Error> {
        if function.space != Space::Function {
            return Ok(false);
        }
        let (module, _) = self.modules().owner(function)?;
        let Some(body) = self.modules().body(function)? else {
            return Ok(false);
        };
        for (space, index) in References::of(body)?.items {
            let item = self.modules().item(module, space, index)?;
            if space == Space::Global && self.contains(item) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The reached items of a space, in order of their numbers.
    pub(crate) fn items(&self, space: Space) -> impl Iterator<Item = Item> {
        let reached = self.is_reached[space].iter().enumerate();
        reached
            .filter(|(_, is_reached)| **is_reached)
            .map(move |(number, _)| Item {
                space,
                number: number as u32,
            })
    }

    /// The functions that an indirect call may call, once all has been reached that the
    /// linked module holds.
    pub(crate) fn callable(&self) -> Result<Vec<Item>, Error> {
        let mut functions = self.taken.clone();
        for element in self.items(Space::Element) {
            let (_, elements) = self.segments.element(element)?;
            functions.extend(elements.items());
        }
        for global in self.items(Space::Global) {
            if self.modules().is_defined(global)? {
                functions.extend(self.segments.constants.value(global)?.items());
            }
        }
        functions.retain(|item| item.space == Space::Function);
        Ok(functions)
    }

    fn modules(&self) -> &'m Modules<'a> {
        self.segments.modules
    }

    fn visit(&mut self, item: Item) {
        let target = self.segments.resolution.target(item);
        let is_reached = self.is_reached[target.space].get_mut(target.number as usize);
        if let Some(is_reached) = is_reached
            && !*is_reached
        {
            *is_reached = true;
            self.left.push(target);
        }
    }

    fn follow(&mut self, item: Item) -> Result<(), Error> {
        match item.space {
            Space::Function => self.follow_function(item),
            Space::Table | Space::Memory => Ok(()),
            Space::Global => {
                if self.modules().is_defined(item)? {
                    let value = self.segments.constants.value(item)?;
                    value.items().for_each(|item| self.visit(item));
                }
                Ok(())
            }
            Space::Element => {
                let (mode, elements) = self.segments.element(item)?;
                elements
                    .items()
                    .into_iter()
                    .for_each(|item| self.visit(item));
                self.follow_mode(&mode);
                Ok(())
            }
            Space::Data => {
                let (mode, _) = self.segments.data(item)?;
                self.follow_mode(&mode);
                Ok(())
            }
        }
    }

    fn follow_mode(&mut self, mode: &Mode) {
        if let Mode::Active(place) = mode {
            self.visit(place.item);
            place.offset.items().for_each(|item| self.visit(item));
        }
    }

    fn follow_function(&mut self, function: Item) -> Result<(), Error> {
        let (module, _) = self.modules().owner(function)?;
        let Some(body) = self.modules().body(function)? else {
            return Ok(());
        };
        let references = References::of(body)?;
        for (space, index) in references.items {
            self.names_data |= space == Space::Data;
            self.visit(self.modules().item(module, space, index)?);
        }
        for index in references.taken {
            let item = self.modules().item(module, Space::Function, index)?;
            self.taken.push(self.segments.resolution.target(item));
        }
        if references.calls_indirectly {
            let callable = std::mem::take(&mut self.callable);
            callable.into_iter().for_each(|item| self.visit(item));
        }
        Ok(())
    }
}
