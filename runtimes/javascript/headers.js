// Headers.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
  const outside = /[^\t\x20-\x7e\x80-\xff]/;
  const edges = /^[\t\n\r ]*([^]*?)[\t\n\r ]*$/;

  function nameOf(name) {
    const text = `${name}`;
    if (P.regExpExec(token, text) === null) throw new P.TypeError(`Headers: '${text}' is not a header's name`);
    return P.toLowerCase(text);
  }

  function valueOf(value) {
    const text = P.regExpExec(edges, `${value}`)[1];
    if (P.regExpExec(outside, text) !== null) {
      throw new P.TypeError('Headers: a value has a character that headers cannot have');
    }
    return text;
  }

  let listOf;
  let fill;

  class Headers {
    #list = []; // { name, value }, names in lower case

    static {
      listOf = (headers) => headers.#list;
      fill = (headers, init) => {
        for (let i = 0; i < init.length; i++) headers.append(init[i].name, init[i].value);
        return headers;
      };
      internals.isHeaders = (value) => typeof value === 'object' && value !== null && #list in value;
    }

    constructor(init = undefined) {
      fill(this, pairsOf(init));
    }

    append(name, value) {
      this.#list[this.#list.length] = { name: nameOf(name), value: valueOf(value) };
    }

    delete(name) {
      const wanted = nameOf(name);
      const kept = [];
      for (let i = 0; i < this.#list.length; i++) {
        if (this.#list[i].name !== wanted) kept[kept.length] = this.#list[i];
      }
      this.#list = kept;
    }

    get(name) {
      const found = this.#all(nameOf(name));
      return found.length === 0 ? null : P.join(found, ', ');
    }

    getSetCookie() {
      return this.#all('set-cookie');
    }

    has(name) {
      return this.#all(nameOf(name)).length > 0;
    }

    set(name, value) {
      const pair = { name: nameOf(name), value: valueOf(value) };
      this.delete(name);
      this.#list[this.#list.length] = pair;
    }

    forEach(callback, thisArg = undefined) {
      const pairs = this.#sorted();
      for (let i = 0; i < pairs.length; i++) P.apply(callback, thisArg, [pairs[i].value, pairs[i].name, this]);
    }

    *entries() {
      const pairs = this.#sorted();
      for (let i = 0; i < pairs.length; i++) yield [pairs[i].name, pairs[i].value];
    }

    *keys() {
      const pairs = this.#sorted();
      for (let i = 0; i < pairs.length; i++) yield pairs[i].name;
    }

    *values() {
      const pairs = this.#sorted();
      for (let i = 0; i < pairs.length; i++) yield pairs[i].value;
    }

    #all(name) {
      const found = [];
      for (let i = 0; i < this.#list.length; i++) {
        if (this.#list[i].name === name) found[found.length] = this.#list[i].value;
      }
      return found;
    }

    // By name; the values of one name are one, but for cookies.
    #sorted() {
      const names = P.sort(P.ownKeys(this.#byName()));
      const pairs = [];
      for (let i = 0; i < names.length; i++) {
        const name = names[i];
        const values = this.#all(name);
        if (name === 'set-cookie') {
          for (let j = 0; j < values.length; j++) pairs[pairs.length] = { name, value: values[j] };
        } else {
          pairs[pairs.length] = { name, value: P.join(values, ', ') };
        }
      }
      return pairs;
    }

    #byName() {
      const names = { __proto__: null };
      for (let i = 0; i < this.#list.length; i++) names[this.#list[i].name] = true;
      return names;
    }

    [P.Symbol.for('nodejs.util.inspect.custom')](depth, options, inspect) {
      const shown = {};
      const pairs = this.#sorted();
      for (let i = 0; i < pairs.length; i++) shown[pairs[i].name] = pairs[i].value;
      return `Headers ${inspect(shown)}`;
    }
  }
  P.defineProperty(Headers.prototype, P.Symbol.iterator, {
    value: Headers.prototype.entries,
    writable: true,
    configurable: true,
  });
  internals.tag(Headers, 'Headers');

  // `{ name, value }` of headers, of pairs, or of an object's own properties.
  function pairsOf(init) {
    const pairs = [];
    if (init === undefined || init === null) return pairs;
    if (internals.isHeaders(init)) return P.arraySlice(listOf(init));
    if (typeof init !== 'object') throw new P.TypeError('Headers: an object or pairs are wanted');
    const add = (name, value) => (pairs[pairs.length] = { name, value });
    if (init[P.Symbol.iterator] !== undefined && init[P.Symbol.iterator] !== null) {
      for (const pair of init) {
        const [name, value, ...rest] = pair;
        if (value === undefined || rest.length > 0) {
          throw new P.TypeError('Headers: each pair must have a name and a value');
        }
        add(name, value);
      }
      return pairs;
    }
    const names = P.keys(init);
    for (let i = 0; i < names.length; i++) add(names[i], init[names[i]]);
    return pairs;
  }

  // As the host takes them: a property each.
  internals.headerObject = (headers) => {
    const object = { __proto__: null };
    headers.forEach((value, name) => {
      object[name] = P.hasOwn(object, name) ? `${object[name]}, ${value}` : value;
    });
    return object;
  };

  internals.global('Headers', Headers);
}
