//! Cost oracle: seconds and bytes that a module takes until it is compiled, which have
//! to be proportional to its size.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use fusebox_runtime::{LoadedModule, Runtime, RuntimeOptions};

use crate::bomb::Bomb;
use crate::instrumented::random_module;
use crate::target::Outcome;
use crate::usage::{PeakMemory, cpu_time};

/// Statement that binds the function of a module, and so compiles it.
const FUNCTION: &str = "CREATE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM";

/// Cost of one module, from its bytes to a function that can be called, or to its refusal.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Size of the module.
    pub module_bytes: u64,
    /// CPU time of all threads.
    pub time: Duration,
    /// Growth of resident memory.
    pub peak_bytes: u64,
    /// Reason of the refusal.
    pub refused: Option<String>,
}

/// Highest cost of a module of some size, accepted or refused.
#[derive(Clone, Copy, Debug)]
pub struct Ceiling {
    /// Time of a module, whatever its size.
    pub time: Duration,
    /// Bytes of a module that take a second more.
    pub bytes_per_second: u64,
    /// Memory of a module, whatever its size.
    pub peak_bytes: u64,
    /// Memory for each byte of the module.
    pub peak_bytes_per_byte: u64,
}

impl Ceiling {
    /// The ceiling that the budgets of the engine are chosen for: 1 s and 1 s for each
    /// 200 KB, 256 MB and 200 bytes for each byte.
    pub const OF_THE_ENGINE: Self = Self {
        time: Duration::from_secs(1),
        bytes_per_second: 200_000,
        peak_bytes: 256_000_000,
        peak_bytes_per_byte: 200,
    };

    /// Returns the reason for which a cost is too high.
    pub fn exceeded_by(self, cost: &Cost) -> Option<String> {
        let bytes = cost.module_bytes;
        let time =
            self.time + Duration::from_secs(1).mul_f64(bytes as f64 / self.bytes_per_second as f64);
        let peak = self.peak_bytes + self.peak_bytes_per_byte * bytes;
        if cost.time > time {
            return Some(format!("{bytes} bytes took {:?} of {time:?}", cost.time));
        }
        (cost.peak_bytes > peak)
            .then(|| format!("{bytes} bytes took {} bytes of {peak}", cost.peak_bytes))
    }
}

/// Compiles a random module, and one that is built to be expensive, at a cost below
/// [`Ceiling::OF_THE_ENGINE`].
pub fn cost(data: &[u8]) -> Outcome {
    check(&mut Unstructured::new(data)).unwrap_or(Outcome::Incomplete)
}

fn check(input: &mut Unstructured<'_>) -> Result<Outcome> {
    let (module, described) = match input.ratio(1, 4)? {
        true => (random_module(input, 2_000)?, "a random module".to_owned()),
        false => {
            let bomb = Bomb::arbitrary(input)?;
            (bomb.module(), format!("{bomb:?}"))
        }
    };
    let cost = measure(&module);
    if let Some(reason) = Ceiling::OF_THE_ENGINE.exceeded_by(&cost) {
        panic!("{described}: {reason}; refused: {:?}", cost.refused);
    }
    Ok(match cost.refused {
        None => Outcome::Accepted,
        Some(_) => Outcome::Refused,
    })
}

/// Loads and binds a module in a runtime of its own, and returns the cost. Where the
/// kernel does not tell, it is zero.
///
/// # Panics
///
/// If the runtime cannot be created.
pub fn measure(module: &[u8]) -> Cost {
    let runtime = Runtime::new(RuntimeOptions::default()).expect("valid options");
    let memory = PeakMemory::reset();
    let begin = cpu_time().unwrap_or_default();
    let refused = bind(&runtime, module).err();
    Cost {
        module_bytes: module.len() as u64,
        time: cpu_time().unwrap_or_default().saturating_sub(begin),
        peak_bytes: memory.map_or(0, |memory| memory.bytes()),
        refused,
    }
}

fn bind(runtime: &Runtime, module: &[u8]) -> std::result::Result<(), String> {
    let module = LoadedModule::new(module, u64::MAX).map_err(|error| error.to_string())?;
    let definition = module.define(FUNCTION).map_err(|error| error.to_string())?;
    let bound = runtime.bind(definition, &module);
    bound.map(drop).map_err(|error| error.to_string())
}
