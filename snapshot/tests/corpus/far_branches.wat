;; Branches out of what precedes a call in a loop, to every depth.
(module
  (import "host" "say" (func $say (param i32) (result i32)))
  (func $go (param $to i32) (result i32) (local $round i32) (local $sum i32)
    (block $b3 (result i32)
      (i32.const 1000)
      (loop $l2 (param i32) (result i32)
        (local.set $sum (i32.add (local.get $sum)))
        (block $b1 (result i32)
          (loop $l0 (result i32)
            (local.set $round (i32.add (local.get $round) (i32.const 1)))
            (if (i32.gt_u (local.get $round) (i32.const 2))
              (then
                (block $b0 (result i32)
                  (local.get $sum)
                  (i32.rem_u (i32.add (local.get $to) (local.get $round)) (i32.const 6))
                  (if (param i32) (i32.gt_u (local.get $round) (i32.const 9))
                    (then (return (i32.add (local.get $sum))))
                    (else (local.set $to)))
                  (local.set $sum (i32.const 17))
                  (br_if $b0 (i32.eq (local.get $to) (i32.const 5)))
                  (br_table $b0 $b1 $b3 $b1 $b0 (local.get $to)))
                (local.set $sum)))
            (i32.const 3)
            (call $say (local.get $round))
            (i32.add)
            (br_if $l0 (i32.lt_u (local.get $round) (i32.const 4)))))
        (br_if $l2 (i32.lt_u (local.get $round) (i32.const 8)))
        (i32.add (i32.const 2)))))
  (func $loops (param $to i32) (result i32) (local $n i32)
    (block $out
      (loop $a
        (loop $b
          (loop $c
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $out (i32.gt_u (local.get $n) (i32.const 12)))
            (block $d
              (br_table $d $c $b $a $d (i32.rem_u (i32.add (local.get $n) (local.get $to)) (i32.const 5))))
            (drop (call $say (local.get $n)))
            (br_table $c $b $a (i32.rem_u (local.get $n) (i32.const 3)))))))
    (local.get $n))
  (func (export "run") (result i32) (local $i i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (i32.add (call $go (local.get $i)) (call $loops (local.get $i)))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 6))))
    (local.get $sum)))
