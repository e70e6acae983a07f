//! Encodes a core module with types of WIT as a component: `encode MODULE COMPONENT`.

use std::env::args;
use std::error::Error;
use std::fs;

use wit_component::ComponentEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    let [module, component] = &args().skip(1).collect::<Vec<_>>()[..] else {
        return Err("expected the paths of a module and of the component to write".into());
    };
    let mut encoder = ComponentEncoder::default();
    let encoder = encoder.validate(true).module(&fs::read(module)?)?;
    let bytes = encoder.encode()?;
    Ok(fs::write(component, bytes)?)
}
