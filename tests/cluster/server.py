"""The API as a web server in a network namespace: paths, verbs and documents of Kubernetes' HTTP API."""

from __future__ import annotations

import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self, cast
from urllib.parse import parse_qsl, urlsplit

from tests.cluster.discovery import CONTENT_TYPE, documents
from tests.cluster.kinds import KINDS
from tests.cluster.refusals import Refusal, unserved
from tests.cluster.websocket import PROTOCOL, accepted, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api import Api
    from tests.cluster.kinds import Kind
    from tests.cluster.kubelet import Kubelet
    from tests.namespaces import Namespace
    from tests.runtime import Json

PORT = 6443
PATH = re.compile(
    r"/(?P<root>api/v1|apis/[^/]+/[^/]+)(/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)(/(?P<name>[^/]+))?"
    r"(/(?P<part>[^/]+))?"
)


class Server(ThreadingHTTPServer):
    """Serves while entered, on every address of the namespace; what is in containers it asks of the kubelet."""

    daemon_threads = True

    def __init__(self, where: Namespace, api: Api, kubelet: Kubelet) -> None:
        super().__init__(("", PORT), Request, bind_and_activate=False)
        self.socket.close()
        self.socket = where.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_activate()
        self.api = api
        self.kubelet = kubelet
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Request(BaseHTTPRequestHandler):
    """One client's requests."""

    protocol_version = "HTTP/1.1"
    documents = documents()

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(lambda: self._api.create(self._kind, self._namespace, self._body()))

    def do_PATCH(self) -> None:
        content_type = self.headers["Content-Type"]
        self._serve(lambda: self._api.patch(self._kind, self._namespace, self._name, self._body(), content_type))

    def do_DELETE(self) -> None:
        self._body()
        self._serve(lambda: self._api.delete(self._kind, self._namespace, self._name))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in http.server
        """Say nothing of what goes well."""

    @property
    def _api(self) -> Api:
        return cast("Server", self.server).api

    @property
    def _kubelet(self) -> Kubelet:
        return cast("Server", self.server).kubelet

    def _serve(self, answer: Callable[[], Json | str | None]) -> None:
        """Answer with a document or a text; None if the answer has been given."""
        url = urlsplit(self.path)
        self._query = dict(parse_qsl(url.query))
        self._path = url.path.rstrip("/")
        self._place = PATH.fullmatch(self._path)
        try:
            answered = answer()
        except Refusal as refusal:
            self._answer(refusal.code, refusal.document)
        else:
            if answered is not None:
                self._answer(201 if self.command == "POST" else 200, answered)

    def _get(self) -> Json | str | None:
        if self._path in self.documents:
            return self.documents[self._path]
        if self._query.get("watch") in {"1", "true"}:
            self._watch()
            return None
        if not self._name:
            return self._api.list(self._kind, self._namespace, self._query)
        found = self._api.store.get(self._kind, self._namespace, self._name)
        if self._part("part") == "log":
            return self._kubelet.log(found, self._query.get("container", ""))
        if self._part("part") == "exec":
            self._execute(found)
            return None
        return found

    def _execute(self, pod: Json) -> None:
        """Run a program in a container; its input is nobody's."""
        command = [value for key, value in parse_qsl(urlsplit(self.path).query) if key == "command"]
        if PROTOCOL not in self.headers.get("Sec-WebSocket-Protocol", ""):
            raise unserved(f"exec but by {PROTOCOL}")
        outcome = self._kubelet.execute(pod, self._query.get("container", ""), command)
        self.close_connection = True
        self._head(101, "", accepted(self.headers["Sec-WebSocket-Key"]))
        tell(outcome, self.wfile)

    def _watch(self) -> None:
        """Tell events until the client has enough."""
        events = self._api.watch(self._kind, self._namespace, self._query)
        self.close_connection = True
        self._head(200, "application/json", {"Connection": "close"})
        try:
            for event in events:
                self.wfile.write(json.dumps(event).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            return

    def _part(self, name: str) -> str:
        return (self._place[name] or "") if self._place else ""

    @property
    def _namespace(self) -> str:
        return self._part("namespace")

    @property
    def _name(self) -> str:
        return self._part("name")

    @property
    def _kind(self) -> Kind:
        for kind in KINDS:
            if (kind.root, kind.plural) == (self._part("root"), self._part("plural")):
                return kind
        raise unserved(self._path)

    def _body(self) -> Json:
        length = int(self.headers.get("Content-Length") or 0)
        return cast("Json", json.loads(self.rfile.read(length) or b"{}"))

    def _answer(self, code: int, answer: Json | str) -> None:
        content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        content_type = "text/plain" if isinstance(answer, str) else "application/json"
        if isinstance(answer, dict) and answer.get("kind") == "APIGroupDiscoveryList":
            content_type = CONTENT_TYPE
        self._head(code, content_type, {"Content-Length": str(len(content))})
        self.wfile.write(content)

    def _head(self, code: int, content_type: str, more: dict[str, str]) -> None:
        self.send_response(code)
        for key, value in {"Content-Type": content_type, **more}.items():
            if value:
                self.send_header(key, value)
        self.end_headers()
