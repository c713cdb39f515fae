"""What generates code is ended where Dormouse is not: wasmtime, in a process that
gives up executable memory once it has started. Without an argument nothing is
compiled, and it lives. For .ci/noexec; Linux on x86_64."""

import ctypes
import struct
import sys

import wasmtime

store = wasmtime.Store()
text = wasmtime.wat2wasm('(module (func (export "f") (result i32) (i32.const 7)))')
wasmtime.Module.validate(store.engine, text)

LOAD, EQUALS, HAS, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
PROT_EXEC = 4
CALL, THIRD_ARGUMENT = 0, 32  # in struct seccomp_data
program = [
    (LOAD, 0, 0, CALL),
    (EQUALS, 3, 0, 9),  # mmap
    (EQUALS, 2, 0, 10),  # mprotect
    (EQUALS, 1, 0, 329),  # pkey_mprotect
    (RETURN, 0, 0, ALLOW),
    (LOAD, 0, 0, THIRD_ARGUMENT),
    (HAS, 0, 1, PROT_EXEC),
    (RETURN, 0, 0, KILL),
    (RETURN, 0, 0, ALLOW),
]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


prctl = ctypes.CDLL(None, use_errno=True).prctl
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2
assert prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
filter = Program(len(program), ctypes.addressof(code))
assert prctl(SECCOMP, FILTER, ctypes.byref(filter), 0, 0) == 0, ctypes.get_errno()

print(sum(range(1000)), flush=True)
if sys.argv[1:] == ["compile"]:
    wasmtime.Module(store.engine, text)
    print("compiled")
