;; What it begins with and what it does is put in by a test: MEMORY pages, DECLARE and RUN. What
;; RUN can call: `$new`, which makes a handle of a resource of its own.
(component
  (import "sockeye:net/connections@0.1.0"
    (instance $connections (export "connection" (type (sub resource)))))
  (alias export $connections "connection" (type $connection))
  (type $thing (resource (rep i32)))
  (core func $drop (canon resource.drop $connection))
  (core func $new (canon resource.new $thing))
  (core module $module
    (import "host" "drop" (func $drop (param i32)))
    (import "host" "new" (func $new (param i32) (result i32)))
    (memory (export "memory") MEMORY)
    DECLARE
    (func (export "handle") (param i32) (result i32)
      RUN
      (call $drop (local.get 0))
      ;; Where the memory is zero, it says `none`.
      (i32.const 64)))
  (core instance $instance
    (instantiate $module
      (with "host" (instance (export "drop" (func $drop)) (export "new" (func $new))))))
  (alias core export $instance "memory" (core memory $memory))
  (func $handle (param "connection" (own $connection)) (result (option (own $connection)))
    (canon lift (core func $instance "handle") (memory $memory)))
  (instance $handler (export "handle" (func $handle)))
  (export "sockeye:net/handler@0.1.0" (instance $handler)))
