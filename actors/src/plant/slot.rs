//! The address of an actor that may be made again.

use actix::{Actor, Addr};
use std::sync::{Arc, PoisonError, RwLock};

/// The present address of a leaf; cheap to clone, all clones see the same.
#[derive(Debug)]
pub(crate) struct Slot<A: Actor>(Arc<RwLock<Addr<A>>>);

impl<A: Actor> Clone for Slot<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Actor> Slot<A> {
    pub(crate) fn new(address: Addr<A>) -> Self {
        Self(Arc::new(RwLock::new(address)))
    }

    pub(crate) fn get(&self) -> Addr<A> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, address: Addr<A>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = address;
    }
}
