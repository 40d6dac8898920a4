# What is generated, most of it for the operator, and the checks on it.

HELM ?= $(or $(wildcard .cluster/bin/helm),helm)
CHART := charts/unet-operator
NAMESPACE := unet-system
GENERATED := manifests/crd.yaml manifests/operator.yaml docs/reference.md \
  $(CHART)/files/crd.yaml $(CHART)/values.schema.json docs/architecture.svg

.PHONY: crd check-generated chart-lint layers

crd: setup  ## write CRD, reference, chart schema and manifests from the models and the chart
	$(VENV)/bin/python -m unet_operator.api.generate crd > manifests/crd.yaml
	cp manifests/crd.yaml $(CHART)/files/crd.yaml
	$(VENV)/bin/python -m unet_operator.api.generate reference > docs/reference.md
	$(VENV)/bin/python charts/values_model.py > $(CHART)/values.schema.json
	{ cat manifests/namespace.yaml; \
	  $(HELM) template unet-operator $(CHART) --namespace $(NAMESPACE) --set crds.install=false; \
	} > manifests/operator.yaml

check-generated: crd architecture  ## fail when a generated file was not renewed
	@git diff --exit-code --stat -- $(GENERATED) || \
	  { echo "error: generated files are stale; run: make crd architecture, and commit them" >&2; exit 1; }

chart-lint: setup  ## helm lint, with the defaults and for TKE
	$(HELM) lint --strict $(CHART)
	$(HELM) lint --strict $(CHART) -f $(CHART)/values-tke.yaml

layers: setup  ## the import contracts of operator and training package
	.venv/bin/lint-imports
