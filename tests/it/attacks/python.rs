//! Attacks in Python.

use super::{Ends, attacks, watched::Written::Python};

/// What a program gets that wants more than there is.
const MEMORY: Ends = Ends::Exits(1, "MemoryError");
const RECURSION: Ends = Ends::Exits(1, "RecursionError");
const LATE: Ends = Ends::Limit("deadline");
/// A full memory may be swept again and again before that is said.
const FULL: Ends = Ends::Any(&[MEMORY, Ends::Limit("memory"), LATE]);
/// Exceptions, then this.
const CAUGHT: Ends = Ends::Prints("caught\n");

/// `expression` in a `try`, then a word.
fn caught(expression: &str) -> String {
    format!(
        "try: {expression}\nexcept (MemoryError, RecursionError, ValueError, SyntaxError, OverflowError, OSError) as e: print('caught')"
    )
}

/// Bytes that become a gigabyte.
const BOMB: &str = "import io, struct, zipfile, zlib
c = zlib.compressobj(9, zlib.DEFLATED, -15)
part = c.compress(bytes(1 << 20)) + c.flush(zlib.Z_FULL_FLUSH)
bomb = part * 1024 + c.flush()
";

/// The same in an archive that says so.
const ZIP: &str = "f = io.BytesIO()
with zipfile.ZipFile(f, 'w') as z: z.writestr('a', bomb)
data = bytearray(f.getvalue())
at = data.index(b'PK\\1\\2')
for method, size in ((8, 22), (at + 10, at + 24)):
    struct.pack_into('<H', data, method, zipfile.ZIP_DEFLATED)
    struct.pack_into('<I', data, size, 1 << 30)
z = zipfile.ZipFile(io.BytesIO(data))
";

