;; at idle
;; Without a call to stop at only dropped segments are noted.
(module
  (memory 1)
  (data $a "a")
  (data $b "b")
  (func (export "run") (data.drop $b)))
