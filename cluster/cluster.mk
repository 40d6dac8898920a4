# A throwaway Kubernetes on this machine; see docs/cluster.md.
# With CLUSTER=NAME, a context of yours, nothing is started or loaded and every target uses that
# cluster instead.  CLUSTER_NAME and CLUSTER_PORT are of another throwaway one beside the first.

CLUSTER_NAME ?= unet
CLUSTER_WORDS := --name $(CLUSTER_NAME) $(if $(CLUSTER_PORT),--port $(CLUSTER_PORT))
KUBE := cluster/kube $(CLUSTER_WORDS)
OWN_KUBECONFIG := $(CURDIR)/.cluster/$(if $(filter-out unet,$(CLUSTER_NAME)),$(CLUSTER_NAME)/)kubeconfig
# Not empty when the throwaway cluster is the one in use.
THROWAWAY := $(if $(CLUSTER),,yes)

.PHONY: cluster cluster-images cluster-build cluster-down cluster-status

# The tests count what the operator asks of the API server.
test: export AUDIT := --audit

cluster: ## start (and first build) a three-node Kubernetes on this machine
	@$(if $(THROWAWAY),$(KUBE) up $(AUDIT),echo "using your cluster $(CLUSTER)")

cluster-images: ## give both images to the cluster's nodes
	@$(if $(THROWAWAY),$(KUBE) load build/images/training.tar build/images/operator.tar,echo "your cluster's nodes must know the images")

cluster-build: ## build the cluster's programs without starting it
	$(KUBE) build

cluster-down: ## end the cluster; its images stay for the next start
	$(KUBE) down

cluster-status: ## what runs, what the nodes offer, how much memory it takes
	$(KUBE) status
