(module
  (import "host" "say" (func $say (param i32) (result i32)))
  (func (export "run") (result i32) (local $n i32)
    (block $done (result i32)
      (loop $again (result i32)
        (block $skip
          (block $two
            (block $one
              (br_table $one $two $skip (i32.rem_u (local.get $n) (i32.const 4))))
            (drop (call $say (i32.const 1)))
            (br $skip))
          (drop (call $say (i32.const 2))))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        ;; a branch out of the loop from what comes before the next call
        (drop (br_if $done (i32.const 99) (i32.gt_u (local.get $n) (i32.const 9))))
        (if (i32.gt_u (local.get $n) (i32.const 20)) (then (br $again)))
        (call $say (local.get $n))
        (if (result i32) (i32.and (local.get $n) (i32.const 2))
          (then
            (loop $tight (result i32)
              (local.set $n (i32.add (local.get $n) (i32.const 1)))
              (br_if $tight (i32.and (local.get $n) (i32.const 1)))
              (call $say (i32.const 123))))
          (else (call $say (i32.const 321))))
        (i32.add)
        (br_if $again (i32.lt_u (i32.const 5) (local.get $n)))
        (drop)
        (br $again)))))
