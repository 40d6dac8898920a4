"""The operator's tests: resources, objects, simulators."""
