//! `zig build` leaves `handler.wasm` in this directory; `sockeye` has to be on the PATH.

const builtin = @import("builtin");
const std = @import("std");

comptime {
    const is_fit = builtin.zig_version.major == 0 and builtin.zig_version.minor == 17;
    if (!is_fit) @compileError("this is written for Zig 0.17, not " ++ builtin.zig_version_string);
}

pub fn build(b: *std.Build) void {
    // A handler meets hostile clients, so the checks of its code stay in. `-Doptimize=small` takes
    // them out, and makes it smaller.
    const Optimize = std.builtin.Optimize;
    const optimize = b.option(Optimize, "optimize", "What to compile for, or safe") orelse .safe;

    const core = b.addExecutable(.{
        .name = "my-handler",
        .root_module = b.createModule(.{
            .root_source_file = b.path("src/main.zig"),
            .target = b.resolveTargetQuery(.{ .cpu_arch = .wasm32, .os_tag = .wasi }),
            .optimize = optimize,
            .strip = true,
        }),
    });
    // The host calls what `exportHandler` exports; there is no `main`.
    core.entry = .disabled;
    core.rdynamic = true;
    // Zig's default of 16 MiB would be memory of every instance.
    core.stack_size = 64 * 1024;

    const component = b.addSystemCommand(&.{ "sockeye", "component" });
    component.addArtifactArg(core);
    component.addArg("-o");
    const handler = component.addOutputFileArg("handler.wasm");

    const copy = b.addUpdateSourceFiles();
    copy.addCopyFileToSource(handler, "handler.wasm");
    b.getInstallStep().dependOn(&copy.step);
}
