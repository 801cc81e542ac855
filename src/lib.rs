//! Kafi.
