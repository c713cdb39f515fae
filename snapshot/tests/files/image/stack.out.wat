(module
  (type (;0;) (func (param i32) (result i32)))
  (type (;1;) (func (result i32)))
  (type (;2;) (func (param i32) (result i64)))
  (type (;3;) (func (result i64)))
  (type (;4;) (func (param i64) (result i64)))
  (import "host" "say" (func $say (;0;) (type 0) (param i32) (result i32)))
  (import "dormouse" "memory0" (memory (;0;) 0 8))
  (import "dormouse" "memory1" (memory (;1;) i64 0))
  (table (;0;) 8 8 funcref)
  (global $g (;0;) (mut i32) i32.const 1)
  (export "memory" (memory 0))
  (export "run" (func 8))
  (export "again" (func $run))
  (export "dormouse:hot" (table 0))
  (export "dormouse:global:0" (global $g))
  (elem (;0;) (table 0) (i32.const 0) func $inner $passes_on $outer $run 5 6 7 8)
  (func $inner (;1;) (type 1) (result i32)
    i32.const 1
    call $say
    i32.const 2
    i32.add
  )
  (func $passes_on (;2;) (type 1) (result i32)
    call $inner
  )
  (func $outer (;3;) (type 2) (param $p i32) (result i64)
    call $passes_on
    local.get $p
    i32.add
    i64.extend_i32_u
  )
  (func $run (;4;) (type 3) (result i64)
    i64.const 3
    i32.const 9
    call $outer
    i64.add
  )
  (func (;5;) (type 0) (param i32) (result i32)
    (local i32)
    local.get 0
    i32.const 2
    i32.add
  )
  (func (;6;) (type 2) (param i32) (result i64)
    (local i32 i32)
    i32.const 9
    local.set 1
    local.get 0
    local.get 1
    i32.add
    i64.extend_i32_u
  )
  (func (;7;) (type 4) (param i64) (result i64)
    (local i32)
    i64.const 3
    local.get 0
    i64.add
  )
  (func (;8;) (type 3) (result i64)
    i32.const 1
    call $say
    call 5
    call 6
    call 7
  )
  (@custom "dormouse.appended" (after code) "\05\00\00")
)
