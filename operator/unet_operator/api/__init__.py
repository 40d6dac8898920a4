"""The resource: its spec, its status, its names, and the CRD made from them."""
