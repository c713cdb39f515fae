// What `std` and `os` share: error numbers, and FILE objects over the host's
// table of open files.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const { BigInt } = globalThis;
  const { fromCodePoint } = String;
  // WASI's numbers, which the host's functions answer negated.
  const ERRNO = {
    EACCES: 2, EAGAIN: 6, EBADF: 8, EBUSY: 10, EEXIST: 20, EFBIG: 22, EINVAL: 28, EIO: 29,
    EISDIR: 31, ELOOP: 32, EMFILE: 33, ENAMETOOLONG: 37, ENOENT: 44, ENOMEM: 48, ENOSPC: 51,
    ENOSYS: 52, ENOTDIR: 54, ENOTEMPTY: 55, ENOTSUP: 58, EPERM: 63, EPIPE: 64, ERANGE: 68,
    EROFS: 69, ESPIPE: 70, EXDEV: 75, ENOTCAPABLE: 76,
  };
  const TEXT = {
    __proto__: null,
    0: 'Success', 2: 'Permission denied', 6: 'Resource temporarily unavailable',
    8: 'Bad file descriptor', 10: 'Resource busy', 20: 'File exists', 22: 'File too large',
    28: 'Invalid argument', 29: 'I/O error', 31: 'Is a directory', 32: 'Symbolic link loop',
    33: 'Too many open files', 37: 'Filename too long', 44: 'No such file or directory',
    48: 'Out of memory', 51: 'No space left on device', 52: 'Function not implemented',
    54: 'Not a directory', 55: 'Directory not empty', 58: 'Not supported',
    63: 'Operation not permitted', 64: 'Broken pipe', 68: 'Result not representable',
    69: 'Read-only file system', 70: 'Invalid seek', 75: 'Cross-device link',
    76: 'Capabilities insufficient',
  };
  internals.ERRNO = ERRNO;
  internals.strerror = (errno) => TEXT[errno] ?? `Unknown error ${errno}`;

  // Flags of the host's `open`.
  const READ = 1;
  const WRITE = 2;
  const APPEND = 4;
  const CREATE = 8;
  const EXCLUSIVE = 16;
  const TRUNCATE = 32;
  internals.OPEN = { READ, WRITE, APPEND, CREATE, EXCLUSIVE, TRUNCATE };
  const MODES = {
    __proto__: null,
    r: READ,
    'r+': READ | WRITE,
    w: WRITE | CREATE | TRUNCATE,
    'w+': READ | WRITE | CREATE | TRUNCATE,
    a: WRITE | APPEND | CREATE,
    'a+': READ | WRITE | APPEND | CREATE,
  };

  internals.modeFlags = (mode) => {
    const letters = P.join(P.split(`${mode}`, 'b'), '');
    const exclusive = P.includes(letters, 'x');
    const flags = MODES[exclusive ? P.join(P.split(letters, 'x'), '') : letters];
    if (flags === undefined) throw new P.TypeError(`invalid file mode '${mode}'`);
    return exclusive ? flags | EXCLUSIVE : flags;
  };

  // An `errorObj` argument gets the error's number, or 0.
  internals.note = (errorObj, errno) => {
    if (typeof errorObj === 'object' && errorObj !== null) errorObj.errno = errno;
  };

  // Throws for a negative answer of the host.
  const must = (answer, what) => {
    if (answer >= 0) return answer;
    const error = new P.Error(`${what}: ${internals.strerror(-answer)}`);
    error.errno = -answer;
    throw error;
  };
  internals.must = must;

  const range = (buffer, position, length, what) => {
    const bytes = internals.bytesOf(buffer, what);
    const size = bytes.length;
    const from = position === undefined ? 0 : P.trunc(position);
    const count = length === undefined ? size - from : P.trunc(length);
    if (!(from >= 0 && count >= 0 && from + count <= size)) {
      throw new P.RangeError(`${what}: position ${position} and length ${length} are outside the buffer of ${size} bytes`);
    }
    return { buffer: bytes.buffer, offset: bytes.offset + from, length: count };
  };
  internals.range = range;

  class FILE {
    #fd;

    static {
      internals.make = (fd) => {
        const file = new FILE();
        file.#fd = fd;
        return file;
      };
    }

    #open(what) {
      if (this.#fd === undefined || this.#fd < 0) throw new P.TypeError(`${what}: the file is closed`);
      return this.#fd;
    }

    close() {
      const fd = this.#open('close');
      if (fd > 2) this.#fd = -1;
      const answer = host.close(fd);
      return answer < 0 ? answer : 0;
    }

    puts(...values) {
      const fd = this.#open('puts');
      let text = '';
      for (let i = 0; i < values.length; i++) text += P.String(values[i]);
      must(host.write(fd, text), 'puts');
    }

    printf(pattern, ...values) {
      const text = internals.sprintf(`${pattern}`, values);
      must(host.write(this.#open('printf'), text), 'printf');
      return text.length;
    }

    flush() {
      return must(host.flush(this.#open('flush')), 'flush');
    }

    sync() {
      return must(host.flush(this.#open('sync')), 'sync');
    }

    seek(offset, whence) {
      const answer = host.seek(this.#open('seek'), P.Number(offset), whence);
      return answer < 0 ? answer : 0;
    }

    tell() {
      return host.seek(this.#open('tell'), 0, 1);
    }

    tello() {
      return BigInt(this.tell());
    }

    eof() {
      return host.eof(this.#open('eof'));
    }

    error() {
      return host.error(this.#open('error')) !== 0;
    }

    clearerr() {
      host.clear_error(this.#open('clearerr'));
    }

    fileno() {
      return this.#open('fileno');
    }

    // Fewer bytes than asked for only at the end of the file.
    read(buffer, position, length) {
      const fd = this.#open('read');
      const part = range(buffer, position, length, 'read');
      let { offset, length: left } = part;
      let total = 0;
      while (left > 0) {
        const count = must(host.read(fd, part.buffer, offset, left), 'read');
        if (count === 0) break;
        total += count;
        offset += count;
        left -= count;
      }
      return total;
    }

    write(buffer, position, length) {
      const fd = this.#open('write');
      const part = range(buffer, position, length, 'write');
      return must(host.write(fd, part.buffer, part.offset, part.length), 'write');
    }

    // The next line without its end; null at the end of the file.
    getline() {
      const line = host.getline(this.#open('getline'));
      if (typeof line === 'number') must(line, 'getline');
      return line;
    }

    readAsString(max) {
      const limit = max === undefined || max === null ? -1 : P.trunc(max);
      const text = host.read_text(this.#open('readAsString'), limit);
      if (typeof text === 'number') must(text, 'readAsString');
      return text;
    }

    readAsArrayBuffer(max) {
      const limit = max === undefined || max === null ? -1 : P.trunc(max);
      const bytes = host.read_bytes(this.#open('readAsArrayBuffer'), limit);
      if (typeof bytes === 'number') must(bytes, 'readAsArrayBuffer');
      return bytes;
    }

    getByte() {
      const byte = host.get_byte(this.#open('getByte'));
      return byte < -1 ? must(byte + 1, 'getByte') : byte;
    }

    putByte(byte) {
      must(host.put_byte(this.#open('putByte'), byte & 255), 'putByte');
      return byte & 255;
    }

    get [P.Symbol.toStringTag]() {
      return 'FILE';
    }
  }

  // C's printf, as far as numbers and strings go.
  const directive = /%([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+))?(?:hh|h|ll|l|j|z|t|L)?([a-zA-Z%])/y;
  const setLastIndex = (at) => (directive.lastIndex = at);
  const MAX_FIELD = 4096; // characters that a width or precision can ask for

  internals.sprintf = (pattern, values) => {
    let text = '';
    let next = 0;
    const take = () => values[next++];
    for (let at = 0; ;) {
      const found = P.indexOf(pattern, '%', at);
      if (found < 0) return text + P.slice(pattern, at);
      text += P.slice(pattern, at, found);
      setLastIndex(found);
      const match = P.regExpExec(directive, pattern);
      if (match === null) throw new P.TypeError(`printf: invalid conversion in '${pattern}'`);
      text += field(match, take);
      at = found + match[0].length;
    }
  };

  function field(match, take) {
    if (match[4] === '%') return '%';
    let flags = match[1];
    let width = match[2] === '*' ? P.trunc(take()) : P.Number(match[2] ?? 0);
    const precision = match[3] === '*' ? P.trunc(take()) : match[3] === undefined ? undefined : P.Number(match[3]);
    if (width < 0) {
      flags += '-';
      width = -width;
    }
    if (width > MAX_FIELD || precision > MAX_FIELD) throw new P.RangeError(`printf: a field wider than ${MAX_FIELD}`);
    const { sign, digits } = converted(match[4], take(), precision, flags);
    const numeric = !P.includes('sc', match[4]);
    const length = sign.length + digits.length;
    if (length >= width) return sign + digits;
    if (P.includes(flags, '-')) return P.padEnd(sign + digits, width);
    const zeros = P.includes(flags, '0') && numeric
      && (precision === undefined || P.includes('eEfFgGaA', match[4]));
    if (zeros) return sign + P.padStart(digits, width - sign.length, '0');
    return P.padStart(sign + digits, width);
  }

  function converted(kind, value, precision, flags) {
    const signOf = (negative) => (negative ? '-' : P.includes(flags, '+') ? '+' : P.includes(flags, ' ') ? ' ' : '');
    switch (kind) {
      case 's': {
        const text = P.String(value);
        return { sign: '', digits: precision === undefined ? text : P.slice(text, 0, precision) };
      }
      case 'c': return { sign: '', digits: typeof value === 'string' ? value : fromCodePoint(P.Number(value)) };
      case 'd': case 'i': {
        const integer = toInteger(value);
        const text = `${integer < 0n ? -integer : integer}`;
        return { sign: signOf(integer < 0n), digits: P.padStart(text, precision ?? 0, '0') };
      }
      case 'u': case 'x': case 'X': case 'o': return unsigned(kind, value, precision, flags);
      case 'e': case 'E': case 'f': case 'F': case 'g': case 'G': case 'a': case 'A': {
        const number = P.Number(value);
        const negative = number < 0 || P.is(number, -0);
        const text = floating(P.toLowerCase(kind), negative ? -number : number, precision ?? 6, flags);
        return { sign: signOf(negative), digits: kind < 'a' ? toUpperCase(text) : text };
      }
      default: throw new P.TypeError(`printf: unknown conversion '%${kind}'`);
    }
  }

  const toUpperCase = P.uncurry(String.prototype.toUpperCase);
  const toExponential = P.uncurry(Number.prototype.toExponential);
  const bigToString = P.uncurry(BigInt.prototype.toString);
  const { asUintN } = BigInt;

  const toInteger = (value) => {
    if (typeof value === 'bigint') return value;
    const number = P.trunc(P.Number(value));
    return number - number === 0 ? BigInt(number) : 0n;
  };

  function unsigned(kind, value, precision, flags) {
    const integer = toInteger(value);
    const bits = integer < 0n ? asUintN(integer < -2147483648n ? 64 : 32, integer) : integer;
    const base = kind === 'o' ? 8 : kind === 'u' ? 10 : 16;
    let text = P.padStart(bigToString(bits, base), precision ?? 0, '0');
    if (kind === 'X') text = toUpperCase(text);
    const alternate = P.includes(flags, '#') && bits !== 0n;
    return { sign: alternate && base === 16 ? `0${kind}` : alternate && base === 8 ? '0' : '', digits: text };
  }

  function floating(kind, number, precision, flags) {
    if (number - number !== 0) return P.numberIsNaN(number) ? 'nan' : 'inf';
    const digits = P.min(precision, 100);
    switch (kind) {
      case 'f': return number < 1e21 ? P.toFixed(number, digits)
        : `${BigInt(number)}${digits > 0 ? `.${P.repeat('0', digits)}` : ''}`;
      case 'e': return twoDigitExponent(toExponential(number, digits));
      case 'g': return general(number, digits || 1, P.includes(flags, '#'));
      default: return hexFloat(number);
    }
  }

  function twoDigitExponent(text) {
    const at = P.indexOf(text, 'e');
    return `${P.slice(text, 0, at + 2)}${P.padStart(P.slice(text, at + 2), 2, '0')}`;
  }

  function general(number, digits, keepZeros) {
    const scientific = toExponential(number, digits - 1);
    const exponent = P.Number(P.slice(scientific, P.indexOf(scientific, 'e') + 1));
    const small = exponent >= -4 && exponent < digits;
    let text = small ? P.toFixed(number, P.min(100, digits - 1 - exponent)) : P.slice(scientific, 0, P.indexOf(scientific, 'e'));
    if (!keepZeros && P.includes(text, '.')) {
      let end = text.length;
      while (text[end - 1] === '0') end--;
      if (text[end - 1] === '.') end--;
      text = P.slice(text, 0, end);
    }
    return small ? text : text + P.slice(twoDigitExponent(scientific), P.indexOf(scientific, 'e'));
  }

  function hexFloat(number) {
    if (number === 0) return '0x0p+0';
    let exponent = 0;
    while (number >= 2) { number /= 2; exponent++; }
    while (number < 1) { number *= 2; exponent--; }
    return `0x${P.numberToString(number, 16)}p${exponent < 0 ? '-' : '+'}${exponent < 0 ? -exponent : exponent}`;
  }
}
