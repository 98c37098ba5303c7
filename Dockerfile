# One target per service: docker build --target gateway -t trainyard/gateway .
# BASE is a Debian image with python3.11 and venv: the official slim one, or one made locally (docs/operations.md).
ARG BASE=python:3.11-slim-bookworm
ARG NODE=node:22-bookworm-slim
# page-built makes the page from services/gateway/web/app; page-as-is takes web/dist, if there is one
ARG PAGE=page-as-is

# --- the page, where its sources are there: a folder of files, or an empty one
FROM ${BASE} AS page-as-is
COPY services/gateway/web /web
RUN mkdir /page && if [ -d /web/dist ]; then mv /web/dist /page/dist; fi

FROM ${NODE} AS page-build
WORKDIR /page/app
COPY services/gateway/web/app/package.json services/gateway/web/app/package-lock.json ./
RUN npm ci --ignore-scripts
COPY services/gateway/web/app ./
RUN npm run build

FROM ${BASE} AS page-built
COPY --from=page-build /page/dist /page/dist

# --- libraries of each service, from hashed locks, without a compiler
FROM ${BASE} AS libraries
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /build
COPY requirements requirements
COPY deploy/images/install.sh install.sh

FROM libraries AS gateway-libraries
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    ./install.sh gateway
FROM libraries AS ingest-libraries
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    ./install.sh ingest
FROM libraries AS datasets-libraries
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    ./install.sh datasets
FROM libraries AS evaluator-libraries
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    ./install.sh evaluator
# strip takes 240 MB of symbol tables out of TensorFlow and LLVM
FROM libraries AS fitting-libraries
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
FROM fitting-libraries AS trainer-libraries
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    ./install.sh trainer

# --- what every service is: nobody's user, a read-only root, two ports
FROM ${BASE} AS service
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Trainyard" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PROMETHEUS_DISABLE_CREATED_SERIES=True \
    HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib KERAS_HOME=/tmp/keras NUMBA_CACHE_DIR=/tmp/numba \
    TRAINYARD_SCRATCH_DIR=/tmp TRAINYARD_HOST=0.0.0.0 TRAINYARD_PORT=9100 TRAINYARD_HEALTH_HOST=0.0.0.0 TRAINYARD_HEALTH_PORT=9100
RUN groupadd --gid 10001 trainyard \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin trainyard \
 && install -d -o 10001 -g 10001 -m 0700 /data
WORKDIR /app
COPY shared shared
USER 10001:10001
EXPOSE 9100
HEALTHCHECK --interval=10s --timeout=4s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9100/readyz', timeout=3)"]

FROM service AS ingest
COPY --from=ingest-libraries /opt/venv /opt/venv
COPY services/ingest services/ingest
CMD ["python", "-m", "services.ingest.app"]

FROM service AS datasets
COPY --from=datasets-libraries /opt/venv /opt/venv
COPY services/datasets services/datasets
CMD ["python", "-m", "services.datasets.app"]

FROM service AS evaluator
COPY --from=evaluator-libraries /opt/venv /opt/venv
COPY services/evaluator services/evaluator
CMD ["python", "-m", "services.evaluator.app"]

FROM service AS fitting
USER 0:0
# the OpenMP runtime, which boosted trees load
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
USER 10001:10001

FROM fitting AS trainer
COPY --from=trainer-libraries /opt/venv /opt/venv
COPY services/trainer services/trainer
CMD ["python", "-m", "services.trainer.app"]

# --- the trainer on an NVIDIA GPU: TensorFlow with its CUDA libraries, and nvidia-ml-py for the GPU's metrics
FROM fitting-libraries AS trainer-gpu-libraries
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    ./install.sh trainer-gpu
FROM fitting AS trainer-gpu
COPY --from=trainer-gpu-libraries /opt/venv /opt/venv
COPY services/trainer services/trainer
CMD ["python", "-m", "services.trainer.app"]

# --- the broker from the wheel of its own binary, for where the official image is not to be had
FROM libraries AS nats-libraries
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    ./install.sh nats
FROM service AS nats
COPY --from=nats-libraries /opt/venv /opt/venv
EXPOSE 4222
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=12 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8222/healthz?js-server-only=true', timeout=2)"]
ENTRYPOINT ["nats-server"]
CMD ["-c", "/etc/nats/nats.conf"]

# --- the gateway
FROM ${PAGE} AS page
FROM service AS gateway
COPY --from=gateway-libraries /opt/venv /opt/venv
COPY services/gateway services/gateway
COPY --from=page /page services/gateway/web
ENV TRAINYARD_PORT=8000
EXPOSE 8000
CMD ["python", "-m", "services.gateway.app"]
