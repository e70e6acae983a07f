//! The catalog in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{AuditRecord, Catalog, CatalogChange, CatalogContents, CatalogError};

/// Catalog in memory.
#[derive(Debug, Default)]
pub struct MemoryCatalog {
    contents: Mutex<Arc<CatalogContents>>,
    audit: Mutex<Audit>,
}

/// Records of the audit, the oldest first.
#[derive(Debug, Default)]
struct Audit {
    records: VecDeque<AuditRecord>,
    changes: usize,
}

impl Audit {
    /// Adds a record, and removes the oldest of its kind beyond the maximum.
    fn add(&mut self, record: AuditRecord) {
        let is_change = record.is_change;
        self.changes += usize::from(is_change);
        self.records.push_back(record);
        let of_kind = match is_change {
            true => self.changes,
            false => self.records.len() - self.changes,
        };
        if of_kind > AuditRecord::RECORDS_MAX {
            let mut records = self.records.iter();
            let oldest = records.position(|record| record.is_change == is_change);
            if let Some(oldest) = oldest {
                self.records.remove(oldest);
            }
            self.changes -= usize::from(is_change);
        }
    }
}

impl MemoryCatalog {
    fn records(&self) -> MutexGuard<'_, Audit> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalog for MemoryCatalog {
    fn contents(&self) -> Result<Arc<CatalogContents>, CatalogError> {
        let contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(&contents))
    }

    fn apply(
        &self,
        version: u64,
        changes: Vec<CatalogChange>,
    ) -> Result<Arc<CatalogContents>, CatalogError> {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if contents.version() != version {
            return Err(CatalogError::Conflict);
        }
        let records = changes.iter().filter_map(|change| match change {
            CatalogChange::Audit(record) => Some(record.clone()),
            _ => None,
        });
        let records: Vec<_> = records.collect();
        let next = Arc::new(contents.with(changes));
        *contents = Arc::clone(&next);
        self.note(records)?;
        Ok(next)
    }

    fn audit(&self) -> Result<Vec<AuditRecord>, CatalogError> {
        Ok(self.records().records.iter().cloned().collect())
    }

    fn note(&self, records: Vec<AuditRecord>) -> Result<(), CatalogError> {
        let mut audit = self.records();
        records.into_iter().for_each(|record| audit.add(record));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Relation, RelationKind};

    fn view(name: &str) -> CatalogChange {
        let sql = format!("CREATE VIEW {name} AS SELECT 1");
        CatalogChange::PutRelation(Relation::new(name.to_owned(), RelationKind::View, sql))
    }

    #[test]
    fn changes_apply_to_the_version_that_they_were_checked_against() {
        let catalog = MemoryCatalog::default();
        let before = catalog.contents().unwrap();
        let after = catalog
            .apply(before.version(), vec![view("a"), view("b")])
            .unwrap();
        assert!(after.version() > before.version());
        assert_eq!(after.relations().count(), 2);
        assert_eq!(before.relations().count(), 0);
        let refused = catalog.apply(before.version(), vec![view("c")]);
        assert!(matches!(refused, Err(CatalogError::Conflict)));
        assert!(catalog.contents().unwrap().relation("c").is_none());
        let dropped = CatalogChange::DropRelation("a".to_owned());
        let last = catalog.apply(after.version(), vec![dropped]).unwrap();
        assert!(last.relation("a").is_none() && last.relation("b").is_some());
    }

    #[test]
    fn events_displace_no_changes() {
        let catalog = MemoryCatalog::default();
        let change = AuditRecord::change(Some("ada"), "CREATE MODULE").on("m");
        let changes = vec![view("a"), CatalogChange::Audit(change.clone())];
        catalog.apply(0, changes).unwrap();
        let event = AuditRecord::event(None, "LOGIN REFUSED");
        let events = vec![event; AuditRecord::RECORDS_MAX + 5];
        catalog.note(events).unwrap();
        let records = catalog.audit().unwrap();
        assert_eq!(records.len(), AuditRecord::RECORDS_MAX + 1);
        assert_eq!(records[0], change);
        assert_eq!(catalog.contents().unwrap().version(), 1);
    }
}
