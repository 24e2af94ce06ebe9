;; Traps unless each of two instances of the component $number gives EXPECTED, which is the first
;; byte of its DATA. Both are put in by a test.
(component
  (import "sockeye:net/connections@0.1.0"
    (instance $connections (export "connection" (type (sub resource)))))
  (core module $own (memory 1))
  (core instance (instantiate $own))
  (component $number
    (core module $module
      (memory 1)
      (data (i32.const 0) "DATA")
      (func (export "number") (result i32) (i32.load8_u (i32.const 0))))
    (core instance $instance (instantiate $module))
    (func (export "number") (result u32) (canon lift (core func $instance "number"))))
  (instance $one (instantiate $number))
  (instance $two (instantiate $number))
  (component $main
    (import "connections"
      (instance $connections (export "connection" (type (sub resource)))))
    (import "one" (func $one (result u32)))
    (import "two" (func $two (result u32)))
    (alias export $connections "connection" (type $connection))
    (core func $drop (canon resource.drop $connection))
    (core func $one (canon lower (func $one)))
    (core func $two (canon lower (func $two)))
    (core module $module
      (import "host" "drop" (func $drop (param i32)))
      (import "host" "one" (func $one (result i32)))
      (import "host" "two" (func $two (result i32)))
      (memory (export "memory") 1)
      (func (export "handle") (param i32) (result i32)
        (call $drop (local.get 0))
        (if (i32.ne (call $one) (i32.const EXPECTED)) (then unreachable))
        (if (i32.ne (call $two) (i32.const EXPECTED)) (then unreachable))
        ;; Where the memory is zero, it says `none`.
        (i32.const 64)))
    (core instance $instance
      (instantiate $module
        (with "host" (instance
          (export "drop" (func $drop))
          (export "one" (func $one))
          (export "two" (func $two))))))
    (alias core export $instance "memory" (core memory $memory))
    (func $handle (param "connection" (own $connection)) (result (option (own $connection)))
      (canon lift (core func $instance "handle") (memory $memory)))
    (instance $handler (export "handle" (func $handle)))
    (export "handler" (instance $handler)))
  (instance $main
    (instantiate $main
      (with "connections" (instance $connections))
      (with "one" (func $one "number"))
      (with "two" (func $two "number"))))
  (alias export $main "handler" (instance $handler))
  (export "sockeye:net/handler@0.1.0" (instance $handler)))
