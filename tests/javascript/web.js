// args: none. TextEncoder, TextDecoder, URL, URLSearchParams, atob, structuredClone, crypto; ends in `ok`.
function check(name, got, want = true) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${name}: ${a}, not ${b}`);
}
function throws(name, action, what) {
  try { action(); } catch (error) { return check(name, error.name, what); }
  throw new Error(`${name}: nothing thrown`);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
check('encode', [...encoder.encode('aü€😀')], [97, 195, 188, 226, 130, 172, 240, 159, 152, 128]);
check('lone surrogate', [...encoder.encode('\ud800')], [239, 191, 189]);
check('encodeInto', [encoder.encodeInto('a€€', new Uint8Array(5)), encoder.encodeInto('😀x', new Uint8Array(5))],
  [{ read: 2, written: 4 }, { read: 3, written: 5 }]);
check('decode', decoder.decode(encoder.encode('aü€😀')), 'aü€😀');
check('decode view', decoder.decode(new DataView(encoder.encode('xay').buffer, 1, 1)), 'a');
check('NUL', [...encoder.encode('a\0b')].length + decoder.decode(new Uint8Array([97, 0, 98])).length, 6);
check('invalid', decoder.decode(new Uint8Array([97, 255, 98])), 'a\ufffdb');
throws('fatal', () => new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255])), 'TypeError');
check('mark', [decoder.decode(new Uint8Array([239, 187, 191, 97])), new TextDecoder('utf8', { ignoreBOM: true }).decode(new Uint8Array([239, 187, 191, 97]))],
  ['a', '\ufeffa']);
const stream = new TextDecoder();
const pieces = [240, 159, 152, 128, 97].map((byte) => stream.decode(new Uint8Array([byte]), { stream: true }));
check('stream', pieces.join('|') + stream.decode(), '|||😀|a');
check('cut short', (stream.decode(new Uint8Array([226, 130]), { stream: true }), stream.decode()), '\ufffd');
check('utf-16le', new TextDecoder('utf-16le').decode(new Uint16Array([97, 0xd83d, 0xde00])), 'a😀');
throws('label', () => new TextDecoder('koi8-r'), 'RangeError');

const url = new URL('https://user:pass@example.com:8080/a/../b%20c/ü?q=1&r=a+b#frag');
check('href', url.href, 'https://user:pass@example.com:8080/b%20c/%C3%BC?q=1&r=a+b#frag');
check('fields', [url.protocol, url.username, url.password, url.host, url.hostname, url.port, url.pathname, url.search, url.hash, url.origin],
  ['https:', 'user', 'pass', 'example.com:8080', 'example.com', '8080', '/b%20c/%C3%BC', '?q=1&r=a+b', '#frag', 'https://example.com:8080']);
check('base', new URL('../x?y', 'http://h/a/b/c').href, 'http://h/a/x?y');
check('params', [url.searchParams.get('r'), url.searchParams.size], ['a b', 2]);
url.searchParams.append('s', 'ü&=');
check('params to URL', url.search, '?q=1&r=a+b&s=%C3%BC%26%3D');
url.search = '?z=9';
check('URL to params', [...url.searchParams], [['z', '9']]);
url.port = '443';
url.hash = '';
url.pathname = '/p q';
url.hostname = 'other.org';
check('setters', url.href, 'https://user:pass@other.org/p%20q?z=9');
url.protocol = 'bogus:';
check('ignored', url.protocol, 'https:');
throws('invalid', () => new URL('nope'), 'TypeError');
throws('invalid href', () => { url.href = 'nope'; }, 'TypeError');
check('canParse', [URL.canParse('a:b'), URL.canParse('b'), URL.parse('x')], [true, false, null]);
check('toJSON', JSON.stringify({ url: new URL('http://h') }), '{"url":"http://h/"}');
const params = new URLSearchParams({ b: '2', a: '1' });
params.append('b', '3');
params.sort();
check('list', [params.toString(), params.getAll('b'), params.has('b', '3'), params.get('no')], ['a=1&b=2&b=3', ['2', '3'], true, null]);
params.set('b', 'x');
params.delete('a');
check('changed', `${params}`, 'b=x');
check('percent', [...new URLSearchParams('?a=%41%zz&b&=c')], [['a', 'A%zz'], ['b', ''], ['', 'c']]);

check('base64', [btoa('hello'), atob('aGVsbG8=')], ['aGVsbG8=', 'hello']);
throws('base64 error', () => atob('*'), 'InvalidCharacterError');

const original = { date: new Date(5), map: new Map([['k', new Set([1])]]), re: /x/gi, list: [1, , 3], big: 1n, nan: NaN };
original.self = original;
original.bytes = new Uint16Array([1, 2]);
original.same = original.bytes.buffer;
const copy = structuredClone(original);
check('clone cycle', copy.self === copy && copy !== original && copy.bytes.buffer === copy.same && copy.same !== original.same);
check('clone values', [copy.date.getTime(), [...copy.map.get('k')], `${copy.re}`, 1 in copy.list, copy.list.length, copy.big === 1n, [...copy.bytes]],
  [5, [1], '/x/gi', false, 3, true, [1, 2]]);
const failure = structuredClone(new RangeError('r', { cause: { a: 1 } }));
check('clone error', [failure instanceof RangeError, failure.message, failure.cause.a], [true, 'r', 1]);
throws('clone function', () => structuredClone({ f() {} }), 'DataCloneError');
throws('clone symbol', () => structuredClone(Symbol('x')), 'DataCloneError');
throws('clone promise', () => structuredClone(Promise.resolve()), 'DataCloneError');
const buffer = new ArrayBuffer(8);
check('transfer', [structuredClone(buffer, { transfer: [buffer] }).byteLength, buffer.byteLength], [8, 0]);

const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
check('uuid', /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(one) && one !== two);
check('random', new Set(crypto.getRandomValues(new Uint32Array(8))).size, 8);
throws('too much', () => crypto.getRandomValues(new Uint8Array(65537)), 'QuotaExceededError');
throws('floats', () => crypto.getRandomValues(new Float32Array(1)), 'TypeMismatchError');
check('Math.random', Array.from({ length: 100 }, Math.random).every((x) => x >= 0 && x < 1));
const before = performance.now();
check('performance', performance.now() >= before && performance.timeOrigin > 1e12);
check('absent', [typeof process, typeof require, typeof Intl, typeof host, typeof internals], Array(5).fill('undefined'));
console.log('ok');
