// The objects `kv` and `fs`: the host's stores, each method at once and, with a
// name that begins with `async`, as a promise.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const { ask, askLater, callLater, id } = internals;

  // A value's JSON text.
  function jsonOf(value, indent) {
    const text = P.stringify(value, undefined, typeof indent === 'object' ? indent?.indent : indent);
    if (text === undefined) throw new P.TypeError(`a ${typeof value} has no JSON form`);
    return text;
  }

  const key = (name) => ({ __proto__: null, key: name });
  const entry = (name, value) => ({ __proto__: null, key: name, value: value ?? null });
  const kv = {
    get: (name, fallback = null) => ask(id.kv_get, name) ?? fallback,
    set: (name, value) => ask(id.kv_set, name, value ?? null),
    delete: (name) => ask(id.kv_delete, name),
    keys: () => ask(id.kv_keys),
    asyncGet: (name, fallback = null) => askLater(id.kv_get, name, (value) => value ?? fallback),
    asyncSet: (name, value) => callLater('kv_set', entry(name, value)),
    asyncDelete: (name) => callLater('kv_delete', key(name)),
    asyncKeys: () => callLater('kv_keys'),
  };

  const at = (path) => ({ __proto__: null, path });
  const file = (path, content) => ({ __proto__: null, path, content });
  const fs = {
    readText: (path) => ask(id.fs_read, path),
    readJson: (path) => P.parse(ask(id.fs_read, path)),
    writeText: (path, text) => ask(id.fs_write, path, text),
    writeJson: (path, value, indent = undefined) => ask(id.fs_write, path, jsonOf(value, indent)),
    listdir: (path) => ask(id.fs_list, path),
    exists: (path) => ask(id.fs_exists, path),
    stat: (path) => ask(id.fs_stat, path),
    mkdir: (path) => ask(id.fs_mkdir, path),
    remove: (path) => ask(id.fs_remove, path),
    asyncReadText: (path) => callLater('fs_read', at(path)),
    asyncReadJson: (path) => callLater('fs_read', at(path), (text) => P.parse(text)),
    asyncWriteText: (path, text) => callLater('fs_write', file(path, text)),
    asyncWriteJson: async (path, value, indent = undefined) =>
      callLater('fs_write', file(path, jsonOf(value, indent))),
    asyncListdir: (path) => callLater('fs_list', at(path)),
    asyncExists: (path) => callLater('fs_exists', at(path)),
    asyncStat: (path) => callLater('fs_stat', at(path)),
    asyncMkdir: (path) => callLater('fs_mkdir', at(path)),
    asyncRemove: (path) => callLater('fs_remove', at(path)),
  };

  internals.addObject = (name, object) => {
    P.defineProperty(object, P.Symbol.toStringTag, { value: name, configurable: true });
    internals.objects[name] = object;
    internals.global(name, object);
  };
  internals.objects = { __proto__: null };
  internals.addObject('kv', kv);
  internals.addObject('fs', fs);
}
