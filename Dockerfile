# The service as an image: `docker build -t kam-service .`
# BASE may be any image with Python 3.11 or newer and venv. A folder wheels/ in the build context (made by
# `pip download --require-hashes -r requirements.lock -d wheels`) lets it build without a package registry.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
WORKDIR /app
RUN --mount=type=bind,target=/context \
    python3 -m venv /opt/kam \
    && if [ -d /context/wheels ]; then set -- --no-index --find-links /context/wheels; fi \
    && /opt/kam/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes "$@" \
        -r /context/requirements.lock \
    && printf '#!/bin/sh\nexec /opt/kam/bin/python -P -m service "$@"\n' >/opt/kam/bin/kam \
    && chmod 0755 /opt/kam/bin/kam
COPY pyproject.toml ./
COPY migrations ./migrations
COPY openapi ./openapi
COPY service ./service
RUN /opt/kam/bin/python -m compileall -q service migrations

FROM ${BASE}
LABEL org.opencontainers.image.title="kam-service" \
      org.opencontainers.image.description="A headless key account management service" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 kam \
    && useradd --no-log-init --no-create-home --uid 10001 --gid kam --home-dir /data --shell /usr/sbin/nologin kam \
    && install -d -o kam -g kam -m 0750 /data
COPY --from=build /opt/kam /opt/kam
COPY --from=build /app /app
ENV PATH=/opt/kam/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    KAM_DATABASE_URL=sqlite:////data/kam.db
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=3)"]
CMD ["kam", "serve", "--host", "0.0.0.0"]
