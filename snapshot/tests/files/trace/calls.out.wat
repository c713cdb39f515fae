(module
  (type (;0;) (func (param i32) (result i32)))
  (type (;1;) (func (result i32)))
  (import "host" "say" (func $say (;0;) (type 0) (param i32) (result i32)))
  (table (;0;) 1 funcref)
  (global (;0;) (mut i64) i64.const 0)
  (global (;1;) (mut i32) i32.const -1)
  (export "run" (func $f))
  (export "dormouse:current-function" (global 1))
  (func $f (;1;) (type 1) (result i32)
    i32.const 1
    global.set 1
    i32.const 1
    call $say
    i32.const 1
    global.set 1
    drop
    i32.const 0
    call_indirect (type 1)
    i32.const 1
    global.set 1
  )
  (func $g (;2;) (type 1) (result i32)
    i32.const 2
    global.set 1
    return_call $f
  )
)
