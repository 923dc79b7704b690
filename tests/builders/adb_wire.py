"""A loopback ADB device, run as a program: FOLDER PORT. It knows shells alone (protocol v2), and its disk is FOLDER."""

from __future__ import annotations

import asyncio
import shutil
import struct
import sys
from asyncio.subprocess import PIPE
from contextlib import suppress
from pathlib import Path

CNXN, OPEN, OKAY, CLSE, WRTE = (struct.unpack("<I", name)[0] for name in (b"CNXN", b"OPEN", b"OKAY", b"CLSE", b"WRTE"))
VERSION, MOST_BYTES = 0x01000000, 256 << 10
BANNER = b"device::ro.product.name=fake;ro.product.model=Fake;ro.product.device=fake;features=shell_v2,cmd"
STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)
CHUNK = 32 << 10
DISK = "/data/local/tmp"
SHELL = shutil.which("mksh") or "/bin/sh"
"""Android's shell where it is installed."""


class Stream:
    """One service of a connection: packets come in by a queue, and each that goes out waits to be acknowledged."""

    def __init__(self, connection: Connection, local: int, remote: int) -> None:
        self._connection, self._local, self._remote = connection, local, remote
        self.arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self.acknowledged = asyncio.Event()
        self._turn = asyncio.Lock()

    async def write(self, kind: int, content: bytes) -> None:
        async with self._turn:
            self.acknowledged.clear()
            packet = struct.pack("<BI", kind, len(content)) + content
            self._connection.send(WRTE, self._local, self._remote, packet)
            await self.acknowledged.wait()

    async def shell(self, line: str, folder: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            SHELL, "-c", line.replace(DISK, str(folder)), cwd=folder, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        feeding = asyncio.create_task(self._feed(process.stdin))
        await asyncio.gather(self._pump(process.stdout, STDOUT), self._pump(process.stderr, STDERR))
        await self.write(EXIT, bytes([await process.wait() & 255]))
        feeding.cancel()
        self._connection.send(CLSE, self._local, self._remote, b"")

    async def _pump(self, reader: asyncio.StreamReader, kind: int) -> None:
        while chunk := await reader.read(CHUNK):
            await self.write(kind, chunk)

    async def _feed(self, sink: asyncio.StreamWriter) -> None:
        pending = b""
        while True:
            while len(pending) < 5 or len(pending) < 5 + struct.unpack("<I", pending[1:5])[0]:
                pending += await self.arrived.get()
            end = 5 + struct.unpack("<I", pending[1:5])[0]
            kind, content, pending = pending[0], pending[5:end], pending[end:]
            with suppress(ConnectionError):
                if kind == STDIN:
                    sink.write(content)
                    await sink.drain()
                elif kind == CLOSE_STDIN:
                    sink.close()


class Connection:
    """A client's packets, read one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, folder: Path) -> None:
        self._reader, self._writer, self._folder = reader, writer, folder
        self._streams: dict[int, Stream] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def send(self, command: int, first: int, second: int, content: bytes) -> None:
        checksum, magic = sum(content) & 0xFFFFFFFF, command ^ 0xFFFFFFFF
        self._writer.write(struct.pack("<6I", command, first, second, len(content), checksum, magic) + content)

    async def serve(self) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                command, first, second, size, _, _ = struct.unpack("<6I", await self._reader.readexactly(24))
                self._take(command, first, second, await self._reader.readexactly(size))

    def _take(self, command: int, first: int, second: int, content: bytes) -> None:
        stream = self._streams.get(second)
        if command == CNXN:
            self.send(CNXN, VERSION, MOST_BYTES, BANNER)
        elif command == OPEN:
            self._open(first, content.rstrip(b"\0"))
        elif stream is not None and command == OKAY:
            stream.acknowledged.set()
        elif stream is not None and command == WRTE:
            stream.arrived.put_nowait(content)
            self.send(OKAY, second, first, b"")

    def _open(self, remote: int, service: bytes) -> None:
        if not service.startswith(b"shell,v2"):
            self.send(CLSE, 0, remote, b"")
            return
        local = len(self._streams) + 1
        stream = self._streams[local] = Stream(self, local, remote)
        self.send(OKAY, local, remote, b"")
        line = service.partition(b":")[2].decode()
        self._tasks.append(asyncio.create_task(stream.shell(line, self._folder)))


async def main(folder: Path, port: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Connection(reader, writer, folder).serve()

    async with await asyncio.start_server(serve, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
