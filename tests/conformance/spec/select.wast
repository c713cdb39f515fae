;; What the specification's tests leave out, and an interpreter got wrong.

;; A comparison with zero, of what lies in a slot of the stack while something
;; else was computed last, and a select behind it.
(module
  (global $zero i32 (i32.const 0))
  (func (export "eqz") (param $a i32) (param $x i32) (result i32) (local $b i32)
    (local.set $b (i32.add (local.get $a) (i32.const 5)))
    (select (local.get $a) (i32.const 9) (i32.eqz (local.get $x))))
  (func (export "eq") (param $a i32) (param $x i32) (result i32) (local $b i32)
    (local.set $b (i32.add (local.get $a) (i32.const 5)))
    (select (local.get $a) (i32.const 9) (i32.eq (local.get $x) (i32.const 0))))
  (func (export "ne") (param $a i32) (param $x i32) (result i32) (local $b i32)
    (local.set $b (i32.add (local.get $a) (i32.const 5)))
    (select (local.get $a) (i32.const 9) (i32.ne (i32.const 0) (local.get $x))))
  (func (export "global") (param $a i32) (param $x i32) (result i32) (local $b i32)
    (local.set $b (i32.add (local.get $a) (i32.const 5)))
    (select (result i32) (local.get $a) (i32.const 9)
      (i32.eq (local.get $x) (global.get $zero)))))
(assert_return (invoke "eqz" (i32.const 77) (i32.const 0)) (i32.const 77))
(assert_return (invoke "eqz" (i32.const 77) (i32.const 3)) (i32.const 9))
(assert_return (invoke "eq" (i32.const 77) (i32.const 0)) (i32.const 77))
(assert_return (invoke "eq" (i32.const 77) (i32.const 3)) (i32.const 9))
(assert_return (invoke "ne" (i32.const 77) (i32.const 0)) (i32.const 9))
(assert_return (invoke "ne" (i32.const 77) (i32.const 3)) (i32.const 77))
(assert_return (invoke "global" (i32.const 77) (i32.const 0)) (i32.const 77))
(assert_return (invoke "global" (i32.const 77) (i32.const 3)) (i32.const 9))
