# A throwaway Kubernetes on this machine; see docs/cluster.md.
# With KUBECONFIG set to something else, or CLUSTER=current, nothing is started and every
# target uses that cluster instead.

KUBE := cluster/kube
KUBECTL := .cluster/bin/kubectl
HELM := .cluster/bin/helm

.PHONY: cluster cluster-build cluster-down cluster-status

ifeq ($(CLUSTER),current)
cluster: ; @echo "using the current cluster of your kubeconfig"
else
cluster: export KUBECONFIG := $(or $(KUBECONFIG),$(CURDIR)/.cluster/kubeconfig)
cluster: ## start (and first build) a three-node Kubernetes on this machine
	@if [ "$(KUBECONFIG)" = "$(CURDIR)/.cluster/kubeconfig" ]; then $(KUBE) up; \
	else echo "using $(KUBECONFIG)"; fi
endif

cluster-build: ## build the cluster's programs without starting it
	$(KUBE) build

cluster-down: ## end the cluster; its images stay for the next start
	$(KUBE) down

cluster-status: ## what runs, what the nodes offer, how much memory it takes
	$(KUBE) status
