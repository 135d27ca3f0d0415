# Two commands for a newcomer: `make demo` and `make test`. The rest is for developers.

.PHONY: demo test soak lint lint-proto

DATA := examples/flights/data/flights-2013-01.csv.gz

# Builds everything and runs a month of real flights.
demo:
	cargo build --release --workspace
	rm -rf target/demo && mkdir -p target/demo
	cargo run --release --quiet -p flights -- --data $(DATA) --store sqlite:target/demo/flights.db --report target/demo/report.json

# Every test once; fails too if a test that is expected did not run.
test:
	./tests/run

# The long ones: the whole month, killed again and again.
soak:
	KILLS=200 ROWS=27004 cargo test --release -p flights --test kill_nine -- --nocapture

# What CI looks at before it tests.
lint: lint-proto
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# buf from whichever package registry the machine has a client for.
lint-proto:
	./proto/lint
