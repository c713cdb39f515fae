;; An operand that the block hides from the call is copied to a local.
(module
  (import "host" "say" (func $say (param i32) (result i32)))
  (func (export "run") (param f64) (result i64)
    (i64.const 7)
    (block (result i64)
      (i64.extend_i32_s (call $say (i32.const 1))))
    (i64.add)))
