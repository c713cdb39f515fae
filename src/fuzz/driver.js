;{
  // Calls the function that is fuzzed. All before it is captured.
  const [name, failed, lacking] = JSON.parse(__GIVEN__);
  const call = typeof __FUNCTION__ === 'function' ? __FUNCTION__ : undefined;
  if (!call) std.exit(lacking);
  await dormouse.snapshot_point();
  const data = new Uint8Array(std.in.readAsArrayBuffer());
  try {
    await call(data);
  } catch (error) {
    const is = error instanceof Error;
    const stack = is ? String(error.stack) : '';
    const lines = stack.split('\n').map((line) => line.trim()).filter((line) => line.includes(name));
    const said = {
      kind: is ? String(error.name) : 'exception',
      place: lines[0] ?? null,
      text: `${is ? `${error.name}: ${error.message}` : String(error)}\n${stack}`,
    };
    std.err.puts(`${said.text}dormouse fuzz crash ${JSON.stringify(said)}\n`);
    std.err.flush();
    std.exit(failed);
  }
  std.exit(0);
}
