// `import … from 'os'`. Evaluated once, before any program, while the global
// `os` is surely ours.
const o = globalThis.os;
export const {
  O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_TRUNC, S_IFMT, S_IFIFO, S_IFCHR, S_IFDIR,
  S_IFBLK, S_IFREG, S_IFSOCK, S_IFLNK, S_ISGID, S_ISUID, SIGINT, SIGABRT, SIGKILL, SIGSEGV, SIGPIPE,
  SIGTERM, platform, open, close, read, write, seek, isatty, ttyGetWinSize, ttySetRaw, readdir,
  stat, lstat, remove, rename, mkdir, readlink, realpath, symlink, utimes, getcwd, chdir, now,
  sleep, sleepAsync, setTimeout, clearTimeout, setInterval, clearInterval, setReadHandler,
  setWriteHandler, getpid, exec, waitpid, kill, pipe, dup, dup2, signal, Worker,
} = o;
export default o;
