// The global `dormouse`: what the sandbox gives a program beyond JavaScript.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  const { setImmediate } = internals.timers;

  const dormouse = {
    // Where `dormouse snapshot` captures the program: each run of the image goes
    // on where this promise is awaited, at the event loop's next turn. In any
    // other run it is fulfilled at once.
    snapshot_point: () =>
      new P.Promise((resolve) => {
        if (host.snapshot_point()) setImmediate(resolve);
        else resolve();
      }),
  };
  P.defineProperty(dormouse, P.Symbol.toStringTag, { value: 'dormouse' });
  internals.global('dormouse', dormouse);
}
