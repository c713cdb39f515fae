// The `std` module, as programs for QuickJS know it.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const { ERRNO, OPEN, note, make, modeFlags } = internals;
  const { ArrayBuffer, SyntaxError, eval: evaluate } = globalThis;

  const absent = (name, what) =>
    ({ [name]: () => { throw new P.Error(`${name}: the sandbox has no ${what}`); } })[name];
  internals.absent = absent;

  // Environment: the run's own, plus what the program sets.
  let environment;
  internals.forgetEnvironment = () => {
    environment = undefined;
  };
  function env() {
    if (environment !== undefined) return environment;
    environment = new P.Map();
    const text = host.env();
    if (text === '') return environment;
    const entries = P.split(text, '\0');
    for (let i = 0; i + 1 < entries.length; i += 2) P.mapSet(environment, entries[i], entries[i + 1]);
    return environment;
  }

  let temporary = 0;

  const std = {
    in: make(0),
    out: make(1),
    err: make(2),
    SEEK_SET: 0,
    SEEK_CUR: 1,
    SEEK_END: 2,
    Error: P.freeze({ ...ERRNO }),

    exit: (code = 0) => host.exit(P.Number(code) | 0),
    gc: () => host.gc(),
    strerror: (errno) => internals.strerror(errno),

    puts: (...values) => P.apply(puts, standardOutput, values),
    printf: (...values) => P.apply(printf, standardOutput, values),
    sprintf: (pattern, ...values) => internals.sprintf(`${pattern}`, values),

    open(path, mode = 'r', errorObj = undefined) {
      const fd = host.open(`${path}`, modeFlags(mode));
      note(errorObj, fd < 0 ? -fd : 0);
      return fd < 0 ? null : make(fd);
    },
    fdopen(fd, mode = 'r', errorObj = undefined) {
      modeFlags(mode);
      const known = host.seek(fd, 0, 1);
      const bad = known === -ERRNO.EBADF;
      note(errorObj, bad ? ERRNO.EBADF : 0);
      return bad ? null : make(fd);
    },
    tmpfile(errorObj = undefined) {
      const bytes = new Uint32Array(2);
      host.random(P.viewBuffer(bytes), 0, 8);
      const path = `/tmp/.tmpfile-${bytes[0]}-${bytes[1]}-${temporary++}`;
      const fd = host.open(path, OPEN.READ | OPEN.WRITE | OPEN.CREATE | OPEN.EXCLUSIVE);
      note(errorObj, fd < 0 ? -fd : 0);
      if (fd < 0) return null;
      host.remove(path);
      return make(fd);
    },
    loadFile(path, options) {
      const loaded = host.load(`${path}`, !!options?.binary);
      if (typeof loaded === 'number') return null;
      return options?.binary ? new Uint8Array(loaded) : loaded;
    },
    writeFile(path, data) {
      const fd = host.open(`${path}`, OPEN.WRITE | OPEN.CREATE | OPEN.TRUNCATE);
      internals.must(fd, `writeFile '${path}'`);
      const file = make(fd);
      try {
        if (typeof data === 'object' && data !== null && isBytes(data)) file.write(data);
        else file.puts(data);
      } finally {
        internals.must(file.close(), `writeFile '${path}'`);
      }
    },

    getenv: (name) => P.mapGet(env(), `${name}`),
    setenv: (name, value) => void P.mapSet(env(), `${name}`, `${value}`),
    unsetenv: (name) => void P.mapDelete(env(), `${name}`),
    getenviron() {
      const object = {};
      P.mapForEach(env(), (value, name) => {
        P.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
      });
      return object;
    },

    evalScript: (code) => evaluate(`${code}`),
    loadScript(path) {
      const code = host.load(`${path}`, false);
      if (typeof code === 'number') internals.must(code, `loadScript '${path}'`);
      return evaluate(code);
    },

    parseExtJSON: (text) => parseExtended(`${text}`),
    popen: absent('popen', 'processes'),
    urlGet: absent('urlGet', 'network'),
  };
  const standardOutput = std.out;
  const { puts, printf } = standardOutput;
  internals.std = std;
  internals.global('std', std);

  const isBytes = (data) => P.isView(data) || internals.isReally(ArrayBuffer, P.bufferByteLength, data);

  // JSON with comments, unquoted keys, single quotes and trailing commas.
  const token = /\s+|\/\/[^\n]*|\/\*[^]*?\*\/|"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'|[A-Za-z_$][\w$]*|[+-]?(?:0x[\da-f]+|0o[0-7]+|0b[01]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|Infinity|NaN)|[[\]{}:,]/iy;

  function parseExtended(text) {
    let at = 0;
    let current;
    const fail = () => {
      throw new SyntaxError(`parseExtJSON: unexpected ${current === undefined ? 'end' : `'${current}'`} before offset ${at}`);
    };
    const advance = () => {
      do {
        if (at >= text.length) return (current = undefined);
        token.lastIndex = at;
        const match = P.regExpExec(token, text);
        if (match === null) {
          current = text[at];
          fail();
        }
        current = match[0];
        at += current.length;
      } while (P.trim(current) === '' || P.startsWith(current, '//') || P.startsWith(current, '/*'));
      return current;
    };
    const value = () => {
      const first = current;
      if (first === undefined) fail();
      if (first === '{') return objectBody();
      if (first === '[') return arrayBody();
      advance();
      if (first === 'true' || first === 'false') return first === 'true';
      if (first === 'null') return null;
      if (first[0] === '"' || first[0] === "'") return unquote(first);
      const number = P.startsWith(first, '-') ? -P.Number(P.slice(first, 1)) : P.Number(first);
      if (P.numberIsNaN(number) && !P.endsWith(first, 'NaN')) {
        current = first;
        fail();
      }
      return number;
    };
    const objectBody = () => {
      const object = {};
      advance();
      while (current !== '}') {
        if (current === undefined) fail();
        const key = current[0] === '"' || current[0] === "'" ? unquote(current) : current;
        if (advance() !== ':') fail();
        advance();
        P.defineProperty(object, key, { value: value(), writable: true, enumerable: true, configurable: true });
        if (current === ',') advance();
        else if (current !== '}') fail();
      }
      advance();
      return object;
    };
    const arrayBody = () => {
      const array = [];
      advance();
      while (current !== ']') {
        array[array.length] = value();
        if (current === ',') advance();
        else if (current !== ']') fail();
      }
      advance();
      return array;
    };
    advance();
    const result = value();
    if (current !== undefined) fail();
    return result;
  }

  const parseJson = JSON.parse;
  function unquote(text) {
    if (text[0] === '"') return parseJson(P.join(P.split(text, '\n'), '\\n'));
    let inner = P.slice(text, 1, -1);
    inner = P.join(P.split(inner, "\\'"), "'");
    inner = P.join(P.split(inner, '"'), '\\"');
    return parseJson(`"${P.join(P.split(inner, '\n'), '\\n')}"`);
  }
}
