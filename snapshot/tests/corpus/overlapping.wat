;; A later segment covers what an earlier one put into the table.
(module
  (type $op (func (param i32) (result i32)))
  (import "host" "say" (func $say (type $op)))
  (table $t 4 funcref)
  (elem (table $t) (i32.const 0) func $one $two $three $two)
  (elem (table $t) (i32.const 1) func $three $one)
  (func $one (type $op) (i32.add (local.get 0) (call $say (i32.const 1))))
  (func $two (type $op) (i32.add (local.get 0) (call $say (i32.const 2))))
  (func $three (type $op) (i32.add (local.get 0) (call $say (i32.const 3))))
  (func (export "run") (result i32) (local $i i32) (local $sum i32)
    (local.set $sum (call $two (call $one (call $three (i32.const 0)))))
    (loop $next
      (local.set $sum (call_indirect $t (type $op) (local.get $sum) (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 4))))
    (local.get $sum)))
