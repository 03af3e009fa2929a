# Runs jobs: the engine, on a GPU where the host gives one, else on the CPU.
# Digest of python:3.11.15-slim-bookworm: docker-library/repo-info, commit 3effc3e.
FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3 AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY dicom_node dicom_node
COPY engine engine
# On x86-64 Linux the package index has torch with CUDA, and its libraries as packages beside it: the
# host brings the driver alone. A build without CUDA is refused here and not found out at work.
RUN python -m venv /opt/node \
    && /opt/node/bin/pip install --no-cache-dir --constraint constraints.txt '.[engine,cuda13]' \
    && /opt/node/bin/python -c "import sys, torch; sys.exit(0 if torch.version.cuda else 'torch without CUDA')" \
    && rm /opt/node/bin/dicom-train
COPY conf/tasks /opt/node/lib/python3.11/site-packages/dicom_node/conf/tasks
COPY conf/models /opt/node/lib/python3.11/site-packages/dicom_node/conf/models

FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3
RUN groupadd --gid 10001 node \
    && useradd --uid 10001 --gid node --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin node \
    && install -d -o node -g node -m 0700 /var/lib/dicom-node
COPY --from=build /opt/node /opt/node
ENV PATH=/opt/node/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    CUPY_CACHE_DIR=/tmp/cupy NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
VOLUME /var/lib/dicom-node
STOPSIGNAL SIGTERM
# A worker that cannot reach its queue does nothing; whether one works, the node's figures say.
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s --retries=3 \
    CMD ["dicom-node", "--conf", "/etc/dicom-node", "jobs", "list", "--state", "running"]
ENTRYPOINT ["dicom-node", "--conf", "/etc/dicom-node"]
CMD ["worker"]
