"""A Hugging Face Hub on this machine: repositories in folders, with the answers that huggingface_hub relies on."""

import base64
import hashlib
import json
import shutil
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.parse import unquote, urlsplit

_LARGE = ".safetensors"  # what the Hub keeps apart, under its SHA-256


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_PUT(self):
        self.server.hub.large[self.path.rpartition("/")[2]] = self.content()
        self.give("", b"")

    def do_POST(self):
        content, hub = self.content(), self.server.hub
        _, *words = unquote(urlsplit(self.path).path).split("/")
        if words == ["api", "validate-yaml"]:
            return self.answer({"errors": [], "warnings": []})
        if words[-1] == "batch":
            actions = [_upload(each, f"http://{self.headers['Host']}") for each in json.loads(content)["objects"]]
            return self.answer({"transfer": "basic", "objects": actions})
        if words[-2:-1] == ["paths-info"]:
            form = self.headers.get("Content-Type", "").startswith("application/json")
            self.paths = json.loads(content)["paths"] if form else _of_form(content.decode())
            return self.do_GET()
        hub.tokens.add(self.headers.get("Authorization"))
        if (token := self.headers.get("Authorization")) not in hub.writers:
            return self.refuse(403 if token else 401, "")
        if words == ["api", "repos", "create"]:
            asked = json.loads(content)
            name = f"{asked['organization']}/{asked['name']}"
            url = json.dumps({"url": f"http://{self.headers['Host']}/{name}"}).encode()
            if name in hub.repositories:
                return self.give("", url, status=409)
            if asked.get("private") or asked.get("visibility") == "private":
                hub.private.add(name)
            hub.repositories[name] = {}
            hub.commit(name, "main", [])
            return self.give("", url)
        *_, org, title, what, branch = words
        return self.write(f"{org}/{title}", what, branch, content)

    def write(self, name, what, branch, content):
        """A step of a push: which files are large, a new branch, the commit."""
        hub = self.server.hub
        if what == "preupload":
            files = [each["path"] for each in json.loads(content)["files"]]
            modes = {file: "lfs" if file.endswith(_LARGE) else "regular" for file in files}
            return self.answer(
                {"files": [{"path": f, "uploadMode": mode, "shouldIgnore": False} for f, mode in modes.items()]}
            )
        if what == "branch":
            hub.repositories[name].setdefault(branch, hub.repositories[name]["main"])
            return self.answer({})
        entries = [json.loads(line) for line in content.splitlines()]
        commit = hub.commit(name, branch, [(each["key"], each["value"]) for each in entries])
        return self.answer({"commitOid": commit, "commitUrl": f"http://{self.headers['Host']}/{name}/commit/{commit}"})

    def do_GET(self):
        hub, words = self.server.hub, unquote(urlsplit(self.path).path).strip("/").split("/")
        hub.requests[self.command] += 1
        hub.tokens.add(self.headers.get("Authorization"))
        api, words = words[0] == "api", words[1:] if words[0] == "api" else words
        words = words[1:] if words[0] in ("datasets", "models") else words
        name = "/".join(words[:2])
        if name in hub.refused:
            return self.refuse(*hub.refused[name])
        if name not in hub.repositories:
            return self.refuse(404, "RepoNotFound")
        kind, revision = words[2:4] if len(words) > 3 else [*words[2:], "", "main"][:2]
        path = "/".join(words[4:])
        commit = hub.repositories[name].get(revision)
        if commit is None:
            return self.refuse(404, "RevisionNotFound")
        folder = hub.commits[commit]
        if (file := f"{name}/{path}") in hub.refused:
            return self.refuse(*hub.refused[file])
        if kind == "resolve":
            hub.files[path] += 1
            return self.give_file(commit, folder / path)
        assert api
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        if kind in ("", "revision"):
            siblings = [{"rfilename": file.relative_to(folder).as_posix()} for file in files]
            return self.answer(
                {"id": name, "sha": commit, "private": name in hub.private, "tags": [], "siblings": siblings}
            )
        if kind == "tree":
            if path and not (folder / path).is_dir():
                return self.refuse(404, "EntryNotFound", commit)
            recursive = "recursive=true" in self.path.lower()
            inside = sorted((folder / path).rglob("*") if recursive else (folder / path).iterdir())
            return self.answer([_entry(folder, file) for file in inside])
        return self.answer([_entry(folder, folder / each) for each in self.paths if (folder / each).exists()])

    def content(self):
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, content):
        self.give("", json.dumps(content).encode())

    def give_file(self, commit, file):
        if not file.is_file():
            return self.refuse(404, "EntryNotFound", commit)
        content, headers = file.read_bytes(), {}
        if file.suffix == _LARGE:
            headers = {"X-Linked-ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Linked-Size": str(len(content))}
        sent = self.server.hub.sent.get(file.name, content)
        headers |= {"X-Linked-Size": str(size)} if (size := self.server.hub.sizes.get(file.name)) else {}
        return self.give(commit, sent, headers)

    def give(self, commit, content, headers=(), status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        for name, value in dict(headers).items():
            self.send_header(name, value)
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


def _of_form(text):
    return [unquote(each.partition("=")[2]) for each in text.split("&") if each.startswith("paths=")]


def _upload(wanted, address):
    return {**wanted, "actions": {"upload": {"href": f"{address}/large/{wanted['oid']}"}}}


def _entry(folder, file):
    path = file.relative_to(folder).as_posix()
    if file.is_dir():
        return {"type": "directory", "path": path, "oid": "0" * 40}
    return {"type": "file", "path": path, "size": file.stat().st_size, "oid": hashlib.sha1(path.encode()).hexdigest()}


class Hub:
    """What it serves: `repositories` has each name's branches and tags with their commits, `commits` their folders.

    refused: names, or names and files, each with the status and code that it is answered with; writers: tokens that may push.
    sent: what is sent of files, by name, where it is not what they hold; sizes: likewise what is said of their size.
    """

    def __init__(self, root):
        self.root = Path(root)  # of what is pushed
        self.repositories: dict[str, dict[str, str]] = {}
        self.commits: dict[str, Path] = {}
        self.refused: dict[str, tuple[int, str]] = {}
        self.writers: set[str] = set()
        self.private: set[str] = set()
        self.tokens: set[str | None] = set()
        self.sent: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {}
        self.large: dict[str, bytes] = {}
        self.requests, self.files = Counter(), Counter()

    def add(self, name, folder, branch="main"):
        """Publish a folder as the newest commit of a branch; the commit."""
        commit = hashlib.sha1(f"{name} {folder}".encode()).hexdigest()
        self.repositories.setdefault(name, {}).update({branch: commit, commit: commit})
        self.commits[commit] = Path(folder)
        return commit

    def commit(self, name, branch, entries):
        """Publish the newest commit with what a push changes; the commit."""
        folder = self.root / str(len(self.commits))
        before = self.commits.get(self.repositories[name].get(branch))
        shutil.copytree(before, folder) if before else folder.mkdir()
        for kind, value in entries:
            if kind == "file":
                (folder / value["path"]).write_bytes(base64.b64decode(value["content"]))
            elif kind == "lfsFile":
                (folder / value["path"]).write_bytes(self.large[value["oid"]])
        return self.add(name, folder, branch)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # files are fetched by many threads


@contextmanager
def hub():
    """The hub and its address, while the block runs."""
    with TemporaryDirectory() as root:
        server = _Server(("127.0.0.1", 0), _Handler)
        server.hub = Hub(root)
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.hub, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
