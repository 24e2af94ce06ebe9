// Builds a component of a handler: `node sockeye/build.js src/handler.js`.
//
// The bundle stays in `build/handler.js`: its lines are those that the log speaks of. The engine is
// QuickJS; another is built of the same bundle, which has what any of them needs:
//
//     jco componentize build/handler.js --wit build/wit --world-name http-service \
//         --disable http fetch-event --out handler.wasm

import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { componentize } from "componentize-qjs";
import { build } from "esbuild";

/** What a module exports, by the world whose component it is. */
const WORLDS = { httpHandler: "http-service", handler: "service" };

const layer = dirname(fileURLToPath(import.meta.url));
const {
    values: { output, wit, work },
    positionals: [entry = "src/handler.js"],
} = parseArgs({
    allowPositionals: true,
    options: {
        output: { type: "string", short: "o", default: "handler.wasm" },
        wit: { type: "string", default: "wit" },
        work: { type: "string", default: "build" },
    },
});

/** Puts a module and all that it imports into one, and returns the names that it exports. */
async function bundle(input) {
    const { metafile } = await build({
        ...input,
        outfile: join(work, "handler.js"),
        bundle: true,
        format: "esm",
        mainFields: ["module", "main"],
        target: "es2023",
        // The host calls a handler and takes what it returns; no engine runs its own jobs
        // meanwhile. As generators, these functions wait for promises of the layer (`jobs.js`).
        supported: { "async-await": false, "async-generator": false, "for-await": false },
        external: ["sockeye:*", "wasi:*"],
        metafile: true,
    });
    return Object.values(metafile.outputs)[0].exports;
}

/** Makes a handler of what a module exports by default, in the manner of other servers. */
function wrap() {
    const [main, handler] = [join(layer, "sockeye.js"), resolve(entry)].map((path) =>
        JSON.stringify(path),
    );
    const contents = `import { serve } from ${main};
        import handler from ${handler};
        export const httpHandler = serve(handler);`;
    return { stdin: { contents, resolveDir: layer } };
}

async function main() {
    let names = await bundle({ entryPoints: [entry] });
    if (names.includes("default") && !names.some((name) => name in WORLDS)) {
        names = await bundle(wrap());
    }
    const kinds = names.filter((name) => name in WORLDS);
    if (kinds.length !== 1) {
        const wanted = "one of `httpHandler`, `handler` and a default";
        throw new Error(`\`${entry}\` has to export ${wanted}`);
    }
    const witPath = join(work, "wit");
    rmSync(witPath, { recursive: true, force: true });
    cpSync(join(layer, "wit"), witPath, { recursive: true });
    cpSync(wit, join(witPath, "deps", "net"), { recursive: true });
    const { component } = await componentize({
        witPath,
        world: WORLDS[kinds[0]],
        jsSource: readFileSync(join(work, "handler.js"), "utf8"),
        jsPath: join(work, "handler.js"),
        moduleRoot: ".",
        sync: true,
        optSize: true,
    });
    // At once: a server that reads it meanwhile finds the old one or the new one.
    writeFileSync(`${output}.new`, component);
    renameSync(`${output}.new`, output);
}

try {
    await main();
} catch (error) {
    // What is wrong with the source has been said by then.
    if (error.errors === undefined) {
        console.error(`error: ${error.message}`);
    }
    process.exitCode = 1;
}
