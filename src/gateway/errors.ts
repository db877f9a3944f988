/**
 * The stable error codes of the gateway, what each means and what an admin does about it. docs/errors.md is
 * generated from this table; a code is never reused for something else.
 */
import { HarpError, type ErrorEntry } from '../base/errors.ts'

export const gatewayErrors = {
  CONFIG_INVALID: {
    summary: 'A setting is missing or wrong; the gateway does not start.',
    fix: 'Correct every line that starts with ERROR. `harp gateway --check` shows them without starting.',
  },
  LISTEN_FAILED: {
    summary:
      'An address cannot be listened on: the port is taken, reserved, or the address is not on this machine.',
    fix: 'Stop the program that holds the port (an old HaRP?), or give the named setting another address.',
  },
  CERT_UNREADABLE: {
    summary: 'The certificate file is there but cannot be read, or is not a certificate chain with its key.',
    fix: 'Put leaf, chain and private key into one PEM file that the gateway may read. HTTPS starts when it is right.',
  },
  CERT_EXPIRED: {
    summary: 'The certificate is no longer, or not yet, valid.',
    fix: 'Renew it, or check the clock of this machine. A new file is picked up without a restart.',
  },
  NEXTCLOUD_UNREACHABLE: {
    summary: 'No connection to Nextcloud: refused, no route, unknown name, or TLS failed.',
    fix: 'Open NC_INSTANCE_URL from the machine (or container) of the gateway; `harp doctor` does it for you.',
  },
  NEXTCLOUD_TIMEOUT: {
    summary: 'Nextcloud did not accept the connection, or did not answer, in time.',
    fix: 'Look for overload or a firewall that drops packets between gateway and Nextcloud.',
  },
  NEXTCLOUD_REDIRECT: {
    summary: 'Nextcloud redirects to another host; the shared key is not sent there.',
    fix: 'Set NC_INSTANCE_URL to the address that answers without a redirect.',
  },
  NEXTCLOUD_BAD_ANSWER: {
    summary: 'What answers at NC_INSTANCE_URL is not Nextcloud with AppAPI, or is in trouble (status 5xx).',
    fix: "Check the URL, that AppAPI is enabled, and Nextcloud's log.",
  },
  UPSTREAM_REFUSED: {
    summary: 'The ExApp does not accept connections.',
    fix: 'Check that its container runs and listens on the address and port that Nextcloud has for it.',
  },
  UPSTREAM_TIMEOUT: {
    summary:
      'The ExApp took longer to connect or to respond than HP_TIMEOUT_CONNECT or HP_TIMEOUT_SERVER allow.',
    fix: "Look at the ExApp's log; raise the timeout if the app is meant to be slow.",
  },
  UPSTREAM_BAD_RESPONSE: {
    summary: 'The ExApp closed the connection early or sent something that is not valid HTTP.',
    fix: "Look at the ExApp's log for a crash, and check that the port speaks HTTP without TLS.",
  },
  UPSTREAM_UNRESOLVED: {
    summary: "The ExApp's host name has no address.",
    fix: 'Put the gateway into the same container network as the ExApp, or correct the host of the app in Nextcloud.',
  },
  TUNNEL_HANDSHAKE: {
    summary: 'A connection to HP_FRP_ADDRESS did not become a tunnel: it said nothing usable in time.',
    fix: 'Only tunnel clients (frpc, `harp tunnel`) belong there; check serverPort, and proxies in between.',
  },
  TUNNEL_LOST: {
    summary: 'The tunnel of the app or engine closed while a request waited for it.',
    fix: 'Its client connects again by itself; `harp tunnels` shows since when it is gone and why.',
  },
  TUNNEL_NO_WORK_CONNECTION: {
    summary: 'The tunnel is open, but its client opened no connection for the request in time.',
    fix: "Look at the client's log (frpc): it is overloaded, or its link is very slow or dead.",
  },
  ENGINE_PORT_FORBIDDEN: {
    summary: 'An app claims the port of a Docker engine as its own address; it is not served there.',
    fix: 'Give the app another port in Nextcloud, 23000-23999 behind a tunnel.',
  },
  ROUTE_PATTERN_INVALID: {
    summary: 'A route of the ExApp has a pattern that is not a regular expression; the route is skipped.',
    fix: "Report it to the app's author: the pattern is in the app's info.xml.",
  },
  STATE_DIR_UNUSABLE: {
    summary: 'The state directory cannot be created or written, or the disk is full.',
    fix: 'Make HARP_STATE_DIR a directory that the gateway may write to.',
  },
  CONTROL_SOCKET_BUSY: {
    summary: 'Another gateway already uses the control socket in the same state directory.',
    fix: 'Stop it, or give each gateway a HARP_STATE_DIR of its own.',
  },
  TOKENS_UNUSABLE: {
    summary:
      'tokens.json in the state directory cannot be read, is damaged, or was written by a newer Harp. No tunnel token is accepted; the file stays as it is.',
    fix: 'Restore the file from a backup, or move it away and make new tokens with `harp token add`; then restart the gateway.',
  },
  TOKENS_FULL: {
    summary: 'There are as many tunnel tokens as the gateway keeps.',
    fix: 'Revoke those that nobody uses: `harp token list` tells when each was used last.',
  },
  TUNNEL_CLIENT_CONFIG_INVALID: {
    summary: "frpc's file cannot be used by `harp tunnel`; it does not start.",
    fix: 'Correct every line that starts with ERROR. `harp tunnel --check -c FILE` shows them without starting.',
  },
  TUNNEL_CLIENT_TLS_FILES: {
    summary:
      'A certificate, key or CA file of the tunnel client is missing, unreadable, or does not fit the others.',
    fix: 'Give certFile, keyFile and trustedCaFile as the gateway made them (`harp certs status` there lists them).',
  },
  TUNNEL_CLIENT_UNREACHABLE: {
    summary:
      'The tunnel client gets no connection to the server: refused, no route, unknown name, or no answer.',
    fix: 'Check serverAddr and serverPort, that the gateway runs, and the firewalls in between. It is tried again.',
  },
  TUNNEL_CLIENT_TLS_FAILED: {
    summary: 'TLS with the server failed: not its CA, another name, an expired certificate, or no TLS there.',
    fix: 'Compare trustedCaFile and serverName with the server certificate, and transport.tls.enable with the server.',
  },
  TUNNEL_CLIENT_NO_LOGIN_ANSWER: {
    summary: 'The server ended the connection, or stayed silent, instead of answering the login.',
    fix: 'Check the client certificate, the port, and that TLS, tcpMux and wireProtocol are what the server expects.',
  },
  TUNNEL_CLIENT_LOGIN_REFUSED: {
    summary: 'The server refused the login of the tunnel client; its reason is in the message.',
    fix: "Compare metadatas.token (the shared key or the app's token) and auth.token with the server; look for a ban.",
  },
  TUNNEL_CLIENT_LOST: {
    summary: 'The session of the tunnel client broke; it connects again by itself.',
    fix: 'Look for a restart of the server, or a network between that cuts or drops connections.',
  },
  TUNNEL_CLIENT_PROXY_REFUSED: {
    summary: 'The server refused a proxy of the tunnel client; its reason is in the message.',
    fix: 'Compare name and remotePort with the app in Nextcloud, and look for another client with them. It is tried again.',
  },
  TUNNEL_CLIENT_TARGET_REFUSED: {
    summary: 'The app behind the tunnel does not accept connections at its local address.',
    fix: 'Start the app, and let it listen on the unixPath, or localIP and localPort, of its proxy.',
  },
  TUNNEL_CLIENT_WORK_LIMIT: {
    summary: 'More connections at once than a tunnel client serves; those over the limit wait or fail.',
    fix: 'Look for connections that are opened and never closed; spread the load over several apps.',
  },
  FRP_CERT_UNUSABLE: {
    summary:
      'A file of the tunnel certificates cannot be read, or is not the certificate or key it should be.',
    fix: 'Put the right file back, readable for the gateway; it is picked up without a restart. A command reads it as the user of the gateway, or as root.',
  },
  FRP_CERT_MISSING: {
    summary: 'A tunnel certificate or key is missing and cannot be made from the files that are there.',
    fix: 'Put the file back from a backup. To begin anew, move the directory away and restart; every app and engine then needs the new files.',
  },
  FRP_CERT_MISMATCH: {
    summary:
      'Tunnel certificates and keys do not belong together, or a certificate is not for the name it needs.',
    fix: 'Put back certificate and key as they were together. Where ca.key is right, both may be moved away instead: a new pair is made at the next start.',
  },
  FRP_CERT_EXPIRES: {
    summary: 'A tunnel certificate expires soon; tunnels then stop connecting.',
    fix: 'Run `harp certs renew` and follow what it says; the old certificates stay accepted meanwhile.',
  },
  FRP_CERT_EXPIRED: {
    summary: 'A tunnel certificate has expired (or is not valid yet): tunnels do not connect.',
    fix: 'Check the clock of this machine, then run `harp certs renew` and follow what it says.',
  },
  FRP_CERT_UNWRITABLE: {
    summary: 'A file of the tunnel certificates cannot be written.',
    fix: 'Let the gateway write to HARP_CERTS_DIR/frp, or put all files there; the disk may also be full.',
  },
  HOLDERS_UNUSABLE: {
    summary: 'The list of who holds which tunnel certificate cannot be read.',
    fix: 'Run the command as the user of the gateway, or as root. If the list is damaged, restart the gateway: it begins a new one, which fills as tunnels connect.',
  },
  FRP_CERT_RENEWAL_REFUSED: {
    summary:
      'The step of the renewal would cut tunnels off, or does not apply to the certificates as they are.',
    fix: '`harp certs status` shows how things are; `harp certs renew` begins a renewal, or completes one that was interrupted.',
  },
  ENGINE_UNREACHABLE: {
    summary:
      'No connection to a Docker engine: it does not run, its socket may not be opened, or its tunnel is down.',
    fix: 'For port 24000 look at the socket of this machine (HARP_DOCKER_SOCKET, and who may open it), for others at `harp tunnels`; check that the engine runs.',
  },
  ENGINE_TIMEOUT: {
    summary: 'A Docker engine did not answer in time.',
    fix: 'Look for a full disk or much load on its machine, and at the link to it; then try again.',
  },
  ENGINE_BUSY: {
    summary:
      'More calls to one Docker engine at once than the gateway makes, and those before did not end in time.',
    fix: 'Wait for running installations; where there are none, the engine hangs: restart it.',
  },
  ENGINE_BAD_ANSWER: {
    summary: 'What answers is no Docker engine, or its answer broke off.',
    fix: 'Check what listens behind the engine port, and the log of the engine for a restart.',
  },
  ENGINE_ANSWER_TOO_LARGE: {
    summary: 'An answer of a Docker engine is larger than any that is needed.',
    fix: 'Check what listens behind the engine port; if it is a Docker engine, report this.',
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>

export type GatewayErrorCode = keyof typeof gatewayErrors

export interface GatewayErrorOptions {
  readonly cause?: unknown
  readonly retryable?: boolean
}

/** An error whose fix is the catalogue's. */
export function gatewayError(
  code: GatewayErrorCode,
  message: string,
  options: GatewayErrorOptions = {},
): HarpError {
  return new HarpError(code, message, { ...options, fix: gatewayErrors[code].fix })
}
