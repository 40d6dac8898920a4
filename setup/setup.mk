# make setup: everything that training, tests and tools need, in .venv and from Debian.
# Pinned with hashes by setup/*.lock; `make lock` renews those.

# The packages want 3.11; on newer machines it is beside another python3.
ifndef PYTHON
PYTHON := $(firstword $(foreach name,python3 python3.11,$(shell $(name) -c \
  'import sys; sys.version_info[:2] == (3, 11) and print("$(name)")' 2>/dev/null)) python3)
endif
UNET_CACHE ?= $(HOME)/.cache/unet-operator
export PYTHON UNET_CACHE

VENV := .venv
MACHINE := $(PYTHON) -B setup/machine
TRAIN_LOCKS := setup/train.lock setup/build.lock
OTHER_LOCKS := setup/operator.lock setup/dev.lock
PIP_INSTALL := $(VENV)/bin/python -m pip install -q --disable-pip-version-check --no-deps
# Printed once, by the goal that was asked for.
asked = $(if $(filter $(1),$(MAKECMDGOALS)),preflight-$(1))

.PHONY: setup setup-train lock preflight clean distclean \
  preflight-setup preflight-test packages-setup packages-images packages-cluster packages-lint \
  packages-test

preflight:  ## what `make demo` and `make test` need of this machine, each with its remedy
	@$(MACHINE) preflight test $(CLUSTER_WORDS)

preflight-setup preflight-test: preflight-%:
	@$(MACHINE) preflight $* $(CLUSTER_WORDS)

# Debian packages that are missing: listed with their sizes and asked for.
packages-setup: $(call asked,setup)
packages-test: $(call asked,test)
packages-setup packages-images packages-cluster packages-lint packages-test: packages-%:
	@$(MACHINE) packages $*

setup: packages-setup $(VENV)/.setup-done  ## the environment .venv, from the lock files

# What images and a training on this machine need; the demo asks for no more.
setup-train: $(VENV)/.train-done

$(VENV)/bin/python: | packages-setup
	$(PYTHON) -m venv $(VENV)

$(VENV)/.train-done: $(TRAIN_LOCKS) setup/build_horovod.py $(wildcard setup/*.patch) | $(VENV)/bin/python
	$(PIP_INSTALL) --require-hashes $(addprefix -r ,$(TRAIN_LOCKS))
	$(VENV)/bin/python setup/build_horovod.py
	@touch $@

$(VENV)/.setup-done: $(OTHER_LOCKS) pyproject.toml $(VENV)/.train-done
	$(PIP_INSTALL) --require-hashes $(addprefix -r ,$(OTHER_LOCKS))
	$(PIP_INSTALL) --no-build-isolation -e .
	@touch $@

clean:  ## remove what was made in this checkout, after saying what it frees
	@$(MACHINE) clean

distclean:  ## the same, and the cache that checkouts share
	@$(MACHINE) clean --caches

LOCK := $(VENV)/bin/uv pip compile -q --upgrade --generate-hashes --python-version 3.11 \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: | $(VENV)/bin/python
	$(LOCK) pyproject.toml --extra train --extra openvino setup/train.in -o setup/train.lock
	$(LOCK) pyproject.toml --extra operator -c setup/train.lock -o setup/operator.lock
	$(LOCK) setup/build.in -o setup/build.lock
	$(LOCK) pyproject.toml --extra export setup/dev.in -o setup/dev.lock
