(module
  (type (;0;) (func (param i32) (result i32)))
  (type (;1;) (func (result i32)))
  (import "host" "say" (func $say (;0;) (type 0) (param i32) (result i32)))
  (export "run" (func 3))
  (func (;1;) (type 1) (result i32)
    (local $i i32)
    i32.const 100
    loop $l
      local.get $i
      i32.const 1
      i32.add
      local.set $i
      local.get $i
      call $say
      drop
      local.get $i
      i32.const 5
      i32.lt_u
      br_if $l
    end
    local.get $i
    i32.add
  )
  (func (;2;) (type 0) (param i32) (result i32)
    (local i32 i32)
    i32.const 3
    local.set 1
    i32.const 100
    i32.const 1
    local.set 2
    loop ;; label = @1
      local.get 2
      if (result i32) ;; label = @2
        local.get 0
        i32.const 0
        local.set 2
      else
        local.get 1
        i32.const 1
        i32.add
        local.set 1
        local.get 1
        call $say
      end
      drop
      local.get 1
      i32.const 5
      i32.lt_u
      br_if 0 (;@1;)
    end
    local.get 1
    i32.add
  )
  (func (;3;) (type 1) (result i32)
    i32.const 3
    call $say
    call 2
  )
  (@custom "dormouse.appended" (after code) "\02\00\00")
)
