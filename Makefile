# Runs from a checkout: `make demo` and `make test` need nothing but make, python3 >= 3.11 and root.

APP_DIR ?= /opt/cni-macvlan-py
CNI_BIN_DIR ?= /opt/cni/bin
LINKS ?=
DESTDIR ?=
FORCE ?=
SYSTEMD ?=
# The Python that makes .venv and that an installed plugin runs on; empty: the system's own, then the first on PATH.
PYTHON ?=
# What `make test-python` asks Debian for, in this order: the newest that all packages of requirements-test.txt are built for.
NEWEST_PYTHONS ?= 3.14 3.13
# The Debian that `make test-distribution` runs the tests on.
SUITE ?= trixie
# Test processes: for half of the time a test waits for something.
WORKERS ?= $(shell expr 2 \* $$(nproc))
PARALLEL = --numprocesses=$(WORKERS) --maxprocesses=8 --dist=worksteal
PYTEST_ARGS ?=
# What is called with pytest's arguments; .ci/run has one that runs again what failed.
PYTEST ?= .venv/bin/python -m pytest
BENCH_ARGS ?=
# Which walk `make soak` takes, and for how long: by default a new one, until Ctrl-C.
SEED ?=
SECONDS ?=

VENV := .venv
# The releases of the reference plugins to compare with (tests/reference.py), and the suites of Debian that have each.
REFERENCES := $(addprefix .venv/reference/,1.1.1 1.9.1)
.venv/reference/1.1.1: SUITES := bookworm
.venv/reference/1.9.1: SUITES := testing sid
VENV_PYTHON := $(VENV)/bin/python
# The checkout's door asks PATH for its python3: that has to be the one whose packages are in .venv.
WITH_VENV := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
# $(call install_lock,FILE): a lock is complete, so there is nothing to resolve; pip before 23.3 would want hashes for
# newer releases of what a requirement with an extra names. `pip check` holds the lock to being complete.
install_lock = $(VENV_PYTHON) -m pip install --quiet --no-input --root-user-action=ignore --no-deps --require-hashes \
	--requirement $(1) && { broken=$$($(VENV_PYTHON) -m pip check) || { \
	echo "make: $(1) is not complete, make lock makes it anew: $$broken" >&2; exit 1; }; }
INSTALLER := deploy/install --app-dir "$(APP_DIR)" --cni-bin-dir "$(CNI_BIN_DIR)" \
	$(if $(DESTDIR),--destdir "$(DESTDIR)")

SHELL := /bin/sh
.SHELLFLAGS := -euc
.ONESHELL:
.NOTPARALLEL:
.DELETE_ON_ERROR:
# A caller's Python must not reach into ours; a root shell from `su` may lack the sbin directories.
unexport PYTHONPATH PYTHONHOME
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

# $(call apt_install,PACKAGES): Debian's or Ubuntu's packages, without questions.
define apt_install
command -v apt-get >/dev/null || { echo "make: please install $(1) with your system's package manager" >&2; exit 1; }
[ "$$(id -u)" = 0 ] || { echo "make: needs root to install $(1); run: sudo apt-get install $(1)" >&2; exit 1; }
echo "installing $(1)"
export DEBIAN_FRONTEND=noninteractive
apt-get install -qq -y --no-install-recommends $(1) </dev/null >/dev/null 2>&1 || {
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends $(1) </dev/null >/dev/null
}
endef

# Sets python to one that is new enough.
define find_python
for python in $(or $(PYTHON),/usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11) ""; do
    version=$$("$${python:-false}" -I -c 'import sys; print("%d.%d" % sys.version_info[:2] * (sys.version_info >= (3, 11)))' 2>/dev/null) || continue
    [ -z "$$version" ] || break
done
[ -n "$$python" ] || { echo "make $@: needs python3 3.11 or newer; PYTHON=/path/to/python names one" >&2; exit 1; }
endef

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r target what; do
	    printf '  make %-12s %s\n' "$$target" "$$what"
	done

.PHONY: root
root:
	@if [ "$$(id -u)" != 0 ]; then
	    echo "make $(or $(MAKECMDGOALS),root): needs root, to make network namespaces and interfaces; run: sudo make $(MAKECMDGOALS)" >&2
	    exit 1
	fi

.PHONY: setup
setup: $(VENV)/runtime.stamp ## Make .venv with the packages that the plugin needs

# Made anew as well where its Python is gone, as after an upgrade of the distribution, or is not the one asked for.
FITS := $(shell $(VENV_PYTHON) -I -c 'import os, pip, shutil, sys; \
    print(not "$(PYTHON)" or os.path.samefile(shutil.which("$(PYTHON)"), sys._base_executable))' 2>/dev/null)
