# syntax=docker/dockerfile:1
# segarena, ready to train and to serve:   docker build -t segarena .
# With NVIDIA's libraries, for a GPU:       docker build -t segarena:cuda --build-arg VARIANT=cuda .

ARG PYTHON=3.12
ARG VARIANT=cpu

FROM python:${PYTHON}-slim-bookworm AS cpu
ENV PYTORCH=https://download.pytorch.org/whl/cpu

FROM python:${PYTHON}-slim-bookworm AS cuda
ENV PYTORCH=https://download.pytorch.org/whl/cu130

# The packages are built in a stage of their own, so that pip's files are not in the image.
# hadolint ignore=DL3006
FROM ${VARIANT} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/segarena
COPY requirements.lock ./
# The pair of torch and torchvision that the lock file names, from PyTorch's own index: it brings the libraries of its
# variant. Then all other packages of the lock file, each with its hash.
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN grep -oE '^(torch|torchvision)==[^ ]+' requirements.lock > torch.txt \
 && awk '/^[a-z]/ { kept = !/^(torch|torchvision|triton|cuda|nvidia)/ } kept' requirements.lock > others.txt \
 && /opt/segarena/bin/python -m pip install --requirement torch.txt --index-url "$PYTORCH" \
 && /opt/segarena/bin/python -m pip install --requirement others.txt
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN /opt/segarena/bin/python -m pip install ".[serve,onnx]"

FROM python:${PYTHON}-slim-bookworm
COPY --from=build /opt/segarena /opt/segarena
RUN useradd --create-home --uid 10001 segarena \
 && mkdir /runs \
 && chown segarena /runs
USER 10001
WORKDIR /home/segarena
ENV PATH=/opt/segarena/bin:$PATH PYTHONUNBUFFERED=1 SEGARENA_CACHE=/tmp/segarena NUMBA_CACHE_DIR=/tmp/numba MPLCONFIGDIR=/tmp/matplotlib
VOLUME /runs
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["segarena"]
# Another address than the container's own needs a token: SEGARENA_TOKEN or --token-file, see docs/serve.md.
CMD ["serve", "/runs/model", "--host", "0.0.0.0"]
