// The object `http`: requests as one call each, and their responses.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const { callNow, callLater } = internals;

  class HttpResponse {
    constructor({ status, url, body, headers }) {
      this.statusCode = status;
      this.ok = status >= 200 && status < 300;
      this.url = url;
      this.headers = withAnyCase(headers ?? {});
      this.text = body;
    }

    json() {
      return P.parse(this.text);
    }
  }

  // Each header is found as the host names it, as `content-type` and as
  // `Content-Type`; the first of these is listed.
  function withAnyCase(headers) {
    const names = P.keys(headers);
    for (let i = 0; i < names.length; i++) {
      alias(headers, names[i], P.toLowerCase(names[i]));
      alias(headers, names[i], titled(names[i]));
    }
    return headers;
  }

  function alias(headers, name, other) {
    if (P.hasOwn(headers, other)) return;
    P.defineProperty(headers, other, { value: headers[name], configurable: true, writable: true });
  }

  function titled(name) {
    const words = P.split(P.toLowerCase(name), '-');
    for (let i = 0; i < words.length; i++) words[i] = P.toUpperCase(P.slice(words[i], 0, 1)) + P.slice(words[i], 1);
    return P.join(words, '-');
  }

  // What goes to the host: text, bytes, and any other value as JSON.
  function requestOf(url, options, method) {
    const { headers, body, timeout } = options ?? {};
    const { list, source } = internals.outgoing(headers, body, true);
    const args = {
      __proto__: null,
      method: `${method ?? options?.method ?? 'GET'}`,
      url: internals.urlText(url),
      headers: internals.headerObject(list),
      timeout,
    };
    internals.putBody(args, source);
    return args;
  }

  const respond = (answer) => new HttpResponse(answer);
  const send = (url, options, method) => respond(callNow('http_request', requestOf(url, options, method)));
  const sendLater = async (url, options, method) =>
    callLater('http_request', requestOf(url, options, method), respond);

  // `request(url, options)` and `request(method, url, options)`.
  const request = (by, first, second, third) => {
    const names = typeof second === 'string' || second instanceof URL;
    return names ? by(second, third, first) : by(first, second);
  };
  const { URL } = globalThis;

  internals.addObject('http', {
    request: (url, options = undefined, more = undefined) => request(send, url, options, more),
    get: (url, options = undefined) => send(url, options, 'GET'),
    post: (url, options = undefined) => send(url, options, 'POST'),
    put: (url, options = undefined) => send(url, options, 'PUT'),
    patch: (url, options = undefined) => send(url, options, 'PATCH'),
    delete: (url, options = undefined) => send(url, options, 'DELETE'),
    asyncRequest: (url, options = undefined, more = undefined) => request(sendLater, url, options, more),
    asyncGet: (url, options = undefined) => sendLater(url, options, 'GET'),
    asyncPost: (url, options = undefined) => sendLater(url, options, 'POST'),
    asyncPut: (url, options = undefined) => sendLater(url, options, 'PUT'),
    asyncPatch: (url, options = undefined) => sendLater(url, options, 'PATCH'),
    asyncDelete: (url, options = undefined) => sendLater(url, options, 'DELETE'),
  });
}
