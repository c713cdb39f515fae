(module
  (type (;0;) (func (param i32) (result i32)))
  (type (;1;) (func))
  (type (;2;) (func (param i32)))
  (type (;3;) (func (param i64)))
  (type (;4;) (func (param f32)))
  (type (;5;) (func (param f64)))
  (type (;6;) (func (param v128)))
  (type (;7;) (func (param funcref)))
  (type (;8;) (func (param externref)))
  (type (;9;) (func (param i32 i32)))
  (import "host" "say" (func (;0;) (type 0) (param i32) (result i32)))
  (table (;0;) 0 funcref)
  (table (;1;) 2 funcref)
  (memory (;0;) 16 16384)
  (global (;0;) (mut i32) i32.const 0)
  (global (;1;) (mut i32) i32.const 0)
  (global (;2;) (mut i32) i32.const 0)
  (global (;3;) (mut i32) i32.const 0)
  (export "run" (func 1))
  (export "dormouse:log" (memory 0))
  (export "dormouse:length" (global 1))
  (export "dormouse:unwinding" (global 0))
  (export "dormouse:reentered" (global 3))
  (export "dormouse:references" (table 0))
  (export "dormouse:functions" (table 1))
  (elem (;0;) (table 1) (i32.const 0) func 11 1)
  (func (;1;) (type 1))
  (func (;2;) (type 0) (param i32) (result i32)
    global.get 1
    local.get 0
    i32.add
    memory.size
    i32.const 16
    i32.shl
    i32.gt_u
    if ;; label = @1
      i32.const 16
      memory.grow
      i32.const -1
      i32.eq
      if ;; label = @2
        i32.const -1
        global.set 1
        unreachable
      end
    end
    global.get 1
    global.get 1
    local.get 0
    i32.add
    global.set 1
  )
  (func (;3;) (type 2) (param i32)
    i32.const 4
    call 2
    local.get 0
    i32.store align=1
  )
  (func (;4;) (type 3) (param i64)
    i32.const 8
    call 2
    local.get 0
    i64.store align=1
  )
  (func (;5;) (type 4) (param f32)
    i32.const 4
    call 2
    local.get 0
    f32.store align=1
  )
  (func (;6;) (type 5) (param f64)
    i32.const 8
    call 2
    local.get 0
    f64.store align=1
  )
  (func (;7;) (type 6) (param v128)
    i32.const 16
    call 2
    local.get 0
    v128.store align=1
  )
  (func (;8;) (type 7) (param funcref)
    local.get 0
    ref.is_null
    if (result i32) ;; label = @1
      i32.const 0
    else
      local.get 0
      i32.const 1
      table.grow 0
      i32.const 1
      i32.add
    end
    call 3
  )
  (func (;9;) (type 8) (param externref)
    local.get 0
    ref.is_null
    i32.eqz
    call 3
  )
  (func (;10;) (type 9) (param i32 i32)
    local.get 0
    call 3
    local.get 1
    call 3
  )
  (func (;11;) (type 0) (param i32) (result i32)
    block ;; label = @1
      global.get 2
      i32.const 1
      i32.add
      global.set 2
      global.get 2
      i32.const 1
      i32.ne
      br_if 0 (;@1;)
      local.get 0
      call 3
      i32.const 1
      global.set 0
      i32.const 0
      return
    end
    local.get 0
    call 0
  )
)
