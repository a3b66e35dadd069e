# SPDX-License-Identifier: BSD-2-Clause
"""Inputs to begin with, for fuzz_http: http_seeds.py FOLDER. A piece has its length before it."""

import pathlib
import sys

REQUESTS = {
    "get": "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "file": "GET /style.css?x#y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "old": "GET /index.html HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "head": "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "escapes": "GET /%69ndex%2ehtml%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "outside": "GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    "ranges": "".join(f"GET /style.css HTTP/1.1\r\nHost: a\r\nRange: bytes={r}\r\n\r\n"
                      for r in ("0-3", "-5", "7-", "9999-", "3-1", "0-1,3-4", "-0",
                                "18446744073709551615-", "1-18446744073709551616")),
    "tags": 'GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: "1", W/"2"\r\nIf-Range: "3"\r\n'
            "Range: bytes=0-0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n",
    "post": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\nbody",
    "chunks": "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
              "0\r\nTrailer: x\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no-host": "GET / HTTP/1.1\r\n\r\n",
    "method": "BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n",
    "version": "GET / HTTP/2.7\r\nHost: a\r\n\r\n",
    "upgrade": "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nmore",
    "connect": "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "long-url": f"GET /{'a' * 1100} HTTP/1.1\r\nHost: a\r\n\r\n",
    "long-header": f"GET / HTTP/1.1\r\nHost: a\r\nRange: {'b' * 200}\r\nX: {'c' * 9000}\r\n\r\n",
    "fold": "GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0\r\n -3\r\n\r\n",
    "lines": "\r\n\r\n\r\nGET / HTTP/1.1\nHost: a\n\n",
    "folder": "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\nGET // HTTP/1.1\r\nHost: a\r\n\r\n",
    "noise": "\x00\x01\x02\x80\xff",
}  # fmt: skip


def main():
    """Write all seeds, each in large pieces and in small ones."""
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in REQUESTS.items():
        data = text.encode("latin-1")
        for size in 7, 255:
            pieces = (data[at:at + size] for at in range(0, len(data), size))
            (folder / f"{name}-{size}").write_bytes(b"".join(bytes([len(p)]) + p for p in pieces))


if __name__ == "__main__":
    main()
