;; Hands every connection back at once, without a look at it.
(component
  (import "sockeye:net/connections@0.1.0"
    (instance $connections (export "connection" (type (sub resource)))))
  (alias export $connections "connection" (type $connection))
  (core module $module
    (memory (export "memory") 1)
    (func (export "handle") (param $connection i32) (result i32)
      ;; `some`, and the handle behind it.
      (i32.store8 (i32.const 64) (i32.const 1))
      (i32.store (i32.const 68) (local.get $connection))
      (i32.const 64)))
  (core instance $instance (instantiate $module))
  (alias core export $instance "memory" (core memory $memory))
  (func $handle (param "connection" (own $connection)) (result (option (own $connection)))
    (canon lift (core func $instance "handle") (memory $memory)))
  (instance $handler (export "handle" (func $handle)))
  (export "sockeye:net/handler@0.1.0" (instance $handler)))
