/** What to change in a reverse proxy, by what goes wrong in it; docs/reverse-proxy.md has whole snippets. */
export const proxyFixes = {
  prefix:
    'forward /exapps/ with the path unchanged: nginx `location ^~ /exapps/ { proxy_pass http://GATEWAY:8780; }` without a path after the port, Caddy `handle` and not `handle_path`, Apache `ProxyPass "/exapps/" "http://GATEWAY:8780/exapps/"`, Traefik without stripPrefix (docs/reverse-proxy.md)',
  notForwarded:
    'send /exapps/ to the gateway, before the rules that serve Nextcloud: nginx `location ^~ /exapps/ { proxy_pass http://GATEWAY:8780; }`, Caddy `handle /exapps/*`, Apache `ProxyPass "/exapps/" "http://GATEWAY:8780/exapps/"` (docs/reverse-proxy.md)',
  keyHeader:
    'let the proxy pass the request header harp-shared-key on; it must not filter headers under /exapps/',
  escapes:
    'let the proxy pass the path as it came: nginx without a path in `proxy_pass`, Apache `AllowEncodedSlashes NoDecode` and `nocanon`, Traefik `encodedCharacters` of the entry point',
  buffering:
    'switch response buffering off under /exapps/: nginx `proxy_buffering off;`, Caddy `flush_interval -1`, Traefik `flushInterval: -1ms`, and no compression of these answers',
  uploadBuffering:
    'switch request buffering off under /exapps/: nginx `proxy_request_buffering off;` and `proxy_http_version 1.1;`, Traefik without the buffering middleware',
  uploadSize:
    'raise the largest request body under /exapps/: nginx `client_max_body_size 0;`, Apache `LimitRequestBody 0`',
  upgrade:
    'let WebSockets through under /exapps/: nginx `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $harp_connection;` with the `map` of docs/reverse-proxy.md, Apache 2.4.47 or later with `upgrade=websocket`, a CDN in front with WebSockets enabled',
} as const
