"""Builds and runs a real Kubernetes from Debian packages and pinned Go modules.

Read in this order: `cli` (the commands), `settings` (names, addresses, folders),
`build` with `gobuild`, `rootfs` and `images` (everything made before the first start),
`host` (what the machine must offer), then what runs: `pki`, `network`, `controlplane`,
`nodes`, `addons`, `fake`, and `teardown`, which needs none of them to have worked.
`status` and `audit` only look.
"""
