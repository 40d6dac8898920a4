# make images: the training and the operator image as tars in build/images, without Docker.

.PHONY: images image-training image-operator

images: image-training image-operator  ## build both images, without Docker

image-training image-operator: image-%: $(VENV)/.setup-done
	image/build $*
