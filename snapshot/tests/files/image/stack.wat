;; Memories are imported; the frames' functions run one after another.
(module
  (import "host" "say" (func $say (param i32) (result i32)))
  (memory (export "memory") 1 8)
  (memory i64 2)
  (global $g (mut i32) (i32.const 1))
  (data (i32.const 0) "text")
  (func $inner (result i32) (i32.add (call $say (i32.const 1)) (i32.const 2)))
  (func $passes_on (result i32) (call $inner))
  (func $outer (param $p i32) (result i64)
    (i64.extend_i32_u (i32.add (call $passes_on) (local.get $p))))
  (func $run (export "run") (export "again") (result i64)
    (i64.add (i64.const 3) (call $outer (i32.const 9)))))
