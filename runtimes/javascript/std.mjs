// `import … from 'std'`. Evaluated once, before any program, while the global
// `std` is surely ours.
const s = globalThis.std;
const {
  out, err, SEEK_SET, SEEK_CUR, SEEK_END, exit, gc, strerror, puts, printf, sprintf, open, fdopen,
  tmpfile, loadFile, writeFile, getenv, setenv, unsetenv, getenviron, evalScript, loadScript,
  parseExtJSON, popen, urlGet,
} = s;
const input = s.in;
const errors = s.Error;
export {
  input as in, errors as Error,
  out, err, SEEK_SET, SEEK_CUR, SEEK_END, exit, gc, strerror, puts, printf, sprintf, open, fdopen,
  tmpfile, loadFile, writeFile, getenv, setenv, unsetenv, getenviron, evalScript, loadScript,
  parseExtJSON, popen, urlGet,
};
export default s;
