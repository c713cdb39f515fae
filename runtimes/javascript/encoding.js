// TextEncoder and TextDecoder.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const LABELS = {
    __proto__: null,
    'utf-8': 'utf-8',
    utf8: 'utf-8',
    'unicode-1-1-utf-8': 'utf-8',
    'utf-16le': 'utf-16le',
    'utf-16': 'utf-16le',
    'ucs-2': 'utf-16le',
  };

  class TextEncoder {
    get encoding() {
      return 'utf-8';
    }

    encode(text = '') {
      return new Uint8Array(host.utf8_encode(P.toWellFormed(`${text}`)));
    }

    encodeInto(text, target) {
      if (!P.isView(target) || P.viewTag(target) !== 'Uint8Array') {
        throw new P.TypeError('encodeInto: the second argument must be a Uint8Array');
      }
      const source = P.toWellFormed(`${text}`);
      const room = P.viewLength(target);
      let read = 0;
      let written = 0;
      // The part that surely fits at once, then one character at a time.
      const sure = P.min(source.length, P.floor(room / 3));
      for (let end = sure || 1; read < source.length; end = read + 1) {
        if (isHigh(source, end - 1)) end++;
        const bytes = new Uint8Array(host.utf8_encode(P.slice(source, read, end)));
        if (written + bytes.length > room) break;
        P.viewSet(target, bytes, written);
        written += bytes.length;
        read = end;
      }
      return { read, written };
    }

    get [P.Symbol.toStringTag]() {
      return 'TextEncoder';
    }
  }

  function isHigh(text, at) {
    const code = P.charCodeAt(text, at);
    return code >= 0xd800 && code <= 0xdbff;
  }

  // How many bytes at the end begin a UTF-8 character that isn't complete.
  function incompleteTail(bytes) {
    const { length } = bytes;
    for (let back = 1; back <= 3 && back <= length; back++) {
      const byte = bytes[length - back];
      if ((byte & 0xc0) === 0x80) continue;
      const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
      return size > back ? back : 0;
    }
    return 0;
  }

  class TextDecoder {
    #encoding;
    #fatal;
    #ignoreBOM;
    #left = new Uint8Array(0); // bytes of a character to be completed
    #started = false; // the byte order mark was seen or ruled out

    constructor(label = 'utf-8', options = {}) {
      const known = LABELS[P.toLowerCase(P.trim(`${label}`))];
      if (known === undefined) {
        throw new P.RangeError(`TextDecoder: the encoding '${label}' is not supported; there are utf-8 and utf-16le`);
      }
      this.#encoding = known;
      this.#fatal = !!options?.fatal;
      this.#ignoreBOM = !!options?.ignoreBOM;
    }

    get encoding() {
      return this.#encoding;
    }

    get fatal() {
      return this.#fatal;
    }

    get ignoreBOM() {
      return this.#ignoreBOM;
    }

    decode(input = undefined, options = undefined) {
      const stream = !!options?.stream;
      let { buffer, offset, length } = input === undefined
        ? { buffer: new ArrayBuffer(0), offset: 0, length: 0 }
        : internals.bytesOf(input, 'decode');
      if (this.#left.length > 0) {
        const joined = new Uint8Array(this.#left.length + length);
        P.viewSet(joined, this.#left);
        P.viewSet(joined, new Uint8Array(buffer, offset, length), this.#left.length);
        buffer = P.viewBuffer(joined);
        offset = 0;
        length = joined.length;
        this.#left = new Uint8Array(0);
      }
      if (stream) {
        const bytes = new Uint8Array(buffer, offset, length);
        const tail = this.#encoding === 'utf-8' ? incompleteTail(bytes) : utf16Tail(bytes);
        if (tail > 0) {
          length -= tail;
          this.#left = new Uint8Array(P.bufferSlice(buffer, offset + length, offset + length + tail));
        }
      }
      const text = this.#encoding === 'utf-8'
        ? host.utf8_decode(buffer, offset, length, this.#fatal)
        : host.utf16_decode(buffer, offset, length, this.#fatal);
      if (text === null) {
        this.#started = false;
        throw new P.TypeError(`The encoded data was not valid for encoding ${this.#encoding}`);
      }
      return this.#withoutMark(text, length, stream);
    }

    #withoutMark(text, length, stream) {
      const first = !this.#started;
      this.#started = stream && (this.#started || length > 0);
      if (first && !this.#ignoreBOM && P.charCodeAt(text, 0) === 0xfeff) return P.slice(text, 1);
      return text;
    }

    get [P.Symbol.toStringTag]() {
      return 'TextDecoder';
    }
  }

  function utf16Tail(bytes) {
    const odd = bytes.length & 1;
    const high = bytes[bytes.length - odd - 1];
    return high >= 0xd8 && high <= 0xdb ? odd + 2 : odd;
  }

  internals.global('TextEncoder', TextEncoder);
  internals.global('TextDecoder', TextDecoder);
}
