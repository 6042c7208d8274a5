"""A Hugging Face Hub on this machine: data sets in folders, with the answers that huggingface_hub relies on."""

import hashlib
import json
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        self.body = (
            json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            if self.headers.get("Content-Type", "").startswith("application/json")
            else self.rfile.read(int(self.headers["Content-Length"])).decode()
        )
        self.do_GET()

    def do_GET(self):
        hub, words = self.server.hub, unquote(urlsplit(self.path).path).strip("/").split("/")
        hub.requests[self.command] += 1
        hub.tokens.add(self.headers.get("Authorization"))
        api, words = words[0] == "api", words[1:] if words[0] == "api" else words
        name = "/".join(words[1:3])
        if words[0] != "datasets" or name not in hub.repositories:
            return self.refuse(404, "RepoNotFound")
        if name in hub.gated:
            return self.refuse(401, "GatedRepo")
        kind, revision = words[3:5] if len(words) > 4 else [*words[3:], "", "main"][:2]
        path = "/".join(words[5:])
        commit = hub.repositories[name].get(revision)
        if commit is None:
            return self.refuse(404, "RevisionNotFound")
        folder = hub.commits[commit]
        if kind == "resolve":
            file = folder / path
            return self.give(commit, file.read_bytes()) if file.is_file() else self.refuse(404, "EntryNotFound", commit)
        assert api
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        if kind in ("", "revision"):
            siblings = [{"rfilename": file.relative_to(folder).as_posix()} for file in files]
            return self.answer({"id": name, "sha": commit, "private": False, "tags": [], "siblings": siblings})
        if kind == "tree":
            if path and not (folder / path).is_dir():
                return self.refuse(404, "EntryNotFound", commit)
            recursive = "recursive=true" in self.path.lower()
            inside = sorted((folder / path).rglob("*") if recursive else (folder / path).iterdir())
            return self.answer([_entry(folder, file) for file in inside])
        asked = (
            self.body["paths"]
            if isinstance(self.body, dict)
            else [unquote(each.partition("=")[2]) for each in self.body.split("&") if each.startswith("paths=")]
        )
        return self.answer([_entry(folder, folder / each) for each in asked if (folder / each).exists()])

    def answer(self, content):
        self.give("", json.dumps(content).encode())

    def give(self, commit, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.finish_answer(commit, content)

    def refuse(self, status, code, commit=""):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.finish_answer(commit, b"")

    def finish_answer(self, commit, content):
        if commit:
            self.send_header("X-Repo-Commit", commit)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _entry(folder, file):
    path = file.relative_to(folder).as_posix()
    if file.is_dir():
        return {"type": "directory", "path": path, "oid": "0" * 40}
    return {"type": "file", "path": path, "size": file.stat().st_size, "oid": hashlib.sha1(path.encode()).hexdigest()}


class Hub:
    """What it serves: `repositories` has each name's branches and tags with their commits, `commits` their folders."""

    def __init__(self):
        self.repositories: dict[str, dict[str, str]] = {}
        self.commits: dict[str, Path] = {}
        self.gated: set[str] = set()
        self.tokens: set[str | None] = set()
        self.requests = Counter()

    def add(self, name, folder, branch="main"):
        """Publish a folder as the newest commit of a branch; the commit."""
        commit = hashlib.sha1(f"{name} {folder}".encode()).hexdigest()
        self.repositories.setdefault(name, {}).update({branch: commit, commit: commit})
        self.commits[commit] = Path(folder)
        return commit


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # files are fetched by many threads


@contextmanager
def hub():
    """The hub and its address, while the block runs."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.hub = Hub()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
