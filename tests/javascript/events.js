// args: none. The order in which things happen; stdout must be events.out.
const log = (...words) => console.log(words.join(' '));
setTimeout(log, 200, 'timeout 200');
setTimeout(log, 0, 'timeout 0');
setImmediate(log, 'immediate', 'with values');
Promise.resolve().then(() => log('promise'));
queueMicrotask(() => log('microtask'));
let ticks = 0;
const interval = setInterval(() => {
  log('interval', ++ticks);
  if (ticks === 3) clearInterval(interval);
}, 3);
clearTimeout(setTimeout(log, 1, 'never'));
clearImmediate(setImmediate(log, 'never'));
clearTimeout(undefined);
clearTimeout(12345);
setTimeout(() => {
  log('outer');
  Promise.resolve().then(() => log('between timers'));
  setTimeout(log, 40, 'inner');
}, 300);
setTimeout(log, 301, 'after');
const late = Promise.reject(new Error('handled in time'));
queueMicrotask(() => late.catch((error) => log('caught', error.message)));
os.sleepAsync(600).then(() => log('slept', os.now() >= 600));
for (const wrong of [undefined, 'code', null]) {
  try { setTimeout(wrong); } catch (error) { log(error.name); }
}
log('end of script');
