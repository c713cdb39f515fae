// mounts: an empty folder at /data, rwc. std and os on files; ends in `ok`.
function check(name, got, want = true) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${name}: ${a}, not ${b}`);
}
function throws(name, action, pattern) {
  try { action(); } catch (error) {
    if (pattern.test(`${error}`)) return;
    throw new Error(`${name}: ${error}`);
  }
  throw new Error(`${name}: nothing thrown`);
}

const dir = '/data';
const file = std.open(`${dir}/a.txt`, 'w+');
file.puts('first line\n', 'zweite: ü\n');
file.printf('%05d|%-6s|%+.2f|%x|%c|%%\n', 42, 'ab', 1.005, 255, 65);
check('tell', file.tell(), 11 + 11 + 26);
check('seek', file.seek(0, std.SEEK_SET), 0);
check('lines', [file.getline(), file.getline(), file.getline(), file.eof(), file.getline(), file.eof()],
  ['first line', 'zweite: ü', '00042|ab    |+1.00|ff|A|%', false, null, true]);
file.seek(6, std.SEEK_SET);
check('read a byte, then write', [String.fromCharCode(file.getByte()), file.putByte(73)], ['l', 73]);
file.seek(0, std.SEEK_SET);
check('after writing', file.getline(), 'first lIne');
const bytes = new Uint8Array(8);
check('read', [file.read(bytes.buffer, 2, 4), [...bytes]], [4, [0, 0, 122, 119, 101, 105, 0, 0]]);
check('rest', [file.readAsString(6), file.readAsString(0), file.readAsString().length], ['te: ü', '', 27]);
check('close', file.close(), 0);
throws('closed', () => file.getline(), /closed/);

std.writeFile(`${dir}/b.bin`, new Uint8Array([1, 0, 255]));
check('binary', [...std.loadFile(`${dir}/b.bin`, { binary: true })], [1, 0, 255]);
check('invalid text', std.loadFile(`${dir}/b.bin`), '\u0001\0\ufffd');
check('no such file', [std.loadFile(`${dir}/none`), std.open(`${dir}/none`, 'r')], [null, null]);
const note = {};
std.open('/none', 'r', note);
check('errno', [note.errno, std.strerror(note.errno)], [std.Error.ENOENT, 'No such file or directory']);
std.open(`${dir}/a.txt`, 'r', note);
check('no error', note.errno, 0);
throws('mode', () => std.open('/x', 'q'), /mode/);

check('mkdir', [os.mkdir(`${dir}/sub`), os.mkdir(`${dir}/sub`)], [0, -std.Error.EEXIST]);
check('readdir', os.readdir(dir), [['.', '..', 'a.txt', 'b.bin', 'sub'], 0]);
check('readdir none', os.readdir('/none'), [[], std.Error.ENOENT]);
const [stat, error] = os.stat(`${dir}/b.bin`);
check('stat', [error, stat.size, (stat.mode & os.S_IFMT) === os.S_IFREG, stat.mtime > 1e12], [0, 3, true, true]);
check('stat folder', (os.stat(dir)[0].mode & os.S_IFMT) === os.S_IFDIR);
check('stat none', os.lstat('/none'), [null, std.Error.ENOENT]);
check('rename', [os.rename(`${dir}/b.bin`, `${dir}/sub/c.bin`), os.stat(`${dir}/sub/c.bin`)[0].size], [0, 3]);
check('remove', [os.remove(`${dir}/sub`) < 0, os.remove(`${dir}/sub/c.bin`), os.remove(`${dir}/sub`)], [true, 0, 0]);
check('cwd', [os.getcwd(), os.chdir(dir), os.getcwd(), std.loadFile('a.txt').length > 9, os.chdir('/none') < 0],
  [['/', 0], 0, [dir, 0], true, true]);
check('realpath', os.realpath('../data/./a.txt'), [`${dir}/a.txt`, 0]);

const fd = os.open(`${dir}/d`, os.O_RDWR | os.O_CREAT | os.O_TRUNC);
const out = new Uint8Array([104, 105, 33]);
check('os.write', os.write(fd, out.buffer, 0, 3), 3);
check('os.seek', [os.seek(fd, 1, std.SEEK_SET), os.read(fd, bytes.buffer, 0, 8), bytes[0]], [1, 2, 105]);
check('os.close', [os.close(fd), os.close(fd), os.read(fd, bytes.buffer, 0, 1)], [0, -std.Error.EBADF, -std.Error.EBADF]);
const more = std.open(`${dir}/d`, 'a');
more.puts('more');
more.close();
check('append', std.loadFile(`${dir}/d`), 'hi!more');

const scratch = std.tmpfile();
scratch.puts('x'.repeat(100000));
scratch.seek(0, std.SEEK_SET);
check('tmpfile', scratch.readAsString().length, 100000);
scratch.close();

const open = [];
let last;
while ((last = std.open(`${dir}/d`, 'r', note)) !== null) open.push(last);
check('open files are limited', [note.errno, open.length > 100], [std.Error.EMFILE, true]);
open.forEach((each) => each.close());

std.setenv('X', 'y');
check('environment', [std.getenv('X'), std.getenviron().X, std.getenv('HOME'), std.unsetenv('X'), std.getenv('X')],
  ['y', 'y', null, null, null].map((x) => x ?? undefined));
check('sprintf', std.sprintf('%s %5.1f %-4d| %04x %e %g %i', 'a', 2.25, 7, 255, 12345.678, 0.0001, -3n),
  'a   2.3 7   | 00ff 1.234568e+04 0.0001 -3');
check('evalScript', std.evalScript('1 + 2'), 3);
std.writeFile(`${dir}/s.js`, 'globalThis.loaded = 5; 6');
check('loadScript', [std.loadScript(`${dir}/s.js`), loaded], [6, 5]);
check('extended JSON', std.parseExtJSON("{a: 1, 'b': [0x10, .5,], /* c */ d: null} // end"), { a: 1, b: [16, 0.5], d: null });
throws('popen', () => std.popen('ls', 'r'), /no processes/);
throws('urlGet', () => std.urlGet('http://x'), /no network/);
throws('exec', () => os.exec(['ls']), /no processes/);
throws('Worker', () => new os.Worker('x.js'), /no threads/);
check('platform', [os.platform, os.isatty(99), os.getpid()], ['wasi', false, 1]);
const started = os.now();
os.sleep(15);
check('sleep', os.now() - started >= 15);
std.out.puts('o', 'k', '\n');
std.out.flush();
