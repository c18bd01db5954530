"""The least of a WebSocket client (RFC 6455): enough to listen to a ComfyUI on this machine."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocket:
    """Connects at construction; `receive` blocks. Use from one thread, except `close`."""

    def __init__(self, host: str, port: int, path: str, timeout: float = 10) -> None:
        """Raises: OSError when the connection or its handshake fails."""
        self._socket = socket.create_connection((host, port), timeout)
        try:
            key = base64.b64encode(os.urandom(16))
            request = (
                f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key.decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            self._socket.sendall(request.encode())
            self._stream = self._socket.makefile("rb")
            self._check_handshake(key)
        except BaseException:
            self._socket.close()
            raise
        self._socket.settimeout(None)

    def _check_handshake(self, key: bytes) -> None:
        status = self._stream.readline()
        headers = {}
        while line := self._stream.readline().strip():
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip()
        wanted = base64.b64encode(hashlib.sha1(key + MAGIC).digest())  # the protocol's own choice
        if b" 101 " not in status or headers.get(b"sec-websocket-accept") != wanted:
            raise ConnectionError(f"no WebSocket there: {status.decode(errors='replace').strip()}")

    def receive(self) -> str | bytes | None:
        """The next whole message: text, bytes, or None when the connection has ended. Answers pings by itself."""
        parts: list[bytes] = []
        kind = TEXT
        while True:
            try:
                final, opcode, payload = self._frame()
            except (OSError, ValueError, struct.error):  # closed, by either side
                return None
            if opcode == CLOSE:
                return None
            if opcode == PING:
                self._send(PONG, payload)
            elif opcode in (TEXT, BINARY, 0):
                kind = opcode or kind
                parts.append(payload)
                if final:
                    whole = b"".join(parts)
                    return whole.decode() if kind == TEXT else whole

    def _frame(self) -> tuple[bool, int, bytes]:
        first, second = struct.unpack("!BB", self._stream.read(2))
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._stream.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._stream.read(8))
        payload = self._stream.read(length)
        if len(payload) < length:
            raise ConnectionError("the connection ended within a frame")
        return bool(first & 0x80), first & 0x0F, payload

    def _send(self, opcode: int, payload: bytes) -> None:
        """Sends a short frame (< 126 bytes), masked as a client's frames must be."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self._socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked)

    def close(self) -> None:
        """Ends the connection; a `receive` in another thread returns None."""
        try:
            self._send(CLOSE, b"")
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side was quicker
        self._socket.close()
