# `make demo` and `make test` need Rust (1.92 or newer) and a C compiler, nothing else.
.DEFAULT_GOAL := help
.PHONY: help demo test test-long converge torture test-tools test-tools-slow lint ci docs bench bench-peers bench-big dist install clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the whole pipeline against a built-in simulator: no account needed
	@test -e "$${CARGO_TARGET_DIR:-target}/release/jdcdn-stats" || \
		echo "The first build compiles 200 packages: 2 to 3 minutes on 2 cores, about 1 minute on 8."
	cargo run --release --locked -- demo

# Many tests wait for a process or for the disk: two a core keep the cores busy.
THREADS = $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

test: ## every test but the long ones, on the real binary and the real store
	RUST_TEST_THREADS=$(THREADS) cargo test --locked

test-long: ## more of what `make test` tries: a year of 100 domains, a month of runs, every write; SHORT=1 for less
	JDCDN_TEST_DAYS=$(if $(SHORT),8,30) JDCDN_TEST_STRIDE=$(if $(SHORT),5,1) JDCDN_TRIES=$(if $(SHORT),15,50) \
		JDCDN_SCHEDULES=$(if $(SHORT),300,1000) cargo test --locked --test pipeline -- \
		--include-ignored scale:: settling:: syscalls:: together:: convergence::

converge: ## random schedules of wrong answers, then an honest API: SCHEDULES=10000
	JDCDN_SCHEDULES=$(or $(SCHEDULES),10000) cargo test --locked --test pipeline -- convergence:: --nocapture

torture: ## attacks on the release binary, with a report: MINUTES=50 SEED=7 GROUP=kills CASE=3
	MINUTES=$(MINUTES) SEED=$(SEED) GROUP=$(GROUP) CASE=$(CASE) cargo test --release --locked --test torture

test-tools: ## what other programs make of the database; needs python3 and apt, installs the rest
	tests/tools/run.sh

test-tools-slow: ## the same with programs that take minutes to install
	tests/tools/run.sh tests/tools/slow

lint: ## formatting, clippy and rustdoc, warnings denied
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test torture -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --quiet

ci: ## what every change has to pass: lints, tests, tests with other programs
	.ci/run

docs: ## docs/schema.md, docs/commands.md, docs/configuration.md, the sample configuration and deploy/bi, from the program
	JDCDN_WRITE_PAGES=1 cargo test --locked --quiet --test pipeline -- pages:: documents::commands:: documents::configuration::

bench: ## speed, memory, disk and growth, into docs/performance.md: SIZE=small ONLY=tick,plan RESUME=1
	cargo bench --locked --bench bench -- speed

bench-peers: ## other programs with the same points; needs python3 and sqlite3, installs the rest
	benches/peers/run.sh

bench-big: ## one file of 1,000 domains and 36 months, 60 GB of disk: DOMAINS=100 MONTHS=12 KEEP=1 DIR=/var/tmp
	cargo bench --locked --bench bench -- big

dist: ## a Debian package and a tarball, with checksums, into target/packages; needs dpkg-dev
	deploy/package/dist.sh

install: ## the release binary into ~/.cargo/bin
	cargo install --locked --path .

clean: ## build output and the demo's database
	cargo clean
	rm -f jdcdn-demo.db jdcdn-demo.db-wal jdcdn-demo.db-shm jdcdn-demo.db.lock
