(module
  (type (;0;) (func (param i32) (result i32)))
  (type (;1;) (func (param i64) (result i32)))
  (type (;2;) (func (result i32)))
  (import "host" "say" (func $say (;0;) (type 0) (param i32) (result i32)))
  (memory (;0;) 1)
  (global $g (;0;) (mut i32) i32.const 5)
  (export "run" (func 5))
  (func $f (;1;) (type 1) (param i64) (result i32)
    (local $l f32)
    f32.const 0x1.8p+0 (;=1.5;)
    local.set $l
    i32.const 5
    global.set $g
    i32.const 100
    i32.const 16909060
    i32.store
    i32.const 3
    local.get 0
    i64.eqz
    if (result i32) ;; label = @1
      i32.const 4
      block (result i32) ;; label = @2
        i32.const 1
        call $say
      end
      i32.add
    else
      i32.const 2
    end
    i32.add
  )
  (func (;2;) (type 2) (result i32)
    i64.const 0
    call $f
    i32.const 1
    i32.add
  )
  (func (;3;) (type 0) (param i32) (result i32)
    (local i64 f32 i32)
    f32.const 0x1.8p+0 (;=1.5;)
    local.set 2
    i32.const 3
    block (result i32) ;; label = @1
      i32.const 4
      block (result i32) ;; label = @2
        local.get 0
      end
      i32.add
    end
    i32.add
  )
  (func (;4;) (type 0) (param i32) (result i32)
    (local i32)
    local.get 0
    i32.const 1
    i32.add
  )
  (func (;5;) (type 2) (result i32)
    i32.const 1
    call $say
    call 3
    call 4
  )
  (data (;0;) (i32.const 100) "\04\03\02\01")
  (@custom "dormouse.appended" (after data) "\03\00\00")
)
