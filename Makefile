# make help prints what there is to do.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
VENV_PYTHON := .venv/bin/python
comma := ,

# What runs here talks to 127.0.0.1; a proxy for downloads must not be asked for that.
LOOPBACK := 127.0.0.1,localhost
export no_proxy := $(if $(or $(no_proxy),$(NO_PROXY)),$(or $(no_proxy),$(NO_PROXY))$(comma),)$(LOOPBACK)
export NO_PROXY := $(no_proxy)

-include setup/setup.mk
-include cluster/cluster.mk
-include image/image.mk
-include operator/operator.mk

# Tests of the cluster, which wait a lot, beside all others; tests/conftest.py says which are which.
SIDE_BY_SIDE := -n 2 --dist loadscope

.PHONY: help lint test unit mpi fuzz chaos demo format architecture bench

help:  ## print this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

lint: packages-lint setup layers  ## format, lint, types, import layers, shell
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	shellcheck $$(git ls-files | xargs grep -lE '^#!.*\b(ba)?sh$$' 2>/dev/null || true)

architecture: setup  ## draw docs/architecture.svg, rooms and imports, from the code
	$(VENV_PYTHON) scripts/architecture.py

format:  ## let ruff rewrite what it can
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

unit: packages-lint setup  ## fast tests: no cluster, no mpirun
	$(VENV_PYTHON) -m pytest tests/unit

mpi: packages-lint setup  ## real mpirun over ssh on loopback addresses
	$(VENV_PYTHON) -m pytest tests/mpi

fuzz: setup  ## 100,000 generated inputs for each reader, memory bounded, offline; INPUTS=… for more
	PYTHONPATH=.:image/training $(VENV_PYTHON) tests/fuzz/driver.py --inputs $(or $(INPUTS),100000)

chaos: setup  ## kill the training at random, 50 times over
	$(VENV_PYTHON) -m pytest tests/chaos

test: packages-test lint  ## everything CI runs: unit, mpirun, API server, real cluster
	@echo "== $$(date +%T) images, and the programs of the cluster"
	$(MAKE) --no-print-directory -j2 images $(if $(THROWAWAY),cluster-build)
	@echo "== $$(date +%T) cluster"
	$(MAKE) --no-print-directory cluster
	$(MAKE) --no-print-directory cluster-images chart-lint check-generated
	@echo "== $$(date +%T) tests"
	$(if $(THROWAWAY),KUBECONFIG=$(OWN_KUBECONFIG)) $(VENV_PYTHON) -m pytest tests -m "not chaos" $(SIDE_BY_SIDE)

bench: setup  ## run every benchmark and renew docs/benchmarks.md; DATA=…, PEER=…, MPI_OPERATOR=… as it says
	$(VENV_PYTHON) bench/renew.py $(if $(DATA),--data $(DATA)) $(if $(PEER),--peer-python $(PEER)) $(if $(MPI_OPERATOR),--mpi-operator $(MPI_OPERATOR))

demo:  ## train on a real cluster and read the Dice score; DATA=… takes real cases
	@$(PYTHON) -B demo/run

image-training image-operator: | packages-images
cluster cluster-build: | packages-cluster
