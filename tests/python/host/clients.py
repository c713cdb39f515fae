"""The standard library's HTTP clients, with the server whose URL is the first
argument."""

import http.client
import io
import socket
import sys
import urllib.error
import urllib.parse
import urllib.request

import dormouse

base, other = sys.argv[1:]
address = urllib.parse.urlsplit(base).netloc

# urllib
with urllib.request.urlopen(f"{base}/echo?a=b") as response:
    assert response.status == 200 and response.geturl() == f"{base}/echo?a=b"
    assert response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert response.read().startswith(b"GET /echo?a=b HTTP/1.1\n")
request = urllib.request.Request(f"{base}/mirror", data=b"\0\xff", headers={"Content-Type": "x/y"})
with urllib.request.urlopen(request, timeout=10) as response:
    assert response.read() == b"\0\xff" and response.headers["X-Type"] == "x/y"
request = urllib.request.Request(f"{base}/echo", method="DELETE")
assert urllib.request.urlopen(request).read().startswith(b"DELETE /echo ")
assert urllib.request.urlopen(f"{base}/to/302/{base}/there").geturl() == f"{base}/there"
try:
    urllib.request.urlopen(f"{base}/status/404")
except urllib.error.HTTPError as error:
    assert error.code == 404 and error.read() == b"status"
else:
    raise AssertionError("404 is an error")
for url, reason in (
    ("http://example.invalid/", dormouse.NotGrantedError),
    (f"{base}/to/302/http://example.invalid/", dormouse.NotGrantedError),
    (other, ConnectionError),
):
    try:
        urllib.request.urlopen(url)
    except urllib.error.URLError as error:
        assert isinstance(error.reason, reason), error
    else:
        raise AssertionError(f"{url} was opened")
try:
    urllib.request.urlopen(f"{base}/slow", timeout=0.05)
except TimeoutError:
    pass
else:
    raise AssertionError("it is slow")
urllib.request.urlretrieve(f"{base}/mirror", "/tmp/file")

# http.client
connection = http.client.HTTPConnection(address, timeout=10)
connection.request("POST", "/mirror", body="0123456789")
response = connection.getresponse()
assert isinstance(response, http.client.HTTPResponse) and response.reason == "OK"
assert response.getheader("content-length") == "10" and dict(response.getheaders())["X-Type".lower()] == ""
buffer = bytearray(3)
assert response.readinto(buffer) == 3 and buffer == b"012"
assert response.peek(1)[:1] == b"3" and response.read1(1) == b"3" and response.read(2) == b"45"
assert not response.closed and response.read() == b"6789" and response.read() == b""
# Again, with bodies of other kinds.
for body in (iter([b"01", b"234"]), io.BytesIO(b"01234"), b"01234"):
    connection.request("PUT", "/mirror", body=body)
    with connection.getresponse() as response:
        assert b"".join(iter(lambda: response.read(2), b"")) == b"01234"
connection.putrequest("POST", "/mirror")
connection.putheader("Content-Length", "4")
connection.endheaders()
connection.send(b"ab")
connection.send(b"cd")
assert connection.getresponse().read() == b"abcd"
connection.request("HEAD", "/large")
response = connection.getresponse()
assert response.status == 200 and response.read() == b""
# There is more than the sandbox may receive: nobody takes part for all.
connection.request("GET", "/large")
try:
    connection.getresponse().read()
except http.client.IncompleteRead as error:
    assert len(error.partial) == 1 << 20
else:
    raise AssertionError("it is incomplete")
connection.close()


def refused(message, call):
    try:
        call()
    except OSError as error:
        assert message in str(error), error
        return
    raise AssertionError("it was not refused")


def ask(*request, **more):
    http.client.HTTPConnection(address).request(*request, **more)


def send(data):
    connection = http.client.HTTPConnection(address)
    connection.connect()
    connection.sock.sendall(data)
    connection.sock.recv(1)


# What is no request to this server is none.
refused("the request is for 'example.invalid'", lambda: ask("GET", "/", headers={"Host": "example.invalid"}))
refused("asks for a proxy", lambda: ask("GET", "http://example.invalid/"))
refused("asks for a proxy", lambda: ask("CONNECT", "example.invalid:443"))
refused("this is no HTTP request", lambda: send(b"EHLO x\r\n\r\n"))
refused("nothing was asked", lambda: send(b"EHLO x\r\n"))
refused("nothing was asked", lambda: send(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"))
refused("more than one request", lambda: send(b"GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"))
refused("the sandbox has no sockets", lambda: socket.create_connection(address.split(":")))
refused("the sandbox has no sockets", socket.socket)
print("ok")
