// mounts: this folder at /app, ro; the program lies in it. stdout must be main.out.
import { whoami, even } from './lib/a.mjs';
import * as all from '/app/lib/../lib/b.mjs';
import data from './data.json';
import * as std from 'std';
import { readdir } from 'qjs:os';

console.log(whoami(), even(10), even(7), all.default);
console.log(data, import.meta.url, import.meta.filename, import.meta.dirname);
console.log((await import('./lib/a.mjs')).even === even, typeof std.loadFile, std.in === globalThis.std.in);
console.log(readdir('/app/lib')[0].join());
for (const name of ['./none.mjs', 'left-pad', './lib', './broken.mjs', '../../etc/passwd', 'file:///app/data.json']) {
  try {
    console.log(Object.keys(await import(name)));
  } catch (error) {
    console.log(`${error}`, error.stack.includes('broken.mjs:2:9'));
  }
}
export const answer = await Promise.resolve(42);
import('/app/main.mjs').then((self) => console.log('itself', self.answer));
