(module
  (type (;0;) (func (param i32) (result i32)))
  (type (;1;) (func (param f64) (result i64)))
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
  (func (;1;) (type 1) (param f64) (result i64)
    (local i64)
    block ;; label = @1
      block (result i64) ;; label = @2
        i64.const 7
        local.set 1
        local.get 1
        block (result i64) ;; label = @3
          i32.const 1
          call 11
          global.get 0
          if (type 0) (param i32) (result i32) ;; label = @4
            i32.const 1
            i32.const 0
            call 10
            drop
            br 3 (;@1;)
          end
          i64.extend_i32_s
        end
        i64.add
      end
      return
    end
    local.get 0
    call 6
    local.get 1
    call 4
    i64.const 0
  )
  ;; … the functions that write the log …
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
