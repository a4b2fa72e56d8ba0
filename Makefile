# Adcraft, and every way to run it. 'make' alone lists the targets.
#
# Settings of a stage go through ARGS:   make train ARGS="--set train.max_epochs=3"
# More options for pip go through PIP_ARGS, or pip's own environment variables.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
INSTALLED := $(VENV)/.installed
TWO_PROCESSES := --numprocesses 2 --dist loadfile

ARGS ?=
PIP_ARGS ?=
export FEED ?=
export PORT ?= 8000
export STAGE ?=

ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/var/home
endif

.PHONY: help setup demo smoke observe dashboards story sample check-copy prepare train distill sweep evaluate promote rollback history \
	generate pipeline serve submit cluster cluster-down \
	mlflow check format test test-unit test-manifests manifests drills bench bench-prepare bench-train bench-tune \
	bench-engine bench-generate bench-guardrails bench-copies bench-serve servers postgres prometheus redis hooks reference lock clean

##@ Start here

help: ## List every target
	@awk 'BEGIN {FS = ":.*## "; print "make TARGET, where TARGET is one of"} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(INSTALLED) ## Virtual environment and pinned packages (done again only when they change)

demo: setup ## Sample feed to served copy on 127.0.0.1:8000, until Ctrl-C; FEED=products.csv, PORT=8001
	@$(PYTHON) -m cluster.demo $(if $(FEED),--feed "$$FEED") --port "$$PORT" $(ARGS)

smoke: setup ## The whole path at its smallest, by itself; fails if any step does
	@$(PYTHON) -m cluster.demo --smoke $(ARGS)

##@ Stages, each with ARGS="--config FILE --set KEY=VALUE --dry-run"

sample: setup ## Write a feed of invented products
check-copy: setup ## Check copy, by whomever it was written; ARGS="--set data.source=ads.csv"
prepare: setup ## Feed to versioned dataset
train: setup ## Dataset to fine-tuned T5, registered in MLflow
distill: setup ## Champion to a smaller model that learns from it; ARGS="--set distill.decoder_layers=1"
evaluate: setup ## Score the challenger beside the champion on the untouched test split
promote: setup ## Make the challenger champion, if it is better beyond noise
rollback: setup ## Bring the previous champion back
generate: setup ## Copy for a whole catalogue; ARGS="--set data.source=products.csv --set generate.output=copy.csv"
history: setup ## What was promoted, refused and rolled back; ARGS="--limit 5"
pipeline: setup ## Prepare, train, evaluate, promote; what has not changed is skipped

sample prepare train distill evaluate promote rollback history generate pipeline:
	@$(PYTHON) -m ray_jobs $@ $(ARGS)

check-copy:
	@$(PYTHON) -m ray_jobs check $(ARGS)

sweep: setup ## Many training runs, the poor ones stopped early, the best registered
	@$(PYTHON) -m tuning sweep --config configs/sweep-asha.yaml $(ARGS)

serve: setup ## Answer HTTP with the champion
	@$(PYTHON) -m serve_app $(ARGS)

##@ Cluster

cluster: setup ## A local Ray of a head and two nodes, with token authentication, until Ctrl-C
	@$(PYTHON) -m cluster.local $(ARGS)

cluster-down: setup ## End what 'make cluster' started in another terminal, and nothing else
	@$(PYTHON) -m cluster.local --down

observe: setup ## Prometheus and live dashboards beside 'make demo' or 'make cluster', until Ctrl-C
	@$(PYTHON) -m cluster.observe $(ARGS)

submit: setup ## Run STAGE=train on a running cluster by 'ray job submit'
	@$(BIN)/ray job submit --working-dir . \
	  --runtime-env-json '{"env_vars": {"ADCRAFT_COMMIT": "$(shell git rev-parse HEAD 2>/dev/null)"}}' \
	  -- python -m ray_jobs $(STAGE) $(ARGS)

mlflow: setup ## MLflow's pages on 127.0.0.1:5000, until Ctrl-C
	@$(PYTHON) -m cluster.mlflow_server $(ARGS)

##@ Develop

check: setup ## Lint, format, types, import rules, YAML
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict .

format: setup ## Put the code in form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: test-unit test-manifests ## All tests but the long drills
	$(PYTHON) -m pytest tests/integration tests/e2e $(ARGS)

test-unit: setup ## Tests that need no Ray
	$(PYTHON) -m pytest $(TWO_PROCESSES) tests/unit $(ARGS)

test-manifests: setup ## Tests of what is applied to Kubernetes; those of overlays need kubectl
	$(PYTHON) -m pytest tests/manifests $(ARGS)

drills: setup ## Long fault drills: kill it, fill it, interrupt it
	$(PYTHON) -m pytest -m drill $(ARGS)

bench: bench-prepare bench-train bench-tune bench-engine bench-generate bench-guardrails bench-copies bench-serve ## All benchmarks

