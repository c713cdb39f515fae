// structuredClone.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const { isReally } = internals;
  const { Array, ArrayBuffer, BigInt, Boolean, DataView, Number, Object, RegExp, String, WeakRef, WeakSet } =
    globalThis;
  const errors = {
    __proto__: null, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError,
  };
  const detach = P.uncurry(ArrayBuffer.prototype.transfer);
  const isDetached = P.getter(ArrayBuffer.prototype, 'detached');
  const views = { __proto__: null };
  for (const type of [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array,
    Uint32Array, BigInt64Array, BigUint64Array, Float16Array, Float32Array, Float64Array]) {
    views[type.name] = type;
  }

  function refuse(what) {
    throw new P.DOMException(`${what} could not be cloned.`, 'DataCloneError');
  }

  function clone(value, seen) {
    if (typeof value === 'function') refuse(`function ${value.name || '(anonymous)'}`);
    if (typeof value === 'symbol') refuse(P.symbolToString(value));
    if (typeof value !== 'object' || value === null) return value;
    const known = P.mapGet(seen, value);
    if (known !== undefined) return known;
    return builtin(value, seen) ?? ordinary(value, seen);
  }

  function remember(seen, value, copy) {
    P.mapSet(seen, value, copy);
    return copy;
  }

  function builtin(value, seen) {
    if (P.isArray(value)) return ordinaryInto(remember(seen, value, new Array(value.length)), value, seen);
    if (isReally(P.Map, P.mapSize, value)) return cloneMap(value, seen);
    if (isReally(P.Set, P.setSize, value)) return cloneSet(value, seen);
    if (isReally(P.Date, P.dateGetTime, value)) return remember(seen, value, new P.Date(P.dateGetTime(value)));
    if (isReally(RegExp, P.regExpSource, value)) {
      return remember(seen, value, new RegExp(P.regExpSource(value), P.regExpFlags(value)));
    }
    if (internals.isError(value)) return cloneError(value, seen);
    if (isReally(ArrayBuffer, P.bufferByteLength, value)) {
      if (isDetached(value)) refuse('A detached ArrayBuffer');
      return remember(seen, value, P.bufferSlice(value, 0));
    }
    if (P.isView(value)) return cloneView(value, seen);
    return cloneBoxed(value, seen) ?? refuseUncloneable(value);
  }

  function cloneMap(value, seen) {
    const copy = remember(seen, value, new P.Map());
    const entries = [];
    P.mapForEach(value, (item, key) => (entries[entries.length] = [key, item]));
    for (let i = 0; i < entries.length; i++) {
      P.mapSet(copy, clone(entries[i][0], seen), clone(entries[i][1], seen));
    }
    return copy;
  }

  function cloneSet(value, seen) {
    const copy = remember(seen, value, new P.Set());
    const items = [];
    P.setForEach(value, (item) => (items[items.length] = item));
    for (let i = 0; i < items.length; i++) P.setAdd(copy, clone(items[i], seen));
    return copy;
  }

  function cloneError(value, seen) {
    const type = errors[value.name] ?? errors.Error;
    const made = remember(seen, value, new type());
    for (const key of ['message', 'stack', 'cause']) {
      const own = P.getDescriptor(value, key);
      const has = own !== undefined && 'value' in own;
      if (has || key === 'stack') {
        const item = has ? clone(own.value, seen) : value.stack;
        P.defineProperty(made, key, { value: item, writable: true, enumerable: false, configurable: true });
      }
    }
    return made;
  }

  function cloneView(value, seen) {
    const tag = P.viewTag(value);
    if (tag === undefined) {
      const buffer = clone(P.dataViewBuffer(value), seen);
      const copy = new DataView(buffer, P.dataViewByteOffset(value), P.dataViewByteLength(value));
      return remember(seen, value, copy);
    }
    const buffer = clone(P.viewBuffer(value), seen);
    return remember(seen, value, new views[tag](buffer, P.viewByteOffset(value), P.viewLength(value)));
  }

  function cloneBoxed(value, seen) {
    if (isReally(Number, P.numberValueOf, value)) return remember(seen, value, Object(P.numberValueOf(value)));
    if (isReally(String, P.stringValueOf, value)) return remember(seen, value, Object(P.stringValueOf(value)));
    if (isReally(Boolean, P.booleanValueOf, value)) return remember(seen, value, Object(P.booleanValueOf(value)));
    if (isReally(BigInt, P.bigintValueOf, value)) return remember(seen, value, Object(P.bigintValueOf(value)));
    return undefined;
  }

  function refuseUncloneable(value) {
    const probe = {};
    const uncloneable = (value instanceof P.Promise && host.promise_state(value) >= 0)
      || isReally(P.WeakMap, (it) => P.weakMapHas(it, probe), value)
      || isReally(WeakSet, (it) => P.weakSetHas(it, probe), value)
      || isReally(WeakRef, P.weakRefDeref, value);
    if (uncloneable) refuse(`#<${P.slice(P.objectToString(value), 8, -1)}>`);
    return undefined;
  }

  const ordinary = (value, seen) => ordinaryInto(remember(seen, value, {}), value, seen);

  function ordinaryInto(copy, value, seen) {
    const keys = P.keys(value);
    for (let i = 0; i < keys.length; i++) {
      const item = clone(value[keys[i]], seen);
      P.defineProperty(copy, keys[i], { value: item, writable: true, enumerable: true, configurable: true });
    }
    return copy;
  }

  internals.global('structuredClone', function structuredClone(value, options = undefined) {
    if (arguments.length === 0) throw new P.TypeError('structuredClone: a value is wanted');
    const transfer = options?.transfer ?? [];
    const seen = new P.Map();
    const moved = [];
    for (let i = 0; i < transfer.length; i++) {
      const buffer = transfer[i];
      if (!isReally(ArrayBuffer, P.bufferByteLength, buffer) || isDetached(buffer) || P.mapHas(seen, buffer)) {
        refuse('A value to transfer that is no attached ArrayBuffer');
      }
      // Reserved now, moved when nothing can fail any more.
      P.mapSet(seen, buffer, P.bufferSlice(buffer, 0));
      moved[i] = buffer;
    }
    const copy = clone(value, seen);
    for (let i = 0; i < moved.length; i++) detach(moved[i]);
    return copy;
  });
}
