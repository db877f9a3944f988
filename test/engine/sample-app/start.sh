#!/bin/sh
# What an ExApp's container runs, as Nextcloud's documentation has it, with `harp tunnel` in place of frpc.
set -e
echo "$APP_ID $APP_VERSION starts as $(id -u)"
echo "warnings go here" >&2
echo "$APP_VERSION" >> "$APP_PERSISTENT_STORAGE/versions" || echo 'the volume is not mine'
if [ -n "$HP_SHARED_KEY" ]; then
  if [ -d /certs/frp ]; then
    cat > /frpc.toml <<TOML
serverAddr = "$HP_FRP_ADDRESS"
serverPort = $HP_FRP_PORT
loginFailExit = false

transport.tls.enable = true
transport.tls.certFile = "/certs/frp/client.crt"
transport.tls.keyFile = "/certs/frp/client.key"
transport.tls.trustedCaFile = "/certs/frp/ca.crt"
transport.tls.serverName = "harp.nc"
TOML
  else
    cat > /frpc.toml <<TOML
serverAddr = "$HP_FRP_ADDRESS"
serverPort = $HP_FRP_PORT
loginFailExit = false

transport.tls.enable = false
TOML
  fi
  cat >> /frpc.toml <<TOML

metadatas.token = "$HP_SHARED_KEY"

[[proxies]]
name = "$APP_ID"
type = "tcp"
remotePort = $APP_PORT
[proxies.plugin]
type = "unix_domain_socket"
unixPath = "/tmp/exapp.sock"
TOML
  node /harp/bin/harp.js tunnel -c /frpc.toml &
fi
exec node /harp/test/engine/sample-app/main.ts