bench-prepare: setup ## Preparing a feed, beside what a user would pick instead
bench-train: setup ## Training, likewise
bench-tune: setup ## Sweeps: how soon a trial starts; what ASHA finds, and what it saves
bench-engine: setup ## Generating, beside transformers
bench-generate: setup ## A whole catalogue, beside the engines alone
bench-guardrails: setup ## Checking copy, beside writing it
bench-copies: setup ## 10,000 texts for all placements, audited one by one; ARGS="--feed products.csv"
bench-serve: setup ## The HTTP application, beside its engine and what a user would build instead; 40 minutes

bench-prepare bench-train bench-engine bench-generate bench-guardrails bench-copies bench-serve: bench-%:
	$(PYTHON) -m benchmarks.$* $(ARGS)

bench-tune:
	$(PYTHON) -m benchmarks.trial_start
	$(PYTHON) -m benchmarks.asha --replays 300 $(ARGS)

servers: postgres prometheus redis ## The servers that tests need, of Debian (as root, or by sudo)

# $(1): the package; $(2): what it is. A service of its own is not started.
define debian_package
	become=; [ "$$(id -u)" = 0 ] || become="sudo -n"; \
	policy=/usr/sbin/policy-rc.d; \
	if ! [ -e $$policy ]; then \
	  printf '#!/bin/sh\nexit 101\n' | $$become sh -c "cat > $$policy && chmod 755 $$policy"; \
	  trap "$$become rm -f $$policy" EXIT; \
	fi; \
	{ $$become apt-get update -q && \
	  $$become env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(1); } || \
	{ echo "$(2) could not be installed. As root: apt-get install $(1)" >&2; exit 1; }
endef

postgres: ## Debian's PostgreSQL, which the tests of a real MLflow server need
	@if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; then exit 0; fi; \
	$(call debian_package,postgresql,PostgreSQL)

prometheus: ## Debian's Prometheus, which 'make observe' starts
	@if command -v prometheus >/dev/null && command -v promtool >/dev/null; then exit 0; fi; \
	$(call debian_package,prometheus,Prometheus)

redis: ## Debian's Redis, which the drill of a head that is killed needs
	@if command -v redis-server >/dev/null; then exit 0; fi; \
	$(call debian_package,redis-server,Redis)

hooks: setup ## Check every commit as 'make check' does (pre-commit)
	$(BIN)/pre-commit install

reference: setup ## Rewrite configs/reference.yaml from the settings
	@$(PYTHON) -m adcraft.settings_reference > configs/reference.new
	@mv configs/reference.new configs/reference.yaml

dashboards: setup ## Rewrite dashboards/built from dashboards/: Grafana's JSON, Prometheus's rules
	@$(PYTHON) -m dashboards.build

story: setup ## Three minutes of everything before a real Prometheus; rewrites docs/pictures/dashboard-*.png
	ADCRAFT_PICTURES=docs/pictures $(PYTHON) -m pytest -m drill tests/drills/test_observability.py $(ARGS)

manifests: setup ## Rewrite what is generated of cluster/kuberay (needs kubectl), and check it
	@$(PYTHON) -m cluster.kuberay.render
	@$(PYTHON) -m cluster.kuberay.check cluster/kuberay/rendered

lock: setup ## Rewrite constraints.txt from what is installed
	@{ echo "# What was tested, to the last package; made by 'make lock'. pip only: 'pip install -c constraints.txt ...'."; \
	  $(PYTHON) -m pip freeze --all --exclude pip --exclude-editable | sed 's/+cpu$$//'; } > constraints.new
	@mv constraints.new constraints.txt

clean: ## Remove what was made here: environment, caches, ./var (datasets and models in ~/.adcraft stay)
	rm -rf $(VENV) var build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# torch goes first: it is the largest, and which build of it pip finds decides the rest. The build
# requirement is installed too, so that nothing is fetched a second time in isolation.
$(INSTALLED): pyproject.toml constraints.txt
	@for python in python3.11 python3 python; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then break; fi; \
	  python=; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Adcraft needs Python 3.11, and neither python3.11, python3 nor python on PATH is that." >&2; \
	  echo "Install Python 3.11 (Debian 12: apt-get install python3 python3-pip), and run this again." >&2; \
	  exit 1; \
	fi; \
	[ -x $(PYTHON) ] || "$$python" -m venv $(VENV) >/dev/null 2>&1 || { \
	  "$$python" -m venv --clear --without-pip $(VENV); "$$python" -m pip --python $(PYTHON) install $(PIP_ARGS) pip; }
	@echo "Installing the pinned packages into $(VENV); the first time takes a few minutes."
	@$(PYTHON) -m pip install --disable-pip-version-check $(PIP_ARGS) -c constraints.txt torch setuptools
	@$(PYTHON) -m pip install --disable-pip-version-check $(PIP_ARGS) -c constraints.txt --no-build-isolation -e ".[dev]"
	@touch $@
