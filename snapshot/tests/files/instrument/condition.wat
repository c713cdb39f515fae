;; at host.write:arg1=-2,nth=3
;; The import has a wrapper that looks for the call to stop at; another that is
;; referred to has one that finds out whether it called back.
(module
  (import "host" "write" (func $write (param i32 i64)))
  (import "host" "other" (func $other))
  (table 2 funcref)
  (elem (i32.const 0) $write $other)
  (func (export "run")
    (call $write (i32.const 1) (i64.const 2))
    (call $other)
    (return_call $write (i32.const 1) (i64.const -2))))
