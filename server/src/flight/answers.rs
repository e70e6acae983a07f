//! Answers that are read in time.
//!
//! A client decides how much of each answer is sent, and can read all other bytes of its connection
//! in time. So each answer has a time, and is given to HTTP/2 in parts: what follows the last part
//! is sent with it, whatever the client reads.

use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame};

use super::{CallPlace, lock};

/// Maximum size of a part in bytes.
const PART_BYTES: usize = 64 << 10;

/// Answers of a connection.
#[derive(Default)]
pub(super) struct Answers(Mutex<Vec<Weak<Given>>>);

/// Time since a part was given, until the next is asked for.
struct Given(Mutex<Option<Instant>>);

/// Body of an answer.
pub(super) struct Answer<B> {
    body: B,
    /// Bytes of the body that were not given yet.
    rest: Bytes,
    given: Arc<Given>,
    _place: Option<CallPlace>,
}

impl Answers {
    /// Adds an answer, which is in the list and holds the places of its call until it is dropped.
    pub(super) fn add<B>(&self, body: B, place: Option<CallPlace>) -> Answer<B> {
        let given = Arc::new(Given(Mutex::new(Some(Instant::now()))));
        let mut answers = lock(&self.0);
        answers.retain(|answer| answer.strong_count() > 0);
        answers.push(Arc::downgrade(&given));
        Answer {
            body,
            rest: Bytes::new(),
            given,
            _place: place,
        }
    }

    /// Returns true if the client has not read an answer for a time.
    pub(super) fn is_unread(&self, timeout: Duration) -> bool {
        let answers = lock(&self.0);
        let mut open = answers.iter().filter_map(Weak::upgrade);
        open.any(|given| lock(&given.0).is_some_and(|since| since.elapsed() >= timeout))
    }
}

impl<B> Answer<B> {
    /// Takes a part of the rest. The last is a copy, which keeps no others in memory.
    fn part(&mut self) -> Bytes {
        if self.rest.len() > PART_BYTES {
            return self.rest.split_to(PART_BYTES);
        }
        let last = Bytes::copy_from_slice(&self.rest);
        self.rest = Bytes::new();
        last
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if data.len() > PART_BYTES => {
                        self.rest = data;
                        Poll::Ready(Some(Ok(Frame::data(self.part()))))
                    }
                    Ok(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
                    Err(other) => Poll::Ready(Some(Ok(other))),
                },
                other => other,
            }
        } else {
            Poll::Ready(Some(Ok(Frame::data(self.part()))))
        };
        let is_given = matches!(frame, Poll::Ready(Some(_)));
        *lock(&self.given.0) = is_given.then(Instant::now);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http_body_util::Full;

    use super::*;

    #[test]
    fn answers_are_given_in_parts_and_watched() {
        let answers = Answers::default();
        let bytes: Bytes = (0..3 * PART_BYTES + 1).map(|n| n as u8).collect();
        let mut answer = answers.add(Full::new(bytes.clone()), None);
        let mut context = Context::from_waker(Waker::noop());
        let mut parts = Vec::new();
        loop {
            assert!(answers.is_unread(Duration::ZERO));
            assert!(!answers.is_unread(Duration::from_secs(3_600)));
            assert!(!answer.is_end_stream() || parts.len() == 4);
            let Poll::Ready(frame) = Pin::new(&mut answer).poll_frame(&mut context) else {
                panic!("the body is there");
            };
            let Some(frame) = frame else {
                break;
            };
            parts.push(frame.unwrap().into_data().unwrap());
        }
        assert_eq!(parts.len(), 4);
        assert_eq!(parts.concat(), bytes);
        // It was asked for more.
        assert!(!answers.is_unread(Duration::ZERO));
        drop(answer);
        let _other = answers.add(Full::new(bytes), None);
        assert_eq!(lock(&answers.0).len(), 1);
    }
}
