//! Links against devices on the network: our own server device, here; foreign ones in the plant tests.

mod link;
mod loss;
mod poll;
mod probe;
mod stack;
mod update;
