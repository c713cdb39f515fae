// `console` and `print`. Each call writes once, and at once.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const { inspect } = internals;
  const OUT = 1;
  const ERR = 2;

  let indent = '';
  const counts = new P.Map();
  const timers = new P.Map();

  function write(fd, text) {
    if (indent !== '') { // inside console.group
      text = indent + (P.includes(text, '\n') ? P.join(P.split(text, '\n'), `\n${indent}`) : text);
    }
    host.write(fd, text + '\n');
  }

  const show = (value) => (typeof value === 'string' ? value : inspect(value));

  // Values separated by blanks; a first string's `%` directives take values.
  function format(values) {
    const { length } = values;
    if (length === 0) return '';
    if (length === 1) return show(values[0]);
    let text = '';
    let next = 0;
    if (typeof values[0] === 'string') {
      ({ text, next } = P.includes(values[0], '%') ? substitute(values) : { text: values[0], next: 1 });
    }
    for (let i = next; i < length; i++) text += (i > 0 ? ' ' : '') + show(values[i]);
    return text;
  }

  // The first string with its directives replaced, and the first value left.
  function substitute(values) {
    const pattern = values[0];
    let text = '';
    let from = 0;
    let next = 1;
    for (;;) {
      const at = P.indexOf(pattern, '%', from);
      if (at < 0 || at === pattern.length - 1) break;
      const directive = pattern[at + 1];
      if (directive === '%') {
        text += P.slice(pattern, from, at + 1);
      } else if (next < values.length && P.includes('sdifjoOc', directive)) {
        text += P.slice(pattern, from, at) + convert(directive, values[next]);
        next++;
      } else {
        text += P.slice(pattern, from, at + 2);
      }
      from = at + 2;
    }
    return { text: text + P.slice(pattern, from), next };
  }

  function convert(directive, value) {
    switch (directive) {
      case 's': return asString(value);
      case 'd': return asNumber(value, P.Number);
      case 'i': return asNumber(value, P.parseInt);
      case 'f': return typeof value === 'symbol' ? 'NaN' : `${P.parseFloat(value)}`;
      case 'j': return asJson(value);
      case 'o': return inspect(value, { depth: 4 });
      case 'O': return inspect(value);
      default: return ''; // %c: styles are for browsers
    }
  }

  function asString(value) {
    if (typeof value === 'string') return value;
    const isObject = typeof value === 'object' && value !== null;
    if (isObject && !internals.isError(value)) return inspect(value, { depth: 0 });
    if (typeof value === 'bigint' || isObject || typeof value === 'function') return inspect(value);
    return P.is(value, -0) ? '-0' : P.String(value);
  }

  function asNumber(value, convertTo) {
    if (typeof value === 'bigint') return `${value}n`;
    if (typeof value === 'symbol' || typeof value === 'object') return 'NaN';
    const number = convertTo(value);
    return P.is(number, -0) ? '-0' : `${number}`;
  }

  function asJson(value) {
    try {
      return P.stringify(value);
    } catch (error) {
      if (internals.isError(error) && P.includes(`${error.message}`, 'circular')) return '[Circular]';
      throw error;
    }
  }

  function log(...values) {
    // Most calls by far have one string or number, which the host shows itself.
    if (values.length !== 1 || indent !== '' || host.line(OUT, values[0]) === undefined) {
      write(OUT, format(values));
    }
  }
  const logError = (...values) => write(ERR, format(values));

  function elapsed(label) {
    const started = P.mapGet(timers, label);
    if (started === undefined) {
      write(ERR, `Warning: No such label '${label}' for console.time()`);
      return undefined;
    }
    const ms = host.monotonic() - started;
    return ms >= 1000 ? `${P.toFixed(ms / 1000, 3)}s` : `${P.toFixed(ms, 3)}ms`;
  }

  function group(...values) {
    if (values.length > 0) P.apply(log, undefined, values);
    indent += '  ';
  }

  const methods = {
    log,
    info: log,
    debug: log,
    warn: logError,
    error: logError,
    dir: (value, options = undefined) => write(OUT, inspect(value, options)),
    dirxml: log,
    assert(condition, ...values) {
      if (condition) return;
      if (values.length === 0) write(ERR, 'Assertion failed');
      else if (typeof values[0] === 'string') write(ERR, `Assertion failed: ${format(values)}`);
      else write(ERR, `Assertion failed ${format(values)}`);
    },
    count(label = 'default') {
      const key = `${label}`;
      const count = (P.mapGet(counts, key) ?? 0) + 1;
      P.mapSet(counts, key, count);
      write(OUT, `${key}: ${count}`);
    },
    countReset: (label = 'default') => void P.mapDelete(counts, `${label}`),
    time: (label = 'default') => void P.mapSet(timers, `${label}`, host.monotonic()),
    timeLog(label = 'default', ...values) {
      const text = elapsed(`${label}`);
      if (text === undefined) return;
      const rest = values.length > 0 ? ` ${format(values)}` : '';
      write(OUT, `${label}: ${text}${rest}`);
    },
    timeEnd(label = 'default') {
      const text = elapsed(`${label}`);
      if (text === undefined) return;
      P.mapDelete(timers, `${label}`);
      write(OUT, `${label}: ${text}`);
    },
    group,
    groupCollapsed: group,
    groupEnd: () => void (indent = P.slice(indent, 2)),
    trace(...values) {
      const holder = {};
      P.Error.captureStackTrace(holder);
      const title = values.length > 0 ? `Trace: ${format(values)}` : 'Trace';
      write(ERR, `${title}\n${internals.frames(holder.stack)}`);
    },
    table,
  };

  function table(data, only = undefined) {
    if (typeof data !== 'object' || data === null) return log(data);
    const rows = [];
    const add = (index, value) => (rows[rows.length] = { index: `${index}`, value });
    let first = '(index)';
    if (data instanceof P.Map || data instanceof P.Set) {
      first = '(iteration index)';
      let i = 0;
      data.forEach((value, key) => add(i++, data instanceof P.Map ? { Key: key, Values: value } : value));
    } else {
      const keys = P.keys(data);
      for (let i = 0; i < keys.length; i++) add(keys[i], data[keys[i]]);
    }
    write(OUT, drawTable(first, rows, only));
  }

  function drawTable(first, rows, only) {
    const columns = [];
    const known = new P.Map();
    let values = false;
    for (let i = 0; i < rows.length; i++) {
      const { value } = rows[i];
      if (typeof value !== 'object' || value === null) {
        values = true;
        continue;
      }
      const keys = P.keys(value);
      for (let j = 0; j < keys.length; j++) {
        if (P.mapHas(known, keys[j])) continue;
        P.mapSet(known, keys[j], true);
        columns[columns.length] = keys[j];
      }
    }
    const shown = only ?? columns;
    const header = [first];
    for (let i = 0; i < shown.length; i++) header[i + 1] = shown[i];
    if (values) header[header.length] = 'Values';
    const lines = [header];
    for (let i = 0; i < rows.length; i++) lines[lines.length] = tableRow(rows[i], shown, values);
    return frameTable(lines);
  }

  function tableRow({ index, value }, columns, values) {
    const isObject = typeof value === 'object' && value !== null;
    const line = [index];
    for (let i = 0; i < columns.length; i++) {
      const has = isObject && P.hasOwn(value, columns[i]);
      line[line.length] = has ? inspect(value[columns[i]], { depth: 0 }) : '';
    }
    if (values) line[line.length] = isObject ? '' : inspect(value, { depth: 0 });
    return line;
  }

  function frameTable(lines) {
    const widths = [];
    for (let i = 0; i < lines.length; i++) {
      for (let j = 0; j < lines[i].length; j++) {
        widths[j] = P.max(widths[j] ?? 0, lines[i][j].length + 2);
      }
    }
    const rule = (left, middle, right) => {
      const parts = [];
      for (let i = 0; i < widths.length; i++) parts[i] = P.repeat('─', widths[i]);
      return left + P.join(parts, middle) + right;
    };
    const text = [rule('┌', '┬', '┐')];
    for (let i = 0; i < lines.length; i++) {
      const cells = [];
      for (let j = 0; j < widths.length; j++) cells[j] = P.padEnd(` ${lines[i][j]}`, widths[j]);
      text[text.length] = `│${P.join(cells, '│')}│`;
      if (i === 0) text[text.length] = rule('├', '┼', '┤');
    }
    text[text.length] = rule('└', '┴', '┘');
    return P.join(text, '\n');
  }

  // Each method is a function of its own name.
  const console = {};
  const own = new P.Map();
  for (const name of P.keys(methods)) {
    const method = methods[name];
    const taken = P.mapHas(own, method);
    console[name] = taken ? (...values) => P.apply(method, undefined, values) : method;
    P.mapSet(own, method, true);
    P.defineProperty(console[name], 'name', { value: name, configurable: true });
  }
  P.defineProperty(console, P.Symbol.toStringTag, { value: 'console', configurable: true });
  internals.global('console', console);

  internals.global('print', function print(...values) {
    const parts = [];
    for (let i = 0; i < values.length; i++) parts[i] = P.String(values[i]);
    host.write(OUT, `${P.join(parts, ' ')}\n`);
  });

  internals.log = log;

  // The last words of a program that ends by `value`.
  internals.report = (value, inPromise) => {
    indent = '';
    const where = inPromise ? ' (in promise)' : '';
    write(ERR, `Uncaught${where} ${internals.describeThrown(value)}`);
  };
}
