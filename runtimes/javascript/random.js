// Math.random, crypto and performance. All three are the host's: an image of
// this runtime may be woken many times, and no two may agree by accident.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const MAX_BYTES = 65536; // what one getRandomValues may ask for

  // xoshiro128**. The host writes its state at the beginning of each run.
  const state = internals.cells.random;
  const rotate = (x, by) => (x << by) | (x >>> (32 - by));
  const multiply = Math.imul;

  function next() {
    const result = multiply(rotate(multiply(state[1], 5), 7), 9) >>> 0;
    const t = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotate(state[3], 11);
    return result;
  }

  P.defineProperty(Math, 'random', {
    value: { random: () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992 }.random,
    writable: true,
    configurable: true,
  });

  const integers = new P.Set(['Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array',
    'Uint16Array', 'Int32Array', 'Uint32Array', 'BigInt64Array', 'BigUint64Array']);
  const isInteger = P.uncurry(Set.prototype.has);

  class Crypto {
    getRandomValues(array) {
      if (!P.isView(array) || !isInteger(integers, P.viewTag(array))) {
        throw new P.DOMException('getRandomValues: an integer typed array is wanted', 'TypeMismatchError');
      }
      const length = P.viewByteLength(array);
      if (length > MAX_BYTES) {
        throw new P.DOMException(`getRandomValues: at most ${MAX_BYTES} bytes at a time, not ${length}`, 'QuotaExceededError');
      }
      host.random(P.viewBuffer(array), P.viewByteOffset(array), length);
      return array;
    }

    randomUUID() {
      const bytes = new Uint8Array(16);
      host.random(P.viewBuffer(bytes), 0, 16);
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      let text = '';
      for (let i = 0; i < 16; i++) {
        if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
        text += P.padStart(P.numberToString(bytes[i], 16), 2, '0');
      }
      return text;
    }

    get [P.Symbol.toStringTag]() {
      return 'Crypto';
    }
  }
  internals.global('crypto', new Crypto());

  const { timeOrigin } = internals.cells;
  class Performance {
    now() {
      return host.monotonic();
    }

    get timeOrigin() {
      return timeOrigin[0];
    }

    toJSON() {
      return { timeOrigin: timeOrigin[0] };
    }

    get [P.Symbol.toStringTag]() {
      return 'Performance';
    }
  }
  internals.global('performance', new Performance());
}
