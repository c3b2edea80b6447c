# One image for nodes without Python: it runs the agent, and installs the native launcher that asks it (docs/deployment.md).
#
# For a build that can be repeated, name both images by digest, in the build arguments BUILDER and BASE.
# Both have to bring the same Python: pydantic is compiled for its minor version.
ARG BUILDER=docker.io/library/debian:bookworm-slim
ARG BASE=gcr.io/distroless/python3-debian12

FROM ${BUILDER} AS release
# A builder that has the tools already needs no network for them.
RUN command -v musl-gcc >/dev/null || { \
        apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make musl-tools python3-pip; }
# Where the packages of requirements.txt come from, as pip's own variables say it; their hashes are compared anyway.
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
COPY . /source
# A node without Python has no use for a release without the native launcher.
RUN python3 -I /source/deploy/install --destdir /image --interpreter /usr/bin/python3 \
    && test ! -L /image/opt/cni-macvlan-py/current/entry \
    && mv "$(readlink -f /image/opt/cni-macvlan-py/current)" /release

FROM ${BASE}
LABEL org.opencontainers.image.title="cni-macvlan-py" \
      org.opencontainers.image.description="The agent of a CNI macvlan plugin, and the installer of its launcher" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=release /release /opt/cni-macvlan-py
ENTRYPOINT ["/opt/cni-macvlan-py/cni-macvlan-py"]
CMD ["agent"]
