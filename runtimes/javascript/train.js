// What programs do again and again. The engine's code that this runs often
// stays where it is in an image (see `training.rs`), so that it is as fast there
// as in the guest itself.
const N = 400;
let sink;
const each = (work) => {
  for (let i = 0; i < N; i++) sink = work(i);
};

// Numbers.
each((i) => ((i + 1) * 3 - (i >> 1)) % 7);
each((i) => (i / 3 + 0.5) * 1.5 - (i % 2.5) + 2 ** 0.5);
each((i) => ((i << 3) ^ (i >>> 1)) | (i & 5) | ~i);
each((i) => (i < 3) + (i > 3) + (i <= 3) + (i >= 3) + (i === 3) + (i !== 3) + (i == 3) + (i != 3));
each((i) => (i * 0.1 < 3) + (i * 0.1 === 0.3) + -i + +`${i}` + !i + (i && 1) + (i || 1) + (i ?? 1));
each((i) => Math.floor(i / 3) + Math.max(i, 2) + Math.min(i, 2) + Math.abs(-i) + Math.sqrt(i) + Math.imul(i, 3));
each((i) => Number.isInteger(i) && parseInt('12', 10) + parseFloat('1.5') + Number('7'));
each((i) => (BigInt(i) * 3n + 1n) % 7n);
each((i) => i.toString(16) + (i / 3).toFixed(2) + String(i / 7));

// Text.
each((i) => `a${i}b` + 'c' + i + "d".charCodeAt(0) + 'xyz'[i % 3]);
each(() => 'the quick brown'.split(' ').map((word) => word[0].toUpperCase() + word.slice(1)).join('-'));
each((i) => 'abc'.includes('b') && 'abcdef'.indexOf('d', 1) + 'abc'.padStart(5).trim().length + 'a'.repeat(i % 5).length);
each(() => 'a1b22'.replace(/\d+/g, (digits) => digits.length) + /(\w)-(\w)/.exec('a-b')[2] + 'x'.localeCompare('y'));
each((i) => 'abc' < 'abd' && `${i}` === '3' && 'a,b'.split(',').length && 'abc'.startsWith('a') && 'ABC'.toLowerCase());
each(() => { let text = ''; for (const char of 'héllo') text += char; return text; });

// Objects, arrays, collections.
each((i) => ({ a: i, b: { c: [i, i + 1] }, [`k${i % 4}`]: 1 }).b.c[1]);
each((i) => { const { a, ...rest } = { a: i, b: 2, c: 3 }; const [x, , y = 5, ...z] = [i, 2, undefined, 4]; return a + rest.b + x + y + z.length; });
each((i) => { const object = {}; object.x = i; object['y'] = i; object.x += 1; object.y++; delete object.x; return 'y' in object && Object.keys(object).length; });
each((i) => { const o = { a: i }; for (const key in o) o[key] += 1; return { ...o, z: Object.entries(o).length + Object.values(o)[0], f() { return this.a; } }.f(); });
each((i) => { const list = []; for (let j = 0; j < 5; j++) list.push(i ^ j); list[2] = list[0] + list.length; list.pop(); return list; });
each(() => [5, 3, 9, 1].sort((a, b) => a - b).filter((x) => x > 2).map((x) => x * 2).reduce((a, b) => a + b, 0));
each((i) => [...[1, 2, i], ...[3]].concat([4]).slice(1).indexOf(i) + [1, [2]].flat().length + Array.from({ length: 3 }, (_, j) => j).find((x) => x > 1));
each((i) => [3, 1, 2].sort().reverse().some((x) => x === i) || new Array(3).fill(0).every((x) => x === 0) || [1, 2].splice(0, 1).shift());
each((i) => { const map = new Map([[1, 2]]); map.set(i, i).set(`k${i}`, 1); let sum = map.get(1) + map.size; for (const [, value] of map) sum += value; return map.has(i) && map.delete(i) && sum; });
each((i) => { const set = new Set([1, 2]); set.add(i); let sum = 0; for (const value of set) sum += value; set.forEach((value) => { sum += value; }); return sum; });
each((i) => { const bytes = new Uint8Array(8); const floats = new Float64Array(2); bytes[i & 7] = i; floats[0] = i + bytes[1]; floats[1] += floats[0]; return bytes.length + floats[1]; });
each((i) => JSON.parse(JSON.stringify({ a: [i, 1.5, 'x', null, true], b: { c: 'd' } })).a[0]);
each((i) => new Date(i * 1e9).getTime() + (new Date(0) < new Date(1)));

