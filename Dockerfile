# Poison Lab as a container: `make container` builds it, docs/operating.md says how to run it.

FROM python:3.11-slim AS packages
# Another index for torch, such as one of wheels for the CPU alone, which are much smaller. Empty: pip's own.
ARG TORCH_INDEX=
COPY requirements.txt constraints.txt /tmp/
# The other index gives torch and torchvision alone: what they need comes from pip's own, as pinned.
RUN python -m venv /opt/venv \
    && grep -E '^(torch|torchvision)==' /tmp/requirements.txt > /tmp/torch.txt \
    && /opt/venv/bin/pip install --no-cache-dir --no-deps ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
        --requirement /tmp/torch.txt \
    && /opt/venv/bin/pip install --no-cache-dir --constraint /tmp/constraints.txt --requirement /tmp/requirements.txt

FROM python:3.11-slim
RUN useradd --create-home --uid 1000 lab \
    && install --directory --owner=lab --group=lab /data
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
# Everything that is written lies in the volume: results, caches, fetched weights.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    POISON_LAB_HOME=/data \
    POISON_LAB_LOG=json \
    TORCH_HOME=/data/torch \
    NUMBA_CACHE_DIR=/data/numba
USER 1000
VOLUME /data
EXPOSE 8501
# The server ends its workers in order when it is interrupted.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/ready', timeout=8)"]
CMD ["python", "-m", "core", "app", "--address", "0.0.0.0", "--port", "8501"]
