(module
  (import "host" "say" (func $say (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "run") (result i32)
    (local $x i32) (local $y i64)
    (local.set $y (i64.const -5))
    ;; operands lie below blocks, at several depths
    i32.const 1000
    block $a (result i32)
      i32.const 100
      block $b (result i32)
        (i32.mul (call $say (i32.const 1)) (i32.const 10))
        (br_if $a (i32.const 7) (i32.eqz (call $say (i32.const 2))))
        drop
        (local.set $x (call $say (i32.const 3)))
        (i32.add (call $say (local.get $x)) (block (result i32) (call $say (i32.const 9))))
        i32.add
      end
      i32.add
    end
    i32.add
    (i32.store (i32.const 8) (call $say (i32.const 77)))
    (i32.add (local.get $x))
    (i32.add (i32.wrap_i64 (local.get $y)))
    (if (i32.eqz (call $say (i32.const 4))) (then (return (call $say (i32.const 5)))))
    (i32.and (i32.const 0xfff))
    (i32.store (i32.const 16))
    (call $say (i32.const 6))))
