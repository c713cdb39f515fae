(module
  (import "host" "say" (func $say (param i32) (result i32)))
  (memory (export "memory") 1)
  (global $g (export "g") (mut i32) (i32.const 1))
  (start $init)
  (func $init (global.set $g (call $say (i32.const 40))) (i32.store (i32.const 0) (call $say (i32.const 41))))
  (func (export "run") (result i32) (i32.add (global.get $g) (call $say (i32.load (i32.const 0))))))
