"""A server on this machine that serves files rightly, or in any of the ways in which servers and connections go wrong.

A behaviour gets the handler and the file's content, and answers a request; `Server.script` has one for each of
the next requests to a path, and then `honest` goes on.
"""

import http.server
import re
import threading
import time
from contextlib import contextmanager, suppress

TAG = '"first"'


def head(handler, status, length=None, kind="application/zip", tag=TAG, **more):
    handler.send_response(status)
    fields = {"Content-Type": kind, "ETag": tag, "Content-Length": length, "Accept-Ranges": "bytes"}
    for name, value in {**fields, **{key.replace("_", "-"): value for key, value in more.items()}}.items():
        if value is not None:
            handler.send_header(name, str(value))
    handler.end_headers()


def start_of(handler):
    """Where the range that is asked for begins; 0 where none is, or the file is said to be another by now."""
    found = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    return int(found[1]) if found and handler.headers.get("If-Range") in (None, TAG) else 0


def partial(handler, content, start, **more):
    head(handler, 206, len(content) - start, Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}", **more)


def honest(handler, content):
    start = start_of(handler)
    if start and start >= len(content):
        head(handler, 416, 0)
    elif start:
        partial(handler, content, start)
    else:
        head(handler, 200, len(content))
    handler.wfile.write(content[start:])


def drop(after):
    """The connection ends after so many bytes of what was promised."""

    def behave(handler, content):
        start = start_of(handler)
        partial(handler, content, start) if start else head(handler, 200, len(content))
        handler.wfile.write(content[start : start + after])

    return behave


def whole(handler, content):
    """Knows no ranges."""
    head(handler, 200, len(content))
    handler.wfile.write(content)


def whole_until(after):
    """Knows no ranges, and breaks."""

    def behave(handler, content):
        head(handler, 200, len(content))
        handler.wfile.write(content[:after])

    return behave


def length(add):
    """Says that the file is longer or shorter than it is."""

    def behave(handler, content):
        head(handler, 200, len(content) + add)
        handler.wfile.write(content)

    return behave


def no_length(handler, content):
    head(handler, 200)
    handler.wfile.write(content)


def no_validator(after):
    def behave(handler, content):
        head(handler, 200, len(content), tag=None)
        handler.wfile.write(content[:after])

    return behave


def chunked(after=None):
    """In chunks; the last of them is missing where `after` is given."""

    def behave(handler, content):
        head(handler, 200, Transfer_Encoding="chunked")
        part = content if after is None else content[:after]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) + (b"0\r\n\r\n" if after is None else b""))

    return behave


def other_range(handler, content):
    """Sends from elsewhere, and says so."""
    partial(handler, content, max(start_of(handler) - 7, 0))
    handler.wfile.write(content[max(start_of(handler) - 7, 0) :])


def false_range(handler, content):
    """Says it sends the rest, and sends the beginning."""
    start = start_of(handler)
    partial(handler, content, start)
    handler.wfile.write(content[: len(content) - start])


def other_total(handler, content):
    start = start_of(handler)
    head(handler, 206, len(content) - start, Content_Range=f"bytes {start}-{len(content)}/{len(content) + 1}")
    handler.wfile.write(content[start:])


def unasked_range(handler, content):
    partial(handler, content, 7)
    handler.wfile.write(content[7:])


def other_tag(handler, content):
    """The rest of another version."""
    partial(handler, content, start_of(handler), tag='"second"')
    handler.wfile.write(content[start_of(handler) :][::-1])


def status(code, **more):
    def behave(handler, content):
        head(handler, code, 0, **more)

    return behave


def page(kind="text/html"):
    def behave(handler, content):
        text = b"<!DOCTYPE html><title>Sign in</title>"
        head(handler, 200, len(text), kind=kind)
        handler.wfile.write(text)

    return behave


def instead(other):
    """Sends another file."""
    return lambda handler, content: honest(handler, other)


def redirect(to):
    def behave(handler, content):
        head(handler, 302, 0, Location=to(handler) if callable(to) else to)

    return behave


def silent(handler, content):
    """Promises all, sends a little, and waits."""
    head(handler, 200, len(content))
    handler.wfile.write(content[:10])
    handler.wfile.flush()
    handler.server.ended.wait(5)


def trickle(handler, content):
    """A byte now and then, so that no read times out."""
    head(handler, 200, len(content))
    for place in range(len(content)):
        handler.wfile.write(content[place : place + 1])
        if handler.server.ended.wait(0.02):
            return


def endless(handler, content):
    head(handler, 200)
    while not handler.server.ended.is_set():
        handler.wfile.write(bytes(2**16))


def garbage(handler, content):
    handler.wfile.write(b"\x00\xff not HTTP at all\r\n\r\n")


def steady(pause):
    """Right, in pieces with a pause between them: time to be interrupted in."""

    def behave(handler, content):
        start = start_of(handler)
        partial(handler, content, start) if start else head(handler, 200, len(content))
        for place in range(start, len(content), 2000):
            handler.wfile.write(content[place : place + 2000])
            time.sleep(pause)

    return behave


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server.owner
        server.asked.append((self.path, self.headers.get("Range")))
        self.close_connection = True
        script = server.script.get(self.path, [])
        behave = script.pop(0) if script else server.usual if self.path in server.files else status(404)
        with suppress(ConnectionError):
            behave(self, server.files.get(self.path, b""))

    def log_message(self, *_):
        """Nothing."""


class Server:
    """`files` by path; `script` by path; `asked` has the path and range of each request."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.elsewhere = f"http://localhost:{port}"
        self.files, self.script, self.asked, self.usual = {}, {}, [], honest


@contextmanager
def serving():
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    listening.daemon_threads, listening.ended = True, threading.Event()
    listening.owner = Server(listening.server_address[1])
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield listening.owner
    finally:
        listening.ended.set()
        listening.shutdown()
        listening.server_close()
        thread.join()
