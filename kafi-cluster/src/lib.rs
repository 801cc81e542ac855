//! Real Kafka.
