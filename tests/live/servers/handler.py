# SPDX-License-Identifier: Apache-2.0
"""handler.py PORT: Python's own http.server with the paths /bytes/N /chunked/N /close/N /status/CODE /echo."""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def read_body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            got = 0
            while size := int(self.rfile.readline().split(b";")[0], 16):
                got += len(self.rfile.read(size + 2)) - 2
            while self.rfile.readline() != b"\r\n":
                pass
            return got
        return len(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def serve(self):
        got = self.read_body()
        kind, _, rest = self.path.split("?")[0].strip("/").partition("/")
        n = int(rest) if rest.isdigit() else 0
        body = str(got).encode() if kind == "echo" else b"p" * n
        if kind == "status":
            self.send_response(n)
            if n not in (204, 304):
                self.send_header("Content-Length", "0")
            body = b""
        elif kind in ("bytes", "chunked", "close", "echo"):
            self.send_response(200)
            if kind == "chunked":
                self.send_header("Transfer-Encoding", "chunked")
                pieces = [body[i:i + 5000] for i in range(0, len(body), 5000)]
                body = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
            elif kind == "close":
                self.send_header("Connection", "close")
            else:
                self.send_header("Content-Length", str(len(body)))
        else:
            self.send_error(404)
            return
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = serve

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
