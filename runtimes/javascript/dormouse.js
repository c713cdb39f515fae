// The global `dormouse`: what the sandbox gives a program beyond JavaScript.
(host, internals) => {
  'use strict';
  const P = internals.primordials;
  let waiting; // fulfils the promise that the program is captured with

  const dormouse = {
    // Where `dormouse snapshot` captures the program: each run of the image goes
    // on where this promise is awaited. In any other run it is fulfilled at once.
    snapshot_point: () =>
      new P.Promise((resolve) => {
        if (host.snapshot_point()) waiting = resolve;
        else resolve();
      }),
  };
  const { HostError, functions, objects } = internals;
  for (const name of P.keys(functions)) dormouse[name] = functions[name];
  for (const name of P.keys(objects)) dormouse[name] = objects[name];
  P.defineProperty(dormouse, 'HostError', { value: HostError, writable: true, configurable: true });
  P.defineProperty(dormouse, P.Symbol.toStringTag, { value: 'dormouse' });
  internals.global('dormouse', dormouse);

  internals.goOn = () => {
    if (waiting === undefined) return;
    internals.forgetEnvironment();
    waiting();
    waiting = undefined;
  };
}
