//! Byte budget of one lowering or lifting.

/// Counts bytes against a maximum.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    used: u64,
    max: u64,
}

/// The bytes counted when a budget was exceeded.
#[derive(Debug)]
pub(crate) struct BudgetExceeded {
    pub(crate) bytes: u64,
}

impl ByteBudget {
    /// A budget of `max` bytes.
    pub(crate) fn new(max: u64) -> Self {
        Self { used: 0, max }
    }

    /// Counts `bytes` more.
    ///
    /// # Errors
    ///
    /// [`BudgetExceeded`] if the sum is above the maximum.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<(), BudgetExceeded> {
        self.used = self.used.saturating_add(bytes);
        match self.used > self.max {
            true => Err(BudgetExceeded { bytes: self.used }),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_may_be_used_up_and_not_exceeded() {
        let mut budget = ByteBudget::new(10);
        assert!(budget.take(4).is_ok());
        assert!(budget.take(6).is_ok());
        let exceeded = budget.take(1).unwrap_err();
        assert_eq!(exceeded.bytes, 11);
        assert_eq!(budget.take(u64::MAX).unwrap_err().bytes, u64::MAX);
    }
}
