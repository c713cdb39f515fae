// The last file: what the host calls, and nothing else, is given to it.
(host, internals) => {
  'use strict';
  const P = internals.primordials;

  // At the beginning of a run. Nothing that differs between runs is known
  // before.
  function start(args) {
    internals.reseed();
    internals.setTimeOrigin();
    internals.global('scriptArgs', P.split(args, '\0'));
  }

  internals.hooks = {
    start,
    tick: internals.tick,
    report: internals.report,
  };
}
