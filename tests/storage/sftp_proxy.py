"""A TCP proxy on loopback that cuts connections: all of them now, or the next one after so many bytes."""

import socket
import threading
from contextlib import suppress


class Proxy:
    """Between a client and a server; `cut_down` and `cut_up` are bytes after which one connection is cut, once."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cut_down = self.cut_up = None
        self.cuts = 0
        self.open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as server:
            self.open |= {client, server}
            up = threading.Thread(target=self._carry, args=(client, server, "cut_up"), daemon=True)
            up.start()
            self._carry(server, client, "cut_down")
            up.join()
            self.open -= {client, server}

    def _carry(self, near, far, limit):
        carried = 0
        with suppress(OSError):
            while data := near.recv(65536):
                most = getattr(self, limit)
                carried += len(data)
                if most is not None and carried >= most:
                    setattr(self, limit, None)
                    self.cuts += 1
                    break
                far.sendall(data)
        self._end(near, far)

    def _end(self, *sockets):
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Cut every connection that is open."""
        self._end(*self.open)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end(self.listener)
        self.listener.close()
        self.cut()
