;; Traps unless all of its globals, memory and table is as nobody has ever used it; then stains it.
(component
  (import "sockeye:net/connections@0.1.0"
    (instance $connections (export "connection" (type (sub resource)))))
  (alias export $connections "connection" (type $connection))
  (core func $drop (canon resource.drop $connection))
  (core module $module
    (import "host" "drop" (func $drop (param i32)))
    (memory (export "memory") 2)
    (global $used (mut i32) (i32.const 0))
    (table $table 1000 funcref)
    (elem declare func $stain)
    (func $check
      (local $at i32)
      (if (global.get $used) (then (unreachable)))
      ;; What it begins with, and far more than the host keeps in place for the next instance.
      (if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then (unreachable)))
      (loop $next
        (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (unreachable)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 6684672))))
      (local.set $at (i32.const 0))
      (loop $next
        (if (i32.eqz (ref.is_null (table.get $table (local.get $at)))) (then (unreachable)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 1000)))))
    (func $stain
      (global.set $used (i32.const 1))
      (memory.fill (i32.const 0) (i32.const STAIN) (i32.const 6684672))
      (table.fill $table (i32.const 0) (ref.func $stain) (i32.const 1000))
      ;; What is returned: `none`.
      (i32.store8 (i32.const 64) (i32.const 0)))
    (func (export "handle") (param i32) (result i32)
      (call $drop (local.get 0))
      (call $check)
      (call $stain)
      (i32.const 64)))
  (core instance $instance
    (instantiate $module (with "host" (instance (export "drop" (func $drop))))))
  (alias core export $instance "memory" (core memory $memory))
  (func $handle (param "connection" (own $connection)) (result (option (own $connection)))
    (canon lift (core func $instance "handle") (memory $memory)))
  (instance $handler (export "handle" (func $handle)))
  (export "sockeye:net/handler@0.1.0" (instance $handler)))
