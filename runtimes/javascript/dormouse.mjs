// `import … from 'dormouse'`. Evaluated once, before any program, while the
// global `dormouse` is surely ours.
const d = globalThis.dormouse;
export const {
  snapshot_point, kv, http, fs, call, asyncCall, runAsync, flushAsync, HostError, time_now, kv_get, kv_set,
  kv_delete, kv_keys, http_get, fs_read, fs_write, fs_list, fs_exists, fs_mkdir, fs_remove, fs_stat,
  install_pkg,
} = d;
export default d;
