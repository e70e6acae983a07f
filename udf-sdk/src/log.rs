//! Messages for people: on wasm32 they reach the host, elsewhere the standard streams.

use std::fmt;

/// Logs a message, as `format!` makes it.
///
/// The shell prints it as a notice with the function and the row, an embedder receives it as an
/// event of `tracing` and by `Session::take_messages`. The host cuts messages to 1 KiB and drops
/// those that are too many; the function cannot tell. Formatting burns the fuel of the row.
///
/// In tests, which run natively, it prints to the standard error.
///
/// A module that logs meters each row by itself, so that messages name their row: calls are a
/// little slower, whether anything is logged or not.
///
/// ```
/// use fusebox_sdk::{log, udf};
///
/// #[udf]
/// fn half(x: i64) -> i64 {
///     if x % 2 != 0 {
///         log!("{x} is odd");
///     }
///     x / 2
/// }
/// ```
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => {
        $crate::__private::log(::core::format_args!($($argument)*))
    };
}

/// Logs a message like [`log!`](crate::log), natively as `std::println!` does. `use
/// fusebox_sdk::println;` replaces that, which prints nowhere on wasm32.
#[macro_export]
macro_rules! println {
    () => {
        $crate::__private::print(::core::format_args!(""))
    };
    ($($argument:tt)*) => {
        $crate::__private::print(::core::format_args!($($argument)*))
    };
}

/// Logs an expression with its value and its place in the source, and returns the value, like
/// `std::dbg!`. `use fusebox_sdk::dbg;` replaces that, which prints nowhere on wasm32.
#[macro_export]
macro_rules! dbg {
    ($value:expr $(,)?) => {
        $crate::__private::logged($value, ::core::stringify!($value), ::core::file!(), ::core::line!())
    };
    ($($value:expr),+ $(,)?) => {
        ($(
            $crate::__private::logged($value, ::core::stringify!($value), ::core::file!(), ::core::line!()),
        )+)
    };
}

/// Logs a value with its expression and the expression's place; returns the value.
pub fn logged<T: fmt::Debug>(value: T, expression: &str, file: &str, line: u32) -> T {
    log(format_args!("[{file}:{line}] {expression} = {value:?}"));
    value
}

/// Passes a message to the host, or prints it to the standard error.
pub fn log(message: fmt::Arguments<'_>) {
    #[cfg(target_arch = "wasm32")]
    to_host(message);
    #[cfg(not(target_arch = "wasm32"))]
    std::eprintln!("{message}");
}

/// Passes a message to the host, or prints it to the standard output.
pub fn print(message: fmt::Arguments<'_>) {
    #[cfg(target_arch = "wasm32")]
    to_host(message);
    #[cfg(not(target_arch = "wasm32"))]
    std::println!("{message}");
}

#[cfg(target_arch = "wasm32")]
fn to_host(message: fmt::Arguments<'_>) {
    let host = |text: &str| {
        let place = text.as_bytes();
        crate::raw::host::log_message(place.as_ptr() as usize as u32, place.len() as u32);
    };
    match message.as_str() {
        Some(text) => host(text),
        None => host(&message.to_string()),
    }
}
