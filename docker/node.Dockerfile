# The listener, the stages and the web: what hears, plans and sends. No torch.
# Digest of python:3.11.15-slim-bookworm: docker-library/repo-info, commit 3effc3e.
FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3 AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY dicom_node dicom_node
COPY engine engine
# Decoders: what a peer does not take compressed is sent to it as it was before compression.
RUN python -m venv /opt/node \
    && /opt/node/bin/pip install --no-cache-dir --constraint constraints.txt . \
        pyjpegls pylibjpeg-openjpeg pylibjpeg-rle python-gdcm \
    && rm /opt/node/bin/dicom-train
# Where an installed package looks for what comes with it.
COPY conf/tasks /opt/node/lib/python3.11/site-packages/dicom_node/conf/tasks
COPY conf/models /opt/node/lib/python3.11/site-packages/dicom_node/conf/models

FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3
# pg_dump and pg_restore for backups: of the server's major version, which compose.yaml pins. Debian has
# an older one, and a pg_dump that is older than the server refuses; PGDG's key comes with Debian's package.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install --yes --no-install-recommends postgresql-client-17 \
    && apt-get purge --yes postgresql-common \
    && rm -rf /var/lib/apt/lists/* /etc/apt/sources.list.d/pgdg*
RUN groupadd --gid 10001 node \
    && useradd --uid 10001 --gid node --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin node \
    && install -d -o node -g node -m 0700 /var/lib/dicom-node /var/backups/dicom-node
COPY --from=build /opt/node /opt/node
ENV PATH=/opt/node/bin:/usr/lib/postgresql/17/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME /var/lib/dicom-node /var/backups/dicom-node
EXPOSE 11112 8080
STOPSIGNAL SIGTERM
# The listener answers a C-ECHO of its own: peers.toml knows it as "itself".
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s --retries=3 \
    CMD ["dicom-node", "--conf", "/etc/dicom-node", "peers", "echo", "itself"]
ENTRYPOINT ["dicom-node", "--conf", "/etc/dicom-node"]
CMD ["serve"]
