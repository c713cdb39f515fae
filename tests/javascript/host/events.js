// args: none. Event, EventTarget, AbortController, AbortSignal, Headers, Request, Response, Blob, FormData; ends in `ok`.
function check(name, got, want = true) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${name}: ${a}, not ${b}`);
}
function throws(name, action, what) {
  try { action(); } catch (error) { return check(name, error.name, what); }
  throw new Error(`${name}: nothing thrown`);
}
const rejects = async (name, promise, what) => {
  const [{ reason }] = await Promise.allSettled([promise]);
  check(name, reason?.name, what);
};

// Events.
const seen = [];
const target = new EventTarget();
const listener = { handleEvent(event) { seen.push(['object', event.type, event.target === target]); } };
target.addEventListener('a', listener);
target.addEventListener('a', listener);
target.addEventListener('a', function (event) { seen.push(['once', this === target, event.currentTarget === target]); }, { once: true });
target.addEventListener('a', (event) => event.preventDefault());
const cancelable = new Event('a', { cancelable: true });
check('dispatch', [target.dispatchEvent(cancelable), cancelable.defaultPrevented, cancelable.currentTarget], [false, true, null]);
check('dispatch again', target.dispatchEvent(new Event('a')), true);
target.removeEventListener('a', listener);
target.dispatchEvent(new Event('a'));
check('seen', seen, [['object', 'a', true], ['once', true, true], ['object', 'a', true]]);
const stopping = new EventTarget();
stopping.addEventListener('x', (event) => { seen.length = 0; event.stopImmediatePropagation(); });
stopping.addEventListener('x', () => seen.push('not stopped'));
stopping.dispatchEvent(new Event('x'));
check('stopped', seen, []);

// Signals.
const controller = new AbortController();
const order = [];
controller.signal.onabort = () => order.push('onabort');
controller.signal.addEventListener('abort', () => order.push('listener'));
const any = AbortSignal.any([controller.signal, AbortSignal.timeout(60000)]);
check('fresh', [controller.signal.aborted, any.aborted, controller.signal.reason], [false, false, undefined]);
controller.abort();
controller.abort('twice');
check('aborted', [controller.signal.aborted, any.aborted, controller.signal.reason.name, any.reason === controller.signal.reason],
  [true, true, 'AbortError', true]);
check('order', order, ['onabort', 'listener']);
check('is a DOMException', controller.signal.reason instanceof DOMException);
throws('throwIfAborted', () => controller.signal.throwIfAborted(), 'AbortError');
check('abort with a reason', AbortSignal.abort('why').reason, 'why');
check('any of an aborted one', AbortSignal.any([AbortSignal.abort(7)]).reason, 7);
throws('a signal of one\'s own', () => new AbortSignal(), 'TypeError');

// Headers.
const headers = new Headers({ 'Content-Type': ' text/plain ', b: 1 });
headers.append('B', 2);
headers.append('Set-Cookie', 'x=1');
headers.append('set-cookie', 'y=2');
check('get', [headers.get('content-TYPE'), headers.get('b'), headers.get('none')], ['text/plain', '1, 2', null]);
check('getSetCookie', headers.getSetCookie(), ['x=1', 'y=2']);
check('entries', [...headers], [['b', '1, 2'], ['content-type', 'text/plain'], ['set-cookie', 'x=1'], ['set-cookie', 'y=2']]);
check('keys and values', [[...headers.keys()][0], [...headers.values()][0]], ['b', '1, 2']);
headers.set('b', 'new');
headers.delete('SET-COOKIE');
const each = [];
headers.forEach((value, name) => each.push(name, value));
check('forEach', each, ['b', 'new', 'content-type', 'text/plain']);
check('has', [headers.has('B'), headers.has('c')], [true, false]);
check('copy', [...new Headers(headers)].length + [...new Headers([['a', 'b']])].length, 3);
throws('name', () => new Headers({ 'a b': '1' }), 'TypeError');
throws('value', () => new Headers({ a: '1\r\nb: 2' }), 'TypeError');
throws('beyond Latin-1', () => new Headers({ a: '€' }), 'TypeError');
throws('pairs', () => new Headers([['a']]), 'TypeError');

// Requests.
const request = new Request('http://a.b/c?d#e', { method: 'post', headers: { x: 'y' }, body: 'text' });
check('request', [request.url, request.method, request.headers.get('x'), request.headers.get('content-type'), request.bodyUsed],
  ['http://a.b/c?d#e', 'POST', 'y', 'text/plain;charset=UTF-8', false]);
check('of a request', (({ method, url }) => [method, url])(new Request(request, { method: 'PUT' })), ['PUT', 'http://a.b/c?d#e']);
check('of a URL', new Request(new URL('http://a')).url, 'http://a/');
throws('relative', () => new Request('/x'), 'TypeError');
throws('a body to get', () => new Request('http://a', { body: 'x' }), 'TypeError');
throws('no signal', () => new Request('http://a', { signal: {} }), 'TypeError');

(async () => {
  check('request text', [await request.clone().text(), await request.text(), request.bodyUsed], ['text', 'text', true]);
  await rejects('read twice', request.text(), 'TypeError');
  throws('clone of what was read', () => request.clone(), 'TypeError');

  // Responses.
  const response = new Response('\ufeff{"a": "ü"}', { status: 201, statusText: 'Made', headers: { a: 'b' } });
  check('response', [response.status, response.ok, response.statusText, response.headers.get('a'), response.type, response.url, response.redirected],
    [201, true, 'Made', 'b', 'default', '', false]);
  check('json', await response.clone().json(), { a: 'ü' });
  check('text', await response.clone().text(), '{"a": "ü"}');
  check('bytes', [...await new Response('ü').bytes()], [195, 188]);
  check('arrayBuffer', (await new Response(new Uint8Array([1, 2, 3]).subarray(1)).arrayBuffer()).byteLength, 2);
  check('empty', [await new Response().text(), (await new Response(null, { status: 204 }).bytes()).length], ['', 0]);
  check('Response.json', [await Response.json([1]).json(), Response.json({}).headers.get('content-type')], [[1], 'application/json']);
  check('Response.error', [Response.error().type, Response.error().status], ['error', 0]);
  check('Response.redirect', (({ status, headers }) => [status, headers.get('location')])(Response.redirect('http://a', 301)), [301, 'http://a/']);
  throws('status', () => new Response('', { status: 99 }), 'RangeError');
  throws('no body there', () => new Response('x', { status: 204 }), 'TypeError');
  const form = await new Response(new URLSearchParams({ a: 'b c' })).formData();
  check('formData', form.get('a'), 'b c');
  await rejects('not JSON', new Response('{').json(), 'SyntaxError');

  // Blobs and forms.
  const blob = new Blob(['aü', new Uint8Array([98]), new Blob(['c'])], { type: 'Text/Plain' });
  check('blob', [blob.size, blob.type, await blob.text(), await blob.slice(-2).text(), (await blob.bytes()).length], [5, 'text/plain', 'aübc', 'bc', 5]);
  check('blob of a response', [(await new Response(blob).blob()).type, await (await new Response(blob).blob()).text()], ['text/plain', 'aübc']);
  const data = new FormData();
  data.append('a', 1);
  data.append('a', 2);
  data.set('b', 'x');
  data.set('file', new File(['content'], 'n"ame.txt', { type: 'text/x' }));
  check('form', [data.get('a'), data.getAll('a'), data.has('c'), [...data.keys()], data.get('file').name], ['1', ['1', '2'], false, ['a', 'a', 'b', 'file'], 'n"ame.txt']);
  const sent = new Response(data);
  const [, boundary] = sent.headers.get('content-type').split('boundary=');
  check('multipart', (await sent.text()).replaceAll(boundary, 'B'),
    ['a', 'a', 'b'].map((name, i) => `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${[1, 2, 'x'][i]}\r\n`).join('')
    + '--B\r\nContent-Disposition: form-data; name="file"; filename="n%22ame.txt"\r\nContent-Type: text/x\r\n\r\ncontent\r\n--B--\r\n');
  data.delete('a');
  check('deleted', [...data.values()].length, 2);

  // A timeout that nobody waits for does not keep the program.
  const short = AbortSignal.timeout(5);
  await new Promise((resolve) => short.addEventListener('abort', resolve) ?? setTimeout(() => {}, 1000));
  check('timeout', short.reason.name, 'TimeoutError');
  AbortSignal.timeout(1e6);
  print('ok');
})();
