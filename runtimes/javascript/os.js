// The `os` module, as programs for QuickJS know it.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const { ERRNO, OPEN, absent, range } = internals;
  const { BigInt, Float64Array } = globalThis;

  const O_RDONLY = 0;
  const O_WRONLY = 1;
  const O_RDWR = 2;
  const O_APPEND = 0x400;
  const O_CREAT = 0x40;
  const O_EXCL = 0x80;
  const O_TRUNC = 0x200;
  const S_IFMT = 0o170000;
  const STAT_FIELDS = ['dev', 'ino', 'mode', 'nlink', 'uid', 'gid', 'rdev', 'size', 'blocks',
    'atime', 'mtime', 'ctime'];

  function openFlags(flags) {
    const access = flags & 3;
    let result = access === O_WRONLY ? OPEN.WRITE : access === O_RDWR ? OPEN.READ | OPEN.WRITE : OPEN.READ;
    if (flags & O_APPEND) result |= OPEN.APPEND;
    if (flags & O_CREAT) result |= OPEN.CREATE;
    if (flags & O_EXCL) result |= OPEN.EXCLUSIVE;
    if (flags & O_TRUNC) result |= OPEN.TRUNCATE;
    return result;
  }

  function stat(path, follow) {
    const numbers = new Float64Array(STAT_FIELDS.length);
    const answer = host.stat(`${path}`, follow, P.viewBuffer(numbers));
    if (answer < 0) return [null, -answer];
    const result = {};
    for (let i = 0; i < STAT_FIELDS.length; i++) result[STAT_FIELDS[i]] = numbers[i];
    return [result, 0];
  }

  const transfer = (by, fd, part) => by(fd, part.buffer, part.offset, part.length);
  const textAndErrno = (answer) => (typeof answer === 'number' ? ['', -answer] : [answer, 0]);
  const milliseconds = (ms) => P.max(0, P.Number(ms) || 0);

  const os = {
    O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_TRUNC,
    S_IFMT,
    S_IFIFO: 0o010000,
    S_IFCHR: 0o020000,
    S_IFDIR: 0o040000,
    S_IFBLK: 0o060000,
    S_IFREG: 0o100000,
    S_IFSOCK: 0o140000,
    S_IFLNK: 0o120000,
    S_ISGID: 0o2000,
    S_ISUID: 0o4000,
    SIGINT: 2,
    SIGABRT: 6,
    SIGKILL: 9,
    SIGSEGV: 11,
    SIGPIPE: 13,
    SIGTERM: 15,
    platform: 'wasi',

    open: (path, flags = O_RDONLY) => host.open(`${path}`, openFlags(flags)),
    close: (fd) => host.close(fd),
    read: (fd, buffer, offset, length) => transfer(host.read, fd, range(buffer, offset, length, 'os.read')),
    write: (fd, buffer, offset, length) => transfer(host.write, fd, range(buffer, offset, length, 'os.write')),
    seek(fd, offset, whence) {
      const answer = host.seek(fd, P.Number(offset), whence);
      return typeof offset === 'bigint' ? BigInt(answer) : answer;
    },
    isatty: (fd) => host.isatty(fd),
    ttyGetWinSize: () => null,
    ttySetRaw: absent('ttySetRaw', 'terminal to control'),

    readdir(path) {
      const answer = host.readdir(`${path}`);
      if (typeof answer === 'number') return [[], -answer];
      return [P.split(answer === '' ? '.\0..' : `.\0..\0${answer}`, '\0'), 0];
    },
    stat: (path) => stat(path, true),
    lstat: (path) => stat(path, false),
    remove: (path) => host.remove(`${path}`),
    rename: (from, to) => host.rename(`${from}`, `${to}`),
    mkdir: (path) => host.mkdir(`${path}`),
    readlink: (path) => textAndErrno(host.readlink(`${path}`)),
    realpath: (path) => textAndErrno(host.realpath(`${path}`)),
    symlink: () => -ERRNO.ENOTSUP,
    utimes: () => -ERRNO.ENOTSUP,
    getcwd: () => [host.getcwd(), 0],
    chdir: (path) => host.chdir(`${path}`),

    now: () => host.monotonic(),
    sleep: (ms) => void host.sleep(milliseconds(ms)),
    sleepAsync: (ms) => new P.Promise((resolve) => internals.timers.setTimeout(resolve, milliseconds(ms))),
    setTimeout: internals.timers.setTimeout,
    clearTimeout: internals.timers.clearTimeout,
    setInterval: internals.timers.setInterval,
    clearInterval: internals.timers.clearInterval,
    setReadHandler: absent('setReadHandler', 'file events'),
    setWriteHandler: absent('setWriteHandler', 'file events'),
    getpid: () => 1,
    exec: absent('exec', 'processes'),
    waitpid: absent('waitpid', 'processes'),
    kill: absent('kill', 'processes'),
    pipe: absent('pipe', 'processes'),
    dup: absent('dup', 'processes'),
    dup2: absent('dup2', 'processes'),
    signal: absent('signal', 'signals'),
    Worker: class Worker {
      constructor() {
        throw new P.Error('Worker: the sandbox has no threads');
      }
    },
  };
  internals.os = os;
  internals.global('os', os);
}
