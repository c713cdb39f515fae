// Programs that compute. `compare.py` says when each is to run, and takes the time.
import * as std from 'std';
const ROUNDS = Number(scriptArgs[1] ?? 50);
const works = {
  fib() { const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2)); return fib(13); },
  loops() { let sum = 0; for (let i = 0; i < 4000; i++) sum = (sum + i * 3) & 0xffff; return sum; },
  floats() { let x = 0.5; for (let i = 0; i < 2500; i++) x = 3.9 * x * (1 - x) + Math.sqrt(x) * 1e-9; return x; },
  sieve() { const flags = new Uint8Array(1500).fill(1); let count = 0; for (let i = 2; i < 1500; i++) { if (!flags[i]) continue; count++; for (let j = i * 2; j < 1500; j += i) flags[j] = 0; } return count; },
  strings() { let text = ''; for (let i = 0; i < 300; i++) text += `${i}:${i % 7},`; return text.split(',').map((s) => s.toUpperCase()).join('-').length; },
  objects() { class P { constructor(x, y) { this.x = x; this.y = y; } add(o) { return new P(this.x + o.x, this.y + o.y); } } let p = new P(0, 0); for (let i = 0; i < 600; i++) p = p.add(new P(i, 1)); return p.x; },
  arrays() { const a = Array.from({ length: 250 }, (_, i) => (i * 7919) % 2003); return a.sort((x, y) => x - y).filter((x) => x & 1).map((x) => x * 2).reduce((x, y) => x + y, 0); },
  maps() { const m = new Map(); for (let i = 0; i < 700; i++) m.set(i % 97, (m.get(i % 97) ?? 0) + i); let s = 0; for (const [k, v] of m) s += k * v; return s; },
  json() { const data = { a: Array.from({ length: 20 }, (_, i) => ({ id: i, name: `n${i}`, x: i / 3 })) }; return JSON.parse(JSON.stringify(data)).a.length; },
  regex() { const text = 'The quick brown fox 13 jumps 2024-01-02 bob@example.com '.repeat(3); return text.replace(/\b(\w)(\w*)\b/g, '$2$1').match(/[a-z]+@/g).length; },
  generators() { function* count(n) { for (let i = 0; i < n; i++) yield i; } let s = 0; for (const x of count(1200)) s += x; return s; },
  exceptions() { let c = 0; for (let i = 0; i < 300; i++) { try { if (i & 1) throw new Error('x'); null.x; } catch { c++; } } return c; },
  closures() { const add = (a) => (b) => a + b; let s = 0; for (let i = 0; i < 1200; i++) s = add(i)(s) % 1000; return s; },
  bigints() { let a = 1n, b = 1n; for (let i = 0; i < 250; i++) [a, b] = [b, a + b]; return b.toString().length; },
};
for (const [name, work] of Object.entries(works)) {
  for (let i = 0; i < 8; i++) work();
  for (;;) {
    console.log(name);
    if (std.in.getline() !== 'go') break;
    for (let i = 0; i < ROUNDS; i++) work();
  }
}
