# The worker and all commands. Packages come from the hash-checked lock, as on any machine.
FROM python:3.13-slim

WORKDIR /app
COPY requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r requirements.lock

# The checkout is the installation: the folders are the import packages.
COPY config ./config
COPY schemas ./schemas
COPY streams ./streams
COPY tables ./tables
COPY agents ./agents
COPY console ./console

# The user below may write nothing here: compiled once, or at each start.
RUN python -m compileall -q .

RUN useradd --create-home leadflow && mkdir /data && chown leadflow /data
USER leadflow
VOLUME /data
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 LEADFLOW_DATA=/data
ENTRYPOINT ["python", "-m", "console"]
CMD ["--help"]
