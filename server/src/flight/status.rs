//! Errors as gRPC states them: a status, the message, and in the metadata the code of PostgreSQL.

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::report::Report;

/// Maximum size of a message in bytes. Clients bound the headers that they read.
const MESSAGE_BYTES_MAX: usize = 2_000;

/// Maximum size of a detail and of a hint in bytes.
const DETAIL_BYTES_MAX: usize = 500;

/// Returns the status of a report. Its metadata has `sqlstate`, and where they are known
/// `position`, `detail-bin` and `hint-bin`.
pub(super) fn status(report: &Report) -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert("sqlstate", MetadataValue::from_static(report.code));
    if let Some(position) = report.position {
        metadata.insert("position", MetadataValue::from(position as u64));
    }
    let texts = [("detail-bin", &report.detail), ("hint-bin", &report.hint)];
    for (name, text) in texts {
        if let Some(text) = text {
            let text = shortened(text, DETAIL_BYTES_MAX).as_bytes();
            metadata.insert_bin(name, MetadataValue::from_bytes(text));
        }
    }
    // Most clients show nothing else.
    let message = match &report.hint {
        Some(hint) => format!("{}; {hint}", report.message),
        None => report.message.clone(),
    };
    let message = shortened(&message, MESSAGE_BYTES_MAX);
    Status::with_metadata(code(report), message, metadata)
}

fn code(report: &Report) -> Code {
    match report.code {
        "57014" if report.message.contains("timeout") => Code::DeadlineExceeded,
        "57014" => Code::Cancelled,
        "42501" => Code::PermissionDenied,
        "0A000" => Code::Unimplemented,
        "40001" => Code::Aborted,
        "57P01" | "08006" => Code::Unavailable,
        "42P01" | "42704" | "42883" | "3F000" | "26000" | "34000" | "58P01" => Code::NotFound,
        "42723" | "42P07" | "42P06" | "42710" => Code::AlreadyExists,
        "2BP01" => Code::FailedPrecondition,
        code => match code.get(..2).unwrap_or_default() {
            "28" => Code::Unauthenticated,
            "53" | "54" => Code::ResourceExhausted,
            "58" | "XX" => Code::Internal,
            // Functions that fail.
            "38" | "39" => Code::FailedPrecondition,
            _ => Code::InvalidArgument,
        },
    }
}

/// Returns the begin of a text, up to a character.
fn shortened(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{CANCELLED, SYNTAX_ERROR};

    #[test]
    fn statuses_have_the_code_and_the_hint() {
        let mut report = Report::error(SYNTAX_ERROR, "expected é").with_hint("write é");
        report.position = Some(7);
        report.detail = Some("Function: é.".to_owned());
        let status = status(&report);
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "expected é; write é");
        let metadata = status.metadata();
        assert_eq!(metadata.get("sqlstate").unwrap(), "42601");
        assert_eq!(metadata.get("position").unwrap(), "7");
        let detail = metadata.get_bin("detail-bin").unwrap().to_bytes().unwrap();
        assert_eq!(detail, "Function: é.");
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let status = status(&Report::error(SYNTAX_ERROR, "é".repeat(10_000)));
        assert_eq!(status.message().len(), MESSAGE_BYTES_MAX);
    }

    #[test]
    fn timeouts_are_told_from_cancellations() {
        let late = "canceling statement due to statement timeout";
        let timeout = status(&Report::error(CANCELLED, late));
        assert_eq!(timeout.code(), Code::DeadlineExceeded);
        assert_eq!(status(&Report::cancelled()).code(), Code::Cancelled);
        assert_eq!(status(&Report::panicked()).code(), Code::Internal);
    }
}
