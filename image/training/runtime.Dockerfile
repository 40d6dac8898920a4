# What the training image stands on: TensorFlow, Horovod on Intel MPI, an sshd without
# privileges; all but our own code, which image/training/Dockerfile adds.
#
#   docker build -f image/training/runtime.Dockerfile -t unet.invalid/training-runtime:dev .
#
# from the root of the checkout, or `make images` without Docker.
#
# BASE is Debian's image or one made from it, such as python:3.11-slim-bookworm.  PIP_INDEX_URL,
# APT_MIRROR and APT_SECURITY_MIRROR name mirrors; no stage that sees them is in the result.
ARG BASE=debian:bookworm-slim

# --- what every stage and the image itself need from Debian ----------------------------
FROM ${BASE} AS system
ARG APT_MIRROR
ARG APT_SECURITY_MIRROR
COPY image/debian /tmp/debian
RUN sh /tmp/debian/install ca-certificates libnss-extrausers openssh-client openssh-server \
      python3 tini

# --- the Python environment, pinned with hashes -----------------------------------------
FROM system AS python
ARG APT_MIRROR
ARG APT_SECURITY_MIRROR
ARG PIP_INDEX_URL
# Debian's own Python: a base may bring another, first on the PATH.
RUN sh /tmp/debian/install binutils python3-venv && /usr/bin/python3 -m venv /opt/unet
COPY setup/train.lock /tmp/setup/
# /wheelhouse, if `make images` lends one, saves the download.
RUN if [ -d /wheelhouse ]; then export PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheelhouse; fi \
 && /opt/unet/bin/pip install -q --no-cache-dir --no-compile --no-deps --require-hashes \
      -r /tmp/setup/train.lock

# --- Horovod, compiled against it -------------------------------------------------------
FROM python AS horovod
ARG APT_MIRROR
ARG APT_SECURITY_MIRROR
ARG PIP_INDEX_URL
COPY setup/build.lock setup/build_horovod.py setup/*.patch /tmp/setup/
# /cache, if `make images` lends one, holds the wheel already; then nothing is compiled.
RUN if [ -d /wheelhouse ]; then export PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheelhouse; fi \
 && /opt/unet/bin/pip install -q --no-cache-dir --no-deps --require-hashes -r /tmp/setup/build.lock
RUN export UNET_CACHE=/cache build="/opt/unet/bin/python /tmp/setup/build_horovod.py" \
 && key=$($build --print-key) \
 && if [ ! -d "/cache/horovod/$key" ]; then \
      sh /tmp/debian/install g++ libpython3-dev make patch python3-dev; \
    fi \
 && $build --wheel-only \
 && mkdir /wheel \
 && /usr/bin/python3 -m zipfile -e "/cache/horovod/$key"/horovod-*.whl /wheel \
 && /usr/bin/python3 -m compileall -q --invalidation-mode unchecked-hash /wheel

# --- the environment without what only builders need ------------------------------------
FROM python AS environment
COPY image/training/prune /tmp/prune
RUN sh /tmp/prune /opt/unet \
 && /usr/bin/python3 -m compileall -q -j 2 --invalidation-mode unchecked-hash \
      -x 'lib2to3|/testing/' /opt/unet/lib/python3.11/site-packages

# --- all but our own code ---------------------------------------------------------------
# From nothing, so that what a stage removed is in no layer, and no mirror in the history or in
# apt's sources.
FROM system AS clean
RUN rm -rf /tmp/* /root/.cache /etc/apt/sources.list /etc/apt/sources.list.d/*

FROM scratch AS runtime
COPY --from=clean / /
COPY --from=environment /opt/unet /opt/unet
COPY --from=horovod /wheel/ /opt/unet/lib/python3.11/site-packages/
COPY image/training/etc/ /etc/
COPY image/sbom.py /usr/share/unet/
ENV PATH=/opt/unet/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LD_LIBRARY_PATH=/opt/unet/lib \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    UNET_TERMINATION_LOG=/dev/termination-log
RUN /usr/bin/tini --version && /usr/bin/ssh -V && test -x /usr/sbin/sshd \
 && rm -rf /var/lib/extrausers && ln -s /home/.nss /var/lib/extrausers \
 && /usr/bin/python3 /usr/share/unet/sbom.py unet-operator/training \
      /opt/unet/lib/python3.11/site-packages > /usr/share/unet/sbom.cdx.json
USER 65532:65532
WORKDIR /
# What was installed works together, or there is no image.
RUN MPLCONFIGDIR=/tmp/check KERAS_HOME=/tmp/check /opt/unet/bin/python -c \
      "import horovod.tensorflow, keras, matplotlib.pyplot, minio, nibabel, openvino, scipy.ndimage" \
 && rm -rf /tmp/check /tmp/.keras
EXPOSE 2222
ENTRYPOINT ["/usr/bin/tini", "--", "/opt/unet/bin/python", "-m", "unet_image"]
CMD ["--help"]
