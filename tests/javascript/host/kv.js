// args: none; wants --kv. Every way to the values by key; ends in `ok`.
function check(name, got, want = true) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${name}: ${a}, not ${b}`);
}

// By plain names.
check('kv_get of nothing', kv_get('a'), null);
check('kv_set', kv_set('a', 'text'), 'ok');
check('kv_get', kv_get('a'), 'text');
check('kv_keys', kv_keys(), ['a']);
check('kv_delete', kv_delete('a'), 'ok');
check('kv_delete of nothing', kv_delete('a'), 'ok');
check('gone', [kv_get('a'), kv_keys()], [null, []]);

// The object.
for (const value of [1, -0.5, 'ü\0"\\\u2028', true, false, null, [1, [2]], { a: { b: [] }, __proto__: null }, '', 'x'.repeat(60000)]) {
  check('kv.set', kv.set('v', value), 'ok');
  check('kv.get', kv.get('v'), value);
}
check('undefined is null', [kv.set('u', undefined), kv.get('u')], ['ok', null]);
check('an own __proto__', (kv.set('p', JSON.parse('{"__proto__": 1}')), Object.keys(kv.get('p'))), ['__proto__']);
kv.set('lone', ['\ud800', '\\ud800', '\udc00x\ud83d\ude00']);
check('lone surrogates', kv.get('lone'), ['\ufffd', '\\ud800', '\ufffdx\ud83d\ude00']);
check('default', [kv.get('nothing'), kv.get('nothing', 5), kv.get('v', 5).length], [null, 5, 60000]);
check('kv.keys', kv.keys().sort(), ['lone', 'p', 'u', 'v']);
for (const key of kv.keys()) check('kv.delete', kv.delete(key), 'ok');
check('empty', kv.keys(), []);

// By name, as any function.
check('call', [call('kv_set', { key: 'c', value: [1] }), call('kv_get', { key: 'c' }), call('kv_keys')], ['ok', [1], ['c']]);
kv.delete('c');

// As promises.
(async () => {
  check('asyncSet', await Promise.all([1, 2, 3].map((n) => kv.asyncSet(`n${n}`, n))), ['ok', 'ok', 'ok']);
  check('asyncGet', await Promise.all([kv.asyncGet('n1'), kv.asyncGet('n9'), kv.asyncGet('n9', 'no')]), [1, null, 'no']);
  check('asyncKeys', (await kv.asyncKeys()).sort(), ['n1', 'n2', 'n3']);
  check('asyncDelete', await kv.asyncDelete('n1'), 'ok');
  check('asyncCall', await asyncCall('kv_get', { key: 'n2' }), 2);
  check('runAsync', await runAsync(kv.asyncGet('n2'), kv.asyncGet('n3')), [2, 3]);

  // `flushAsync` sends at once.
  const later = kv.asyncSet('f', 1);
  check('not yet', kv.get('f'), null);
  check('flushAsync', typeof flushAsync(), 'undefined');
  check('sent', [kv.get('f'), await later], [1, 'ok']);

  // Each failing call fails alone.
  const settled = await Promise.allSettled([kv.asyncSet('x'.repeat(300), 1), kv.asyncGet('f'), asyncCall('nothing')]);
  check('settled', settled.map(({ status, value, reason }) => [status, value, reason?.code]),
    [['rejected', null, 'too_large'], ['fulfilled', 1, null], ['rejected', null, 'unknown_function']]);
  check('a value without JSON', (await Promise.allSettled([kv.asyncSet('x', 1n)]))[0].reason.name, 'TypeError');

  // More than go together.
  const many = await Promise.all(Array.from({ length: 2500 }, (_, i) => kv.asyncSet(`k${i % 100}`, i).then(() => kv.asyncGet('f'))));
  check('many', [many.length, many.every((n) => n === 1), kv.keys().length], [2500, true, 103]);
  print('ok');
})();