attacks! { Python;
    // Memory.
    blocks: [], "x = []\nwhile True: x.append(bytearray(1 << 20))" => MEMORY;
    blocks_refused_for_ever: [], "while True:\n try: bytearray(10**9)\n except MemoryError: pass" => Ends::Limit("memory");
    small_things: ["--timeout", "3s"], "x = None\nwhile True: x = (x, {})" => FULL;
    a_text_that_doubles: [], "s = 'x'\nwhile True: s += s" => MEMORY;
    a_dict_that_grows: ["--timeout", "3s"], "d = {}\nwhile True: d[len(d)] = str(len(d))" => FULL;
    a_long_list_at_once: [], caught("[0] * 10**9") => CAUGHT;
    tasks_that_wait: ["--timeout", "3s"], "import asyncio
async def main(): await asyncio.gather(*[asyncio.sleep(3600) for _ in range(10**7)])
asyncio.run(main())" => FULL;
    generators_in_generators: [], "g = iter([0])
def wrap(g): yield from g
for _ in range(100000): g = wrap(g)
try: next(g)
except RecursionError: print('caught')" => Ends::Any(&[CAUGHT, Ends::Exits(134, "call stack exhausted")]);
    // Recursion.
    calls: [], "def f(): f()\nf()" => RECURSION;
    calls_without_a_limit: ["--timeout", "5s"], "import sys\nsys.setrecursionlimit(2**31 - 1)\ndef f(): f()\nf()" => Ends::Any(&[RECURSION, FULL, Ends::Exits(134, "call stack exhausted")]);
    constructors_without_a_limit: ["--timeout", "5s"], "import sys\nsys.setrecursionlimit(2**31 - 1)
class A:\n def __init__(self): A()\nA()" => Ends::Any(&[RECURSION, FULL, Ends::Exits(134, "call stack exhausted")]);
    comparisons: [], "class A:\n def __eq__(self, other): return self == other\nA() == A()" => RECURSION;
    attributes: [], "class A:\n def __getattr__(self, name): return getattr(self, name)\nA().x" => RECURSION;
    sorting: [], "def key(x): return sorted([1, 2], key=key)\nkey(1)" => RECURSION;
    lists_in_lists: [], "x = []\nfor _ in range(200000): x = [x]\ntry: repr(x)\nexcept RecursionError: print('caught')\ndel x" => CAUGHT;
    lists_in_lists_at_exit: [], "x = []\nfor _ in range(200000): x = [x]" => Ends::Prints("");
    text_of_errors: [], "class E(Exception):\n def __str__(self): return str(self)\nraise E()" => Ends::Exits(1, "");
    chains_of_errors: ["--timeout", "5s"], "e = None\nfor i in range(20000):\n n = ValueError(i); n.__cause__ = e; e = n\nraise e" => Ends::Any(&[Ends::Exits(1, "ValueError"), LATE]);
    groups_of_errors: [], "e = ValueError(1)\nfor i in range(5000): e = ExceptionGroup('g', [e])\nraise e" => Ends::Exits(1, "");
    deleting: ["--timeout", "5s"], "class A:\n def __del__(self): A()\nA()" => Ends::Any(&[Ends::Prints(""), LATE, RECURSION]);
    // Text that is parsed.
    parentheses: [], caught("eval('(' * 10**6 + ')' * 10**6)") => CAUGHT;
    signs: [], caught("compile('-' * 10**6 + '1', '', 'eval')") => CAUGHT;
    sums: [], caught("compile('1' + '+1' * 10**5, '', 'eval')") => CAUGHT;
    literals: [], caught("__import__('ast').literal_eval('[' * 10**6)") => CAUGHT;
    statements: [], caught("compile(''.join(' ' * i + 'if 1:\\n' for i in range(200)), '', 'exec')") => CAUGHT;
    json_in_json: [], caught("__import__('json').loads('[' * 10**6)") => CAUGHT;
    marshal_in_marshal: [], caught("__import__('marshal').loads(b'[\\x01\\0\\0\\0' * 10**5)") => CAUGHT;
    patterns_in_patterns: [], caught("__import__('re').compile('(' * 10**5 + ')' * 10**5)") => CAUGHT;
    xml_in_xml: [], caught("__import__('xml.etree.ElementTree').etree.ElementTree.fromstring('<a>' * 10**5)") => Ends::Any(&[CAUGHT, Ends::Exits(1, "Error")]);
    // Numbers, and what unpacks.
    a_large_power: ["--timeout", "2s"], "10 ** 10 ** 8" => Ends::Any(&[LATE, MEMORY]);
    a_large_shift: [], caught("1 << 10**12") => CAUGHT;
    digits: [], caught("str(10 ** 5000)") => CAUGHT;
    digits_without_a_limit: ["--timeout", "2s"], "import sys\nsys.set_int_max_str_digits(0)\nstr(1 << 10**8)" => Ends::Any(&[LATE, MEMORY]);
    a_hopeless_pattern: ["--timeout", "1s"], "import re\nre.match('(a+)+$', 'a' * 50 + 'b')" => LATE;
    a_zlib_bomb: [], format!("{BOMB}try: zlib.decompress(bomb, -15)\nexcept MemoryError: print('caught')") => CAUGHT;
    a_zip_bomb: [], format!("{BOMB}{ZIP}try: z.read('a')\nexcept MemoryError: print('caught')") => CAUGHT;
    a_zip_bomb_in_files: [], format!("{BOMB}{ZIP}try: z.extractall('/tmp')\nexcept (OSError, zipfile.BadZipFile): print('caught')") => CAUGHT;
    a_pickle_of_long_bytes: [], caught("__import__('pickle').loads(b'\\x80\\x04\\x8e' + (2**40).to_bytes(8, 'little') + b'x.')") => Ends::Any(&[CAUGHT, Ends::Exits(1, "Error")]);
    a_pickle_of_pickles: [], "import pickle
try: print(len(pickle.loads(b'\\x80\\x04' + b']' * 10**6 + b'a' * (10**6 - 1) + b'.')), 'caught')
except Exception: print('caught')" => Ends::Prints("caught");
    formatting: [], caught("'%*d' % (10**9, 1)") => CAUGHT;
    // Streams.
    warnings_without_end: ["--max-output", "64kb"], "import warnings\nwarnings.simplefilter('always')\nwhile True: warnings.warn('x' * 1000)" => Ends::Limit("output");
    arguments: [], "import sys\nwhile True: sys.argv.append('x' * 1000 + str(len(sys.argv)))" => FULL;
    threads: [], "import threading\nfor _ in range(1000):\n try: threading.Thread(target=print).start()\n except RuntimeError: pass\nprint('caught')" => CAUGHT;
    processes: [], "import os\nfor _ in range(1000):\n try: os.fork()\n except (OSError, AttributeError): pass\nprint('caught')" => CAUGHT;
}
