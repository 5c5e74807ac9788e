# What there is to do: `make help`.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

PREFIX ?= /usr
SYSCONFDIR ?= /etc
DESTDIR ?=
BIN ?= target/release/gaoler
# What a host that has none begins with.
CONFIG ?= config/gaoler.yaml
CARGO ?= cargo
# The commit, for `gaoler_build_info`.
export GAOLER_REVISION ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
# The day of that commit, for the manual pages.
export GAOLER_DATE ?= $(shell git log -1 --format=%cs 2>/dev/null)

bindir := $(DESTDIR)$(PREFIX)/bin
datadir := $(DESTDIR)$(PREFIX)/share
mandir := $(datadir)/man
bashdir := $(datadir)/bash-completion/completions
zshdir := $(datadir)/zsh/site-functions
fishdir := $(datadir)/fish/vendor_completions.d
unitdir := $(DESTDIR)$(PREFIX)/lib/systemd/system
confdir := $(DESTDIR)$(SYSCONFDIR)/gaoler
# So does firewalld look for sets and policies.
firewalldir := $(DESTDIR)$(if $(filter /usr,$(PREFIX)),/usr/lib,$(SYSCONFDIR))/firewalld
# polkit looks for rules under /usr and /etc alone.
polkitdir := $(if $(filter /usr,$(PREFIX)),$(datadir),$(DESTDIR)$(SYSCONFDIR))/polkit-1/rules.d

##@ Use
.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {print "\n" substr($$0, 5) ":"} \
		/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

.PHONY: run
run: deps ## Show gaoler at work on a host in a box, from attack to ban; KEEP=1 leaves the box up
	@scripts/progress.sh "building gaoler, unoptimised for a quicker start" $(CARGO) build --locked
	@KEEP=$(KEEP) scripts/demo.sh target/debug/gaoler

