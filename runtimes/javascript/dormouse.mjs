// `import … from 'dormouse'`. Evaluated once, before any program, while the
// global `dormouse` is surely ours.
const d = globalThis.dormouse;
const { snapshot_point } = d;
export { snapshot_point };
export default d;
