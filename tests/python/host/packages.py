"""`requests` and `httpx`, with the server whose URL is the first argument."""

import sys

import requests

base, other = sys.argv[1:]
response = requests.get(f"{base}/echo", params={"q": "1 2"}, timeout=10)
assert response.status_code == 200 and response.text.startswith("GET /echo?q=1+2 HTTP/1.1\n")
assert response.cookies.get_dict() == {"a": "1", "b": "2"}
assert requests.post(f"{base}/mirror", json={"a": [1]}).json() == {"a": [1]}
assert requests.put(f"{base}/mirror", data=b"\xff" * 1000).content == b"\xff" * 1000
response = requests.get(f"{base}/to/302/{base}/there")
assert response.url == f"{base}/there" and [each.status_code for each in response.history] == [302]
with requests.Session() as session:
    session.get(f"{base}/echo")
    assert "cookie: a=1; b=2" in session.get(f"{base}/echo").text
response = requests.get(f"{base}/mirror", stream=True)
assert b"".join(response.iter_content(3)) == b""
try:
    requests.get(f"{base}/status/404").raise_for_status()
except requests.HTTPError as error:
    assert "404 Client Error" in str(error)
else:
    raise AssertionError("404 is an error")
for url in ("http://example.invalid/", "https://example.invalid/"):
    try:
        requests.get(url)
    except requests.ConnectionError as error:
        assert "host not allowed: example.invalid" in str(error), error
    else:
        raise AssertionError("it is not allowed")
try:
    requests.get(other)
except requests.ConnectionError:
    pass
else:
    raise AssertionError("nobody is there")
try:
    requests.get(f"{base}/slow", timeout=0.05)
except requests.Timeout:
    pass
else:
    raise AssertionError("it is slow")
try:
    requests.get(f"{base}/large")
except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
    assert "IncompleteRead" in str(error), error
else:
    raise AssertionError("it is incomplete")

import httpx

response = httpx.post(f"{base}/mirror", json=[1])
assert response.json() == [1]
with httpx.Client() as client:
    assert client.get(f"{base}/echo").text.startswith("GET /echo HTTP/1.1\n")
print("ok")