.PHONY: install
install: ## Install on this host (DESTDIR, PREFIX and BIN as usual); then systemctl enable --now gaoler
	install -D -m 0755 $(BIN) $(bindir)/gaoler
	install -d -m 0755 $(unitdir)
	sed 's|/usr/bin/gaoler|$(PREFIX)/bin/gaoler|' packaging/gaoler.service >$(unitdir)/gaoler.service
	install -D -m 0644 packaging/20-httpd-logs.conf $(unitdir)/gaoler.service.d/20-httpd-logs.conf
	install -m 0644 packaging/gaoler-httpd-acl.path $(unitdir)/
	sed 's|/usr/share/|$(PREFIX)/share/|' packaging/gaoler-httpd-acl.service >$(unitdir)/gaoler-httpd-acl.service
	install -D -m 0644 packaging/httpd-acl.conf $(datadir)/gaoler/httpd-acl.conf
	install -D -m 0644 packaging/gaoler.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/gaoler.conf
	install -D -m 0644 packaging/gaoler.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/gaoler.conf
	install -D -m 0644 packaging/45-gaoler.rules $(polkitdir)/45-gaoler.rules
	install -d -m 0755 $(firewalldir)/ipsets $(firewalldir)/policies
	install -m 0644 packaging/firewalld/ipsets/*.xml $(firewalldir)/ipsets/
	install -m 0644 packaging/firewalld/policies/*.xml $(firewalldir)/policies/
	install -d -m 0755 $(confdir) $(confdir)/conf.d $(confdir)/filters
	install -d -m 0755 $(datadir)/gaoler/filters
	install -m 0644 config/filters/*.yaml $(datadir)/gaoler/filters/
	install -m 0644 config/gaoler.yaml config/*.schema.json packaging/web.yml $(datadir)/gaoler/
	install -m 0644 packaging/10-nftables.conf packaging/11-cut-established.conf $(datadir)/gaoler/
	install -D -m 0644 packaging/firewalld/services/gaoler.xml $(firewalldir)/services/gaoler.xml
	install -d -m 0755 $(mandir)/man5 $(mandir)/man8 $(bashdir) $(zshdir) $(fishdir)
	$(BIN) man --out $(mandir)/man8 && mv $(mandir)/man8/*.5 $(mandir)/man5/
	$(BIN) completions bash >$(bashdir)/gaoler
	$(BIN) completions zsh >$(zshdir)/_gaoler
	$(BIN) completions fish >$(fishdir)/gaoler.fish
	[[ -e $(confdir)/gaoler.yaml ]] || install -m 0644 $(CONFIG) $(confdir)/gaoler.yaml
ifeq ($(DESTDIR),)
	systemd-sysusers $(PREFIX)/lib/sysusers.d/gaoler.conf
	systemd-tmpfiles --create $(PREFIX)/lib/tmpfiles.d/gaoler.conf
	systemctl daemon-reload
endif

ifeq ($(origin BIN),file)
install: build
endif

.PHONY: uninstall
uninstall: ## Remove what install put there; configuration and state stay
ifeq ($(DESTDIR),)
	-systemctl disable --now gaoler.service gaoler-httpd-acl.path
endif
	rm -f $(bindir)/gaoler $(unitdir)/gaoler.service $(unitdir)/gaoler.service.d/20-httpd-logs.conf
	rm -f $(unitdir)/gaoler-httpd-acl.service $(unitdir)/gaoler-httpd-acl.path
	rm -f $(DESTDIR)$(PREFIX)/lib/{sysusers,tmpfiles}.d/gaoler.conf $(polkitdir)/45-gaoler.rules
	rm -f $(firewalldir)/ipsets/gaoler[46]-{[0-9][0-9],net}.xml $(firewalldir)/policies/gaoler-{in,fwd}.xml
	rm -f $(firewalldir)/services/gaoler.xml $(mandir)/man8/gaoler{,-*}.8 $(mandir)/man5/gaoler.yaml.5
	rm -f $(bashdir)/gaoler $(zshdir)/_gaoler $(fishdir)/gaoler.fish
	rm -rf $(datadir)/gaoler
	-rmdir $(unitdir)/gaoler.service.d 2>/dev/null
ifeq ($(DESTDIR),)
	systemctl daemon-reload
endif

##@ Build
.PHONY: build
build: ## The release binary, target/release/gaoler
	$(CARGO) build --release --locked

.PHONY: portable
portable: ## The release binary for every RHEL from 8 on, target/portable/gaoler
	@scripts/portable.sh

.PHONY: rpm
rpm: portable ## Its RPMs, into target/packages
	@scripts/packages.sh rpm

.PHONY: deb
deb: portable ## Its Debian packages, into target/packages
	@scripts/packages.sh deb

.PHONY: fmt
fmt: ## Format all Rust
	$(CARGO) fmt --all

.PHONY: book
book: deps ## The documentation as a site, target/book/index.html; every link in it is looked up
	@scripts/book.sh

.PHONY: image
image: ## The container image gaoler:VERSION, by buildah; BASE= and BUILDER= by digest, BIN= for a binary at hand
	@scripts/image.sh build $(if $(filter-out file,$(origin BIN)),$(BIN))

.PHONY: dist
dist: deps ## All that a release is made of, with checksums and an SBOM, in target/dist; TAGGED=yes checks that it is one
	@scripts/dist.sh

.PHONY: deps
deps: ## Install the Debian packages that building, testing and the box need, if any are missing
	@scripts/install-deps.sh

.PHONY: dashboards
dashboards: deps ## dashboards/*.json for Grafana, from their source in dashboards/src
	jsonnetfmt -i -n 2 --max-blank-lines 2 --string-style s --comment-style s dashboards/src/*sonnet
	jsonnet -m dashboards dashboards/src/dashboards.jsonnet

.PHONY: pictures
pictures: deps ## docs/pictures/dashboard-*.png, of a host attacked for 14 minutes (MINUTES=n); needs root and npm
	$(CARGO) build --locked
	@scripts/pictures.sh target/debug/gaoler $(MINUTES)

##@ Prove
# The order is: what fails fastest first.
.PHONY: test
test: deps lint unit doc book chart dist-test image-test deny fuzz-smoke ansible host packages chaos ## Everything; what CI runs

.PHONY: lint
lint: ## Formatting, clippy (pedantic, no warning allowed), shellcheck
	$(CARGO) fmt --all --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --test host --test packages --test chaos -- -D warnings
	shellcheck -x $$(grep -rlE '^(#!/bin/(ba)?sh|# shellcheck shell=)' --exclude-dir={target,.git,node_modules} .)

.PHONY: unit
unit: ## Unit, property, golden and tidy tests; doc examples
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		$(CARGO) nextest run --locked && $(CARGO) test --locked --doc; \
	else $(CARGO) test --locked; fi

.PHONY: doc
doc: ## The code's own documentation, without a broken link
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

.PHONY: chart
chart: deps ## The Helm chart: Helm's own library renders it, three Kubernetes versions, gaoler itself; UPDATE=1
	$(CARGO) build --locked
	@UPDATE=$(UPDATE) scripts/chart.sh $(TEST)

.PHONY: image-test
image-test: deps ## The container image, on a base of Debian's packages: built twice, run, watched (needs root)
	$(CARGO) build --locked
	@scripts/image.sh test target/debug/gaoler

.PHONY: ansible
ansible: deps ## The example role of docs/ansible, linted, and played over ssh on a host in a box (needs root)
	$(CARGO) build --locked
	@scripts/ansible.sh target/debug/gaoler

.PHONY: dist-test
dist-test: deps ## The archives of `make dist`, of a debug binary: twice, and the same both times
	$(CARGO) build --locked
	@scripts/dist-test.sh target/debug/gaoler

.PHONY: deny
deny: ## Licences and sources of the dependencies, and what may not be among them
	@scripts/deny.sh

.PHONY: advisories
advisories: ## Known vulnerabilities of the dependencies; needs the RustSec database (a git repository)
	@scripts/deny.sh advisories

.PHONY: fuzz
fuzz: deps ## Fuzz all parsers for an hour (MINUTES=n), or one of them (TARGET=name)
	@scripts/fuzz.sh $$(($(or $(MINUTES),60) * 60)) $(TARGET)

.PHONY: fuzz-smoke
fuzz-smoke: deps
	@scripts/fuzz.sh 50

.PHONY: host
host: deps ## The host in a box (needs root); TEST=name plays one test
	$(CARGO) test --locked --test host -- $(TEST)

# Of an unoptimised binary, linked as the portable one is; the second release ships another configuration.
.PHONY: packages
packages: deps ## RPMs and debs: linted, installed, upgraded, removed in boxes (needs root); TEST=name
	@scripts/progress.sh "building the portable binary, unoptimised" scripts/portable.sh dev
	@rm -rf target/packages/tried
	@mkdir -p target/packages/tried
	@sed '1i # The second release'"'"'s.' config/gaoler.yaml >target/packages/second.yaml
	@export QUICK=1 BIN=target/portable/dev/gaoler OUT=target/packages/tried; RELEASE=1 scripts/packages.sh && \
		RELEASE=2 CONFIG=target/packages/second.yaml scripts/packages.sh
	GAOLER_PACKAGES=$(CURDIR)/target/packages/tried GAOLER_PORTABLE=$(CURDIR)/target/portable/dev/gaoler \
		$(CARGO) test --locked --test packages -- $(TEST)

.PHONY: chaos
chaos: deps ## Faults on purpose under attack, and a checker (needs root); SEED=n MINUTES=n BACKEND=nftables
	$(CARGO) test --locked --test chaos -- SEED=$(SEED) MINUTES=$(MINUTES) BACKEND=$(BACKEND)

##@ Measure
.PHONY: latency
latency: deps ## From log line written to rule in force, beside bare calls; then who wakes an idle gaoler
	$(CARGO) bench --locked --bench latency -- $(BENCH)

.PHONY: scale
scale: deps ## A thousand and more at once through each backend, one more, a restart with them, memory
	$(CARGO) bench --locked --bench scale -- $(BENCH)

.PHONY: bounds
bounds: ## Memory under ten million distinct attackers, and transactions a second; BENCH=1000000: fewer
	$(CARGO) bench --locked --bench bounds -- $(BENCH)

.PHONY: cost
cost: ## Nanoseconds a failure and bytes an address, with 10 to 10 million addresses; BENCH=1000000: fewer
	$(CARGO) bench --locked --bench cost -- $(BENCH)

.PHONY: bench
bench: deps ## gaoler, its peers and bare scans on the same inputs; BENCH='auth 3' a group, rounds; BENCH=--help; UPDATE=1
	@UPDATE=$(UPDATE) scripts/bench.sh $(BENCH)
