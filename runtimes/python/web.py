"""HTTP requests, which the host makes."""

from binascii import a2b_base64, b2a_base64

from api import public, public_async
from host import HTTP_GET, ask, ask_later, encode

# Programs see all of this as `dormouse`'s.
__name__ = "dormouse"


class Headers(dict):
    """The first value of each header; names in any case."""

    __slots__ = ()

    def __getitem__(self, name):
        return dict.__getitem__(self, name.lower())

    def __contains__(self, name):
        return isinstance(name, str) and dict.__contains__(self, name.lower())

    def get(self, name, default=None):
        return dict.get(self, name.lower(), default)


class Response:
    """What a server answered."""

    __slots__ = ("_content", "_text", "header_list", "headers", "status_code", "truncated", "url")

    def __init__(self, answer):
        headers = answer.get("headers") or {}
        self.status_code = answer["status"]
        self.headers = Headers({name.lower(): value for name, value in headers.items()})
        # With all values of those that there are several of.
        self.header_list = [tuple(pair) for pair in answer.get("header_list") or headers.items()]
        self.url = answer.get("url", "")
        # Whether the body goes on beyond what the sandbox may receive.
        self.truncated = answer.get("truncated", False)
        self._text, self._content = answer.get("body"), answer.get("body_base64")

    @property
    def ok(self):
        """Whether the status is one of success."""
        return 200 <= self.status_code < 300

    @property
    def text(self):
        """The body as text."""
        if self._text is None:
            return self.content.decode(errors="replace")
        return self._text

    @property
    def content(self):
        """The body's bytes."""
        if self._content is None:
            return self._text.encode()
        return a2b_base64(self._content)

    def json(self):
        """What the body says, if it is JSON."""
        import json

        return json.loads(self.text if self._content is None else self.content)

    def __getitem__(self, name):
        if name == "status":
            return self.status_code
        if name == "body":
            return self.text
        if name == "headers":
            return self.headers
        raise KeyError(name)

    def __repr__(self):
        return f"<Response [{self.status_code}]>"


def http_request(method, url, headers, body):
    args = {"method": method, "url": url}
    fields = {} if headers is None else dict(headers)
    if isinstance(body, (bytes, bytearray, memoryview)):
        args["body_base64"] = b2a_base64(body, newline=False).decode()
    elif isinstance(body, str):
        args["body"] = body
    elif body is not None:
        args["body"] = encode(body)
        if not any(name.lower() == "content-type" for name in fields):
            fields["Content-Type"] = "application/json"
    if fields:
        args["headers"] = fields
    return "http_request", args


class Http:
    """Requests to the hosts that the sandbox may reach.

    A body is text, bytes, or something to be sent as JSON.
    """

    __slots__ = ()

    @public
    def request(self, method, url=None, *, headers=None, body=None):
        """A request of any method; without one, GET."""
        return Response(ask(*http_request(*target(method, url), headers, body)))

    @public
    def get(self, url, *, headers=None, body=None):
        """A GET request."""
        return Response(ask(*http_request("GET", url, headers, body)))

    @public
    def post(self, url, *, headers=None, body=None):
        """A POST request."""
        return Response(ask(*http_request("POST", url, headers, body)))

    @public
    def put(self, url, *, headers=None, body=None):
        """A PUT request."""
        return Response(ask(*http_request("PUT", url, headers, body)))

    @public
    def patch(self, url, *, headers=None, body=None):
        """A PATCH request."""
        return Response(ask(*http_request("PATCH", url, headers, body)))

    @public
    def delete(self, url, *, headers=None, body=None):
        """A DELETE request."""
        return Response(ask(*http_request("DELETE", url, headers, body)))

    @public_async
    async def async_request(self, method, url=None, *, headers=None, body=None):
        """A request of any method; without one, GET."""
        return Response(await ask_later(*http_request(*target(method, url), headers, body)))

    @public_async
    async def async_get(self, url, *, headers=None, body=None):
        """A GET request."""
        return Response(await ask_later(*http_request("GET", url, headers, body)))

    @public_async
    async def async_post(self, url, *, headers=None, body=None):
        """A POST request."""
        return Response(await ask_later(*http_request("POST", url, headers, body)))

    @public_async
    async def async_put(self, url, *, headers=None, body=None):
        """A PUT request."""
        return Response(await ask_later(*http_request("PUT", url, headers, body)))

    @public_async
    async def async_patch(self, url, *, headers=None, body=None):
        """A PATCH request."""
        return Response(await ask_later(*http_request("PATCH", url, headers, body)))

    @public_async
    async def async_delete(self, url, *, headers=None, body=None):
        """A DELETE request."""
        return Response(await ask_later(*http_request("DELETE", url, headers, body)))

    def __repr__(self):
        return "<dormouse.http>"


def target(method, url):
    """Method and URL, where the method may have been left out."""
    return ("GET", method) if url is None else (method, url)


http = Http()


@public
def http_get(url):
    """`{"status": …, "body": …}`."""
    return ask(HTTP_GET, url)
