# The correlator's image, with the command line: docker build -f docker/correlator.Dockerfile .
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
RUN docker/make-root.sh /image audio-latency-correlator audio-latency

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="audio-latency-correlator" \
      org.opencontainers.image.description="Tells how long audio took, for every hop and path" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=root /image/ /
USER 65532:65532
ENTRYPOINT ["/usr/bin/audio-latency-correlator"]
