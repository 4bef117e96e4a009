"""A provider of tokens on this machine, as OAuth 2.0 has it: it gives what it was told to give."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SECRET = "open sesame"
LIMIT_S = 10.0


class Provider(ThreadingHTTPServer):
    """Gives the answer that it was told to give, and remembers what it was asked."""

    status, body = 200, json.dumps({"access_token": "abc.def-1", "expires_in": 60}).encode()

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[tuple[dict[str, str], str]] = []


class Answering(BaseHTTPRequestHandler):
    """One question."""

    server: Provider

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((dict(self.headers), form))
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")  # librdkafka wants it
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(self.server.body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(certificate: tuple[Path, Path] | None = None) -> Iterator[tuple[Provider, dict[str, str]]]:
    """Give a provider, and the options by which we would get our tokens there."""
    with Provider() as provider:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            provider.socket = context.wrap_socket(provider.socket, server_side=True)
        thread = threading.Thread(target=provider.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield provider, options(f"http{'s' if certificate else ''}://127.0.0.1:{provider.server_address[1]}/token")
        finally:
            provider.shutdown()
            thread.join(LIMIT_S)


def options(url: str) -> dict[str, str]:
    """Return the security file of who gets tokens at this endpoint."""
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": "leadflow",
        "sasl.oauthbearer.client.secret": SECRET,
        "sasl.oauthbearer.token.endpoint.url": url,
    }
