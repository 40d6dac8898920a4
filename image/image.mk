# make images: the training and the operator image as tars in build/images, without Docker.

.PHONY: images image-training image-operator

images:  ## build both images side by side, without Docker
	@$(MAKE) --no-print-directory -j2 image-training image-operator

image-training image-operator: image-%: $(VENV)/.setup-done
	image/build $*
