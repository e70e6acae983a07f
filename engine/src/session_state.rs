//! Changes of a context's state that only its builder makes.

use datafusion::execution::session_state::{SessionState, SessionStateBuilder};

/// Builds a state again with `change`, under the same session id.
///
/// DataFusion registers each of its functions again, under all their names: changes that come
/// together share one call.
pub(crate) fn rebuild(state: &mut SessionState, change: impl FnOnce(&mut SessionStateBuilder)) {
    let session_id = state.session_id().to_owned();
    let mut builder = SessionStateBuilder::new_from_existing(state.clone());
    change(&mut builder);
    *state = builder.with_session_id(session_id).build();
}
