//! Emulated Kafka.
