(module
  (type (;0;) (func))
  (table (;0;) 2 funcref)
  (memory (;0;) 2)
  (global $g (;0;) (mut v128) v128.const i32x4 0x00000001 0x00000000 0x00000002 0x00000000)
  (export "memory" (memory 0))
  (export "init" (func $init))
  (elem (;0;) declare func $init)
  (elem (;1;) (table 0) (i32.const 0) func $init $init)
  (elem (;2;) declare func $init)
  (func $start (;0;) (type 0)
    v128.const i32x4 0x00000009 0x00000000 0x00000009 0x00000000
    global.set $g
  )
  (func $init (;1;) (type 0)
    v128.const i32x4 0x00000001 0x00000000 0x00000002 0x00000000
    global.set $g
    i32.const 1
    ref.func $init
    table.set 0
    i32.const 0
    i32.const 0
    i32.const 6
    memory.init 0
    data.drop 0
    i32.const 1
    memory.grow
    drop
  )
  (data (;0;) "")
  (data (;1;) "")
  (data (;2;) (i32.const 0) "before\00\00\00\00active")
  (@custom "dormouse.appended" (after data) "\02\01\02")
)
