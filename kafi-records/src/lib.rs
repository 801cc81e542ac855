//! Kafka record batch format v2.
