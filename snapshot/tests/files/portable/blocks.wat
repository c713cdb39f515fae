;; Outside loops what comes before the call is gone.
(module
  (import "host" "say" (func $say (param i32) (result i32)))
  (memory 1)
  (global $g (mut i32) (i32.const 1))
  (func $f (param i64) (result i32) (local $l f32)
    (local.set $l (f32.const 1.5))
    (global.set $g (i32.const 5))
    (i32.store (i32.const 100) (i32.const 0x01020304))
    (i32.const 3)
    (if (result i32) (i64.eqz (local.get 0))
      (then
        (i32.const 4)
        (block (result i32) (call $say (i32.const 1)))
        (i32.add))
      (else (i32.const 2)))
    (i32.add))
  (func (export "run") (result i32)
    (i32.add (call $f (i64.const 0)) (i32.const 1))))
