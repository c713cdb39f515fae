// Event, EventTarget, AbortController and AbortSignal.
(host, internals) => {
  'use strict';
  const P = internals.primordials;

  const tag = (type, name) =>
    P.defineProperty(type.prototype, P.Symbol.toStringTag, { value: name, configurable: true });
  internals.tag = tag;

  let begin; // fills what an event has while it is dispatched
  let end;
  let isStopped;

  class Event {
    #type;
    #bubbles;
    #cancelable;
    #target = null;
    #running = false;
    #stopped = false;
    #prevented = false;
    #time = host.monotonic();

    static {
      begin = (event, target) => {
        event.#target = target;
        event.#running = true;
        event.#stopped = false;
      };
      end = (event) => {
        event.#running = false;
      };
      isStopped = (event) => event.#stopped;
    }

    constructor(type, init = {}) {
      if (arguments.length === 0) throw new P.TypeError('Event: a type is wanted');
      this.#type = `${type}`;
      this.#bubbles = !!init?.bubbles;
      this.#cancelable = !!init?.cancelable;
    }

    get type() {
      return this.#type;
    }

    get target() {
      return this.#target;
    }

    get currentTarget() {
      return this.#running ? this.#target : null;
    }

    get bubbles() {
      return this.#bubbles;
    }

    get cancelable() {
      return this.#cancelable;
    }

    get defaultPrevented() {
      return this.#prevented;
    }

    get timeStamp() {
      return this.#time;
    }

    get isTrusted() {
      return false;
    }

    preventDefault() {
      if (this.#cancelable) this.#prevented = true;
    }

    stopPropagation() {}

    stopImmediatePropagation() {
      this.#stopped = true;
    }
  }
  tag(Event, 'Event');

  class EventTarget {
    #listeners = [];

    addEventListener(type, callback, options = undefined) {
      if (callback === null || callback === undefined) return;
      const known = this.#find(`${type}`, callback);
      if (known !== undefined) return;
      const { once = false, signal } = typeof options === 'object' && options !== null ? options : {};
      if (signal?.aborted) return;
      // A new list: one that is being walked stays as it is.
      const list = P.arraySlice(this.#listeners);
      list[list.length] = { type: `${type}`, callback, once: !!once };
      this.#listeners = list;
      signal?.addEventListener('abort', () => this.removeEventListener(type, callback), { once: true });
    }

    removeEventListener(type, callback, options = undefined) {
      const listener = this.#find(`${type}`, callback);
      if (listener !== undefined) this.#remove(listener);
    }

    dispatchEvent(event) {
      begin(event, this);
      const list = this.#listeners;
      for (let i = 0; i < list.length && !isStopped(event); i++) {
        const listener = list[i];
        if (listener.type !== event.type || listener.gone) continue;
        if (listener.once) this.#remove(listener);
        run(this, listener.callback, event);
      }
      end(event);
      return !event.defaultPrevented;
    }

    #find(type, callback) {
      for (let i = 0; i < this.#listeners.length; i++) {
        const listener = this.#listeners[i];
        if (listener.type === type && listener.callback === callback) return listener;
      }
      return undefined;
    }

    #remove(listener) {
      const kept = [];
      for (let i = 0; i < this.#listeners.length; i++) {
        if (this.#listeners[i] !== listener) kept[kept.length] = this.#listeners[i];
      }
      listener.gone = true;
      this.#listeners = kept;
    }
  }
  tag(EventTarget, 'EventTarget');

  // What one listener throws is shown like any other uncaught error, once all
  // of them have been called.
  function run(target, callback, event) {
    try {
      if (typeof callback === 'function') P.apply(callback, target, [event]);
      else callback.handleEvent(event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
  const { queueMicrotask } = globalThis;
  const dispatch = P.uncurry(EventTarget.prototype.dispatchEvent);

  const KEY = {}; // nobody else makes a signal
  let abort;

  class AbortSignal extends EventTarget {
    #aborted = false;
    #reason = undefined;
    #due = Infinity; // when it will be aborted, in milliseconds of the run
    #dependents = [];
    #steps = [];

    #onabort = null;

    static {
      abort = (signal, reason) => signal.#abort(reason);
      internals.signals = {
        isSignal: (value) => typeof value === 'object' && value !== null && #aborted in value,
        due: (signal) => signal.#due,
        // Has `step` called once, before any listener.
        add(signal, step) {
          signal.#steps[signal.#steps.length] = step;
        },
        remove(signal, step) {
          for (let i = 0; i < signal.#steps.length; i++) {
            if (signal.#steps[i] === step) P.splice(signal.#steps, i, 1);
          }
        },
      };
    }

    constructor(key) {
      if (key !== KEY) throw new P.TypeError('Illegal constructor');
      super();
    }

    static abort(reason = undefined) {
      const signal = new AbortSignal(KEY);
      signal.#abort(reason);
      return signal;
    }

    static timeout(milliseconds) {
      const ms = P.max(0, P.Number(milliseconds));
      if (P.numberIsNaN(ms)) throw new P.TypeError('AbortSignal.timeout: milliseconds are wanted');
      const signal = new AbortSignal(KEY);
      signal.#due = host.monotonic() + ms;
      internals.timers.unref(() => signal.#abort(timedOut()), ms);
      return signal;
    }

    static any(signals) {
      const result = new AbortSignal(KEY);
      for (const signal of signals) {
        if (!(#aborted in signal)) throw new P.TypeError('AbortSignal.any: signals are wanted');
        if (signal.#aborted) {
          result.#abort(signal.#reason);
          return result;
        }
        result.#due = P.min(result.#due, signal.#due);
        signal.#dependents[signal.#dependents.length] = result;
      }
      return result;
    }

    get aborted() {
      return this.#aborted;
    }

    get reason() {
      return this.#reason;
    }

    get onabort() {
      return this.#onabort;
    }

    set onabort(listener) {
      this.#onabort = listener;
    }

    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }

    #abort(reason) {
      if (this.#aborted) return;
      this.#aborted = true;
      this.#reason = reason === undefined ? aborted() : reason;
      const steps = this.#steps;
      this.#steps = [];
      for (let i = 0; i < steps.length; i++) steps[i](this.#reason);
      const event = new Event('abort');
      if (typeof this.#onabort === 'function') {
        begin(event, this);
        run(this, this.#onabort, event);
      }
      dispatch(this, event);
      const dependents = this.#dependents;
      this.#dependents = [];
      for (let i = 0; i < dependents.length; i++) dependents[i].#abort(this.#reason);
    }
  }
  tag(AbortSignal, 'AbortSignal');

  const aborted = () => new P.DOMException('This operation was aborted', 'AbortError');
  const timedOut = () => new P.DOMException('The operation was aborted due to timeout', 'TimeoutError');
  internals.signals.timedOut = timedOut;

  class AbortController {
    #signal = new AbortSignal(KEY);

    get signal() {
      return this.#signal;
    }

    abort(reason = undefined) {
      abort(this.#signal, reason);
    }
  }
  tag(AbortController, 'AbortController');

  internals.global('Event', Event);
  internals.global('EventTarget', EventTarget);
  internals.global('AbortSignal', AbortSignal);
  internals.global('AbortController', AbortController);
}
