// What a session asks of the runtime, by a word for it and a value.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const evaluate = eval; // in the global scope
  const MOST_NAMES = 1000;
  const MOST_TEXT = 10000; // of an error's message

  // A thrown value's name and message, separated by NUL.
  function describe(value) {
    try {
      if (internals.isError(value)) {
        return `${P.toWellFormed(P.String(value.name))}\0${P.slice(P.toWellFormed(P.String(value.message)), 0, MOST_TEXT)}`;
      }
    } catch {
      return 'Error\0';
    }
    return `Uncaught\0${P.slice(P.toWellFormed(internals.inspect(value)), 0, MOST_TEXT)}`;
  }

  let last; // what `_` was made

  // Shows what a piece gives, and keeps it as `_`, unless the program has one.
  function show(value) {
    if (value === undefined) return;
    try {
      if (!P.hasOwn(globalThis, '_') || P.is(globalThis._, last)) globalThis._ = last = value;
    } catch {
      // It is not to be changed.
    }
    internals.log(value);
  }

  // What the dotted name that ends `text` may become; `names` are those that no
  // object has: of `let`, `const` and `class`.
  function complete(text, names) {
    const word = /[\p{ID_Continue}$.]*$/u;
    const path = P.regExpExec(word, text)[0];
    let dot = path.length;
    while (dot > 0 && path[dot - 1] !== '.') dot--;
    const start = P.slice(path, 0, dot);
    const last = P.slice(path, dot);
    const found = new P.Set();
    const note = (name) => {
      if (typeof name === 'string' && P.startsWith(name, last) && isName(name)) P.setAdd(found, start + name);
    };
    let object = globalThis;
    if (dot > 0) {
      const owner = P.slice(path, 0, dot - 1);
      const parts = P.split(owner, '.');
      for (let i = 0; i < parts.length; i++) if (!isName(parts[i])) return '';
      object = evaluate(owner);
    } else {
      for (let i = 0; i < names.length; i++) note(names[i]);
    }
    if (object === undefined || object === null) return '';
    for (object = Object(object); object !== null; object = P.getPrototypeOf(object)) {
      const keys = P.ownKeys(object);
      for (let i = 0; i < keys.length; i++) note(keys[i]);
    }
    const list = [];
    P.setForEach(found, (name) => { list[list.length] = name; });
    P.sort(list);
    return P.join(P.arraySlice(list, 0, MOST_NAMES), '\n');
  }

  function isName(text) {
    return P.regExpExec(/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u, text) !== null;
  }

  internals.session = (word, value) => {
    switch (word) {
      case 'show':
        show(value);
        return '';
      case 'describe':
        return describe(value);
      case 'forget':
        internals.clearTimers();
        internals.clearCalls();
        return '';
      case 'complete': {
        const parts = P.split(value, '\0');
        try {
          return complete(parts[0], P.arraySlice(parts, 1));
        } catch {
          return '';
        }
      }
    }
  };
}
