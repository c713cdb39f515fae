// A cycle with a.mjs.
import { even } from './a.mjs';
export const odd = (n) => n !== 0 && even(n - 1);
export default 'b';
