;; Recurses DEPTH times, asks the host for LENGTH random bytes, and answers the host's call for
;; memory to put them in by recursing for ever. RECURSE is 1 for that, or 0 to give the memory.
(component
  (import "sockeye:net/connections@0.1.0"
    (instance $connections (export "connection" (type (sub resource)))))
  (alias export $connections "connection" (type $connection))
  (import "wasi:random/random@0.2.0"
    (instance $random
      (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core module $allocator
    (memory (export "memory") 2)
    (func $recurse (param i32) (result i32)
      (i32.add (i32.const 1) (call $recurse (i32.add (local.get 0) (i32.const 1)))))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (if (i32.const RECURSE) (then (return (call $recurse (i32.const 0)))))
      (i32.const 1024)))
  (core instance $allocator (instantiate $allocator))
  (alias core export $allocator "memory" (core memory $memory))
  (alias core export $allocator "realloc" (core func $realloc))
  (core func $random-bytes
    (canon lower (func $random "get-random-bytes") (memory $memory) (realloc $realloc)))
  (core func $drop (canon resource.drop $connection))
  (core module $module
    (import "host" "random-bytes" (func $random-bytes (param i64 i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func $down (param i32) (result i32)
      (if (i32.eqz (local.get 0))
        (then
          (call $random-bytes (i64.const LENGTH) (i32.const 128))
          (return (i32.const 0))))
      (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
    (func (export "handle") (param i32) (result i32)
      (call $drop (local.get 0))
      (drop (call $down (i32.const DEPTH)))
      ;; Where the memory is zero, it says `none`.
      (i32.const 64)))
  (core instance $instance
    (instantiate $module
      (with "host" (instance
        (export "random-bytes" (func $random-bytes))
        (export "drop" (func $drop))))))
  (func $handle (param "connection" (own $connection)) (result (option (own $connection)))
    (canon lift (core func $instance "handle") (memory $memory)))
  (instance $handler (export "handle" (func $handle)))
  (export "sockeye:net/handler@0.1.0" (instance $handler)))
