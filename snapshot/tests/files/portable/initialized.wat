;; at init:init
;; No frames: what the exported function left behind, and no start function.
(module
  (memory (export "memory") 1)
  (data "before")
  (data (i32.const 10) "active")
  (global $g (mut v128) (v128.const i64x2 0 0))
  (table 2 funcref)
  (elem (i32.const 0) func $init)
  (start $start)
  (func $start (global.set $g (v128.const i64x2 9 9)))
  (func $init (export "init")
    (global.set $g (v128.const i64x2 1 2))
    (table.set (i32.const 1) (ref.func $init))
    (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 6))
    (data.drop 0)
    (drop (memory.grow (i32.const 1)))))
