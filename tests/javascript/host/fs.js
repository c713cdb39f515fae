// args: none; wants an empty folder as --mount /data:…:rwc. Every way to the files; ends in `ok`.
function check(name, got, want = true) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${name}: ${a}, not ${b}`);
}
function code(action) {
  try { action(); } catch (error) { return [error.name, error.code, error.message]; }
  return undefined;
}
const recent = (time) => Math.abs(time - time_now()) < 1000;

// By plain names.
check('fs_list', fs_list('/data'), []);
check('fs_write', fs_write('/data/a.txt', 'hällo'), 'ok');
check('fs_read', fs_read('/data/a.txt'), 'hällo');
check('fs_exists', [fs_exists('/data/a.txt'), fs_exists('/data/b'), fs_exists('/etc')], [true, false, false]);
check('fs_mkdir', fs_mkdir('/data/d/e'), 'ok');
check('fs_list', fs_list('/data').sort((x, y) => (x.name < y.name ? -1 : 1)).map(({ name, is_dir }) => [name, is_dir]),
  [['a.txt', false], ['d', true]]);
check('fs_list size', fs_list('/data').find(({ name }) => name === 'a.txt').size, 6);
const { name, size, is_dir, mod_time } = fs_stat('/data/a.txt');
check('fs_stat', [name, size, is_dir, recent(mod_time)], ['a.txt', 6, false, true]);
check('fs_remove', [fs_remove('/data/a.txt'), fs_remove('/data/d/e'), fs_exists('/data/a.txt')], ['ok', 'ok', false]);
check('fs_read of nothing', code(() => fs_read('/data/a.txt')), ['HostError', 'not_found', 'file not found: /data/a.txt']);

// The object.
check('fs.writeText', fs.writeText('/data/t', 'one'), 'ok');
check('fs.readText', fs.readText('/data/t'), 'one');
check('fs.writeJson', fs.writeJson('/data/j', { a: [1, null] }), 'ok');
check('fs.readJson', [fs.readJson('/data/j'), fs.readText('/data/j')], [{ a: [1, null] }, '{"a":[1,null]}']);
fs.writeJson('/data/j', { a: 1 }, 2);
check('indent', fs.readText('/data/j'), '{\n  "a": 1\n}');
fs.writeJson('/data/j', [1], { indent: 1 });
check('indent as an option', fs.readText('/data/j'), '[\n 1\n]');
check('no JSON', code(() => fs.writeJson('/data/j', undefined))[0], 'TypeError');
check('not JSON', code(() => fs.readJson('/data/t'))[0], 'SyntaxError');
check('fs.exists', [fs.exists('/data/t'), fs.exists('/data/none')], [true, false]);
check('fs.stat', [fs.stat('/data/d').is_dir, fs.stat('/data/t').size], [true, 3]);
check('fs.mkdir', fs.mkdir('/data/m'), 'ok');
check('fs.listdir', fs.listdir('/data').map((entry) => entry.name).sort(), ['d', 'j', 'm', 't']);
check('fs.remove', [fs.remove('/data/m'), fs.exists('/data/m')], ['ok', false]);

// As promises.
(async () => {
  check('asyncWriteText', await fs.asyncWriteText('/data/x', 'two'), 'ok');
  check('asyncReadText', await fs.asyncReadText('/data/x'), 'two');
  check('asyncWriteJson', await fs.asyncWriteJson('/data/y', [1], 1), 'ok');
  check('asyncReadJson', await Promise.all([fs.asyncReadJson('/data/y'), fs.asyncReadJson('/data/y')]), [[1], [1]]);
  check('asyncExists', await Promise.all([fs.asyncExists('/data/y'), fs.asyncExists('/data/z')]), [true, false]);
  check('asyncStat', (await fs.asyncStat('/data/x')).size, 3);
  check('asyncMkdir', await fs.asyncMkdir('/data/n'), 'ok');
  check('asyncListdir', (await fs.asyncListdir('/data')).length, 6);
  check('asyncRemove', [await fs.asyncRemove('/data/n'), fs.exists('/data/n')], ['ok', false]);
  const settled = await Promise.allSettled([fs.asyncReadText('/none'), fs.asyncReadJson('/data/t'), fs.asyncWriteJson('/data/x'), fs.asyncReadText('/data/x')]);
  check('settled', settled.map(({ value, reason }) => value ?? reason.name), ['HostError', 'SyntaxError', 'TypeError', 'two']);
  print('ok');
})();
