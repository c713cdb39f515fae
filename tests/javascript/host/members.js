// What there really is, as JSON: owner → member → parameters wanted, or null. Wants --kv, a folder with a file as
// /d, and a server that answers anything.
import * as module from 'dormouse';
const all = { __proto__: null };
const note = (owner, name, value) => {
  (all[owner] ??= { __proto__: null })[name] = typeof value === 'function' && !isClass(value) ? value.length : null;
};
const isClass = (value) => /^class|^function (Error|DOMException)\b/.test(Function.prototype.toString.call(value));
const nameOf = (key) => (typeof key === 'symbol' ? (key === Symbol.iterator ? '[Symbol.iterator]' : undefined) : key);

function own(owner, object) {
  for (const name of Object.getOwnPropertyNames(object)) note(owner, name, object[name]);
}
function prototypes(owner, type) {
  note(owner, 'constructor', { length: 0 });
  all[owner].constructor = type.length;
  for (let at = type.prototype; at !== Object.prototype && at !== Error.prototype; at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      const name = nameOf(key);
      if (name === undefined || name === 'constructor' || all[owner][name] !== undefined) continue;
      note(owner, name, Object.getOwnPropertyDescriptor(at, key).value);
    }
  }
  const statics = Object.getOwnPropertyNames(type).filter((name) => !['length', 'name', 'prototype'].includes(name));
  for (const name of statics) note(`static ${owner}`, name, type[name]);
}

// Globals that the language itself does not have.
const language = new Set(['Object', 'Function', 'Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError',
  'URIError', 'InternalError', 'AggregateError', 'SuppressedError', 'Iterator', 'Array', 'parseInt', 'parseFloat', 'isNaN', 'isFinite',
  'decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'escape', 'unescape', 'Infinity', 'NaN', 'undefined', 'eval',
  'Number', 'Boolean', 'String', 'Math', 'Reflect', 'Symbol', 'DisposableStack', 'globalThis', 'BigInt', 'Date', 'RegExp', 'JSON',
  'Proxy', 'Map', 'Set', 'WeakMap', 'WeakSet', 'ArrayBuffer', 'SharedArrayBuffer', 'Uint8ClampedArray', 'Int8Array', 'Uint8Array',
  'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'BigInt64Array', 'BigUint64Array', 'Float16Array', 'Float32Array',
  'Float64Array', 'DataView', 'Promise', 'AsyncDisposableStack', 'WeakRef', 'FinalizationRegistry', 'Atomics']);
for (const name of Object.getOwnPropertyNames(globalThis)) {
  if (!language.has(name)) note('globalThis', name, globalThis[name]);
}
own('Kv', kv);
own('Fs', fs);
own('Http', http);
own('Dormouse', dormouse);
for (const name of Object.keys(module)) note('module', name, module[name]);
own('Console', console);
own('FileEntry', fs.listdir('/d')[0]);
own('FileStat', fs.stat('/d/f'));
const response = http.get('http://a/');
own('HttpResponse', response);
note('HttpResponse', 'json', response.json);
try { kv.get(5); } catch (error) { note('HostError', 'code', error.code); }
all.HostError.constructor = dormouse.HostError.length;
for (const type of [Headers, Request, Response, Blob, File, FormData, Event, EventTarget, AbortSignal, AbortController, URL,
  URLSearchParams, TextEncoder, TextDecoder]) prototypes(type.name, type);
all.AbortSignal.constructor = 0; // nobody can call it
for (const [owner, object] of [['Crypto', crypto], ['Performance', performance]]) {
  prototypes(owner, object.constructor);
  delete all[owner].constructor;
}
note('DOMException', 'code', new DOMException().code);
all.DOMException.constructor = 0;
print(JSON.stringify(all));
