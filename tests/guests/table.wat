;; Grows its table by 30 elements until it may not, and traps unless it has 100 then.
(component
  (import "sockeye:net/connections@0.1.0"
    (instance $connections (export "connection" (type (sub resource)))))
  (alias export $connections "connection" (type $connection))
  (core module $module
    (table $table 10 funcref)
    (memory (export "memory") 1)
    (func (export "handle") (param i32) (result i32)
      (loop $more
        (br_if $more
          (i32.ne (table.grow $table (ref.null func) (i32.const 30)) (i32.const -1))))
      (if (i32.ne (table.size $table) (i32.const 100)) (then unreachable))
      ;; Where the memory is zero, it says `none`.
      (i32.const 64)))
  (core instance $instance (instantiate $module))
  (alias core export $instance "memory" (core memory $memory))
  (func $handle (param "connection" (own $connection)) (result (option (own $connection)))
    (canon lift (core func $instance "handle") (memory $memory)))
  (instance $handler (export "handle" (func $handle)))
  (export "sockeye:net/handler@0.1.0" (instance $handler)))
