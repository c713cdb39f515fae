// Built-ins as they are before a program can change them. Every file here is
// a function of `host` (the host's functions) and `internals` (what the files
// share); none of the two is reachable from the global object.
(host, internals) => {
  'use strict';
  const { bind, call } = Function.prototype;
  // `uncurry(String.prototype.slice)(text, 1)` is `text.slice(1)`, whatever
  // happens to `String.prototype` later.
  const uncurry = bind.bind(call);
  const getter = (object, key) =>
    uncurry(Object.getOwnPropertyDescriptor(object, key).get);
  const TypedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype);

  internals.primordials = {
    uncurry,
    getter,
    apply: Reflect.apply,
    construct: Reflect.construct,
    ownKeys: Reflect.ownKeys,
    defineProperty: Object.defineProperty,
    getDescriptor: Object.getOwnPropertyDescriptor,
    getPrototypeOf: Object.getPrototypeOf,
    setPrototypeOf: Object.setPrototypeOf,
    keys: Object.keys,
    freeze: Object.freeze,
    create: Object.create,
    hasOwn: Object.hasOwn,
    isArray: Array.isArray,
    isView: ArrayBuffer.isView,
    isInteger: Number.isInteger,
    numberIsNaN: Number.isNaN,
    parseInt,
    parseFloat,
    String,
    Number,
    Symbol,
    Error,
    TypeError,
    RangeError,
    Map,
    Set,
    WeakMap,
    Date,
    Promise,
    DOMException,
    dateNow: Date.now,
    is: Object.is,
    floor: Math.floor,
    max: Math.max,
    min: Math.min,
    trunc: Math.trunc,
    stringify: JSON.stringify,
    parse: JSON.parse,
    promiseAll: bind.call(Promise.all, Promise),
    join: uncurry(Array.prototype.join),
    sort: uncurry(Array.prototype.sort),
    arraySlice: uncurry(Array.prototype.slice),
    splice: uncurry(Array.prototype.splice),
    charCodeAt: uncurry(String.prototype.charCodeAt),
    endsWith: uncurry(String.prototype.endsWith),
    includes: uncurry(String.prototype.includes),
    indexOf: uncurry(String.prototype.indexOf),
    padEnd: uncurry(String.prototype.padEnd),
    padStart: uncurry(String.prototype.padStart),
    repeat: uncurry(String.prototype.repeat),
    slice: uncurry(String.prototype.slice),
    split: uncurry(String.prototype.split),
    startsWith: uncurry(String.prototype.startsWith),
    toWellFormed: uncurry(String.prototype.toWellFormed),
    toLowerCase: uncurry(String.prototype.toLowerCase),
    toUpperCase: uncurry(String.prototype.toUpperCase),
    trim: uncurry(String.prototype.trim),
    regExpExec: uncurry(RegExp.prototype.exec),
    regExpToString: uncurry(RegExp.prototype.toString),
    numberToString: uncurry(Number.prototype.toString),
    toFixed: uncurry(Number.prototype.toFixed),
    functionToString: uncurry(Function.prototype.toString),
    objectToString: uncurry(Object.prototype.toString),
    symbolToString: uncurry(Symbol.prototype.toString),
    symbolDescription: getter(Symbol.prototype, 'description'),
    symbolValueOf: uncurry(Symbol.prototype.valueOf),
    numberValueOf: uncurry(Number.prototype.valueOf),
    stringValueOf: uncurry(String.prototype.valueOf),
    booleanValueOf: uncurry(Boolean.prototype.valueOf),
    bigintValueOf: uncurry(BigInt.prototype.valueOf),
    isEnumerable: uncurry(Object.prototype.propertyIsEnumerable),
    isPrototypeOf: uncurry(Object.prototype.isPrototypeOf),
    dateGetTime: uncurry(Date.prototype.getTime),
    dateToISOString: uncurry(Date.prototype.toISOString),
    mapGet: uncurry(Map.prototype.get),
    mapSet: uncurry(Map.prototype.set),
    mapHas: uncurry(Map.prototype.has),
    mapDelete: uncurry(Map.prototype.delete),
    mapClear: uncurry(Map.prototype.clear),
    mapForEach: uncurry(Map.prototype.forEach),
    mapSize: getter(Map.prototype, 'size'),
    setAdd: uncurry(Set.prototype.add),
    setForEach: uncurry(Set.prototype.forEach),
    setSize: getter(Set.prototype, 'size'),
    weakMapHas: uncurry(WeakMap.prototype.has),
    weakSetHas: uncurry(WeakSet.prototype.has),
    weakRefDeref: uncurry(WeakRef.prototype.deref),
    regExpSource: getter(RegExp.prototype, 'source'),
    regExpFlags: getter(RegExp.prototype, 'flags'),
    bufferByteLength: getter(ArrayBuffer.prototype, 'byteLength'),
    bufferSlice: uncurry(ArrayBuffer.prototype.slice),
    sharedByteLength: getter(SharedArrayBuffer.prototype, 'byteLength'),
    viewTag: getter(TypedArrayPrototype, Symbol.toStringTag),
    viewBuffer: getter(TypedArrayPrototype, 'buffer'),
    viewByteOffset: getter(TypedArrayPrototype, 'byteOffset'),
    viewByteLength: getter(TypedArrayPrototype, 'byteLength'),
    viewLength: getter(TypedArrayPrototype, 'length'),
    viewSet: uncurry(TypedArrayPrototype.set),
    dataViewBuffer: getter(DataView.prototype, 'buffer'),
    dataViewByteOffset: getter(DataView.prototype, 'byteOffset'),
    dataViewByteLength: getter(DataView.prototype, 'byteLength'),
  };

  // What the host reads and writes where it lies, so that neither costs a call
  // (`cells.rs` has the same layout).
  const buffer = new ArrayBuffer(40);
  internals.cells = {
    buffer,
    random: new Uint32Array(buffer, 0, 4), // the state of Math.random
    timeOrigin: new Float64Array(buffer, 16, 1),
    waiting: new Uint32Array(buffer, 24, 1), // timers and immediates to come
    queued: new Uint32Array(buffer, 28, 1), // calls of the host's functions to be sent
    answered: new Uint32Array(buffer, 32, 1), // what the host's last answer is
  };

  // Whether `probe(value)` works, that is, whether `value` really is what the
  // built-in behind `probe` wants. `instanceof` alone can be deceived.
  internals.isReally = (type, probe, value) => {
    if (!(value instanceof type)) return false;
    try {
      probe(value);
      return true;
    } catch {
      return false;
    }
  };

  // Adds a global that `for (key in globalThis)` does not list.
  internals.global = (name, value) =>
    Object.defineProperty(globalThis, name, {
      value,
      writable: true,
      enumerable: false,
      configurable: true,
    });

  // The bytes of a buffer or a view of one: `{ buffer, offset, length }`.
  // (No arrays: taking them apart runs code that a program may have replaced.)
  const P = internals.primordials;
  internals.bytesOf = (source, what) => {
    if (P.isView(source)) {
      if (P.viewTag(source) !== undefined) {
        return {
          buffer: P.viewBuffer(source),
          offset: P.viewByteOffset(source),
          length: P.viewByteLength(source),
        };
      }
      return {
        buffer: P.dataViewBuffer(source),
        offset: P.dataViewByteOffset(source),
        length: P.dataViewByteLength(source),
      };
    }
    if (internals.isReally(ArrayBuffer, P.bufferByteLength, source)) {
      return { buffer: source, offset: 0, length: P.bufferByteLength(source) };
    }
    throw new P.TypeError(`${what}: an ArrayBuffer or a view of one is wanted`);
  };
}
