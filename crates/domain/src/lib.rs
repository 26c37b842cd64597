//! The rules of Overture: values, entities, the conversation process, use cases and ports. No I/O.

pub mod values;
