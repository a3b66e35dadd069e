# SPDX-License-Identifier: BSD-2-Clause
"""The host's side of the lab's agent: runs commands in dom0. Protocol: lab/agent/agent.c."""

import contextlib
import errno
import fcntl
import os
import secrets
import select
import signal
import socket
import struct
import time

from spratlib.errors import SpratError

FRAME_END, ESCAPE = 0x7E, 0x7D
INPUT_WINDOW = 64 * 1024
INPUT_CHUNK = 16 * 1024
REQUEST_MAX = 100 * 1024  # the agent takes frames of 128 KiB
STDOUT, STDERR, REPORT = 1, 2, 3
CHANNELS = 8  # each costs the boot about 40 ms
FREE_TIMEOUT_S = 60  # how long a command waits for a free channel
LOOK_AGAIN_S = 0.05

ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "TERM": "dumb",
    "LC_ALL": "C.UTF-8",
}


class LabGone(SpratError):
    """The lab ended while we talked to it."""


def encode(session, kind, data=b""):
    """Return one frame: see lab/agent/agent.c."""
    body = struct.pack("<IB", session, ord(kind)) + data
    body = body.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e")
    return body + b"\x7e"


class Decoder:
    """Takes bytes as they come; gives whole frames as (session, kind, data)."""

    def __init__(self):
        self._rest = b""

    def feed(self, data):
        """Return the frames that `data` completes; what is no frame is dropped."""
        *whole, self._rest = (self._rest + data).split(b"\x7e")
        frames = []
        for body in whole:
            body = body.replace(b"\x7d\x5e", b"\x7e").replace(b"\x7d\x5d", b"\x7d")
            if len(body) >= 5:
                session, kind = struct.unpack_from("<IB", body)
                frames.append((session, chr(kind), body[5:]))
        return frames


class Channel:
    """One of the lab's channels, ours alone until closed.

    @param folder    the lab's run folder; has sockets "agent-N" and locks "agent-N.lock"
    @param timeout_s how long to wait for one while others have them all; then it is a SpratError
    """

    def __init__(self, folder, timeout_s=FREE_TIMEOUT_S):
        self._stack = contextlib.ExitStack()
        try:
            number = self._wait_for_free(folder, timeout_s)
            self.socket = self._stack.enter_context(
                socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            )
            connect(self.socket, folder / f"agent-{number}")
            self.session = secrets.randbelow(2**32 - 1) + 1
            self._decoder = Decoder()
            self.socket.sendall(bytes([FRAME_END]))
        except BaseException:
            self._stack.close()
            raise

    def close(self):
        """Give the channel back. A command that still runs on it is ended by the agent."""
        self._stack.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, kind, data=b""):
        """Send a frame of our session."""
        try:
            self.socket.sendall(encode(self.session, kind, data))
        except OSError as error:
            raise LabGone("the lab ended") from error

    def receive(self):
        """Take what has come; return its frames of our session as (kind, data)."""
        try:
            data = self.socket.recv(256 * 1024)
        except ConnectionError:
            data = b""
        if not data:
            raise LabGone("the lab ended")
        return [(kind, data) for session, kind, data in self._decoder.feed(data)
                if session == self.session]

    def _wait_for_free(self, folder, timeout_s):
        deadline = time.monotonic() + timeout_s
        while (number := self._take(folder)) is None:
            if time.monotonic() >= deadline:
                raise SpratError(
                    f"{CHANNELS} commands run in this lab already, and none ended within"
                    f" {timeout_s} s; end one, or start a lab of your own"
                )
            # A lock tells when it is free only to those who wait for that one, and these are many.
            time.sleep(LOOK_AGAIN_S)
        return number

    def _take(self, folder):
        """Lock a channel that nobody has and return its number, or None."""
        for number in range(1, CHANNELS + 1):
            try:
                path = folder / f"agent-{number}.lock"
                lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
            except FileNotFoundError:
                raise LabGone("the lab ended") from None
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                continue
            self._stack.callback(os.close, lock)
            return number
        return None


