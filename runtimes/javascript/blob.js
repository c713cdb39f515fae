// Blob, File and FormData.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const utf8 = (text) => new Uint8Array(host.utf8_encode(P.toWellFormed(`${text}`)));
  internals.utf8 = utf8;

  // A copy of the bytes of a buffer or a view of one.
  const copyOf = (source) => {
    const { buffer, offset, length } = internals.bytesOf(source, 'Blob');
    return new Uint8Array(P.bufferSlice(buffer, offset, offset + length));
  };
  internals.copyOf = copyOf;

  const isBytes = (value) => P.isView(value) || internals.isReally(ArrayBuffer, P.bufferByteLength, value);
  internals.isBytes = isBytes;
  const { ArrayBuffer, Uint8Array } = globalThis;

  internals.concat = (parts) => {
    let length = 0;
    for (let i = 0; i < parts.length; i++) length += parts[i].length;
    const all = new Uint8Array(length);
    let at = 0;
    for (let i = 0; i < parts.length; i++) {
      P.viewSet(all, parts[i], at);
      at += parts[i].length;
    }
    return all;
  };

  let bytesOfBlob;
  let made; // a blob of bytes that nobody else has

  class Blob {
    #bytes;
    #type;

    static {
      bytesOfBlob = (blob) => blob.#bytes;
      made = (bytes, type) => {
        const blob = new Blob();
        blob.#bytes = bytes;
        blob.#type = type;
        return blob;
      };
      internals.isBlob = (value) => typeof value === 'object' && value !== null && #bytes in value;
    }

    constructor(parts = [], options = {}) {
      const pieces = [];
      for (const part of parts) {
        if (internals.isBlob(part)) pieces[pieces.length] = part.#bytes;
        else pieces[pieces.length] = isBytes(part) ? copyOf(part) : utf8(part);
      }
      this.#bytes = internals.concat(pieces);
      this.#type = P.toLowerCase(`${options?.type ?? ''}`);
    }

    get size() {
      return this.#bytes.length;
    }

    get type() {
      return this.#type;
    }

    async text() {
      return host.utf8_decode(P.viewBuffer(this.#bytes), 0, this.#bytes.length, false);
    }

    async arrayBuffer() {
      return P.bufferSlice(P.viewBuffer(this.#bytes), 0);
    }

    async bytes() {
      return copyOf(this.#bytes);
    }

    slice(start = 0, end = this.size, type = '') {
      const buffer = P.bufferSlice(P.viewBuffer(this.#bytes), start, end);
      return made(new Uint8Array(buffer), P.toLowerCase(`${type}`));
    }
  }
  internals.tag(Blob, 'Blob');
  internals.bytesOfBlob = (blob) => bytesOfBlob(blob);
  internals.newBlob = (bytes, type) => made(bytes, type);

  class File extends Blob {
    #name;
    #modified;

    constructor(parts, name, options = {}) {
      super(parts, options);
      this.#name = `${name}`;
      this.#modified = P.Number(options?.lastModified ?? P.dateNow());
    }

    get name() {
      return this.#name;
    }

    get lastModified() {
      return this.#modified;
    }
  }
  internals.tag(File, 'File');

  class FormData {
    #list = []; // { name, value }

    static {
      internals.isForm = (value) => typeof value === 'object' && value !== null && #list in value;
      internals.multipart = (form) => multipart(form.#list);
    }

    append(name, value, filename = undefined) {
      this.#list[this.#list.length] = field(name, value, filename);
    }

    set(name, value, filename = undefined) {
      const added = field(name, value, filename);
      const kept = [];
      let placed = false;
      for (let i = 0; i < this.#list.length; i++) {
        if (this.#list[i].name !== added.name) kept[kept.length] = this.#list[i];
        else if (!placed) placed = (kept[kept.length] = added) !== undefined;
      }
      if (!placed) kept[kept.length] = added;
      this.#list = kept;
    }

    delete(name) {
      const kept = [];
      for (let i = 0; i < this.#list.length; i++) {
        if (this.#list[i].name !== `${name}`) kept[kept.length] = this.#list[i];
      }
      this.#list = kept;
    }

    get(name) {
      return this.getAll(name)[0] ?? null;
    }

    getAll(name) {
      const found = [];
      for (let i = 0; i < this.#list.length; i++) {
        if (this.#list[i].name === `${name}`) found[found.length] = this.#list[i].value;
      }
      return found;
    }

    has(name) {
      return this.getAll(name).length > 0;
    }

    forEach(callback, thisArg = undefined) {
      const list = P.arraySlice(this.#list);
      for (let i = 0; i < list.length; i++) P.apply(callback, thisArg, [list[i].value, list[i].name, this]);
    }

    *entries() {
      for (let i = 0; i < this.#list.length; i++) yield [this.#list[i].name, this.#list[i].value];
    }

    *keys() {
      for (let i = 0; i < this.#list.length; i++) yield this.#list[i].name;
    }

    *values() {
      for (let i = 0; i < this.#list.length; i++) yield this.#list[i].value;
    }
  }
  P.defineProperty(FormData.prototype, P.Symbol.iterator, {
    value: FormData.prototype.entries,
    writable: true,
    configurable: true,
  });
  internals.tag(FormData, 'FormData');

  function field(name, value, filename) {
    if (!internals.isBlob(value)) return { name: P.toWellFormed(`${name}`), value: P.toWellFormed(`${value}`) };
    if (filename === undefined && value instanceof File) return { name: P.toWellFormed(`${name}`), value };
    const file = new File([value], filename ?? 'blob', { type: value.type });
    return { name: P.toWellFormed(`${name}`), value: file };
  }

  // Line ends and quotes would end a field's name.
  const quoted = (text) => {
    const escaped = P.join(P.split(P.join(P.split(text, '\r'), '%0D'), '\n'), '%0A');
    return `"${P.join(P.split(escaped, '"'), '%22')}"`;
  };

  function multipart(list) {
    const boundary = `----dormouse${P.join(P.split(crypto.randomUUID(), '-'), '')}`;
    const parts = [];
    for (let i = 0; i < list.length; i++) {
      const { name, value } = list[i];
      let head = `--${boundary}\r\nContent-Disposition: form-data; name=${quoted(name)}`;
      if (typeof value === 'string') {
        parts[parts.length] = utf8(`${head}\r\n\r\n${value}\r\n`);
        continue;
      }
      head += `; filename=${quoted(value.name)}\r\nContent-Type: ${value.type || 'application/octet-stream'}`;
      parts[parts.length] = utf8(`${head}\r\n\r\n`);
      parts[parts.length] = bytesOfBlob(value);
      parts[parts.length] = utf8('\r\n');
    }
    parts[parts.length] = utf8(`--${boundary}--\r\n`);
    return { bytes: internals.concat(parts), type: `multipart/form-data; boundary=${boundary}` };
  }
  const { crypto } = globalThis;

  internals.global('Blob', Blob);
  internals.global('File', File);
  internals.global('FormData', FormData);
}
