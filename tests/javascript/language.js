// args: none. A walk through what ES2023 has; ends in `ok`.
function check(name, got, want = true) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${name}: ${a}, not ${b}`);
}

class Animal {
  #name;
  static #made = 0;
  static { Animal.kind = 'animal'; }
  constructor(name) { this.#name = name; Animal.#made++; }
  get name() { return this.#name; }
  static get made() { return Animal.#made; }
  has(other) { return #name in other; }
}
class Dog extends Animal { speak() { return `${super.name} barks`; } }
check('class', [new Dog('rex').speak(), Animal.made, Animal.kind], ['rex barks', 1, 'animal']);
check('brand', [new Dog('a').has(new Dog('b')), new Dog('a').has({})], [true, false]);

function* fibonacci() { let [a, b] = [0, 1]; for (;;) { yield a; [a, b] = [b, a + b]; } }
const first = [];
for (const n of fibonacci()) { if (n > 50) break; first.push(n); }
check('generator', first, [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]);
check('iterator methods', fibonacci().filter((n) => n % 2).take(4).toArray(), [1, 1, 3, 5]);

const match = /(?<year>\d{4})-(?<month>\d\d)/u.exec('on 2024-05');
check('named groups', match.groups.year + match.groups.month, '202405');
check('lookbehind', '$1 $22'.match(/(?<=\$)\d+/g), ['1', '22']);
const sticky = /a/y;
sticky.lastIndex = 1;
check('sticky', [sticky.test('ba'), sticky.lastIndex], [true, 2]);
check('property', 'aßÜ1'.match(/\p{L}/gu), ['a', 'ß', 'Ü']);
check('set notation', 'a1b2'.match(/[[a-z]--[b]]/gv), ['a']);
check('indices', /b(c)/d.exec('abc').indices[1], [2, 3]);
check('replaceAll', 'a-b-c'.replaceAll('-', '+'), 'a+b+c');
check('matchAll', [...'a1b2'.matchAll(/[a-z](\d)/g)].map((m) => m[1]), ['1', '2']);

check('bigint', (2n ** 64n - 1n).toString(), '18446744073709551615');
check('bigint wrap', BigInt.asIntN(8, 255n) === -1n);
const proxy = new Proxy({}, { get: (_, key) => `<${key}>`, has: () => true });
check('proxy', [proxy.x, 'y' in proxy], ['<x>', true]);
check('weakref', new WeakRef(proxy).deref() === proxy);
check('findLast', [1, 2, 3, 4].findLast((n) => n % 2), 3);
check('copies', [[3, 1, 2].toSorted(), [1, 2].toReversed(), [1, 2].with(0, 9), [1, 2, 3].toSpliced(1, 1)],
  [[1, 2, 3], [2, 1], [9, 2], [1, 3]]);
check('groupBy', Object.groupBy([1, 2, 3], (n) => (n % 2 ? 'odd' : 'even')), { odd: [1, 3], even: [2] });
check('at', [[1, 2, 3].at(-1), 'abc'.at(-1)], [3, 'c']);
check('optional', [null?.a, undefined ?? 1, (() => { let x = null; x ??= 2; return x; })()], [null, 1, 2]);
check('spread', { ...{ a: 1 }, b: 2, ...[3] }, { 0: 3, a: 1, b: 2 });
check('rest', (({ a, ...rest }) => rest)({ a: 1, b: 2 }), { b: 2 });
check('tagged', ((s, ...v) => s.raw.join('|') + v)`a${1}\n${2}`, 'a|\\n|1,2');
check('labels', (() => { let n = 0; outer: for (;;) for (;;) { if (++n > 3) break outer; } return n; })(), 4);
check('date', new Date(Date.UTC(2024, 1, 29)).toISOString(), '2024-02-29T00:00:00.000Z');
check('date is UTC', new Date(2024, 0, 1).getTime(), Date.UTC(2024, 0, 1));
check('number', [(0.1).toFixed(20), (255).toString(16), 1_000, 0b11, Number('0x1f')],
  ['0.10000000000000000555', 'ff', 1000, 3, 31]);
check('unicode', ['ü'.normalize('NFD').length, [...'a😀'].length, '\u{1F600}'.codePointAt(0)], [2, 2, 128512]);
check('json', JSON.stringify({ a: [1, { b: undefined, c: null }], d: new Date(0) }),
  '{"a":[1,{"c":null}],"d":"1970-01-01T00:00:00.000Z"}');
check('symbols', Symbol.for('a') === Symbol.for('a') && Symbol('d').description === 'd');
check('error cause', new Error('x', { cause: 1 }).cause, 1);
check('aggregate', new AggregateError([new Error('a')]).errors.length, 1);
check('sort is stable', [[1, 'b'], [0, 'x'], [1, 'a']].sort((a, b) => a[0] - b[0]).map((x) => x[1]), ['x', 'b', 'a']);
check('atomics or none', typeof Intl, 'undefined');
const typed = new Float64Array([1.5, 2.5]);
check('typed arrays', [typed.map((x) => x * 2).join(), new DataView(typed.buffer).getFloat64(8, true)], ['3,5', 2.5]);
check('resizable', (() => { const b = new ArrayBuffer(1, { maxByteLength: 4 }); b.resize(3); return b.byteLength; })(), 3);
check('eval', [eval('1+1'), new Function('a', 'return a*2')(4)], [2, 8]);

async function* countdown(from) { while (from > 0) { await null; yield from--; } }
(async () => {
  const seen = [];
  for await (const n of countdown(3)) seen.push(n);
  check('async iteration', seen, [3, 2, 1]);
  check('all', await Promise.all([1, Promise.resolve(2)]), [1, 2]);
  check('any', await Promise.any([Promise.reject(1), 5]), 5);
  check('settled', (await Promise.allSettled([Promise.reject(1)]))[0].status, 'rejected');
  check('race', await Promise.race([new Promise(() => {}), 7]), 7);
  check('withResolvers', typeof Promise.withResolvers().resolve, 'function');
  console.log('ok');
})();
