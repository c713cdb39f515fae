;; The note is set at each entry, and again after each call.
(module
  (import "host" "say" (func $say (param i32) (result i32)))
  (table 1 funcref)
  (global (mut i64) (i64.const 0))
  (func $f (export "run") (result i32)
    (drop (call $say (i32.const 1)))
    (call_indirect (result i32) (i32.const 0)))
  (func $g (result i32)
    (return_call $f)))
