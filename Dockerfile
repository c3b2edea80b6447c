# An installer for nodes: it carries one release, packages and all, and needs no network when it runs.
#
#     docker run --rm -v /opt:/host/opt cni-macvlan-py --links "macvlan host-local static"
#
# As a Kubernetes DaemonSet it belongs into an init container with the node's /opt mounted at /host/opt.
# The node runs the plugin with its own Python, which has to be of the minor version given here: pydantic is compiled for it.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim-bookworm AS release
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make
COPY . /source
RUN /source/deploy/install --destdir /image --interpreter /usr/bin/python3 \
    && mv "$(readlink -f /image/opt/cni-macvlan-py/current)" /release

FROM python:${PYTHON_VERSION}-slim-bookworm
COPY --from=release /release /opt/cni-macvlan-py
ENTRYPOINT ["/opt/cni-macvlan-py/deploy/install", "--destdir", "/host", "--interpreter", "/usr/bin/python3"]
