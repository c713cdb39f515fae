// For `tsc` alone: uses everything that `dormouse.d.ts` declares, as it is meant to be used.
import dormouseAgain, { HostError, call as again, kv as sameKv, snapshot_point } from 'dormouse';

const ok: 'ok'[] = [kv_set('a', { b: [1] }), kv_delete('a'), fs_write('/d/f', 'x'), fs_mkdir('/d/e'), fs_remove('/d/f')];
const names: string[] = kv_keys();
const anything: string = kv_get('a');
const { status, body }: { status: number; body: string } = http_get('http://a/');
const entries: { name: string; is_dir: boolean; size: number }[] = fs_list('/d');
const modified: number = fs_stat('/d').mod_time;
const there: boolean = fs_exists('/d');
const text: string = fs_read('/d/f');
const now: number = time_now();

const count: number = kv.get('count', 0);
const maybe: { a: number } | null = kv.get<{ a: number }>('a');
kv.set('count', count + 1);
fs.writeJson('/d/j', { a: 1 }, 2);
const settings = fs.readJson<{ a: number }>('/d/j').a.toFixed(1);
const size: number = fs.listdir('/d')[0].size + fs.stat('/d').size;
const answer = http.post('http://a/', { headers: { a: 'b' }, body: { any: 'object' } });
const summary: [boolean, number, string, string] = [answer.ok, answer.statusCode, answer.text, answer.headers['content-type']];
const greeting: string = call('greet', { name: 'x' });
try {
  install_pkg('requests', '>=2');
} catch (error) {
  if (error instanceof HostError && error.code === 'not_granted') print(error.message);
}

async function main(): Promise<void> {
  const [first, second] = await runAsync(kv.asyncGet('a', 1), http.asyncGet('http://a/'));
  print(first + 1, second.statusCode, await asyncCall('x'));
  flushAsync();
  await Promise.all([kv.asyncSet('a', 1), kv.asyncDelete('a'), kv.asyncKeys(), fs.asyncReadText('/d'), fs.asyncReadJson('/d'),
    fs.asyncWriteText('/d', ''), fs.asyncWriteJson('/d', 1, { indent: 2 }), fs.asyncListdir('/d'), fs.asyncExists('/d'),
    fs.asyncStat('/d'), fs.asyncMkdir('/d'), fs.asyncRemove('/d'), http.asyncRequest('http://a/', { method: 'PUT', timeout: 1 })]);

  const controller = new AbortController();
  setTimeout(() => controller.abort('late'), 10);
  const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(1000)]);
  signal.addEventListener('abort', (event) => print(event.type), { once: true });
  const request = new Request(new URL('http://a/'), { method: 'POST', body: new URLSearchParams({ a: 'b' }), signal });
  const response: Response = await fetch(request.clone(), { redirect: 'manual' });
  const { a } = await response.clone().json<{ a: number }>();
  const bytes: Uint8Array = await response.clone().bytes();
  const buffer: ArrayBuffer = await response.clone().arrayBuffer();
  const blob: Blob = await response.blob();
  const headers = new Headers([['a', 'b']]);
  for (const [name, value] of headers) print(name, value, headers.getSetCookie().length);
  const form = new FormData();
  form.append('file', new File([blob, bytes, 'text'], 'f.txt', { type: 'text/plain' }));
  await fetch('http://a/', { method: 'POST', body: form, headers: { x: '1' } });
  console.log(a, buffer.byteLength, Response.json({}).status, response.bodyUsed, new TextDecoder().decode(bytes), form.get('file'));
  await snapshot_point();
}
main().catch((error: unknown) => console.error(error));
print(ok, names, anything, status, body, entries, modified, there, text, now, maybe, settings, size, summary, greeting,
  dormouseAgain.kv === sameKv, again === call, structuredClone(crypto.randomUUID()), performance.now(), scriptArgs[0]);
