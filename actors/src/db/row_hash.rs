//! Hashes of rows that are chained: no two rows have the same. Pure.

use sha2::{Digest, Sha256};

/// A SHA-256 over the fields of a row, each with a mark whether it is there and its length.
pub(crate) struct RowHash(Sha256);

impl RowHash {
    /// Of rows of one kind; `domain` tells them from all others.
    pub(crate) fn new(domain: &[u8]) -> Self {
        let mut sha = Sha256::new();
        sha.update(domain);
        Self(sha)
    }

    /// Takes the next field.
    pub(crate) fn field(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.0.update([0]),
            Some(bytes) => {
                self.0.update([1]);
                // A slice's length always fits.
                self.0.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
                self.0.update(bytes);
            }
        }
    }

    /// The hash of all of them.
    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
