//! Appending to memory that was reserved before.

/// Appends items as far as there is capacity.
///
/// `Vec::extend` has a call that reserves memory in front of its loop. Wasmtime inlines that call,
/// although it is cold, and then finds the function too large to inline what the loop calls.
#[inline]
pub(crate) fn extend_reserved<T: Copy>(vec: &mut Vec<T>, items: impl Iterator<Item = T>) {
    let length = vec.len();
    let mut count = 0;
    for (place, item) in vec.spare_capacity_mut().iter_mut().zip(items) {
        place.write(item);
        count += 1;
    }
    // SAFETY: The first `count` places of the spare capacity were written, and so there are as many.
    // If `items` panics, the length is as before.
    unsafe { vec.set_len(length + count) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_appended_as_far_as_there_is_capacity() {
        let mut vec = Vec::with_capacity(8);
        vec.push(7u64);
        extend_reserved(&mut vec, 0..3);
        assert_eq!(vec, [7, 0, 1, 2]);
        let capacity = vec.capacity();
        extend_reserved(&mut vec, 10..1_000_000);
        assert_eq!((vec.len(), vec.capacity()), (capacity, capacity));
        assert_eq!(vec[..6], [7, 0, 1, 2, 10, 11]);
        extend_reserved(&mut Vec::new(), 0..3);
    }
}
