# Two commands for a newcomer: `make demo` and `make test`. The rest is for developers.

.PHONY: demo clean-demo shop test conformance tck package sidecar check-sidecar soak bench lint lint-proto lint-deploy

DATA := examples/flights/data/flights-2013-01.csv.gz

# Builds everything and runs a month of real flights. Kill it and start it again: it goes on where it was.
demo:
	cargo build --release --workspace
	mkdir -p target/demo
	cargo run --release --quiet -p flights -- --data $(DATA) --store sqlite:target/demo/flights.db --report target/demo/report.json

# Lets the next demo start from nothing.
clean-demo:
	rm -rf target/demo

# The shop as three services, two in Rust and one in Python, with three sidecars on PostgreSQL; Ctrl-C ends it.
shop:
	./tests/servers/install
	./tests/python/install
	cargo build --quiet -p angzarr-codegen -p angzarr-runtime -p angzarr-servers -p shop --bins \
		--features angzarr-runtime/postgres,angzarr-runtime/sidecar,shop/service
	./examples/shop/services/start

# Every test once; fails too if a test that is expected did not run.
test:
	./tests/run

# What every store and every coordinator must keep, and the list of backends that it ran on.
conformance:
	./tests/conformance/run

# Whether services of every language do the same, and how many cases each of them passed.
tck:
	./tests/tck/run

# Whether the crates can be published and the command installed.
package:
	./tests/package

# One static program, target/dist/angzarr-sidecar; `make sidecar STORES=sqlite` leaves PostgreSQL out, and encryption, which
# is nearly a megabyte of its own; where PostgreSQL is, it is there already. That smaller one is as small as the compiler
# can make it, and slower. `make sidecar WITH=otel` adds the export to a collector of OpenTelemetry.
# Random bytes come from the system call: a static program cannot look up libc's function for it, and would read
# /dev/urandom, which not every folder that it is confined to has.
STORES := sqlite,postgres
WITH :=
STATIC := -C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom" \
	-C link-arg=-Wl,-z,pack-relative-relocs
LEVEL = $(if $(findstring postgres,$(STORES)),s,z)
COMMA := ,
FEATURES = sidecar,$(STORES)$(if $(findstring postgres,$(STORES)),$(COMMA)tls)$(if $(WITH),$(COMMA)$(WITH))
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
sidecar:
	CARGO_PROFILE_DIST_OPT_LEVEL=$(LEVEL) RUSTFLAGS='$(STATIC)' cargo build --profile dist --target $(HOST) -p angzarr-runtime \
		--bin angzarr-sidecar --no-default-features --features $(FEATURES)
	mkdir -p target/dist
	cp "$${CARGO_TARGET_DIR:-target}/$(HOST)/dist/angzarr-sidecar" target/dist/

# Whether that program is as small as it is said to be, and needs nothing beside it. Builds it twice, so it is a part of
# `make soak` and not of CI.
check-sidecar:
	./tests/static

# The long ones: the whole month, killed again and again; the shop on a server that is killed, too; random runs against
# the reference; the sidecar as it is shipped.
soak:
	KILLS=200 ROWS=27004 cargo test --release -p flights --test kill_nine -- --nocapture
	KILLS=200 PAUSES=20 RESTARTS=10 cargo test --release -p angzarr-tests --test chaos the_shop -- --nocapture
	MODEL_CASES=2000 cargo test --release -p angzarr-tests --test conformance model
	$(MAKE) check-sidecar
	$(MAKE) bench ONLY=soak

# How fast it is, as ratios to a bare loop on the same disk; `make bench ONLY=store.sqlite.commands` measures a part.
bench:
	./tests/servers/install
	./tests/python/install
	cargo build --release --quiet -p angzarr-codegen
	$(MAKE) --silent sidecar
	cargo run --release --quiet -p angzarr-benches -- --only "$(ONLY)"

# What CI looks at before it tests.
lint: lint-proto lint-deploy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features angzarr-codegen/operate -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --features angzarr-codegen/operate

# buf from whichever package registry the machine has a client for.
lint-proto:
	./proto/lint

# The manifests of deploy/, against the schemas of Kubernetes that a validator brings along.
lint-deploy:
	./deploy/lint
