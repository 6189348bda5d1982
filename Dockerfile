# The daemon and its commands; docs/deploying.md says how to run them.
ARG PYTHON=3.13

FROM docker.io/library/python:${PYTHON}-slim AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
# without pip: nothing goes into the image but what runs there
RUN python -m venv --without-pip /opt/build && python -m venv --without-pip /opt/mediasweep
# before the code, so that a change of it fetches nothing anew
COPY requirements/build.txt requirements/run.txt requirements/
RUN python -m pip --python /opt/build/bin/python install \
      --require-hashes --only-binary :all: --requirement requirements/build.txt \
 && python -m pip --python /opt/mediasweep/bin/python install \
      --require-hashes --only-binary :all: --requirement requirements/run.txt
COPY LICENSE README.md pyproject.toml ./
COPY schema schema
COPY daemon daemon
RUN /opt/build/bin/hatchling build --target wheel --directory /tmp/dist \
 && python -m pip --python /opt/mediasweep/bin/python install --no-deps /tmp/dist/*.whl \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/mediasweep/lib

FROM docker.io/library/python:${PYTHON}-slim
# The official image leaves out the bytecode of the standard library, and nobody could write it
# later: each start, and each health check, would compile what it imports.
RUN python -m compileall -q --invalidation-mode unchecked-hash -x '/(test|idlelib|site-packages)/' \
      "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/mediasweep /opt/mediasweep
ENV PATH=/opt/mediasweep/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    CREDENTIALS_DIRECTORY=/run/secrets
LABEL org.opencontainers.image.title="mediasweep" \
      org.opencontainers.image.description="Keeps a Postgres database and a Cloudinary account in step" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
# a number, by which Kubernetes can tell that it is not root
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["mediasweep", "status", "--probe"]
ENTRYPOINT ["mediasweep"]
CMD ["run"]
