import { odd } from './b.mjs';
export const even = (n) => n === 0 || odd(n - 1);
export const whoami = () => import.meta.url;
