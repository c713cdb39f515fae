// fetch, Request and Response. A request is one call of the host's: its answer
// comes whole, there are no streams.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const { signals } = internals;
  const { Headers, URL, URLSearchParams } = globalThis;
  const custom = P.Symbol.for('nodejs.util.inspect.custom');

  // What a body is given as: `{ text }` or `{ bytes }`, and its content's type.
  // Objects of no known kind are JSON where `json` says so, else text.
  function extract(body, json) {
    if (body === undefined || body === null) return { source: undefined };
    if (typeof body === 'string') return { source: { text: body }, type: 'text/plain;charset=UTF-8' };
    if (internals.isBytes(body)) return { source: { bytes: internals.copyOf(body) } };
    if (internals.isBlob(body)) {
      return { source: { bytes: internals.bytesOfBlob(body) }, type: body.type || undefined };
    }
    if (internals.isForm(body)) {
      const { bytes, type } = internals.multipart(body);
      return { source: { bytes }, type };
    }
    if (body instanceof URLSearchParams) {
      return { source: { text: `${body}` }, type: 'application/x-www-form-urlencoded;charset=UTF-8' };
    }
    if (json) return { source: { text: P.stringify(body) }, type: 'application/json' };
    return { source: { text: `${body}` }, type: 'text/plain;charset=UTF-8' };
  }

  // Headers and body as they are sent.
  internals.outgoing = (headers, body, json) => {
    const list = new Headers(headers);
    const { source, type } = extract(body, json);
    // A plain string says nothing of its type: it never did for `http`.
    if (type !== undefined && !(json && typeof body === 'string') && !list.has('content-type')) {
      list.append('content-type', type);
    }
    return { list, source };
  };

  internals.putBody = (args, source) => {
    if (source === undefined) return;
    if (source.text !== undefined) args.body = source.text;
    else args.body_base64 = host.base64_encode(P.viewBuffer(source.bytes), 0, source.bytes.length);
  };

  const textOf = (source) => {
    if (source === undefined) return '';
    if (source.text !== undefined) return P.toWellFormed(source.text);
    return host.utf8_decode(P.viewBuffer(source.bytes), 0, source.bytes.length, false);
  };
  const withoutMark = (text) => (P.charCodeAt(text, 0) === 0xfeff ? P.slice(text, 1) : text);
  const bytesOf = (source) => {
    if (source === undefined) return new Uint8Array(0);
    return source.text !== undefined ? internals.utf8(source.text) : internals.copyOf(source.bytes);
  };
  const { Uint8Array } = globalThis;

  let sourceOf;

  class Body {
    #source;
    #used = false;

    static {
      sourceOf = (body, what) => {
        if (body.#used && body.#source !== undefined) {
          throw new P.TypeError(`${what}: the body has been read already`);
        }
        return body.#source;
      };
    }

    constructor(source) {
      this.#source = source;
    }

    get body() {
      return null; // there are no streams
    }

    get bodyUsed() {
      return this.#used;
    }

    async text() {
      return withoutMark(textOf(this.#take('text')));
    }

    async json() {
      return P.parse(withoutMark(textOf(this.#take('json'))));
    }

    async bytes() {
      return bytesOf(this.#take('bytes'));
    }

    async arrayBuffer() {
      return P.viewBuffer(bytesOf(this.#take('arrayBuffer')));
    }

    async blob() {
      return internals.newBlob(bytesOf(this.#take('blob')), this.headers.get('content-type') ?? '');
    }

    async formData() {
      const form = new FormData();
      new URLSearchParams(textOf(this.#take('formData'))).forEach((value, name) => form.append(name, value));
      return form;
    }

    #take(what) {
      const source = sourceOf(this, what);
      if (source !== undefined) this.#used = true;
      return source;
    }
  }
  const { FormData } = globalThis;

  const NORMAL = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'];
  const methodOf = (method) => {
    const upper = P.toUpperCase(`${method}`);
    for (let i = 0; i < NORMAL.length; i++) if (NORMAL[i] === upper) return upper;
    return `${method}`;
  };

  function absolute(url) {
    const parsed = URL.parse(`${url}`);
    if (parsed === null) throw new P.TypeError(`Failed to parse URL from ${url}`);
    return parsed.href;
  }

  let partsOf;

  class Request extends Body {
    #url;
    #method;
    #headers;
    #signal;
    #redirect;

    static {
      partsOf = (request) => ({
        url: request.#url,
        method: request.#method,
        headers: request.#headers,
        signal: request.#signal,
        redirect: request.#redirect,
      });
    }

    constructor(input, init = {}) {
      const given = init ?? {};
      const from = typeof input === 'object' && input !== null && #url in input ? input : undefined;
      const method = methodOf(given.method ?? from?.method ?? 'GET');
      const { list, source } = internals.outgoing(given.headers ?? from?.headers, given.body);
      if (given.body !== undefined && given.body !== null && (method === 'GET' || method === 'HEAD')) {
        throw new P.TypeError('Request: a GET or HEAD request cannot have a body');
      }
      super(source ?? (from === undefined ? undefined : sourceOf(from, 'Request')));
      this.#url = from?.url ?? absolute(input);
      this.#method = method;
      this.#headers = list;
      this.#signal = given.signal === undefined ? from?.signal : given.signal ?? undefined;
      if (this.#signal !== undefined && !signals.isSignal(this.#signal)) {
        throw new P.TypeError('Request: the signal must be an AbortSignal');
      }
      this.#redirect = `${given.redirect ?? from?.redirect ?? 'follow'}`;
    }

    get url() {
      return this.#url;
    }

    get method() {
      return this.#method;
    }

    get headers() {
      return this.#headers;
    }

    get signal() {
      return (this.#signal ??= new AbortController().signal);
    }

    get redirect() {
      return this.#redirect;
    }

    clone() {
      return new Request(this);
    }

    [custom](depth, options, inspect) {
      return `Request ${inspect({ method: this.#method, url: this.#url, headers: this.#headers })}`;
    }
  }
  internals.tag(Request, 'Request');
  const { AbortController } = globalThis;

  const NO_BODY = [101, 204, 205, 304];
  let received;

  class Response extends Body {
    #status;
    #statusText;
    #headers;
    #url = '';
    #redirected = false;
    #type = 'default';

    static {
      received = (answer, asked) => {
        const source = answer.body_base64 === undefined || answer.body_base64 === null
          ? { text: answer.body ?? '' }
          : { bytes: new Uint8Array(host.base64_decode(answer.body_base64)) };
        const response = new Response(GIVEN, { source, headers: headersOf(answer) });
        response.#status = answer.status;
        response.#statusText = answer.reason ?? '';
        response.#url = answer.url ?? asked;
        response.#redirected = answer.redirects === undefined
          ? withoutHash(response.#url) !== withoutHash(asked)
          : answer.redirects > 0;
        response.#type = 'basic';
        return response;
      };
    }

    constructor(body = null, init = {}) {
      if (body === GIVEN) {
        super(init.source);
        this.#headers = init.headers;
        return;
      }
      const status = init?.status ?? 200;
      if (!P.isInteger(status) || status < 200 || status > 599) {
        throw new P.RangeError(`Response: the status must be from 200 to 599, not ${status}`);
      }
      const { list, source } = internals.outgoing(init?.headers, body);
      for (let i = 0; source !== undefined && i < NO_BODY.length; i++) {
        if (NO_BODY[i] === status) throw new P.TypeError(`Response: status ${status} has no body`);
      }
      super(source);
      this.#status = status;
      this.#statusText = `${init?.statusText ?? ''}`;
      this.#headers = list;
    }

    static json(value, init = {}) {
      const text = P.stringify(value);
      if (text === undefined) throw new P.TypeError('Response.json: the value has no JSON form');
      const headers = new Headers(init?.headers);
      if (!headers.has('content-type')) headers.append('content-type', 'application/json');
      return new Response(text, { status: init?.status, statusText: init?.statusText, headers });
    }

    static error() {
      const response = new Response();
      response.#status = 0;
      response.#type = 'error';
      return response;
    }

    static redirect(url, status = 302) {
      if (status !== 301 && status !== 302 && status !== 303 && status !== 307 && status !== 308) {
        throw new P.RangeError(`Response.redirect: ${status} is not a redirect`);
      }
      return new Response(null, { status, headers: { location: absolute(url) } });
    }

    get status() {
      return this.#status;
    }

    get ok() {
      return this.#status >= 200 && this.#status < 300;
    }

    get statusText() {
      return this.#statusText;
    }

    get headers() {
      return this.#headers;
    }

    get url() {
      return this.#url;
    }

    get redirected() {
      return this.#redirected;
    }

    get type() {
      return this.#type;
    }

    clone() {
      const copy = new Response(GIVEN, { source: sourceOf(this, 'clone'), headers: new Headers(this.#headers) });
      copy.#status = this.#status;
      copy.#statusText = this.#statusText;
      copy.#url = this.#url;
      copy.#redirected = this.#redirected;
      copy.#type = this.#type;
      return copy;
    }

    [custom](depth, options, inspect) {
      const shown = { status: this.#status, statusText: this.#statusText, url: this.#url, headers: this.#headers };
      return `Response ${inspect(shown)}`;
    }
  }
  internals.tag(Response, 'Response');
  const GIVEN = {}; // nobody else has it: an answer of the host's

  const withoutHash = (url) => P.split(url, '#')[0];

  // All headers in order, where the host gives them so.
  function headersOf({ headers, header_list: list }) {
    const result = new Headers();
    if (P.isArray(list)) {
      for (let i = 0; i < list.length; i++) tolerantly(result, list[i][0], list[i][1]);
      return result;
    }
    const names = P.keys(headers ?? {});
    for (let i = 0; i < names.length; i++) tolerantly(result, names[i], headers[names[i]]);
    return result;
  }

  // What a server sends may be no header that a program could make.
  function tolerantly(headers, name, value) {
    try {
      headers.append(name, value);
    } catch {}
  }

  // As browsers have it, whatever was wrong; the host's own words in it.
  function failure(error, signal) {
    if (!(error instanceof internals.HostError)) return error;
    if (error.code === 'timeout' && signal !== undefined && signals.due(signal) <= host.monotonic()) {
      return signals.timedOut();
    }
    const made = new P.TypeError(`fetch failed: ${error.message}`, { cause: error });
    made.code = error.code;
    P.defineProperty(made, 'stack', { value: error.stack, writable: true, configurable: true });
    return made;
  }

  function request(input, init) {
    const made = new Request(input, init);
    const { url, method, headers, signal, redirect } = partsOf(made);
    signal?.throwIfAborted();
    const args = { __proto__: null, url, method, headers: internals.headerObject(headers), binary: true };
    if (redirect !== 'follow') args.follow = false;
    if (signal !== undefined && signals.due(signal) !== Infinity) {
      args.timeout = P.max(0.001, (signals.due(signal) - host.monotonic()) / 1000);
    }
    internals.putBody(args, sourceOf(made, 'fetch'));
    return { args, url, signal, redirect };
  }

  async function fetch(input, init = undefined) {
    const { args, url, signal, redirect } = request(input, init);
    const call = internals.enqueue(internals.requestTo('http_request', args), (answer) => {
      const response = received(answer, url);
      if (redirect === 'error' && response.status >= 300 && response.status < 400 && response.headers.has('location')) {
        throw new P.TypeError('fetch failed: the server redirects, and `redirect` is "error"');
      }
      return response;
    });
    const drop = (reason) => internals.drop(call, reason);
    if (signal !== undefined) signals.add(signal, drop);
    try {
      return await call.promise;
    } catch (error) {
      throw signal?.aborted ? error : failure(error, signal);
    } finally {
      if (signal !== undefined) signals.remove(signal, drop);
    }
  }

  internals.global('Request', Request);
  internals.global('Response', Response);
  internals.global('fetch', fetch);
}
