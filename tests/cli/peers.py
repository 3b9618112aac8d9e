"""What may stand behind a wrong address: ports where nobody listens, and peers that are no Kafka brokers."""

import socket
import ssl
import struct
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Callable, Iterator


@contextmanager
def closed_port() -> Iterator[str]:
    """An address that refuses connections, and goes on doing so while it is in use."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, but nobody listens
        yield f"127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def peer(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Runs `talk` with each connection, which is closed when it returns."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # the test is over
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

        def converse(connection: socket.socket) -> None:
            with connection:
                try:
                    talk(connection)
                except OSError:
                    pass  # ssl.SSLError is one, too

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def silent(connection: socket.socket) -> None:
    """Accepts, reads, never answers."""
    while connection.recv(65536):
        pass


def deaf(connection: socket.socket) -> None:
    """Hangs up at once."""


def garbage(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(bytes(range(255, 191, -1)) * 100)
    silent(connection)


def small_garbage(connection: socket.socket) -> None:
    """Frames of a plausible size that hold nothing sensible."""
    connection.recv(65536)
    connection.sendall(struct.pack(">i", 40) + b"\x55" * 40)
    silent(connection)


def mid_frame(connection: socket.socket) -> None:
    """Begins a proper answer and hangs up inside of it."""
    request = connection.recv(65536)
    connection.sendall(struct.pack(">i", 400) + request[8:12] + bytes(20))


def tls(connection: socket.socket) -> None:
    """A handshake with what is no ClientHello fails before a certificate would be needed."""
    with ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_socket(connection, server_side=True) as secured:
        secured.recv(1)


def http_proxy(connection: socket.socket) -> None:
    """What most web servers say to bytes that are no request."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html></html>\r\n")


@contextmanager
def relay(server: str, spoil: Callable[[int, bytes], bytes]) -> Iterator[str]:
    """Stands before a broker, for all its clients do. `spoil(number, answer)` is asked about each answer of a connection:
    a part of it is sent before the relay hangs up, all of it is sent and that is that, nothing is kept in silence."""
    host, _, port = server.rpartition(":")
    here = 0

    def talk(connection: socket.socket) -> None:
        with socket.create_connection((host, int(port))) as broker:
            threading.Thread(target=pump, args=(connection, broker), daemon=True).start()
            number = 0
            while True:
                head = read_exactly(broker, 4)
                frame = head + read_exactly(broker, struct.unpack(">i", head)[0])
                if len(frame) < 2000:  # metadata, perhaps: clients shall come here
                    frame = frame.replace(struct.pack(">i", int(port)), struct.pack(">i", here))
                answer = spoil(number, frame)
                connection.sendall(answer)
                number += 1
                if 0 < len(answer) < len(frame):
                    connection.shutdown(socket.SHUT_RDWR)  # closing alone would wait for the other thread
                    return

    with peer(talk) as address:
        here = int(address.rpartition(":")[2])
        yield address


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass  # one of them has gone


def read_exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = source.recv(size - len(data))
        if not more:
            raise ConnectionError("the broker has gone")
        data += more
    return data


@contextmanager
def web_server() -> Iterator[str]:
    """Python's own."""

    class Quiet(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def tls_alert(connection: socket.socket) -> None:
    """A TLS server that answers plain text with the alert `unexpected_message`."""
    connection.recv(65536)
    connection.sendall(bytes([0x15, 3, 3, 0, 2, 2, 10]))
