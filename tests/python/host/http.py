"""Requests through the host, to the server whose URL is the first argument."""

import asyncio
import json
import sys
import time

import dormouse

base, other = sys.argv[1:]
assert dormouse.http is http

response = http.get(f"{base}/echo?a=b", headers={"X-One": "ä"})
assert response.ok is True and response.status_code == 200
assert response.text.startswith("GET /echo?a=b HTTP/1.1\n") and "x-one: " in response.text
assert response.content == response.text.encode()
assert response.url == f"{base}/echo?a=b" and response.truncated is False
for name in ("Content-Type", "content-type", "CONTENT-TYPE"):
    assert response.headers[name] == "text/plain" and name in response.headers
    assert response.headers.get(name) == "text/plain"
assert response.headers.get("nothing", 7) == 7 and "nothing" not in response.headers
assert json.loads(json.dumps(response.headers))["content-type"] == "text/plain"
assert [value for name, value in response.header_list if name == "set-cookie"] == ["a=1", "b=2"]
assert response["status"] == 200 and response["body"] == response.text
assert repr(response) == "<Response [200]>"

for method in ("get", "post", "put", "patch", "delete"):
    text = getattr(http, method)(f"{base}/m", body="hällo").text
    assert text.startswith(f"{method.upper()} /m HTTP/1.1\n") and text.endswith("\n\nhällo"), text
    text = run_async(getattr(http, f"async_{method}")(f"{base}/m", body="hällo")).text
    assert text.startswith(f"{method.upper()} /m HTTP/1.1\n") and text.endswith("\n\nhällo"), text
assert http.request("OPTIONS", f"{base}/m").text.startswith("OPTIONS /m ")
assert http.request(f"{base}/m").text.startswith("GET /m ")
assert run_async(http.async_request("put", f"{base}/m", body="x")).text.startswith("PUT /m ")

# Bodies: bytes, and what becomes JSON.
received = http.post(f"{base}/mirror", body=b"\xff\0\n").content
assert received == b"\xff\0\n", received
for body in ({"a": [1, "ä"]}, [1, 2], 7):
    response = http.post(f"{base}/mirror", body=body)
    assert response.json() == body and response.headers["x-type"] == "application/json"
response = http.post(f"{base}/mirror", body={"a": 1}, headers={"content-TYPE": "application/x"})
assert response.headers["x-type"] == "application/x"
assert http.get(f"{base}/latin").text == "hä" and http.get(f"{base}/latin").content == b"h\xe4"
assert http.get(f"{base}/json").json() == {"a": ["ä", None]}

# The status is no error, and redirects are followed.
response = http.get(f"{base}/status/404")
assert response.ok is False and response.status_code == 404
assert http.get(f"{base}/to/302/{base}/there").url == f"{base}/there"
assert http_get(f"{base}/status/503") == {"status": 503, "body": "status"}
large = http.get(f"{base}/large")
assert large.truncated and len(large.content) == 1 << 20


def fails(kind, message, call):
    try:
        call()
    except kind as error:
        assert isinstance(error, dormouse.HostError) and message in str(error), error
        return
    raise AssertionError(f"no {kind}")


fails(PermissionError, "host not allowed", lambda: http.get("http://example.invalid/"))
fails(PermissionError, "host not allowed", lambda: http.get(f"{base}/to/302/http://example.invalid/"))
fails(ConnectionError, "", lambda: http.get(other))
fails(ValueError, "url required", lambda: http.get(""))
fails(ValueError, "unsupported method: BREW", lambda: http.request("BREW", base))
fails(TimeoutError, "", lambda: call("http_request", url=f"{base}/slow", timeout=0.05))


async def ten_at_once():
    started = time.monotonic()
    responses = await asyncio.gather(*(http.async_get(f"{base}/slow?{n}") for n in range(10)))
    assert [response.text for response in responses] == [f"/slow?{n}" for n in range(10)]
    # One after the other they take 5 s.
    assert time.monotonic() - started < 4
    results = await asyncio.gather(http.async_get(other), http.async_get(f"{base}/echo"), return_exceptions=True)
    assert isinstance(results[0], ConnectionError) and results[1].ok


asyncio.run(ten_at_once())
print("ok")
