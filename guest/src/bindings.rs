//! Code that wit-bindgen generates from the contract in `wit/`: what the host offers, and the two
//! interfaces of which a component exports one.
//!
//! Not for use by guests: everything here has a documented face in the other modules. It is public
//! only because the export macros expand to paths into it.

/// The imports of every component, and the export `handler`.
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
pub mod service {
    wit_bindgen::generate!({
        path: "../wit",
        world: "service",
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "sockeye_guest::bindings::service",
        additional_derives: [PartialEq, Eq],
    });
}

/// The export `http-handler`, on the types of [`service`].
// Only the macro that a guest invokes leaves a world's exports in the component: what each
// `generate!` itself leaves there is the list of imports, which is the same for both worlds.
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
pub mod http_service {
    wit_bindgen::generate!({
        path: "../wit",
        world: "http-service",
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "sockeye_guest::bindings::http_service",
        with: {
            "sockeye:net/errors@0.1.0": super::service::sockeye::net::errors,
            "sockeye:net/connections@0.1.0": super::service::sockeye::net::connections,
            "sockeye:net/files@0.1.0": super::service::sockeye::net::files,
        },
    });
}
