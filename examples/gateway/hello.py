"""A page of a gateway: the request is in the environment, the answer is printed."""

import html
import os

name = os.environ["PATH_INFO"].strip("/") or "World"
print("Content-Type: text/html; charset=utf-8")
print()
print(f"<!doctype html><title>Hello</title><h1>Hello, {html.escape(name)}</h1>")
