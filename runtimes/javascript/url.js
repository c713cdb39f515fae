// URL (parsed by the host) and URLSearchParams.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const FIELDS = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port',
    'pathname', 'search', 'hash'];
  const HREF = 0;
  const SEARCH = 9;
  const queryPart = /^[A-Za-z0-9*\-._]$/;

  let attach; // gives a URLSearchParams the URL that it belongs to
  let renew; // fills it from a query, without telling its URL

  class URLSearchParams {
    #list = []; // [name, value] pairs
    #changed = () => {};

    static {
      attach = (params, changed) => {
        params.#changed = changed;
      };
      renew = (params, query) => {
        params.#list = parseQuery(query);
      };
    }

    constructor(init = '') {
      if (typeof init === 'object' && init !== null) this.#list = pairsOf(init);
      else this.#list = parseQuery(`${init}`);
    }

    get size() {
      return this.#list.length;
    }

    append(name, value) {
      this.#list[this.#list.length] = [wellFormed(name), wellFormed(value)];
      this.#changed(this.toString());
    }

    delete(name, value = undefined) {
      const matches = matcher(name, value);
      this.#list = filter(this.#list, (pair) => !matches(pair));
      this.#changed(this.toString());
    }

    get(name) {
      return this.getAll(name)[0] ?? null;
    }

    getAll(name) {
      const found = filter(this.#list, matcher(name));
      for (let i = 0; i < found.length; i++) found[i] = found[i][1];
      return found;
    }

    has(name, value = undefined) {
      return filter(this.#list, matcher(name, value)).length > 0;
    }

    set(name, value) {
      const matches = matcher(name);
      let pair;
      this.#list = filter(this.#list, (candidate) => {
        if (!matches(candidate)) return true;
        if (pair !== undefined) return false;
        pair = candidate;
        return true;
      });
      if (pair === undefined) this.#list[this.#list.length] = [wellFormed(name), wellFormed(value)];
      else pair[1] = wellFormed(value);
      this.#changed(this.toString());
    }

    sort() {
      P.sort(this.#list, ([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      this.#changed(this.toString());
    }

    forEach(callback, thisArg = undefined) {
      for (let i = 0; i < this.#list.length; i++) {
        const [name, value] = this.#list[i];
        P.apply(callback, thisArg, [value, name, this]);
      }
    }

    *entries() {
      for (let i = 0; i < this.#list.length; i++) yield [this.#list[i][0], this.#list[i][1]];
    }

    *keys() {
      for (let i = 0; i < this.#list.length; i++) yield this.#list[i][0];
    }

    *values() {
      for (let i = 0; i < this.#list.length; i++) yield this.#list[i][1];
    }

    toString() {
      const parts = [];
      for (let i = 0; i < this.#list.length; i++) {
        const [name, value] = this.#list[i];
        parts[i] = `${encode(name)}=${encode(value)}`;
      }
      return P.join(parts, '&');
    }

    [P.Symbol.for('nodejs.util.inspect.custom')](depth, options, inspect) {
      const parts = [];
      for (let i = 0; i < this.#list.length; i++) {
        const [name, value] = this.#list[i];
        parts[i] = `${inspect(name)} => ${inspect(value)}`;
      }
      return parts.length > 0 ? `URLSearchParams { ${P.join(parts, ', ')} }` : 'URLSearchParams {}';
    }

    get [P.Symbol.toStringTag]() {
      return 'URLSearchParams';
    }
  }
  P.defineProperty(URLSearchParams.prototype, P.Symbol.iterator, {
    value: URLSearchParams.prototype.entries,
    writable: true,
    configurable: true,
  });

  const wellFormed = (text) => P.toWellFormed(`${text}`);

  function filter(list, keep) {
    const kept = [];
    for (let i = 0; i < list.length; i++) if (keep(list[i])) kept[kept.length] = list[i];
    return kept;
  }

  function matcher(name, value) {
    const wanted = wellFormed(name);
    if (value === undefined) return (pair) => pair[0] === wanted;
    const also = wellFormed(value);
    return (pair) => pair[0] === wanted && pair[1] === also;
  }

  // Pairs of an iterable of pairs, or of an object's own properties.
  function pairsOf(init) {
    const list = [];
    if (init[P.Symbol.iterator] !== undefined && init[P.Symbol.iterator] !== null) {
      for (const pair of init) {
        const [name, value, ...rest] = pair;
        if (value === undefined || rest.length > 0) {
          throw new P.TypeError('URLSearchParams: each pair must have a name and a value');
        }
        list[list.length] = [wellFormed(name), wellFormed(value)];
      }
      return list;
    }
    const names = P.keys(init);
    for (let i = 0; i < names.length; i++) list[i] = [wellFormed(names[i]), wellFormed(init[names[i]])];
    return list;
  }

  function parseQuery(query) {
    const list = [];
    const parts = P.split(P.startsWith(query, '?') ? P.slice(query, 1) : query, '&');
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      if (part === '') continue;
      const at = P.indexOf(part, '=');
      const name = at < 0 ? part : P.slice(part, 0, at);
      const value = at < 0 ? '' : P.slice(part, at + 1);
      list[list.length] = [decode(name), decode(value)];
    }
    return list;
  }

  const hexDigit = (code) => {
    if (code >= 48 && code <= 57) return code - 48;
    const lower = code | 32;
    return lower >= 97 && lower <= 102 ? lower - 87 : -1;
  };

  function decode(text) {
    const plain = P.join(P.split(text, '+'), ' ');
    if (!P.includes(plain, '%')) return P.toWellFormed(plain);
    const bytes = new Uint8Array(host.utf8_encode(P.toWellFormed(plain)));
    let length = 0;
    for (let i = 0; i < bytes.length; i++) {
      const high = bytes[i] === 37 ? hexDigit(bytes[i + 1]) : -1;
      const low = high < 0 ? -1 : hexDigit(bytes[i + 2]);
      if (low < 0) {
        bytes[length++] = bytes[i];
      } else {
        bytes[length++] = high * 16 + low;
        i += 2;
      }
    }
    return host.utf8_decode(P.viewBuffer(bytes), 0, length, false);
  }

  function encode(text) {
    const bytes = new Uint8Array(host.utf8_encode(text));
    let encoded = '';
    for (let i = 0; i < bytes.length; i++) {
      const char = fromCharCode(bytes[i]);
      if (P.regExpExec(queryPart, char) !== null) encoded += char;
      else if (char === ' ') encoded += '+';
      else encoded += `%${P.padStart(upper(bytes[i]), 2, '0')}`;
    }
    return encoded;
  }
  const { fromCharCode } = String;
  const upper = (byte) => '0123456789ABCDEF'[byte >> 4] + '0123456789ABCDEF'[byte & 15];

  const parse = (text, base) => {
    const parsed = host.url_parse(wellFormed(text), base === undefined ? undefined : wellFormed(base));
    return parsed === null ? undefined : P.split(parsed, '\0');
  };

  class URL {
    #fields;
    #params;

    constructor(url, base = undefined) {
      this.#fields = parse(url, base);
      if (this.#fields === undefined) {
        const error = new P.TypeError(`Invalid URL: '${url}'${base === undefined ? '' : ` with base '${base}'`}`);
        error.code = 'ERR_INVALID_URL';
        throw error;
      }
    }

    static parse(url, base = undefined) {
      return URL.canParse(url, base) ? new URL(url, base) : null;
    }

    static canParse(url, base = undefined) {
      return parse(url, base) !== undefined;
    }

    static #get(url, field) {
      return url.#fields[field];
    }

    static #set(url, field, value) {
      const changed = host.url_set(url.#fields[HREF], field, wellFormed(value));
      if (changed === null) {
        if (field === HREF) throw new P.TypeError(`Invalid URL: '${value}'`);
        return;
      }
      url.#fields = P.split(changed, '\0');
      if (url.#params !== undefined) renew(url.#params, url.#fields[SEARCH]);
    }

    static {
      for (let field = 0; field < FIELDS.length; field++) {
        const name = FIELDS[field];
        const accessor = {
          get [name]() {
            return URL.#get(this, field);
          },
          set [name](value) {
            URL.#set(this, field, value);
          },
        };
        const { get, set } = P.getDescriptor(accessor, name);
        P.defineProperty(URL.prototype, name, {
          get,
          set: name === 'origin' ? undefined : set,
          enumerable: true,
          configurable: true,
        });
      }
    }

    get searchParams() {
      if (this.#params === undefined) {
        this.#params = new URLSearchParams(this.#fields[SEARCH]);
        attach(this.#params, (query) => {
          const changed = host.url_set(this.#fields[HREF], SEARCH, query);
          if (changed !== null) this.#fields = P.split(changed, '\0');
        });
      }
      return this.#params;
    }

    toString() {
      return this.#fields[HREF];
    }

    toJSON() {
      return this.#fields[HREF];
    }

    [P.Symbol.for('nodejs.util.inspect.custom')](depth, options, inspect) {
      if (depth < 0) return '[URL]';
      const shown = {};
      for (let i = 0; i < FIELDS.length; i++) shown[FIELDS[i]] = this.#fields[i];
      shown.searchParams = this.searchParams;
      return `URL ${inspect(shown)}`;
    }

    get [P.Symbol.toStringTag]() {
      return 'URL';
    }
  }

  internals.global('URL', URL);
  internals.global('URLSearchParams', URLSearchParams);
}
