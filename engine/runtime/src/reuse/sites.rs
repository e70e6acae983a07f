//! Sites of one function in one execution.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::site::{Site, SiteKey};

/// Maximum number of sites. Calls with further arguments keep no answers.
const SITES_MAX: usize = 16;

/// Sites of one function in one execution.
///
/// A site is taken out while it is used, so that no lock is held while a guest runs. Threads
/// that share an execution, which those of a plan do not, find each other's sites missing.
#[derive(Default)]
pub(crate) struct Sites(Mutex<Vec<Site>>);

impl Sites {
    /// Takes the site of these arguments, or a new one; `None` if there are too many.
    pub(crate) fn take(&self, key: SiteKey) -> Option<Site> {
        let mut sites = self.lock();
        match sites.iter().position(|site| *site.key() == key) {
            Some(found) => Some(sites.swap_remove(found)),
            None if sites.len() < SITES_MAX => Some(Site::new(key)),
            None => None,
        }
    }

    /// Puts a site back that was taken.
    pub(crate) fn put(&self, site: Site) {
        let mut sites = self.lock();
        let is_known = sites.iter().any(|other| other.key() == site.key());
        if !is_known && sites.len() < SITES_MAX {
            sites.push(site);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Site>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
