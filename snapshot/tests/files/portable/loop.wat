;; at host.say:nth=3
;; A loop is entered again at its top; what precedes the call waits in `else`.
(module
  (import "host" "say" (func $say (param i32) (result i32)))
  (func (export "run") (result i32) (local $i i32)
    (i32.const 100)
    (loop $l
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (drop (call $say (local.get $i)))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 5))))
    (i32.add (local.get $i))))
