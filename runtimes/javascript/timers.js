// Timers and immediates. The host drives them: `internals.tick` runs what is
// due and says when to come again.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const MAX_DELAY = 2 ** 31 - 1;
  const END = -1; // nothing is left to wait for

  // A binary heap, ordered by time and, among equals, by age.
  const heap = [];
  const pending = new P.Map();
  const immediates = { first: undefined, last: undefined };
  const { waiting } = internals.cells; // as many as `pending` has that the program is kept for
  let lastId = 0;

  function remember(timer) {
    P.mapSet(pending, timer.id, timer);
    if (!timer.weak) waiting[0]++;
    return timer.id;
  }

  function forget(timer) {
    if (P.mapDelete(pending, timer.id) && !timer.weak) waiting[0]--;
  }

  const before = (a, b) => a.due < b.due || (a.due === b.due && a.order < b.order);

  function push(timer) {
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(timer, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = timer;
  }

  function pop() {
    const top = heap[0];
    const last = heap[heap.length - 1];
    heap.length--;
    const size = heap.length;
    if (size === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return top;
  }

  let order = 0;
  const delayOf = (delay) => {
    const ms = P.trunc(P.Number(delay));
    return ms >= 1 && ms <= MAX_DELAY ? ms : 1;
  };

  function add(callback, delay, repeat, values, name, weak = false) {
    if (typeof callback !== 'function') {
      throw new P.TypeError(`${name}: the first argument must be a function`);
    }
    const ms = delayOf(delay);
    const due = host.monotonic() + ms;
    const timer = { id: ++lastId, callback, values, repeat: repeat ? ms : 0, due, order: order++, weak };
    push(timer);
    return remember(timer);
  }

  function clear(id) {
    const timer = P.mapGet(pending, id);
    if (timer === undefined) return;
    forget(timer);
    timer.callback = undefined; // it stays in the heap until it is due
    timer.values = undefined;
    if (heap.length > 64 && heap.length > 2 * P.mapSize(pending)) sweep();
  }

  // Drops what was cleared, so that timers set and cleared don't pile up.
  function sweep() {
    const old = P.arraySlice(heap);
    heap.length = 0;
    for (let i = 0; i < old.length; i++) if (old[i].callback !== undefined) push(old[i]);
  }

  const named = {
    setTimeout: (callback, delay = 0, ...values) => add(callback, delay, false, values, 'setTimeout'),
    setInterval: (callback, delay = 0, ...values) => add(callback, delay, true, values, 'setInterval'),
    setImmediate(callback, ...values) {
      if (typeof callback !== 'function') {
        throw new P.TypeError('setImmediate: the first argument must be a function');
      }
      const immediate = { id: ++lastId, callback, values, repeat: 0, next: undefined };
      if (immediates.last === undefined) immediates.first = immediate;
      else immediates.last.next = immediate;
      immediates.last = immediate;
      return remember(immediate);
    },
    clearTimeout: (id) => clear(id),
    clearInterval: (id) => clear(id),
    clearImmediate: (id) => clear(id),
  };
  for (const name of P.keys(named)) internals.global(name, named[name]);
  // A timer that the program does not wait for.
  const unref = (callback, delay) => add(callback, delay, false, [], 'unref', true);
  internals.timers = { ...named, unref };

  // Forgets all that is still to come.
  internals.clearTimers = () => {
    P.mapForEach(pending, (timer) => {
      timer.callback = undefined;
      timer.values = undefined;
    });
    P.mapClear(pending);
    waiting[0] = 0;
    heap.length = 0;
    immediates.first = immediates.last = undefined;
  };

  function run(timer) {
    const { callback, values } = timer;
    if (timer.repeat > 0) {
      timer.due = P.max(timer.due + timer.repeat, host.monotonic());
      timer.order = order++;
      push(timer);
    } else {
      forget(timer);
    }
    P.apply(callback, undefined, values);
  }

  function takeImmediate() {
    for (;;) {
      const immediate = immediates.first;
      if (immediate === undefined) return undefined;
      immediates.first = immediate.next;
      if (immediates.first === undefined) immediates.last = undefined;
      if (immediate.callback !== undefined) return immediate;
    }
  }

  // Called while any timer waits. Runs one callback. Returns milliseconds to wait before the next call, or
  // END. The host runs all microtasks in between.
  let immediateTurn = false;
  internals.tick = () => {
    while (heap.length > 0 && heap[0].callback === undefined) pop();
    const wait = heap.length > 0 ? heap[0].due - host.monotonic() : Infinity;
    // Timers that stay due must not starve immediates, nor the other way.
    if (immediates.first !== undefined && (immediateTurn || wait > 0)) {
      immediateTurn = false;
      const immediate = takeImmediate();
      if (immediate !== undefined) run(immediate);
      return 0;
    }
    if (wait <= 0) {
      immediateTurn = true;
      run(pop());
      return 0;
    }
    return wait === Infinity ? END : wait;
  };
}
