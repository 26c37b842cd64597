//! The repository ports on a relational database (SQLite), by sea-orm. Entities and migrations are private.
