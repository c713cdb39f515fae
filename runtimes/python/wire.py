"""What HTTP clients take for a connection.

They write a request and read a response, as bytes. Here the request is read,
the host makes one like it, and its answer is written out again. There is no
connection before the request, and it ends with the response.
"""

import errno
import io
import os
import sys
from binascii import a2b_base64, b2a_base64

import absent
from host import ConnectionFailedError, HostError, ask

END = b"\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

# What an answer says of how it was sent; it is sent on otherwise.
OF_THE_CONNECTION = frozenset(
    ("connection", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade")
)


def unsupported(what):
    return OSError(errno.ENOTSUP, f"{absent.SOCKETS}, HTTP requests go by the host: {what}")


class Connection:
    """A socket as far as HTTP clients use one."""

    # As those of `socket`, which may not be loaded.
    family, type, proto = 1, 6, 6

    def __init__(self, address, timeout=None, scheme="http"):
        self.address, self.timeout, self.scheme = address, timeout, scheme
        self.sent = bytearray()
        self.message = None
        # The response, or what went wrong, once it was asked for.
        self.response = self.error = None
        self.closed = False

    def secured(self, kind, name):
        """This connection as one of HTTPS, with a host that shows that it is
        `name`."""
        host = self.address[0].rstrip(".")
        if name is not None and name.rstrip(".") != host:
            raise unsupported(f"the server's name {name!r} is not that of its address, {host!r}")
        return kind(self.address, self.timeout, "https")

    def sendall(self, data, flags=0):
        if self.closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if self.response is not None or self.error is not None:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        self.sent += data
        if self.message is None:
            end = self.sent.find(END)
            if end < 0:
                return
            self.message = Message(bytes(self.sent[:end]), self.scheme, self.address)
            del self.sent[: end + len(END)]
        body = self.message.body(self.sent)
        if body is None:
            return
        try:
            self.response = io.BytesIO(self.message.response(body, self.timeout))
        except TimeoutError as error:
            # Clients expect this when they wait for the response.
            self.error = error

    def send(self, data, flags=0):
        self.sendall(data)
        return len(data)

    def answer(self):
        if self.error is not None:
            raise self.error
        if self.response is None:
            raise unsupported("nothing was asked that is an HTTP request")
        return self.response

    def recv(self, size, flags=0):
        return self.answer().read(size)

    def recv_into(self, buffer, size=0, flags=0):
        view = memoryview(buffer).cast("B")
        return self.answer().readinto(view[:size] if size else view)

    read = recv

    def makefile(self, mode="r", buffering=None, *, encoding=None, errors=None, newline=None):
        if mode != "rb":
            raise unsupported(f"makefile({mode!r})")
        return io.BufferedReader(Answer(self))

    def settimeout(self, timeout):
        self.timeout = timeout

    def gettimeout(self):
        return self.timeout

    def setblocking(self, flag):
        pass

    def setsockopt(self, *args):
        pass

    def getsockopt(self, *args):
        return 0

    def getpeername(self):
        return self.address

    def getsockname(self):
        return ("0.0.0.0", 0)

    def fileno(self):
        return -1

    def shutdown(self, how):
        pass

    def close(self):
        self.closed = True

    def detach(self):
        self.closed = True
        return -1

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def __repr__(self):
        host, port = self.address[:2]
        return f"<connection by the host: {self.scheme}://{host}:{port}>"


class Answer(io.RawIOBase):
    """The response of a connection as a file."""

    def __init__(self, connection):
        self.connection = connection

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.connection.answer().readinto(buffer)


class Message:
    """The beginning of a request."""

    def __init__(self, head, scheme, address):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, _, rest = first.partition(" ")
        target, _, version = rest.rpartition(" ")
        if not version.startswith("HTTP/1."):
            raise unsupported("this is no HTTP request")
        if not target.startswith("/"):
            raise unsupported(f"{self.method} {target} asks for a proxy")
        self.headers, self.length, self.chunked = [], 0, False
        host, port = address[:2]
        host = f"[{host}]" if ":" in host else host
        at = f"{host}:{port}"
        default = {"http": 80, "https": 443}[scheme]
        for line in lines:
            name, colon, value = line.partition(":")
            value = value.strip()
            if not colon or name != name.strip():
                raise unsupported("this is no HTTP request")
            match name.lower():
                case "content-length":
                    self.length = int(value)
                case "transfer-encoding":
                    self.chunked = value.lower() == "chunked"
                case "host":
                    if host.isascii() and value.lower() not in (host.lower(), at.lower()):
                        raise unsupported(f"the request is for {value!r}, its address is {at!r}")
            self.headers.append((name, value))
        self.url = f"{scheme}://{host if port == default else at}{target}"

    def body(self, sent):
        """The body, once all of it was sent; until then `None`."""
        if self.chunked:
            return unchunked(bytes(sent)) if sent.endswith(LAST_CHUNK) else None
        if len(sent) < self.length:
            return None
        if len(sent) > self.length:
            raise unsupported("there is more than one request")
        return bytes(sent)

    def response(self, body, timeout):
        """What the server answers, as it would have been sent."""
        args = {"method": self.method, "url": self.url, "headers": self.headers}
        args |= {"binary": True, "follow": False}
        if body:
            args["body_base64"] = b2a_base64(body, newline=False).decode()
        if timeout is not None:
            args["timeout"] = timeout
        try:
            answer = ask("http_request", args)
        except HostError as error:
            if isinstance(error, OSError):
                failed = error
            else:
                # What clients expect of a connection.
                failed = ConnectionFailedError(*error.args, error.code)
        else:
            return self.written(answer)
        raise failed

    def written(self, answer):
        status, body = answer["status"], a2b_base64(answer.get("body_base64") or b"")
        lines = [f"HTTP/1.1 {status} {answer.get('reason', '')}"]
        length = None
        for name, value in answer["header_list"]:
            if name.lower() == "content-length":
                length = value
            if name.lower() not in OF_THE_CONNECTION:
                lines.append(f"{name}: {value}")
        if self.method == "HEAD" or status in (204, 304):
            body = b""
        elif answer.get("truncated"):
            # Readers find that there is less than there should be.
            length = length if length and int(length) > len(body) else len(body) + 1
        else:
            length = len(body)
        if length is not None:
            lines.append(f"Content-Length: {length}")
        lines.append("Connection: close")
        return "\r\n".join(lines).encode() + END + body


def unchunked(data):
    """The body that was sent in chunks; `None` if it isn't all of it."""
    parts, at = [], 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(data[at:end].partition(b";")[0], 16)
        at = end + 2
        if not size:
            return b"".join(parts) if at + 2 == len(data) else None
        parts.append(data[at : at + size])
        at += size + 2
        if at > len(data):
            return None


def create_connection(address, timeout=None, source_address=None, *args, **kwargs):
    """Takes the place of `socket.create_connection` for HTTP clients."""
    if not isinstance(timeout, (int, float)):
        # What `socket` and its users have for a default.
        timeout = None
    return Connection(tuple(address), timeout)


def patch_http_client(module):
    connect = module.HTTPConnection.connect

    def connect_by_host(self):
        if self._create_connection is module.socket.create_connection:
            self._create_connection = create_connection
        connect(self)

    connect_by_host.__name__ = "connect"
    connect_by_host.__qualname__ = "HTTPConnection.connect"
    module.HTTPConnection.connect = connect_by_host


def patch_urllib3(module):
    module.create_connection = create_connection


class Sockets:
    """The module `socket`, but for connections."""

    create_connection = staticmethod(create_connection)

    def __getattr__(self, name):
        return getattr(sys.modules["socket"], name)


def patch_httpcore(module):
    module.socket = Sockets()


def install():
    absent.PATCHES["http.client"] = patch_http_client
    absent.PATCHES["urllib3.util.connection"] = patch_urllib3
    absent.PATCHES["httpcore._backends.sync"] = patch_httpcore
