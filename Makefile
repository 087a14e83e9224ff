# Flyball. `make` alone prints this help.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run simulate ui test test-rust test-console test-browser check lint doc bench examples setup clean

CONSOLE := web/console
PEERS := tests/peers
PEERS_PYTHON := target/peers/venv/bin/python

help: ## Print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

run: ui ## Build the console and run the demo plant: http://127.0.0.1:8080/
	cargo run --package flyball-web -- demo

simulate: ## Run the demo's simulated device alone (after you ended the one of `make run`)
	cargo run --package flyball-web -- simulate

ui: $(CONSOLE)/dist/index.html ## Build the console into web/console/dist

$(CONSOLE)/node_modules/.package-lock.json: $(CONSOLE)/package-lock.json | setup-node
	cd $(CONSOLE) && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(CONSOLE)/dist/index.html: $(CONSOLE)/node_modules/.package-lock.json $(shell find $(CONSOLE)/src $(CONSOLE)/public $(CONSOLE)/scripts $(CONSOLE)/index.html $(CONSOLE)/vite.config.ts -type f 2>/dev/null)
	cd $(CONSOLE) && npm run build
	touch $@

test: test-rust test-console test-browser ## Run every test: Rust, foreign OPC UA peers, console, real browser

test-rust: ui $(PEERS_PYTHON) $(PEERS)/node_modules/.package-lock.json | setup-postgres
	cargo test --workspace

test-console: $(CONSOLE)/node_modules/.package-lock.json
	cd $(CONSOLE) && npm run check && npm run test

# Built with the tests' features, so that `make test` does not build every dependency twice.
test-browser: ui | setup-browser
	cargo test --workspace --no-run
	cd $(CONSOLE) && npm run e2e

$(PEERS_PYTHON): $(PEERS)/requirements.txt | setup-python
	python3 -m venv target/peers/venv
	target/peers/venv/bin/pip install --quiet --disable-pip-version-check --requirement $(PEERS)/requirements.txt
	touch $@

$(PEERS)/node_modules/.package-lock.json: $(PEERS)/package-lock.json | setup-node
	cd $(PEERS) && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

check: lint test doc examples ## Everything that has to be right before a commit that matters

lint: ## Format, clippy, licences and file sizes
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check licenses bans sources; \
	  else echo "cargo-deny is not installed: licences are not checked"; fi
	@long=$$(git ls-files '*.rs' '*.ts' '*.svelte' | xargs wc -l | awk '$$2 != "total" && $$1 > 500'); \
	  if [ -n "$$long" ]; then echo "files over 500 lines:"; echo "$$long"; exit 1; fi

doc: ## Build the API documentation
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps

BENCHES := cvt expressions alarms machines history start

bench: ## Measure against floors of the same run and print one table (also in target/bench.md)
	cargo bench --package flyball $(BENCHES:%=--bench %) --no-run
	@{ echo "| row | work | floor | figure | ratio | budget |"; echo "|---|---|--:|--:|--:|---|"; } > target/bench.md
	@for bench in $(BENCHES); do cargo bench --quiet --package flyball --bench $$bench | tee target/bench-$$bench.txt; done
	@cat $(BENCHES:%=target/bench-%.txt) | grep -E '^\| *D?[0-9]+ *\|' >> target/bench.md || true
	@echo; cat target/bench.md

examples: ## Run every example to its asserted end
	cargo build --package flyball-examples --examples
	@for example in hello_tag tank_level quadruple_tank embed_in_app; do \
	  echo "== $$example"; cargo run --quiet --package flyball-examples --example $$example; done

.PHONY: setup-node setup-python setup-browser setup-postgres

setup: setup-node setup-python setup-browser setup-postgres ## Install what is missing: Node.js, Python's venv, Chromium, PostgreSQL

setup-node:
	@.ci/setup node

setup-python:
	@.ci/setup python

setup-browser:
	@.ci/setup browser

setup-postgres:
	@.ci/setup postgres

clean: ## Remove everything that was built
	cargo clean
	rm -rf $(CONSOLE)/dist $(CONSOLE)/node_modules $(PEERS)/node_modules
