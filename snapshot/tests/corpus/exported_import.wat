;; Both what the host calls and what the run stops at.
(module
  (import "host" "nothing" (func $nothing))
  (import "host" "say" (func $say (param i32) (result i32)))
  (export "run" (func $run))
  (export "say" (func $say))
  (export "start" (func $run))
  (func $run (result i32)
    (call $nothing)
    (call $say (i32.const 1))))