.PHONY: another-python
$(VENV)/runtime.stamp: requirements.txt $(if $(filter True,$(FITS)),,another-python)
	@$(find_python)
	if ! "$$python" -I -c 'import ensurepip, venv' 2>/dev/null; then
	    $(call apt_install,python$$version-venv)
	fi
	echo "making $(VENV) with $$python ($$version)"
	rm -rf $(VENV)
	"$$python" -I -m venv $(VENV)
	$(call install_lock,requirements.txt)
	touch $@

.PHONY: network-tools
network-tools:
	@if ! command -v ip >/dev/null || ! command -v ping >/dev/null; then
	    $(call apt_install,iproute2 iputils-ping)
	fi

.PHONY: mmdebstrap
mmdebstrap: archive-keys
	@if ! command -v mmdebstrap >/dev/null; then
	    $(call apt_install,mmdebstrap)
	fi

.PHONY: setup-test
setup-test: setup network-tools mmdebstrap $(VENV)/test.stamp $(VENV)/docs.stamp $(VENV)/promtool $(REFERENCES) ## Install what the tests need as well: packages, the reference plugins
	@if [ ! -x /usr/lib/cni/macvlan ]; then
	    $(call apt_install,containernetworking-plugins)
	fi
	if ! command -v gcc >/dev/null || ! command -v musl-gcc >/dev/null; then
	    $(call apt_install,gcc libc6-dev musl-tools)
	fi
	if ! { command -v podman && command -v runc && command -v containerd && [ -x /lib/systemd/systemd ] &&
	    dpkg-query --show busybox-static; } >/dev/null 2>&1; then
	    $(call apt_install,podman runc containerd busybox-static systemd)
	fi
	if ! command -v curl >/dev/null || ! command -v sysctl >/dev/null || ! command -v strace >/dev/null; then
	    $(call apt_install,curl procps strace)
	fi
	if ! command -v go >/dev/null || [ ! -d /usr/share/gocode/src/github.com/containernetworking/cni/libcni ]; then
	    $(call apt_install,golang-go golang-github-appc-cni-dev)
	fi

