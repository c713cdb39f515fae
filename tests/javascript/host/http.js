// args: the URL of a server on loopback (see `host_javascript.rs`); wants that host. Every way to send requests; ends in `ok`.
const [, url] = scriptArgs;
function check(name, got, want = true) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${name}: ${a}, not ${b}`);
}
function code(action) {
  try { action(); } catch (error) { return error.code ?? error.name; }
  return undefined;
}
// The server's account of what it was sent: the line, its headers, its body.
function told(text) {
  const [head, ...body] = text.split('\n\n');
  const [line, ...fields] = head.split('\n');
  const headers = Object.fromEntries(fields.map((field) => field.split(': ')));
  return { line: line.replace(' HTTP/1.1', ''), headers, body: body.join('\n\n') };
}

// By its plain name.
const { status, body, ...rest } = http_get(`${url}/echo?a=b`);
check('http_get', [status, told(body).line, Object.keys(rest)], [200, 'GET /echo?a=b', []]);
check('http_get of no URL', code(() => http_get('')), 'invalid');

// The object.
const response = http.get(`${url}/echo`, { headers: { 'X-Mine': 'ü'.length } });
check('http.get', [response.ok, response.statusCode, told(response.text).line, told(response.text).headers['x-mine'], response.url],
  [true, 200, 'GET /echo', '1', `${url}/echo`]);
check('headers', ['content-type', 'Content-Type', 'X-Ab-Cd', 'x-ab-cd'].map((name) => response.headers[name]),
  ['text/plain', 'text/plain', undefined, undefined]);
check('headers listed', Object.keys(response.headers).includes('content-type'));
check('headers given as Headers', told(http.get(`${url}/echo`, { headers: new Headers({ a: 'b' }) }).text).headers.a, 'b');
check('a URL object', http.get(new URL(`${url}/echo`)).ok);
check('json()', http.get(`${url}/json`).json(), { a: [1, 'ü'] });
check('not ok', (({ ok, statusCode, text }) => [ok, statusCode, text])(http.get(`${url}/status/404`)), [false, 404, 'none']);
for (const [name, method] of [['post', 'POST'], ['put', 'PUT'], ['patch', 'PATCH'], ['delete', 'DELETE']]) {
  const sent = told(http[name](`${url}/echo`, { body: 'häl\nlo' }).text);
  check(`http.${name}`, [sent.line, sent.body, sent.headers['content-type']], [`${method} /echo`, 'häl\nlo', undefined]);
}
check('http.request', told(http.request(`${url}/echo`).text).line, 'GET /echo');
check('http.request by a method', told(http.request(`${url}/echo`, { method: 'put', body: 'x' }).text).line, 'PUT /echo');
check('http.request, the method first', told(http.request('put', `${url}/echo`, { body: 'x' }).text).line, 'PUT /echo');
const json = told(http.post(`${url}/echo`, { body: { a: [null] } }).text);
check('a body of JSON', [json.body, json.headers['content-type']], ['{"a":[null]}', 'application/json']);
const form = told(http.post(`${url}/echo`, { body: new URLSearchParams({ a: 'b c' }) }).text);
check('a form', [form.body, form.headers['content-type']], ['a=b+c', 'application/x-www-form-urlencoded;charset=UTF-8']);
check('bytes', told(http.post(`${url}/echo`, { body: new Uint8Array([104, 105]) }).text).body, 'hi');
check('redirected', [http.get(`${url}/to/302/${url}/echo`).url, http.get(`${url}/to/302/${url}/echo`).ok], [`${url}/echo`, true]);
check('another host', code(() => http.get('http://example.invalid/')), 'not_granted');
check('method', code(() => http.request(`${url}/echo`, { method: 'BREW' })), 'invalid');
check('timeout', code(() => http.get(`${url}/slow`, { timeout: 0.05 })), 'timeout');

async function main() {
  // As promises.
  for (const [name, method] of [['asyncGet', 'GET'], ['asyncPost', 'POST'], ['asyncPut', 'PUT'], ['asyncPatch', 'PATCH'], ['asyncDelete', 'DELETE']]) {
    const sent = await http[name](`${url}/echo`, { headers: { a: 'b' }, ...(method !== 'GET' && { body: 'x' }) });
    check(name, [told(sent.text).line, told(sent.text).headers.a, told(sent.text).body], [`${method} /echo`, 'b', method === 'GET' ? '' : 'x']);
  }
  check('asyncRequest, the method first', told((await http.asyncRequest('PATCH', new URL(`${url}/echo`))).text).line, 'PATCH /echo');
  check('asyncRequest', (await http.asyncRequest(`${url}/json`)).json().a[0], 1);
  const some = await Promise.allSettled([http.asyncGet(`${url}/json`), http.asyncGet('http://example.invalid/'), http.asyncGet('nonsense'), http.asyncPost(`${url}/echo`, { body: 1n })]);
  check('each fails alone', some.map(({ value, reason }) => value?.statusCode ?? reason.code ?? reason.name), [200, 'not_granted', 'invalid', 'TypeError']);

  // Ten that take 200 ms each.
  let started = performance.now();
  const ten = await Promise.all(Array.from({ length: 10 }, () => http.asyncGet(`${url}/slow`)));
  check('ten at once', [ten.every(({ ok }) => ok), performance.now() - started < 1500], [true, true]);

  // fetch.
  const fetched = await fetch(`${url}/echo?x#y`, { headers: { 'X-Mine': '1' } });
  check('fetch', [fetched.ok, fetched.status, fetched.statusText, fetched.url, fetched.redirected, fetched.type, fetched.bodyUsed],
    [true, 200, 'OK', `${url}/echo?x`, false, 'basic', false]);
  check('its headers', [fetched.headers.get('Content-Type'), fetched.headers.getSetCookie()], ['text/plain', ['a=1', 'b=2']]);
  const text = told(await fetched.text());
  check('its text', [text.line, text.headers['x-mine'], fetched.bodyUsed], ['GET /echo?x', '1', true]);
  check('read twice', (await Promise.allSettled([fetched.text()]))[0].reason.name, 'TypeError');
  check('json', await (await fetch(new URL(`${url}/json`))).json(), { a: [1, 'ü'] });
  const raw = await fetch(`${url}/bytes`);
  check('clone', await raw.clone().text(), '\ufffd\u0000a');
  check('bytes', [...await raw.clone().bytes()], [255, 0, 97]);
  check('arrayBuffer', (await raw.clone().arrayBuffer()).byteLength, 3);
  check('blob', [(await raw.clone().blob()).size, (await raw.blob()).type], [3, 'image/x']);
  check('not ok', (({ ok, status, statusText }) => [ok, status, statusText])(await fetch(`${url}/status/404`)), [false, 404, 'Not Found']);
  const post = async (body, headers) => told(await (await fetch(`${url}/echo`, { method: 'POST', body, headers })).text());
  const sent = await post('häl\nlo');
  check('a body of text', [sent.line, sent.body, sent.headers['content-type']], ['POST /echo', 'häl\nlo', 'text/plain;charset=UTF-8']);
  check('a body of bytes', (await post(new TextEncoder().encode('ü').buffer)).body, 'ü');
  check('a body of a blob', (await post(new Blob(['x'], { type: 'a/b' }))).headers['content-type'], 'a/b');
  check('a body of parameters', (await post(new URLSearchParams('a=b'))).body, 'a=b');
  const data = new FormData();
  data.set('a', new File(['content'], 'f.txt'));
  check('a body of a form', (await post(data)).body.includes('filename="f.txt"\r\nContent-Type: application/octet-stream\r\n\r\ncontent\r\n'));
  check('a type of one\'s own', (await post('{}', { 'content-type': 'application/json' })).headers['content-type'], 'application/json');
  check('a Request', told(await (await fetch(new Request(`${url}/echo`, { method: 'PUT', body: 'r' }))).text()).body, 'r');
  const moved = await fetch(`${url}/to/301/${url}/json`);
  check('redirected', [moved.redirected, moved.url, moved.status], [true, `${url}/json`, 200]);
  const manual = await fetch(`${url}/to/301/${url}/json`, { redirect: 'manual' });
  check('by hand', [manual.status, manual.headers.get('location'), manual.redirected], [301, `${url}/json`, false]);
  const refused = (promise) => promise.then(() => 'fulfilled', (error) => [error.name, error.code, error.cause?.name]);
  check('no redirects', (await refused(fetch(`${url}/to/301/${url}/json`, { redirect: 'error' })))[0], 'TypeError');
  check('another host', await refused(fetch('http://example.invalid/')), ['TypeError', 'not_granted', 'HostError']);
  check('redirected to another', await refused(fetch(`${url}/to/302/http://example.invalid/`)), ['TypeError', 'not_granted', 'HostError']);
  check('nobody listens', await refused(fetch(url.replace(/:\d+$/, ':1'))), ['TypeError', 'connection', 'HostError']);
  check('no URL', (await refused(fetch('/x')))[0], 'TypeError');
  check('timeout', (await refused(fetch(`${url}/slow`, { signal: AbortSignal.timeout(50) })))[0], 'TimeoutError');
  const controller = new AbortController();
  const aborted = refused(fetch(`${url}/never`, { signal: controller.signal }));
  controller.abort();
  check('aborted', (await aborted)[0], 'AbortError');
  started = performance.now();
  const fetches = await Promise.all(Array.from({ length: 10 }, () => fetch(`${url}/slow`)));
  check('ten fetched at once', [fetches.every(({ ok }) => ok), performance.now() - started < 1500], [true, true]);
  print('ok');
}
main();
