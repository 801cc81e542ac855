//! Emulated Kafka on Azure Blob Storage.
