# What the operator's image stands on: Python, kopf, the Kubernetes client; all but the
# operator itself, which image/operator/Dockerfile adds.
#
#   docker build -f image/operator/runtime.Dockerfile -t unet.invalid/operator-runtime:dev .
#
# from the root of the checkout, or `make images` without Docker.
#
# BASE is Debian's image or one made from it, such as python:3.11-slim-bookworm.  PIP_INDEX_URL,
# APT_MIRROR and APT_SECURITY_MIRROR name mirrors; no stage that sees them is in the result.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS system
ARG APT_MIRROR
ARG APT_SECURITY_MIRROR
COPY image/debian /tmp/debian
RUN sh /tmp/debian/install ca-certificates python3 tini

FROM system AS python
ARG APT_MIRROR
ARG APT_SECURITY_MIRROR
ARG PIP_INDEX_URL
# Debian's own Python: a base may bring another, first on the PATH.
RUN sh /tmp/debian/install python3-venv && /usr/bin/python3 -m venv /opt/operator
COPY setup/operator.lock /tmp/setup/
# /wheelhouse, if `make images` lends one, saves the download.
RUN if [ -d /wheelhouse ]; then export PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheelhouse; fi \
 && /opt/operator/bin/pip install -q --no-cache-dir --no-compile --no-deps --require-hashes \
      -r /tmp/setup/operator.lock
COPY image/operator/prune /tmp/prune
RUN sh /tmp/prune /opt/operator \
 && /usr/bin/python3 -m compileall -q -j 2 --invalidation-mode unchecked-hash /opt/operator/lib

# From nothing, so that what a stage removed is in no layer, and no mirror in the history or in
# apt's sources.
FROM system AS clean
RUN rm -rf /tmp/* /root/.cache /etc/apt/sources.list /etc/apt/sources.list.d/*

FROM scratch AS runtime
COPY --from=clean / /
COPY --from=python /opt/operator /opt/operator
COPY image/sbom.py /usr/share/unet/
ENV PATH=/opt/operator/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
RUN /usr/bin/python3 /usr/share/unet/sbom.py unet-operator/operator \
      /opt/operator/lib/python3.11/site-packages > /usr/share/unet/sbom.cdx.json
USER 65532:65532
WORKDIR /
# What was installed works together, or there is no image.
RUN /opt/operator/bin/python -c "import cryptography, kopf, kubernetes, prometheus_client, pydantic" \
 && /usr/bin/tini --version
EXPOSE 8080
ENTRYPOINT ["/usr/bin/tini", "--", "/opt/operator/bin/python", "-c", "import sys; from unet_operator.app import main; sys.exit(main())"]
