# syntax=docker/dockerfile:1
FROM rust:1-slim-bookworm AS builder
# The bundled libpq is linked with Debian's static OpenSSL: the same library without minutes of compiling it.
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential perl libssl-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    export OPENSSL_NO_VENDOR=1 OPENSSL_STATIC=1 OPENSSL_INCLUDE_DIR=/usr/include \
        OPENSSL_LIB_DIR="/usr/lib/$(gcc -print-multiarch)" \
    && cargo build --release --locked --package manager-server --bin manager \
    && install -D target/release/manager /out/manager

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/manager --shell /usr/sbin/nologin manager \
    && install -d -o manager -g manager -m 0700 /var/lib/manager /var/lib/manager/data /var/lib/manager/keys
COPY --from=builder /out/manager /usr/local/bin/manager
# The typeface of the documents is part of the program.
COPY api/services/fonts/LICENSE /usr/share/doc/manager/LICENSE-fonts
USER manager
WORKDIR /var/lib/manager
# The certificate folder that OpenSSL was compiled with does not exist here.
ENV MANAGER_LISTEN=0.0.0.0:8080 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
EXPOSE 8080
VOLUME /var/lib/manager/data
ENTRYPOINT ["manager"]
CMD ["serve"]
