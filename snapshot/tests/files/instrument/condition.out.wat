(module
  (type (;0;) (func (param i32 i64)))
  (type (;1;) (func))
  (type (;2;) (func (param i32) (result i32)))
  (type (;3;) (func (param i32)))
  (type (;4;) (func (param i64)))
  (type (;5;) (func (param f32)))
  (type (;6;) (func (param f64)))
  (type (;7;) (func (param v128)))
  (type (;8;) (func (param funcref)))
  (type (;9;) (func (param externref)))
  (type (;10;) (func (param i32 i32)))
  (import "host" "write" (func (;0;) (type 0) (param i32 i64)))
  (import "host" "other" (func (;1;) (type 1)))
  (table (;0;) 2 funcref)
  (table (;1;) 0 funcref)
  (table (;2;) 3 funcref)
  (memory (;0;) 16 16384)
  (global (;0;) (mut i32) i32.const 0)
  (global (;1;) (mut i32) i32.const 0)
  (global (;2;) (mut i32) i32.const 0)
  (global (;3;) (mut i32) i32.const 0)
  (export "run" (func 2))
  (export "dormouse:log" (memory 0))
  (export "dormouse:length" (global 1))
  (export "dormouse:unwinding" (global 0))
  (export "dormouse:reentered" (global 3))
  (export "dormouse:references" (table 1))
  (export "dormouse:functions" (table 2))
  (export "dormouse:table:0" (table 0))
  (elem (;0;) (i32.const 0) func 12 13)
  (elem (;1;) (table 2) (i32.const 0) func 12 13 2)
  (func (;2;) (type 1)
    block ;; label = @1
      block ;; label = @2
        i32.const 1
        i64.const 2
        call 12
        global.get 0
        if ;; label = @3
          i32.const 2
          i32.const 0
          call 11
          br 2 (;@1;)
        end
        call 1
        global.get 0
        if ;; label = @3
          i32.const 2
          global.set 3
        end
        i32.const 1
        i64.const -2
        return_call 12
      end
      return
    end
  )
  ;; … the functions that write the log …
  (func (;12;) (type 0) (param i32 i64)
    block ;; label = @1
      local.get 1
      i64.const -2
      i64.ne
      br_if 0 (;@1;)
      global.get 2
      i32.const 1
      i32.add
      global.set 2
      global.get 2
      i32.const 3
      i32.ne
      br_if 0 (;@1;)
      local.get 0
      call 4
      local.get 1
      call 5
      i32.const 1
      global.set 0
      return
    end
    local.get 0
    local.get 1
    call 0
  )
  (func (;13;) (type 1)
    call 1
    global.get 0
    if ;; label = @1
      i32.const 2
      global.set 3
    end
  )
)
