//! Emulated Kafka on S3.
