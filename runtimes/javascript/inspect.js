// Turns any value into text that a person can read, as `console.log` shows it.
// One file, though a long one: each kind of value is shown by way of the others.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const { isReally } = internals;

  const DEPTH = 2; // levels below the outermost object that are shown
  const WIDTH = 80; // characters of a line that an object may fill
  const MAX_ITEMS = 100; // items shown of an array, a map, a set, a buffer
  const MAX_STRING = 10000; // characters shown of a string inside an object
  const GROUP_FROM = 7; // arrays of so many items are set in columns
  const HIDDEN_ERROR_KEYS = ['cause', 'errors', 'error', 'suppressed']; // worth showing though not enumerable
  const NESTED_ON_ONE_LINE = 3; // levels that may share a line

  const custom = P.Symbol.for('nodejs.util.inspect.custom');
  const { toStringTag } = P.Symbol;
  const identifier = /^[A-Za-z_$][\w$]*$/;
  const escapable = /[\x00-\x1f\x7f'\\\ud800-\udfff]/;

  const isIdentifier = (text) => P.regExpExec(identifier, text) !== null;

  function quote(text) {
    let mark = "'";
    if (P.includes(text, "'")) {
      if (!P.includes(text, '"')) mark = '"';
      else if (!P.includes(text, '`') && !P.includes(text, '${')) mark = '`';
    } else if (P.regExpExec(escapable, text) === null) {
      return mark + text + mark;
    }
    let quoted = mark;
    for (let i = 0; i < text.length; i++) quoted += escape(text, i, mark);
    return quoted + mark;
  }

  function escape(text, i, mark) {
    const char = text[i];
    if (char === mark || char === '\\') return '\\' + char;
    const code = P.charCodeAt(char, 0);
    if (code >= 0x20 && code !== 0x7f && (code < 0xd800 || code > 0xdfff)) return char;
    switch (char) {
      case '\n': return '\\n';
      case '\t': return '\\t';
      case '\r': return '\\r';
      case '\b': return '\\b';
      case '\f': return '\\f';
      case '\v': return '\\v';
    }
    if (code < 0x80) return '\\x' + P.padStart(upperHex(code), 2, '0');
    const inPair = code < 0xdc00
      ? isLow(P.charCodeAt(text, i + 1))
      : i > 0 && isHigh(P.charCodeAt(text, i - 1));
    return inPair ? char : '\\u' + upperHex(code);
  }

  const isLow = (code) => code >= 0xdc00 && code <= 0xdfff;
  const isHigh = (code) => code >= 0xd800 && code <= 0xdbff;

  function upperHex(number) {
    let text = '';
    do {
      text = '0123456789ABCDEF'[number & 15] + text;
      number >>= 4;
    } while (number > 0);
    return text;
  }

  function primitive(value) {
    switch (typeof value) {
      case 'string': {
        if (value.length <= MAX_STRING) return quote(value);
        const more = value.length - MAX_STRING;
        return `${quote(P.slice(value, 0, MAX_STRING))}... ${more} more character${more > 1 ? 's' : ''}`;
      }
      case 'number': return P.is(value, -0) ? '-0' : `${value}`;
      case 'bigint': return `${value}n`;
      case 'symbol': return P.symbolToString(value);
      default: return `${value}`;
    }
  }

  // The name of the class that made `value`; null if it has no prototype.
  function className(value) {
    for (let object = value; object !== null; object = P.getPrototypeOf(object)) {
      const constructor = P.getDescriptor(object, 'constructor')?.value;
      if (typeof constructor === 'function') {
        const name = P.getDescriptor(constructor, 'name')?.value;
        if (typeof name === 'string' && name !== '' && value instanceof constructor) return name;
      }
    }
    return null;
  }

  // `Foo ` before an object's brace, where it isn't what one would expect.
  function prefix(value, fallback, size) {
    const name = className(value);
    const count = size === undefined ? '' : `(${size})`;
    let text = name === null ? `[${fallback}${count}: null prototype] ` : `${name}${count} `;
    let tag;
    try {
      tag = value[toStringTag];
    } catch {
      tag = undefined;
    }
    if (typeof tag === 'string' && tag !== '' && tag !== name) text += `[${tag}] `;
    return text;
  }

  // Own keys worth showing: enumerable ones; indices only where `indices`.
  function visibleKeys(value, indices) {
    const all = P.ownKeys(value);
    const keys = [];
    for (let i = 0; i < all.length; i++) {
      const key = all[i];
      if (!indices && typeof key === 'string' && isIndex(key)) continue;
      if (P.isEnumerable(value, key)) keys[keys.length] = key;
    }
    return keys;
  }

  function isIndex(key) {
    const first = P.charCodeAt(key, 0);
    return first >= 48 && first <= 57 && `${key >>> 0}` === key && key >>> 0 !== 0xffffffff;
  }

  function format(ctx, value, level, typed) {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
      return primitive(value);
    }
    const target = host.proxy_target(value);
    if (target !== undefined) {
      return target === null ? '<Revoked Proxy>' : format(ctx, target, level, typed);
    }
    const by = value[custom];
    if (typeof by === 'function' && by !== internals.inspect) {
      const shown = P.apply(by, value, [ctx.depth - level, {}, internals.inspect]);
      if (shown !== value) {
        return typeof shown === 'string' ? shown : format(ctx, shown, level);
      }
    }
    for (let i = 0; i < ctx.seen.length; i++) {
      if (ctx.seen[i] === value) return circular(ctx, value);
    }
    return object(ctx, value, level);
  }

  function circular(ctx, value) {
    let index = 1;
    if (ctx.circular === undefined) ctx.circular = new P.Map();
    const known = P.mapGet(ctx.circular, value);
    if (known === undefined) {
      index = P.mapSize(ctx.circular) + 1;
      P.mapSet(ctx.circular, value, index);
    } else {
      index = known;
    }
    return `[Circular *${index}]`;
  }

  // What an object is made of: `open` and `close` braces, `base` text before
  // them, `items` to list first, `keys` of its properties, `bare` if `base`
  // says it all where there is nothing else.
  function describe(value) {
    if (P.isArray(value)) {
      const named = className(value) !== 'Array';
      const start = named ? prefix(value, 'Array', value.length) : '';
      return { open: `${start}[`, close: ']', items: arrayItems, keys: visibleKeys(value, false), list: true };
    }
    if (typeof value === 'function') {
      return { base: functionBase(value), keys: visibleKeys(value, true), bare: true };
    }
    const tag = P.isView(value) ? P.viewTag(value) : undefined;
    if (tag !== undefined) {
      const start = prefix(value, tag, P.viewLength(value));
      return { open: `${start}[`, close: ']', items: viewItems, keys: visibleKeys(value, false), list: true };
    }
    return describeBuiltin(value) ?? describePlain(value);
  }

  function describeBuiltin(value) {
    const keys = () => visibleKeys(value, true);
    const bare = (base) => ({ base, keys: keys(), bare: true });
    if (internals.isError(value)) return { base: errorBase(value), keys: errorKeys(value), bare: true };
    if (isReally(P.Map, P.mapSize, value)) {
      return { open: `${prefix(value, 'Map', P.mapSize(value))}{`, close: '}', items: mapItems, keys: keys() };
    }
    if (isReally(P.Set, P.setSize, value)) {
      return { open: `${prefix(value, 'Set', P.setSize(value))}{`, close: '}', items: setItems, keys: keys() };
    }
    if (isReally(P.Date, P.dateGetTime, value)) {
      return bare(P.numberIsNaN(P.dateGetTime(value)) ? 'Invalid Date' : P.dateToISOString(value));
    }
    if (isReally(RegExp, P.regExpSource, value)) return bare(P.regExpToString(value));
    if (isReally(ArrayBuffer, P.bufferByteLength, value)) {
      return { open: `${prefix(value, 'ArrayBuffer')}{`, close: '}', items: bufferItems, keys: keys() };
    }
    if (P.isView(value)) {
      return { open: `${prefix(value, 'DataView')}{`, close: '}', items: dataViewItems, keys: keys() };
    }
    if (value instanceof P.Promise && host.promise_state(value) >= 0) {
      return { open: `${prefix(value, 'Promise')}{`, close: '}', items: promiseItems, keys: keys() };
    }
    const probe = {};
    const isWeakMap = isReally(P.WeakMap, (it) => P.weakMapHas(it, probe), value);
    if (isWeakMap || isReally(WeakSet, (it) => P.weakSetHas(it, probe), value)) {
      return { open: `${prefix(value, 'WeakMap')}{`, close: '}', items: () => ['<items unknown>'], keys: keys() };
    }
    if (isReally(WeakRef, P.weakRefDeref, value)) {
      return { open: `${prefix(value, 'WeakRef')}{`, close: '}', items: weakRefItems, keys: keys() };
    }
    return describeBoxed(value);
  }

  function describeBoxed(value) {
    const box = (type, valueOf, name) => {
      if (!isReally(type, valueOf, value)) return undefined;
      const inner = primitive(valueOf(value));
      return { base: `[${name}: ${inner}]`, keys: visibleKeys(value, name !== 'String'), bare: true };
    };
    return box(Number, P.numberValueOf, 'Number')
      ?? box(String, P.stringValueOf, 'String')
      ?? box(Boolean, P.booleanValueOf, 'Boolean')
      ?? box(BigInt, P.bigintValueOf, 'BigInt')
      ?? box(P.Symbol, P.symbolValueOf, 'Symbol');
  }

  function describePlain(value) {
    const tag = P.objectToString(value);
    if (tag === '[object Arguments]') {
      return { open: '[Arguments] [', close: ']', items: arrayItems, keys: visibleKeys(value, false), list: true };
    }
    const keys = visibleKeys(value, true);
    let start = prefix(value, tag === '[object Module]' ? 'Module' : 'Object');
    if (start === 'Object ') start = '';
    if (start === '[Module: null prototype] [Module] ') start = '[Module: null prototype] ';
    return { open: `${start}{`, close: '}', keys };
  }

  function functionBase(value) {
    const source = P.functionToString(value);
    const name = P.getDescriptor(value, 'name')?.value;
    const named = typeof name === 'string' && name !== '';
    if (P.startsWith(source, 'class') && P.endsWith(source, '}')) {
      let text = `[class ${named ? name : '(anonymous)'}`;
      const parent = P.getPrototypeOf(value);
      if (typeof parent === 'function' && parent.name) text += ` extends ${parent.name}`;
      return text + ']';
    }
    const tag = value[toStringTag];
    const kind = typeof tag === 'string' && tag !== '' ? tag : 'Function';
    return named ? `[${kind}: ${name}]` : `[${kind} (anonymous)]`;
  }

  // Lines of a stack that belong to the program.
  internals.frames = (stack) => {
    const lines = P.split(stack, '\n');
    const kept = [];
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i];
      if (line === '' || P.includes(line, '(dormouse:')) continue;
      kept[kept.length] = line;
    }
    // Natives that the bootstrap called leave a frame without a caller.
    while (kept.length > 0 && P.endsWith(kept[kept.length - 1], ' (native)')) kept.length--;
    return P.join(kept, '\n');
  };

  internals.isError = (value) =>
    value instanceof P.Error || P.objectToString(value) === '[object Error]';

  // `TypeError: message`, as far as the error's own properties tell.
  function errorTitle(error) {
    const name = textOf(error, 'name') ?? className(error) ?? 'Error';
    const message = textOf(error, 'message') ?? '';
    const made = className(error);
    const generic = name === 'Error' && made !== null && made !== 'Error';
    const title = generic ? made : name === '' ? 'Error' : name;
    return message === '' ? title : `${title}: ${message}`;
  }

  function textOf(object, key) {
    try {
      const value = object[key];
      return value === undefined || typeof value === 'symbol' ? undefined : `${value}`;
    } catch {
      return undefined;
    }
  }

  function errorBase(error) {
    const title = errorTitle(error);
    const stack = textOf(error, 'stack');
    if (stack === undefined) return `[${title}]`;
    const frames = P.startsWith(stack, title) ? P.slice(stack, title.length) : stack;
    const kept = internals.frames(frames);
    return kept === '' ? `[${title}]` : `${title}\n${kept}`;
  }

  function errorKeys(error) {
    const keys = [];
    const all = visibleKeys(error, true);
    for (let i = 0; i < all.length; i++) {
      if (all[i] !== 'stack' && all[i] !== 'message' && all[i] !== 'name') keys[keys.length] = all[i];
    }
    for (let i = 0; i < HIDDEN_ERROR_KEYS.length; i++) {
      const key = HIDDEN_ERROR_KEYS[i];
      const own = P.getDescriptor(error, key);
      if (own !== undefined && !own.enumerable) keys[keys.length] = key;
    }
    return keys;
  }

  function more(count) {
    return `... ${count} more item${count > 1 ? 's' : ''}`;
  }

  function arrayItems(ctx, value, level) {
    const items = [];
    const { length } = value;
    let index = 0;
    while (index < length && items.length < MAX_ITEMS) {
      if (P.hasOwn(value, index)) {
        items[items.length] = property(ctx, value, index, level, true);
        index++;
        continue;
      }
      const hole = index;
      index = nextItem(value, index, length);
      const holes = index - hole;
      items[items.length] = `<${holes} empty item${holes > 1 ? 's' : ''}>`;
    }
    if (index < length) items[items.length] = more(length - index);
    return items;
  }

  // Where the next item after a hole is. Wide holes are skipped by looking at
  // the keys, not at every index.
  function nextItem(value, index, length) {
    for (const end = P.min(index + 1000, length); index < end; index++) {
      if (P.hasOwn(value, index)) return index;
    }
    if (index === length) return length;
    const keys = P.ownKeys(value);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (typeof key === 'string' && isIndex(key) && key >>> 0 >= index) return key >>> 0;
    }
    return length;
  }

  function viewItems(ctx, value) {
    const items = [];
    const length = P.viewLength(value);
    for (let i = 0; i < length && i < MAX_ITEMS; i++) items[i] = primitive(value[i]);
    if (length > MAX_ITEMS) items[items.length] = more(length - MAX_ITEMS);
    return items;
  }

  function mapItems(ctx, value, level) {
    const items = [];
    P.mapForEach(value, (item, key) => {
      if (items.length >= MAX_ITEMS) return;
      items[items.length] = `${inner(ctx, key, level)} => ${inner(ctx, item, level)}`;
    });
    const size = P.mapSize(value);
    if (size > MAX_ITEMS) items[items.length] = more(size - MAX_ITEMS);
    return items;
  }

  function setItems(ctx, value, level) {
    const items = [];
    P.setForEach(value, (item) => {
      if (items.length < MAX_ITEMS) items[items.length] = inner(ctx, item, level);
    });
    const size = P.setSize(value);
    if (size > MAX_ITEMS) items[items.length] = more(size - MAX_ITEMS);
    return items;
  }

  function bufferItems(ctx, value) {
    const length = P.bufferByteLength(value);
    const bytes = new Uint8Array(value, 0, P.min(length, 50));
    let text = '';
    for (let i = 0; i < bytes.length; i++) {
      text += (i ? ' ' : '') + P.padStart(P.numberToString(bytes[i], 16), 2, '0');
    }
    if (length > 50) text += ` ... ${length - 50} more byte${length > 51 ? 's' : ''}`;
    return [`[Uint8Contents]: <${text}>`, `byteLength: ${length}`];
  }

  function dataViewItems(ctx, value, level) {
    return [
      `byteLength: ${P.dataViewByteLength(value)}`,
      `byteOffset: ${P.dataViewByteOffset(value)}`,
      `buffer: ${inner(ctx, P.dataViewBuffer(value), level)}`,
    ];
  }

  function promiseItems(ctx, value, level) {
    const state = host.promise_state(value);
    if (state === 0) return ['<pending>'];
    const result = inner(ctx, host.promise_result(value), level);
    return [state === 2 ? `<rejected> ${result}` : result];
  }

  function weakRefItems(ctx, value, level) {
    return [inner(ctx, P.weakRefDeref(value), level)];
  }

  function inner(ctx, value, level) {
    ctx.indent += 2;
    const text = format(ctx, value, level + 1);
    ctx.indent -= 2;
    return text;
  }

  // `key: value`, or only the value for an array's item.
  function property(ctx, object, key, level, item) {
    const own = P.getDescriptor(object, key) ?? { value: object[key], enumerable: true };
    let text;
    if (own.get !== undefined) text = own.set !== undefined ? '[Getter/Setter]' : '[Getter]';
    else if (own.set !== undefined) text = '[Setter]';
    else text = inner(ctx, own.value, level);
    if (item) return text;
    let name = typeof key === 'symbol' ? `[${P.symbolToString(key)}]`
      : isIdentifier(key) ? key : quote(key);
    if (!own.enumerable) name = `[${name}]`;
    return `${name}: ${text}`;
  }

  function object(ctx, value, level) {
    const shape = describe(value);
    const { base, open = '{', close = '}', keys, list = false } = shape;
    if (shape.bare && keys.length === 0) return indentBase(ctx, base);
    if (level > ctx.depth) return tooDeep(value, shape);
    ctx.seen[ctx.seen.length] = value;
    ctx.deepest = level;
    const output = shape.items ? shape.items(ctx, value, level) : [];
    for (let i = 0; i < keys.length; i++) {
      output[output.length] = property(ctx, value, keys[i], level, false);
    }
    ctx.seen.length--;
    let start = open;
    const index = ctx.circular && P.mapGet(ctx.circular, value);
    let head = base === undefined ? '' : `${indentBase(ctx, base)} `;
    if (index !== undefined) {
      if (head === '') start = `<ref *${index}> ${start}`;
      else head = `<ref *${index}> ${head}`;
    }
    if (output.length === 0) return `${head}${start}${close}`;
    return layOut(ctx, head, start, output, close, level, list, value);
  }

  // Later lines of a multi-line base (an error's stack) follow the nesting.
  function indentBase(ctx, base) {
    if (ctx.indent === 0 || !P.includes(base, '\n')) return base;
    return P.join(P.split(base, '\n'), `\n${P.repeat(' ', ctx.indent)}`);
  }

  function tooDeep(value, shape) {
    if (shape.base !== undefined) return shape.base;
    const name = className(value);
    if (name === null) return '[Object: null prototype]';
    return `[${P.isArray(value) && name === 'Array' ? 'Array' : name}]`;
  }

  // One line if it fits, else an entry or a row of columns per line.
  function layOut(ctx, head, open, output, close, level, list, value) {
    let entries = output;
    if (list && output.length >= GROUP_FROM) entries = columns(ctx, output, value);
    if (entries === output && ctx.deepest - level < NESTED_ON_ONE_LINE) {
      let length = output.length + ctx.indent + open.length + head.length + 10;
      for (let i = 0; i < output.length; i++) length += output[i].length + 1;
      if (length <= WIDTH && !P.includes(head, '\n')) {
        const joined = P.join(output, ', ');
        if (!P.includes(joined, '\n')) return `${head}${open} ${joined} ${close}`;
      }
    }
    const newline = `\n${P.repeat(' ', ctx.indent)}`;
    return `${head}${open}${newline}  ${P.join(entries, `,${newline}  `)}${newline}${close}`;
  }

  // Sets the items of a long array in columns of equal width.
  function columns(ctx, output, value) {
    const last = output[output.length - 1];
    const cut = P.startsWith(last, '... ') && output.length > MAX_ITEMS;
    const count = cut ? output.length - 1 : output.length;
    let widest = 0;
    let total = 0;
    for (let i = 0; i < count; i++) {
      const { length } = output[i];
      if (P.includes(output[i], '\n')) return output;
      total += length + 2;
      widest = P.max(widest, length + 2);
    }
    if (widest * 3 + ctx.indent >= WIDTH || (total / widest <= 5 && widest > 8)) return output;
    const perRow = P.min(16, P.floor((WIDTH - ctx.indent - 4) / widest), squarish(count, widest, total / count));
    if (perRow <= 1) return output;
    const sample = value[0];
    const pad = typeof sample === 'number' || typeof sample === 'bigint' ? P.padStart : P.padEnd;
    const rows = [];
    for (let i = 0; i < count; i += perRow) {
      let row = '';
      const end = P.min(i + perRow, count);
      for (let j = i; j < end; j++) {
        const comma = j + 1 < end ? ', ' : '';
        const width = columnWidth(output, j - i, perRow, count);
        const text = output[j] + (pad === P.padEnd ? comma : '');
        row += pad === P.padEnd
          ? (j + 1 < end ? P.padEnd(text, width + 2) : text)
          : P.padStart(text, width) + comma;
      }
      rows[rows.length] = row;
    }
    if (cut) rows[rows.length] = last;
    return rows;
  }

  function columnWidth(output, column, perRow, count) {
    let width = 0;
    for (let i = column; i < count; i += perRow) width = P.max(width, output[i].length);
    return width;
  }

  // Columns that make a block about two and a half times as wide as high;
  // an uneven list counts as narrower than its widest item.
  function squarish(count, widest, mean) {
    const width = P.max(1, widest - 2 - (widest - mean) ** 0.5);
    return P.max(1, P.floor((2.5 * width * count) ** 0.5 / width));
  }

  internals.inspect = (value, options) => {
    const depth = options?.depth === undefined ? DEPTH : options.depth ?? Infinity;
    return format({ depth, seen: [], circular: undefined, indent: 0, deepest: 0 }, value, 0);
  };

  // A thrown value as the last message of a program: an error without the
  // brackets that it has inside other values.
  internals.describeThrown = (value) => {
    if (!internals.isError(value)) return internals.inspect(value);
    const text = internals.inspect(value);
    const title = `[${errorTitle(value)}]`;
    return P.startsWith(text, title) ? P.slice(title, 1, -1) + P.slice(text, title.length) : text;
  };
}
