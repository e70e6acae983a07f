//! Functions over Arrow IPC, as a component.
#![expect(missing_docs, reason = "the bindings are generated")]

use peers_ipc::{batch_of, decode, encode};

wit_bindgen::generate!({
    inline: "
        package fusebox:peers;

        world functions {
            // Each argument and the result is a stream of one column.
            export call: func(function: string, arguments: list<list<u8>>)
                -> result<list<u8>, string>;
        }
    ",
});

struct Functions;

impl Guest for Functions {
    fn call(function: String, arguments: Vec<Vec<u8>>) -> Result<Vec<u8>, String> {
        let columns: Result<Vec<_>, _> = arguments
            .iter()
            .map(|bytes| decode(bytes).map(|batch| batch.column(0).clone()))
            .collect();
        let mut bytes = Vec::new();
        columns
            .and_then(|columns| peers_ipc::call(&function, &columns))
            .and_then(batch_of)
            .and_then(|batch| encode(&batch, &mut bytes))
            .map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}

export!(Functions);