// Functions, classes, control.
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
fib(14);
class Point { #x = 1; static made = 0; constructor(x, y) { this.x = x; this.y = y; Point.made++; } get sum() { return this.x + this.y + this.#x; } set sum(s) { this.x = s; } plus(other) { return new Point(this.x + other.x, this.y + other.y); } }
class Named extends Point { constructor(name, ...rest) { super(...rest); this.name = name; } plus(other) { return super.plus(other).sum; } }
each((i) => { const named = new Named('n', i, 2); named.sum = 3; return named.plus(new Point(1, i)) + (named instanceof Point); });
each((i) => { const add = (a) => (b = 2) => a + b; return add(i)() + add(1)(i) + ((...all) => all.length)(1, 2, i) + Math.max.apply(null, [1, i]) + add.call(null, 1)(2); });
each((i) => { try { if (i % 2) throw new TypeError('odd'); return i?.toString().length; } catch (error) { return error.message; } finally { sink = i; } });
each((i) => { switch (i % 5) { case 0: return 'zero'; case 1: case 2: return 'few'; default: return typeof i === 'number' ? 'many' : void 0; } });
each((i) => { let n = 0; outer: for (let a = 0; a < 3; a++) { for (let b = 3; b--;) { if (b === 1) continue outer; if (a === 2) break outer; n += a * b; } } do { n--; } while (n > i); while (n < 3) n += 2; return n; });
each((i) => { function* count() { for (let j = 0; j < 3; j++) yield j * i; } let sum = 0; for (const value of count()) sum += value; return sum; });
each((i) => { let sum = 0, half = 0.5, last = 1e9; for (let j = 0; j < 3; j++) { sum = (sum + j * 3) & 0xffff; sum += j; sum ^= 70000; sum |= 1; half = 3.9 * half * (1 - half) + Math.sqrt(half) * 1e-9; half -= 0.25; half /= 1.5; last = last - 1234 > half ? last : half; } return sum + half + last % 1000; });
each((i) => { const flags = new Uint8Array(300).fill(1, 0, 9); let n = 0; for (let j = 2; j < 9; j++) { if (!flags[j]) continue; n++; for (let k = j * 2; k < 300; k += 100) flags[k] = 0; } return n; });
each((i) => { const add = (a) => (b) => a + b; let sum = 0; for (let j = 0; j < 3; j++) sum = add(j)(sum) % 1000; let text = ''; for (let j = 0; j < 3; j++) text += `${j}:${j % 7},`; return text.split(',').map((s) => s.toUpperCase()).join('-').length + sum; });
each((i) => { let p = new Point(0, 0); for (let j = 0; j < 3; j++) p = p.plus(new Point(j, 1)); let [a, b] = [1n, BigInt(i)]; for (let j = 0; j < 3; j++) [a, b] = [b, a + b]; return p.x + b.toString().length; });
each((i) => { let n = 0; for (let j = 0; j < 2; j++) { try { if (j & 1) throw new Error('x'); null.x; } catch { n++; } } return n; });
each((i) => 'The quick fox 13 2024-01-02 bob@example.com '.replace(/\b(\w)(\w*)\b/g, '$2$1').match(/[a-z]+@/g)?.length);
var global = 0;
for (let i = 0; i < N; i++) global += i & 3;
(async () => {
  for (let i = 0; i < N; i++) {
    await null;
    sink = await new Promise((resolve) => resolve(i)).then((x) => x + 1);
    try { await Promise.reject(i); } catch (error) { sink = error; }
  }
})();
for (let i = 0; i < N; i++) console.log(i, 'text', i / 3);
for (let i = 0; i < N; i++) console.log(`line ${i}`);
for (let i = 0; i < N / 2; i++) console.log({ i, list: [i] }, [i, 'a']);
