# How to run it, and why it is as it is: docs/deploy.md

# Any Debian or Alpine with Node 24.12 or newer and npm.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# The only install script in the lock file fetches a Node, and the base has one.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN node_modules/.bin/tsc -p tsconfig.build.json --declaration false --sourceMap false
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Harp" \
      org.opencontainers.image.description="The direct data path for Nextcloud: gateway for External Apps" \
      org.opencontainers.image.licenses="Apache-2.0" \
      com.centurylinklabs.watchtower.enable="false"
ENV NODE_ENV=production \
    HARP_CERTS_DIR=/certs \
    HARP_STATE_DIR=/var/lib/harp
WORKDIR /opt/harp
# 8780 is the user that the gateway runs as: see deploy/container/harp.js.
RUN mkdir -m 755 /certs && mkdir -m 700 /var/lib/harp && chown 8780:8780 /certs /var/lib/harp \
 && ln -s /opt/harp/deploy/container/harp.js /usr/local/bin/harp
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
COPY bin bin
COPY deploy/container deploy/container
VOLUME ["/certs", "/var/lib/harp"]
# Apps over HTTP and HTTPS, tunnels.
EXPOSE 8780 8781 8782
# NOTE: no USER: it starts as root, gives itself what HaRP left to root, and goes on as 8780. Another --user is kept.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=10s --retries=9 CMD ["harp", "healthcheck"]
ENTRYPOINT ["harp"]
CMD ["gateway"]
