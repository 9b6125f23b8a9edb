# The probe's image: docker build -f docker/probe.Dockerfile .
#
# The stage `programs` is word for word the same in both Dockerfiles: a builder that keeps layers
# compiles once for both images.
FROM debian:bookworm-slim AS programs
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
COPY .ci/packages/programs /tmp/packages
RUN apt-get update; \
    mapfile -t packages < <(grep -v '^#' /tmp/packages); \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      "${packages[@]}" ca-certificates ccache jq libcap2-bin; \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CMakeLists.txt CMakePresets.json ./
COPY bpf bpf
COPY common common
COPY correlator correlator
COPY probe probe
COPY proto proto
COPY docker/compile.sh docker/
RUN docker/compile.sh /programs

FROM programs AS root
COPY LICENSE ./
COPY docker docker
RUN docker/make-root.sh /image audio-latency-probe
# Permitted, not effective: a container that may not have these rights can start it too, and the
# program takes into effect what it may have. docker/README.md tells what was measured.
RUN setcap cap_bpf,cap_net_admin,cap_perfmon+p /image/usr/bin/audio-latency-probe

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="audio-latency-probe" \
      org.opencontainers.image.description="Signs the audio that passes a node, in the kernel" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-2.0-only"
COPY --from=root /image/ /
USER 65532:65532
ENTRYPOINT ["/usr/bin/audio-latency-probe"]
