#!/usr/bin/python3 -S
# SPDX-License-Identifier: Apache-2.0
"""TCP proxies that can lose the network.  A program of its own, so that it has a processor to itself.

    proxy.py STACK.JSON NAME=PORT:PART...      NAME listens on PORT and leads to the port of the stack's PART

Commands come on standard input, `NAME MODE`, and are answered with `ok`:
    stall   nothing gets through, nothing is closed; at `pass` it goes on
    dead    the connections of now are lost without a word: neither side hears of it until the servers' side gives up
            after SERVER_GIVES_UP_S; those that come meanwhile wait for `pass`
    reset   the connections of now are reset
    pass    as if there were no proxy
"""
import asyncio
import contextlib
import json
import socket
import struct
import sys

SERVER_GIVES_UP_S = 25      # as a server whose keepalive is set would


class Link:
    """One connection through a proxy."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.open = asyncio.Event()
        self.dead = False
        self.writers = []

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                await self.open.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        await self.open.wait()      # the end of a connection is lost as well
        writer.close()

    def reset(self):
        for writer in self.writers:
            with contextlib.suppress(OSError):      # closed already
                writer.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Proxy:
    def __init__(self, state_path, port, part):
        self.state_path, self.port, self.part = state_path, int(port), part
        self.mode = "pass"
        self.links = set()

    async def listen(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", self.port)

    async def accept(self, reader, writer):
        link = Link(self)
        link.writers.append(writer)
        self.links.add(link)
        if self.mode == "pass":
            link.open.set()
        try:
            await link.open.wait()
            with open(self.state_path) as f:
                port = json.load(f)["ports"][self.part]
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
            link.writers.append(upstream_writer)
            await asyncio.gather(link.pump(reader, upstream_writer), link.pump(upstream_reader, writer))
        except (OSError, KeyError, ValueError):
            pass
        finally:
            self.links.discard(link)
            link.reset()

    def set(self, mode):
        self.mode = mode
        for link in list(self.links):
            if link.dead:
                continue
            if mode == "reset":
                link.reset()
            elif mode == "pass":
                link.open.set()
            else:
                link.open.clear()
                if mode == "dead" and len(link.writers) == 2:
                    link.dead = True
                    asyncio.get_running_loop().call_later(SERVER_GIVES_UP_S, link.reset)
        if mode == "reset":
            self.mode = "pass"


async def main():
    proxies = {}
    for word in sys.argv[2:]:
        name, place = word.split("=")
        proxies[name] = Proxy(sys.argv[1], *place.split(":"))
        await proxies[name].listen()
    print("ok", flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        name, mode = line.decode().split()
        proxies[name].set(mode)
        print("ok", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
