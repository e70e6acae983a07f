//! Retired words, for which the field has better-known ones.
//!
//! The checker itself and CHANGELOG.md are not searched for them.

/// First words of doc summaries that are neither verb phrases nor noun phrases,
/// in lower case.
pub(crate) const SUMMARY_OPENINGS: &[&str] = &[
    "how", "nobody", "somebody", "what", "where", "whether", "which", "who", "whose",
];

/// Identifiers in code that were renamed.
pub(crate) const IDENTIFIERS: &[(&str, &str)] = &[
    ("Allowance", "ByteBudget"),
    ("Alone", "SingleGroupAccumulator"),
    ("Announced", "RowMetering"),
    ("Breach", "AbiViolation"),
    ("Collected", "BufferingAccumulator"),
    ("Exhausted", "LimitExceeded"),
    ("Lasting", "MutableState"),
    ("Lent", "PooledInstance"),
    ("Measured", "FunctionMetrics"),
    ("Metered", "Instrumented"),
    ("ModuleFault", "ModuleError"),
    ("NotADigest", "ParseDigestError"),
    ("Ours", "FuseboxStatement"),
    ("Refusal", "StatementError"),
    ("Residents", "StateCache"),
    ("Slices", "BatchSizer"),
    ("Unlifted", "LiftError"),
    ("WIDEST", "MAX"),
    ("call_few", "call_deduplicated"),
    ("call_pieces", "call_chunks"),
    ("charge_to", "attach"),
    ("furnish", "preallocate"),
    ("heed", "set_cancellation"),
    ("leave_out", "DisabledProtections"),
    ("lend_as_new", "acquire_clean"),
    ("lookers", "stack_checks"),
    ("lookouts", "safepoints"),
    ("modest", "without_inlining"),
    ("were_heavy", "shrink"),
    ("were_light", "grow"),
];

/// Words and phrases of prose, in lower case, and what to write instead.
pub(crate) const PHRASES: &[(&str, &str)] = &[
    ("as good as new", "clean, reset"),
    ("believes", "say what is checked"),
    ("furnished", "preallocated"),
    ("furnishes", "preallocates"),
    ("goes by", "is chosen by, is named by"),
    ("is plain that", "leave it out"),
    ("lets itself", "say what the host does"),
    ("lookout", "safepoint"),
    ("lookouts", "safepoints"),
    ("nobody", "no caller, no function, nothing"),
    ("of which there are", "a relative clause with the number"),
    ("so be it", "say what follows"),
    ("somebody", "the caller, the host"),
    ("tank", "fuel counter"),
    ("tanks", "fuel counters"),
    ("who measures", "for metrics"),
];
