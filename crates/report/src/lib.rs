//! Tables, manifest and report of a Kyoso run.
