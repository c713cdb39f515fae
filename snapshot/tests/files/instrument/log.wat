;; whole
;; The functions that write the log, one for each type of value.
(module
  (import "host" "say" (func $say (param i32) (result i32)))
  (func (export "run")))
