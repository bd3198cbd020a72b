//! Decisions that people can check by reading.
