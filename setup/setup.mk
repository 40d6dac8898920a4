# make setup: everything that training, tests and tools need, in .venv and from Debian.
# Pinned with hashes by setup/*.lock; `make lock` renews those.

PYTHON ?= python3
UNET_CACHE ?= $(HOME)/.cache/unet-operator
export UNET_CACHE

VENV := .venv
LOCKS := setup/train.lock setup/operator.lock setup/build.lock setup/dev.lock
# The first line builds Horovod, the second runs ranks on hosts, the third builds images
# without Docker, the fourth checks: shell scripts, and what a cluster leaves on a machine.
# What the cluster itself needs, `cluster/kube build` installs.
DEBIAN_PACKAGES := python3-venv python3-dev g++ make patch binutils \
  openssh-client openssh-server tini iproute2 util-linux \
  buildah mmdebstrap ca-certificates \
  shellcheck nftables procps git

.PHONY: setup setup-system lock

setup: setup-system $(VENV)/.setup-done

setup-system:
	@missing=""; for p in $(DEBIAN_PACKAGES); do \
	  [ "$$(dpkg-query -Wf '$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || missing="$$missing $$p"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -q -y --no-install-recommends $$missing; \
	else echo "error: Debian packages are missing; run: sudo apt-get install$$missing" >&2; exit 2; fi

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.setup-done: $(LOCKS) pyproject.toml setup/build_horovod.py $(wildcard setup/*.patch) | $(VENV)/bin/python
	$(VENV)/bin/pip install -q --disable-pip-version-check --no-deps --require-hashes \
	  $(addprefix -r ,$(LOCKS))
	$(VENV)/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(VENV)/bin/python setup/build_horovod.py
	@touch $@

LOCK := $(VENV)/bin/uv pip compile -q --upgrade --generate-hashes --python-version 3.11 \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: | $(VENV)/bin/python
	$(LOCK) pyproject.toml --extra train --extra openvino setup/train.in -o setup/train.lock
	$(LOCK) pyproject.toml --extra operator -c setup/train.lock -o setup/operator.lock
	$(LOCK) setup/build.in -o setup/build.lock
	$(LOCK) pyproject.toml --extra export setup/dev.in -o setup/dev.lock
