// The last file: what the host calls, and nothing else, is given to it.
(host, internals) => {
  'use strict';
  const P = internals.primordials;

  // At the beginning of a run, unless its arguments are these, and where a
  // program goes on: nothing that differs between runs is known before.
  const start = (args) => {
    internals.global('scriptArgs', P.split(args, '\0'));
    internals.goOn();
  };
  internals.global('scriptArgs', ['-c']);

  internals.hooks = {
    cells: internals.cells.buffer,
    start,
    tick: internals.tick,
    report: internals.report,
    session: internals.session,
    flush: internals.flush,
  };
}
