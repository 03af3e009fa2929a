# Learns: dicom-train. It knows no node, no database and no network; its folders are mounted.
# Digest of python:3.11.15-slim-bookworm: docker-library/repo-info, commit 3effc3e.
FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3 AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY engine engine
COPY train train
RUN python -m venv /opt/train \
    && /opt/train/bin/pip install --no-cache-dir --constraint constraints.txt '.[engine,train,cuda13]' \
    && /opt/train/bin/python -c "import sys, torch; sys.exit(0 if torch.version.cuda else 'torch without CUDA')" \
    && rm /opt/train/bin/dicom-node

FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3
RUN groupadd --gid 10001 train \
    && useradd --uid 10001 --gid train --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin train \
    && install -d -o train -g train -m 0700 /var/lib/dicom-train
COPY --from=build /opt/train /opt/train
COPY conf/train /etc/dicom-train
ENV PATH=/opt/train/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib CUPY_CACHE_DIR=/tmp/cupy \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
WORKDIR /var/lib/dicom-train
VOLUME /var/lib/dicom-train
# A run writes a line of its log every so many updates: one that wrote none in an hour hangs.
HEALTHCHECK --interval=10m --timeout=30s --start-period=60m --retries=3 \
    CMD ["sh", "-c", "find /var/lib/dicom-train -name log.csv -mmin -60 | grep -q ."]
ENTRYPOINT ["dicom-train"]
CMD ["--help"]
