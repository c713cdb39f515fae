(module
  (import "host" "say" (func $say (param i32) (result i32)))
  (func $pair (param i32) (result i32 i64) (call $say (local.get 0)) (i64.const 3))
  (func (export "run") (result i32 i64 i32) (local i32)
    i32.const 4
    i64.const 5
    (call $say (i32.const 1))
    if (param i32 i64) (result i64 i32)
      (i64.extend_i32_u (call $say (i32.const 2)))
      i64.add
      block (param i32 i64) (result i64 i32)
        drop
        call $pair
        (local.set 0 (call $say (i32.const 3)))
        block (param i32 i64) (result i64 i32)
          (local.tee 0 (call $say (i32.const 44)))
          (br_if 1 (i64.const 9) (local.get 0) (i32.and (local.get 0) (i32.const 1)))
          local.set 0
          drop
          local.set 0
          i32.wrap_i64
          i32.add
          i32.const 3
          i32.mul
          local.set 0
          i64.const 3
          local.get 0
        end
      end
    else
      drop
      i64.extend_i32_s
      (call $say (i32.const 1))
    end
    loop (param i64 i32) (result i32 i64)
      (i32.add (call $say (i32.const 6)))
      local.set 0
      (i64.extend_i32_s (call $say (local.get 0)))
      i64.add
      (select (call $say (i32.const 8)) (local.get 0) (call $say (i32.const 7)))
      (br_if 0 (i64.const 12) (i32.const 5) (i32.eqz (call $say (i32.const 0))))
      local.set 0
      drop
      local.get 0
      i32.add
      local.set 0
      drop
      i64.const 60
      local.get 0
      if (param i64) (result i32 i64)
        (i32.const 9)
        (i64.extend_i32_u (call $say (i32.const 10)))
        loop (param i64 i32 i64) (result i32 i64)
          i32.wrap_i64
          (call $say)
          i32.add
          local.set 0
          (block (param i64) (result i32 i64) (i32.wrap_i64) (call $say) (i64.const 4))
        end
      else
        (i32.wrap_i64)
        (i64.const 1)
      end
    end
    (call $say (i32.const 70))))
