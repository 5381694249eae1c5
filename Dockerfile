# RPN2T in an image; docker/README.md says how to run it.
#
#   docker build -t rpn2t .                  Caffe with CUDA 13 and cuDNN 9; without a GPU it runs on the CPU
#   docker build -t rpn2t --target cpu .     the small one, only for the CPU
#
# Stages: builder (compilers) -> caffe-cpu, caffe-cuda (an environment with the requirements and Caffe);
# package (rpn2t itself); runtime (Debian's libraries) -> cpu, cuda. A change of rpn2t's own code repeats
# `package` and the last copy, nothing else. No BuildKit features: other builders take this file, too.

FROM debian:bookworm-slim AS builder
ENV PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY docker/build_caffe.sh docker/
RUN docker/build_caffe.sh --apt-only --also ca-certificates

FROM builder AS caffe-cpu
COPY requirements.txt ./
COPY docker/patches docker/patches
RUN docker/build_caffe.sh --venv /opt/rpn2t && rm -rf build
COPY docker/trim.sh docker/
RUN docker/trim.sh /opt/rpn2t

# ARCH: build_caffe.sh's --arch, such as 90 (H100, H200); fewer GPU generations build faster.
FROM builder AS caffe-cuda
COPY requirements.txt ./
COPY docker/requirements-cuda.txt docker/requirements-cuda-build.txt docker/
COPY docker/patches docker/patches
ARG ARCH=
RUN docker/build_caffe.sh --cuda ${ARCH:+--arch "$ARCH"} --venv /opt/rpn2t && rm -rf build
COPY docker/trim.sh docker/
RUN docker/trim.sh /opt/rpn2t

# --root: the files as they belong into /opt/rpn2t, but apart, so that they make a layer of their own.
FROM builder AS package
COPY requirements.txt ./
RUN python3 -m venv /opt/rpn2t && /opt/rpn2t/bin/pip install "$(grep '^setuptools==' requirements.txt)"
COPY LICENSE README.md pyproject.toml ./
COPY prototxt prototxt
COPY layers layers
COPY data data
COPY eval eval
COPY python python
RUN /opt/rpn2t/bin/pip install --no-deps --no-build-isolation --no-warn-script-location --root /package .

FROM debian:bookworm-slim AS runtime
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates python3 libpython3.11 \
        libboost-filesystem1.74.0 libboost-python1.74.0 libboost-thread1.74.0 \
        libgflags2.2 libgomp1 libgoogle-glog0v6 libhdf5-103-1 libhdf5-hl-100 libopenblas0-pthread libprotobuf32 \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --home-dir /tmp --no-create-home rpn2t
# HOME is for caches, and any user may write there. /work is the caller's folder, weights sets of the user's own
# stay in it. OpenBLAS and OpenMP each keep threads: those that have nothing to do must sleep, not spin.
ENV PATH=/opt/rpn2t/bin:$PATH HOME=/tmp RPN2T_HOME=/work/.rpn2t \
    OPENBLAS_THREAD_TIMEOUT=4 OMP_WAIT_POLICY=passive
WORKDIR /work
ENTRYPOINT ["rpn2t"]

FROM runtime AS cpu
ENV RPN2T_CONTAINER=cpu
COPY --from=caffe-cpu /opt/rpn2t /opt/rpn2t
COPY --from=package /package/opt/rpn2t /opt/rpn2t
USER 1000:1000

FROM runtime AS cuda
ENV RPN2T_CONTAINER=cuda NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=caffe-cuda /opt/rpn2t /opt/rpn2t
COPY --from=package /package/opt/rpn2t /opt/rpn2t
USER 1000:1000
