// Calls of the host's functions: at once, or queued and sent together. Then
// what is called by its plain name: `kv_get(key)`, `call(name, args)`, …
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const MAX_BATCH = 1024; // calls that the host takes at a time
  const MAX_TEXT = 4 << 20; // characters of their requests, or one more
  // What the host says of those that it did not make, as it would have to hold
  // the answers of all.
  const NOT_MADE = 'the answers before it are too large together';
  const { queued, answered } = internals.cells; // queued[0]: as many as `queue` has

  // What the host can't or won't do. `code` says of what kind it is.
  class HostError extends P.Error {
    constructor(message, code = 'failed') {
      super(message);
      this.code = code;
    }
  }
  P.defineProperty(HostError.prototype, 'name', { value: 'HostError', writable: true, configurable: true });
  internals.HostError = HostError;

  // The error's stack begins where the program made the call.
  function withoutOurs(error) {
    const stack = `${internals.frames(error.stack)}\n`;
    P.defineProperty(error, 'stack', { value: stack, writable: true, configurable: true });
    return error;
  }

  function fill(error, { error: message, kind }) {
    P.defineProperty(error, 'message', { value: message, writable: true, configurable: true });
    error.code = kind;
    return withoutOurs(error);
  }

  // Objects without a prototype: nothing that a program does to Object.prototype
  // gets into a request.
  const requestOf = (name, args) => P.stringify({ __proto__: null, fn: name, args });
  // The same for a name of ours: only the arguments are written by the engine.
  const requestTo = (name, args) => (args === undefined ? `{"fn":"${name}"}` : `{"fn":"${name}","args":${P.stringify(args)}}`);

  internals.callNow = (name, args) => {
    const answer = P.parse(host.call(requestOf(name, args)));
    if (P.hasOwn(answer, 'error')) throw fill(new HostError(), answer);
    return answer.data;
  };

  // Functions that the host takes by their place here with plain arguments,
  // which costs a tenth of what JSON does (`src/host/known.rs` has the same list).
  const KNOWN = [
    ['time_now'],
    ['kv_get', 'key'],
    ['kv_set', 'key', 'value'],
    ['kv_delete', 'key'],
    ['kv_keys'],
    ['http_get', 'url'],
    ['fs_read', 'path'],
    ['fs_write', 'path', 'content'],
    ['fs_list', 'path'],
    ['fs_exists', 'path'],
    ['fs_mkdir', 'path'],
    ['fs_remove', 'path'],
    ['fs_stat', 'path'],
    ['install_pkg', 'name', 'version'],
  ];
  const id = { __proto__: null };
  for (let i = 0; i < KNOWN.length; i++) id[KNOWN[i][0]] = i;
  internals.id = id;

  // What an answer is (`Answered` in `cells.rs`).
  const PLAIN = 0;
  const JSON_TEXT = 1;
  const ERROR = 2;

  const ask = (place, a, b) => {
    const answer = host.ask(place, a, b);
    return answered[0] === PLAIN ? answer : otherwise(answer, place, a, b);
  };
  internals.ask = ask;

  function otherwise(answer, place, a, b) {
    if (answered[0] === JSON_TEXT) return P.parse(answer);
    if (answered[0] === ERROR) throw fill(new HostError(), P.parse(answer));
    const args = { __proto__: null };
    const known = KNOWN[place];
    if (known.length > 1) args[known[1]] = a;
    if (known.length > 2) args[known[2]] = b;
    return internals.callNow(known[0], args);
  }

  // Calls that wait to be sent, oldest first.
  let queue = [];
  // No fewer than those of them that are yet to be sent.
  let unsent = 0;

  // Queues a call; `convert` makes what the promise is fulfilled with of what
  // the host answers. What it returns can be dropped before it is sent.
  const pending = (request, convert) => {
    const call = { request, convert, promise: undefined, resolve: undefined, reject: undefined, answer: undefined, error: undefined };
    call.promise = new P.Promise((resolve, reject) => {
      call.resolve = resolve;
      call.reject = reject;
    });
    queue[queue.length] = call;
    queued[0] = queue.length;
    return call;
  };
  const enqueue = (request, convert) => {
    const call = pending(request, convert);
    call.error = new HostError();
    unsent++;
    return call;
  };
  internals.enqueue = enqueue;
  internals.requestTo = requestTo;

  // Rejects, never throws: as an async function.
  const later = (write, name, args, convert) => {
    try {
      return enqueue(write(name, args), convert).promise;
    } catch (error) {
      return new P.Promise((_, reject) => reject(error));
    }
  };
  internals.callLater = (name, args = undefined, convert = undefined) => later(requestTo, name, args, convert);

  // A call with a text as its argument, or none. Of a function that waits for
  // nothing it is made here, unless others are queued that come before it: so it
  // costs no JSON, and no error that nobody gets to see. The promise is settled
  // with the others, or else who awaits it again and again would stop timers.
  internals.askLater = (place, text, convert) => {
    const answer = unsent === 0 && typeof text === 'string' ? host.ask_quick(place, text) : undefined;
    if (answer === undefined) {
      const [name, param] = KNOWN[place];
      return internals.callLater(name, { __proto__: null, [param]: text }, convert);
    }
    const call = pending(undefined, convert);
    if (answered[0] === PLAIN) call.answer = { __proto__: null, data: answer };
    else if (answered[0] === JSON_TEXT) call.answer = { __proto__: null, data: P.parse(answer) };
    else {
      call.answer = P.parse(answer);
      call.error = new HostError();
    }
    return call.promise;
  };

  internals.drop = (call, reason) => {
    call.request = undefined; // it stays in the queue, and is left out
    call.reject(reason);
  };

  function settle(call, answer) {
    if (P.hasOwn(answer, 'error')) {
      call.reject(fill(call.error, answer));
      return;
    }
    try {
      call.resolve(call.convert === undefined ? answer.data : call.convert(answer.data));
    } catch (error) {
      call.reject(error);
    }
  }

  // Sends what is queued, as many as go together. The host calls it when a
  // program has nothing else to do.
  internals.flush = () => {
    const calls = [];
    const made = [];
    const requests = [];
    let next = 0;
    let text = 0;
    for (; next < queue.length && calls.length < MAX_BATCH && text < MAX_TEXT; next++) {
      if (queue[next].answer !== undefined) made[made.length] = queue[next];
      if (queue[next].request === undefined) continue;
      text += queue[next].request.length;
      requests[calls.length] = queue[next].request;
      calls[calls.length] = queue[next];
    }
    queue = next < queue.length ? P.arraySlice(queue, next) : [];
    queued[0] = queue.length;
    unsent = queue.length;
    for (let i = 0; i < made.length; i++) settle(made[i], made[i].answer);
    if (calls.length === 0) return;
    const answers = P.parse(host.call(`[${P.join(requests, ',')}]`));
    const left = [];
    for (let i = 0; i < calls.length; i++) {
      const answer = P.isArray(answers) ? answers[i] : answers;
      if (i > 0 && P.hasOwn(answer, 'error') && answer.error === NOT_MADE) left[left.length] = calls[i];
      else settle(calls[i], answer);
    }
    for (let i = 0; i < queue.length; i++) left[left.length] = queue[i];
    queue = left;
    queued[0] = unsent = queue.length;
  };

  // What a piece of a session leaves unsent when it ends by an error.
  internals.clearCalls = () => {
    queue = [];
    queued[0] = unsent = 0;
  };

  const { callNow } = internals;
  const functions = {
    call: (name, args = undefined) => callNow(name, args),
    asyncCall: (name, args = undefined) => later(requestOf, name, args),
    // Promises settle by themselves: neither of these two is needed any more.
    runAsync: (...promises) => P.promiseAll(promises),
    flushAsync() {
      while (queue.length > 0) internals.flush();
    },

    time_now: () => ask(id.time_now),
    kv_get: (key) => ask(id.kv_get, key),
    kv_set: (key, value) => ask(id.kv_set, key, value ?? null),
    kv_delete: (key) => ask(id.kv_delete, key),
    kv_keys: () => ask(id.kv_keys),
    http_get: (url) => ask(id.http_get, internals.urlText(url)),
    fs_read: (path) => ask(id.fs_read, path),
    fs_write: (path, content) => ask(id.fs_write, path, content),
    fs_list: (path) => ask(id.fs_list, path),
    fs_exists: (path) => ask(id.fs_exists, path),
    fs_mkdir: (path) => ask(id.fs_mkdir, path),
    fs_remove: (path) => ask(id.fs_remove, path),
    fs_stat: (path) => ask(id.fs_stat, path),
    install_pkg: (name, version = undefined) => ask(id.install_pkg, name, version),
  };
  internals.functions = functions;
  for (const name of P.keys(functions)) internals.global(name, functions[name]);

  // A URL as its text. Other values are for the host to refuse.
  internals.urlText = (url) => (url instanceof URL ? `${url}` : url);
  const { URL } = globalThis;
}
