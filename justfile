# What can be done here. `just` lists it; nothing below is needed to use Overture, plain cargo is enough.

default:
    @just --list

# Everything: what CI checks (format, lints, tests, the smoke run of the README's curl line), docs, licences and dependencies.
check: doc deny
    bash .ci/run

# The docs of every crate, without a warning.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# Format the tree.
fmt:
    cargo fmt --all

# Lints, as CI runs them.
lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --manifest-path bench/Cargo.toml --target-dir target -- -D warnings

# The README's test command.
test:
    cargo test --workspace

# Licences, advisories and who may depend on what (needs cargo-deny: `cargo install cargo-deny --locked`).
deny:
    cargo deny check

# Benchmarks beside something bare in the same run: `just bench compose`, `postgres`, `away`, `receipts`, `relay`, …; prints Markdown for docs/measurements/.
bench *ARGS:
    cargo build --release -p overture
    cargo build --release --manifest-path bench/Cargo.toml --target-dir target
    target/release/overture-bench {{ARGS}}

# PostgreSQL, Temporal with its web page, an API and a worker, thrown away at the end; prints the addresses.
up:
    cargo build -p overture
    cargo run -p overture-tests --bin up

# The same tests with large numbers: `just soak crashes`, `just soak drain`, `just soak faults`.
soak *ARGS:
    cargo build -p overture
    cargo run -p overture-tests --bin soak -- {{ARGS}}
