//! Values: each is correct once it exists. Parsed from text, read by `as_str`.
