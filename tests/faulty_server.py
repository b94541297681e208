"""A server that fails, stalls, truncates and lies, and archives for it."""

import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

BODY = bytes(range(256)) * 2000
ETAG = '"first"'


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return out.getvalue()


class Server(BaseHTTPRequestHandler):
    """Misbehaves by path; `asked` counts requests, `ranges` keeps what was asked for."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[dict[str, int]] = {}
    ranges: ClassVar[dict[str, list[str | None]]] = {}
    stalled: ClassVar[threading.Event] = threading.Event()

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.lstrip("/").partition(".")[0]
        Server.asked[path] = Server.asked.get(path, 0) + 1
        Server.ranges.setdefault(path, []).append(self.headers.get("Range"))
        self.close_connection = True
        getattr(self, path)(Server.asked[path])

    def send(self, body: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def part(self, body: bytes, cut: int | None = None, etag: str = ETAG) -> None:
        """Honour ranges; send only `cut` bytes of what was promised."""
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range", etag) == etag
        if wanted and same:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            rest = body[start:]
            self.send(rest[:cut], 206, len(rest), Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}", ETag=etag)
        else:
            self.send(body[:cut], 200, len(body), ETag=etag)

    def good(self, n: int) -> None:
        self.part(BODY)

    def fails(self, n: int) -> None:
        self.part(BODY) if n > 3 else self.send(b"busy", 503)

    def dead(self, n: int) -> None:
        self.send(b"busy", 503)

    def gone(self, n: int) -> None:
        self.send(b"not here", 404)

    def truncates(self, n: int) -> None:
        self.part(BODY, None if n > 3 else 100_000)

    def stalls(self, n: int) -> None:
        if n > 1:
            return self.part(BODY)
        self.send(BODY[:50_000], length=len(BODY), ETag=ETAG)
        Server.stalled.wait(3)
        return None

    def no_ranges(self, n: int) -> None:
        self.send(BODY if n > 1 else BODY[:70_000], length=len(BODY))

    def changes(self, n: int) -> None:
        if n == 1:
            return self.part(BODY, 60_000)
        return self.part(BODY[::-1], etag='"second"')

    def grows(self, n: int) -> None:
        """No version and no tag; only the size tells that it is another file."""
        body = BODY if n == 1 else BODY[::-1] + b"more"
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start:
            self.send(body[start:], 206, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send(body[:60_000] if n == 1 else body, length=len(body))

    def wrong_place(self, n: int) -> None:
        if n == 1:
            return self.part(BODY, 60_000)
        if n == 2:
            return self.send(BODY[:10], 206, Content_Range=f"bytes 0-9/{len(BODY)}", ETag=ETAG)
        return self.part(BODY)

    def login(self, n: int) -> None:
        self.send(b"<!DOCTYPE html><html>Please log in</html>", Content_Type="text/html; charset=utf-8")

    def lying_page(self, n: int) -> None:
        self.send(b"<html>503 but called 200</html>", Content_Type="text/csv")

    def not_tiff(self, n: int) -> None:
        self.send(b"Sorry, try later", Content_Type="image/tiff")

    def silent(self, n: int) -> None:
        """Takes the request and says nothing."""
        Server.stalled.wait(3)

    def broken(self, n: int) -> None:
        self.send(b"internal error", 500)

    def short(self, n: int) -> None:
        """Ends at the same byte every time."""
        self.send(BODY[:70_000], length=len(BODY))

    def other(self, n: int) -> None:
        """Whole, but not what was published."""
        self.part(BODY[::-1])

    def drips(self, n: int) -> None:
        """A byte now and then, so that no wait for the next one ends."""
        self.send(b"", length=len(BODY))
        with suppress(OSError):
            for k in range(100):
                self.wfile.write(BODY[k : k + 1])
                self.wfile.flush()
                if Server.stalled.wait(0.1):
                    return

    def circles(self, n: int) -> None:
        self.send(b"", 302, Location=self.path, Connection="close")

    def archive(self, n: int) -> None:
        self.part(zipped(("inner/a.tsv", b"x\ty\n1\t2\n"), ("readme.pdf", b"%PDF")))

    def half_archive(self, n: int) -> None:
        body = zipped(("a.tsv", b"x" * 9000))
        self.send(body[: len(body) // 2])

    def climbing(self, n: int) -> None:
        self.part(zipped(("../../evil.tsv", b"x")))


@contextmanager
def running_server() -> Iterator[str]:
    """Address of the server, which remembers nothing of earlier tests."""
    Server.asked.clear()
    Server.ranges.clear()
    Server.stalled.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        Server.stalled.set()
        httpd.shutdown()