@contextlib.contextmanager
def short_path(path):
    """Give a name for the socket at `path` that fits into the 107 bytes an address can hold."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(client, path):
    """Connect the unix socket `client` to `path`. Raises LabGone when nobody serves it."""
    try:
        with short_path(path) as short:
            client.connect(short)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise LabGone("the lab ended") from error


def sync(folder, timeout_s):
    """Set dom0's clock and feed its random numbers; returns once the agent answered.

    Raises TimeoutError when no answer comes within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    with Channel(folder) as channel:
        channel.send("Y", struct.pack("<Q", time.time_ns()) + secrets.token_bytes(32))
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([channel.socket], [], [], left_s)[0]:
                raise TimeoutError("the agent in dom0 did not answer")
            for kind, data in channel.receive():
                if kind == "D":
                    return
                if kind == "F":
                    raise SpratError(f"dom0: {data[4:].decode(errors='replace')}")


def run(folder, argv, *, output, stdin=None, cwd="/", env=None, timeout_s=None):
    """Run a command in dom0; return its exit code (128 + N when signal N ended it).

    SIGINT and SIGTERM are passed on to it; at the second one, or when this process dies, the agent
    ends it.
    @param output     called as output(STDOUT | STDERR | REPORT, bytes), as it comes
    @param stdin      a descriptor to read its input from, or None
    @param timeout_s  raises TimeoutError then; the command is ended
    """
    env = {**ENVIRONMENT, **(env or {})}
    strings = [cwd, *("a" + a for a in argv), *(f"e{key}={value}" for key, value in env.items())]
    if any("\0" in string for string in strings):
        raise SpratError("a command cannot contain a NUL byte")
    request = b"".join(os.fsencode(string) + b"\0" for string in strings)
    if len(request) > REQUEST_MAX:
        raise SpratError(f"the command line has {len(request)} bytes; {REQUEST_MAX} are possible")
    with Channel(folder) as channel, _PassedSignals(channel) as signals:
        channel.send("R", request)
        return _converse(channel, signals, output, stdin, argv[0], timeout_s)


def _converse(channel, signals, output, stdin, name, timeout_s):
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    credit = INPUT_WINDOW
    poller = select.poll()
    poller.register(channel.socket, select.POLLIN)
    poller.register(signals.wakeup, select.POLLIN)
    if stdin is None:
        channel.send("E")
    stdin_polled = False
    while True:
        if stdin is not None and stdin_polled != (credit > 0):
            stdin_polled = credit > 0
            if stdin_polled:
                poller.register(stdin, select.POLLIN)
            else:
                poller.unregister(stdin)
        wait_ms = None
        if deadline is not None:
            wait_ms = max(0, deadline - time.monotonic()) * 1000
        ready = dict(poller.poll(wait_ms))
        if not ready and deadline is not None:
            raise TimeoutError(f"'{name}' did not end within {timeout_s} s")
        if signals.wakeup in ready:
            signals.pass_on()
        if channel.socket.fileno() in ready:
            for kind, data in channel.receive():
                if kind == "O":
                    output(data[0], data[1:])
                elif kind == "C":
                    credit += struct.unpack("<I", data)[0]
                elif kind == "D":
                    return data[1] + (128 if data[0] else 0)
                elif kind == "F":
                    number = struct.unpack_from("<I", data)[0]
                    raise CannotRun(data[4:].decode(errors="replace"), number)
        elif stdin is not None and stdin in ready:
            data = os.read(stdin, min(credit, INPUT_CHUNK))
            if data:
                credit -= len(data)
                channel.send("I", data)
            else:
                channel.send("E")
                poller.unregister(stdin)
                stdin = None


class CannotRun(SpratError):
    """dom0 could not start the command; as a shell, 127 when there is none, 126 otherwise."""

    def __init__(self, message, number):
        super().__init__(f"dom0: {message}", 127 if number == errno.ENOENT else 126)


class _PassedSignals:
    """While a command runs: SIGINT and SIGTERM go to it. The second one ends our wait instead."""

    def __init__(self, channel):
        self._channel = channel
        self._arrived = []
        self._passed = 0
        self.wakeup, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._previous = {}

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_):
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        os.close(self.wakeup)
        os.close(self._writer)

    def pass_on(self):
        """Send the signals that came; the second one raises KeyboardInterrupt."""
        os.read(self.wakeup, 64)
        while self._arrived:
            number = self._arrived.pop(0)
            if self._passed:
                raise KeyboardInterrupt(number)
            self._passed += 1
            self._channel.send("S", bytes([number]))

    def _handle(self, number, _frame):
        self._arrived.append(number)
        with contextlib.suppress(BlockingIOError):
            os.write(self._writer, b"!")
