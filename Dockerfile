# One image for the API, the worker and the preparing step; docker-compose.yml says which runs what.
# Not built yet, for want of a container engine where it was written.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONUTF8=1 LC_ALL=C.UTF-8 TZ=UTC
WORKDIR /app

COPY requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

COPY . .
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --editable . \
    && useradd --system --user-group --no-create-home evenflow \
    && install --directory --owner=evenflow --group=evenflow /var/lib/evenflow

# The one place where the programs write: uploaded usage files. A new volume mounted here takes over this owner.
ENV EVENFLOW_DATA_DIR=/var/lib/evenflow
USER evenflow
CMD ["python", "worker.py"]
