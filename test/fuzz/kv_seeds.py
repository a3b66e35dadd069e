# SPDX-License-Identifier: BSD-2-Clause
"""Requests in the redis protocol, and a log, for fuzz_kv to begin with: kv_seeds.py FOLDER."""

import pathlib
import struct
import sys
import zlib

REQUESTS = (
    b"PING\r\nSET a 1\r\nGET a\r\nINCR a\r\nKEYS *\r\nINFO\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n",
    b"SET k v EX 10 NX\r\nTTL k\r\nPERSIST k\r\nEXPIRE k 5\r\nMGET k l\r\nFLUSHALL\r\n",
    b"HELLO 2 SETNAME me\r\nCLIENT GETNAME\r\nCONFIG GET *\r\nCOMMAND INFO get x\r\nAUTH a\r\n",
    b"SET 'a b' \"c\\x41\\n\\\"\"\r\nSETEX k 5 v\r\nEXPIREAT k 9999999999 GT\r\nGETDEL k\r\n",
    b"INFO keyspace\r\nDEL\r\nNONE a b\r\nCONFIG SET a b\r\nCOMMAND\r\nCLIENT ID\r\n",
    b"SET k v GET\r\nSET k v PXAT 99999999999 GET XX\r\nEXPIRETIME k\r\nGETSET k w\r\n",
    b"MSET a 1 b 2 c 3\r\nKEYS [a-b]?\r\nKEYS *[^a]\r\nDBSIZE\r\nSTRLEN a\r\nINCRBY b -3\r\n",
)


def record(operation, key, value=b"", expires_ms=0):
    """Return a record of the log."""
    rest = struct.pack("<IIIq", operation, len(key), len(value), expires_ms)
    return struct.pack("<I", zlib.crc32(rest + key + value)) + rest + key + value


def main():
    """Write the inputs."""
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir()
    for number, request in enumerate(REQUESTS):
        (folder / f"request-{number}").write_bytes(b"\1" + request)
    log = record(1, b"a", b"1") + record(1, b"b", b"2", 99) + record(2, b"a") + record(1, b"c")
    (folder / "log").write_bytes(b"\0" + log)


if __name__ == "__main__":
    main()