.PHONY: archive-keys
archive-keys:
	@if [ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
	    $(call apt_install,debian-archive-keyring)
	fi

# Each in a directory of its own, whatever release this machine has installed.
$(REFERENCES): $(VENV)/runtime.stamp | archive-keys
	@echo "fetching the reference plugins $(@F)"
	rm -rf $@ $@.begun
	mkdir -p $@.begun
	.ci/fetch-package --alone $@.begun "$(SUITES)" 'containernetworking-plugins=$(@F)*' >$@.begun/version
	mv $@.begun $@
	touch $@

# Out of its package and not with it: that would start a Prometheus on this machine. Debian 13 packs it apart.
$(VENV)/promtool: $(VENV)/runtime.stamp
	@command -v apt-get >/dev/null || { echo "make: please put Prometheus's promtool into $(VENV)" >&2; exit 1; }
	echo "fetching promtool"
	directory=$$(mktemp -d)
	trap 'rm -rf "$$directory"' EXIT
	here=$$PWD
	cd "$$directory"
	fetch() { apt-get download -qq promtool 2>/dev/null || apt-get download -qq prometheus 2>/dev/null; }
	fetch || { apt-get update -qq && fetch; }
	dpkg-deb -x *.deb .
	mv usr/bin/promtool "$$here/$@"
	touch "$$here/$@"

$(VENV)/%.stamp: requirements-%.txt $(VENV)/runtime.stamp
	@echo "installing the packages of $< into $(VENV)"
	$(call install_lock,$<)
	touch $@

.PHONY: docs
docs: $(VENV)/docs.stamp ## Make a web site of docs/ in build/docs, and check every link within it
	@$(VENV_PYTHON) -m sphinx -W --keep-going -n -q -b html docs build/docs
	echo "open build/docs/index.html"

.PHONY: demo
demo: root setup network-tools ## Run the main job on real interfaces in throw-away namespaces (root)
	@$(WITH_VENV) ./cni-macvlan-py demo

.PHONY: test
test: root setup-test ## Run everything: linters, architecture, the plugin on a real kernel (root)
	@$(WITH_VENV) $(PYTEST) $(PARALLEL) --durations=20 --cov --cov-report=term $(PYTEST_ARGS)
	[ -z "$(PYTEST_ARGS)" ] || exit 0
	for through in process agent launcher; do
	    echo "== the main job, called through: $$through"
	    $(WITH_VENV) $(PYTEST) $(PARALLEL) --durations=20 --quiet --through=$$through tests/kernel
	done

.PHONY: unit
unit: $(VENV)/test.stamp ## Run the tests of tests/unit: no root, no packages of the system, no interfaces
	@$(WITH_VENV) $(PYTEST) $(PARALLEL) --quiet $(PYTEST_ARGS) tests/unit

.PHONY: soak
soak: root setup-test ## Walk at random over all that a node can do until something is wrong, or for SECONDS; SEED=... once more (root)
	@$(WITH_VENV) exec $(VENV_PYTHON) -m tests.soak $(if $(SEED),--seed=$(SEED)) $(if $(SECONDS),--seconds=$(SECONDS))

.PHONY: test-python
test-python: root ## Run the tests on another Python, in a copy of the tree: PYTHON=..., or the newest that Debian has (root)
	@python="$(PYTHON)"
	mkdir -p build
	# Below the checkout and not in /tmp, of which the machines that tests boot, and the units on them, have one of their own.
	place=$$(mktemp -d "$(CURDIR)/build/python.XXXXXX")
	trap 'rm -rf "$$place"' EXIT
	chmod 755 "$$place"
	if [ -z "$$python" ]; then
	    command -v patchelf >/dev/null || {
	        $(call apt_install,patchelf)
	    }
	    python=$$(.ci/fetch-python "$$place/python" $(NEWEST_PYTHONS))
	fi
	mkdir "$$place/tree"
	tar -c --exclude-vcs --exclude='./.*_cache' --exclude=./.venv --exclude=./build --exclude=./.hypothesis . | tar -x -C "$$place/tree"
	cd "$$place/tree"
	# No part of this make, and without -C: the tests call make too, and read its words. The systems that tests make of
	# distributions have Pythons of their own.
	env -u MAKEFLAGS -u MAKELEVEL make test PYTHON="$$python" \
	    PYTEST_ARGS="$(or $(PYTEST_ARGS),--no-cov --ignore=tests/distributions)"

.PHONY: test-distribution
test-distribution: root mmdebstrap ## Run the tests on another Debian, as on a machine of its own: SUITE=trixie, bookworm or sid (root)
	@place=$$(mktemp -d)
	trap 'rm -rf "$$place"' EXIT
	.ci/fetch-distribution $(SUITE) "$$place/root.tar"
	# It would make the same systems once more.
	.ci/run-on "$$place/root.tar" make test PYTEST_ARGS="$(or $(PYTEST_ARGS),--no-cov --ignore=tests/distributions)"

.PHONY: lint
lint: $(VENV)/test.stamp ## Run the linters and type checker alone
	@$(VENV_PYTHON) -m pytest -p no:cacheprovider --quiet tests/test_lint.py

.PHONY: bench
bench: root setup-test ## Compare with the reference plugins, write docs/benchmarks.md (root); BENCH_ARGS=--quick measures less
	@$(WITH_VENV) PYTHONPATH=. $(VENV_PYTHON) -m bench $(BENCH_ARGS)

.PHONY: install
install: setup ## Install into APP_DIR and CNI_BIN_DIR; LINKS="macvlan host-local static" adds names, FORCE=1 takes them, SYSTEMD=1 runs the agent
	@$(VENV_PYTHON) -I $(INSTALLER) --links "$(LINKS)" $(if $(filter-out 0,$(FORCE)),--force)
	deploy/units $(if $(filter-out 0,$(SYSTEMD)),install,restart) "$(APP_DIR)" "$(DESTDIR)"

.PHONY: uninstall
uninstall: ## Remove what install put there; leases and settings stay
	@$(find_python)
	$(if $(DESTDIR),,"$$python" -I deploy/attached "$(APP_DIR)" $(if $(filter-out 0,$(FORCE)),--force))
	deploy/units uninstall "$(APP_DIR)" "$(DESTDIR)"
	"$$python" -I $(INSTALLER) --uninstall

.PHONY: lock
lock: ## Resolve requirements*.txt anew, newest versions with their hashes (needs uv)
	@lock() {
	    uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	        --no-strip-extras --no-emit-index-url --only-binary :all: --emit-build-options pyproject.toml "$$@"
	}
	lock --output-file requirements.txt
	for group in test docs; do
	    lock --group $$group --constraints requirements.txt --output-file requirements-$$group.txt
	done

.PHONY: clean
clean: ## Remove .venv, caches and coverage data
	@rm -rf $(VENV) build .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
