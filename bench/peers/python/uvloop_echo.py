"""An echo server of asyncio's protocols on uvloop, asyncio's loop over libuv.

Its transports set TCP_NODELAY, and at the peer's end of stream they send what is pending, then
close: asyncio's defaults, so nothing of that is to be written here.
"""

import asyncio
import signal

import uvloop

import start


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()  # more than 64 KiB are pending

    def resume_writing(self):
        self.transport.resume_reading()


async def main():
    options = start.arguments()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    server = await loop.create_server(Echo, options.host, options.port, backlog=start.BACKLOG)
    start.announce(server.sockets[0])
    await stop.wait()


uvloop.run(main())
