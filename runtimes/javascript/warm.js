// What typical programs do, done once before any of them: the engine makes
// many built-in functions and tables when they are first used. Nothing here may
// leave a trace that a program could find, nor learn anything of the run: no
// clock, no randomness, no environment, no files. There is nowhere to write to
// yet.
{
  // Built-in methods are made when they are first named.
  const seen = new Set();
  const visit = (value) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) {
      const property = Reflect.getOwnPropertyDescriptor(value, key);
      visit(property.value);
      visit(property.get);
      visit(property.set);
    }
    visit(Object.getPrototypeOf(value));
  };
  visit(globalThis);

  class Base {
    #secret = 1;
    static made = 0;
    constructor(name) {
      this.name = name;
      Base.made++;
    }
    get secret() {
      return this.#secret;
    }
    greet(other = 'you') {
      return `${this.name} greets ${other}`;
    }
  }
  class Derived extends Base {
    constructor(...args) {
      super(...args);
    }
    greet(other) {
      return super.greet(other).toUpperCase();
    }
  }
  const derived = new Derived('x');
  console.log(derived.greet(), derived, derived.secret);
  console.log('text');
  console.log(1, 0.5, true, null, undefined, 'a', Symbol('s'), 2n, [1, 2, 3], { a: { b: [1] } });
  console.log(new Map([[1, { a: 2 }]]), new Set([1]), new Date(0), /x/g, new Uint8Array(2), () => 1);
  console.error('%s: %d', 'x', 1);
  print('a', 1);
  try {
    null.missing;
  } catch (error) {
    console.log(error);
    `${error.stack}`;
  }
  JSON.stringify(JSON.parse('{"a":[1,2.5,"x",null,true],"b":{}}'), null, 2);
  const words = 'the quick brown fox'.split(' ').map((word) => word[0].toUpperCase() + word.slice(1));
  const counts = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)).filter(([, n]) => n > 0);
  'a-b'.replace(/-(\w)/u, (_, letter) => letter).padStart(5).match(/a/)?.index;
  [3, 1, 2].toSorted().reduce((a, b) => a + b, 0).toFixed(2);
  const { a, ...rest } = { a: 1, b: 2, c: 3 };
  [...(function* () { yield* [a, rest]; })()];
  Math.max(...new Array(5).fill(1), parseInt('2'), Number('3'));
  new URL('https://example.org/a?b=c').searchParams.get('b');
  structuredClone({ a: new Date(0), b: [new Map()] });
  (async () => {
    for await (const value of [1, Promise.resolve(2)]) await value;
    await Promise.all([1, Promise.resolve(2)]);
    try {
      await Promise.reject(new Error('x'));
    } catch {}
  })();
}
