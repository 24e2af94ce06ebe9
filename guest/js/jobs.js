// What runs later: jobs of promises and timers, and `run`, which runs them until a promise is
// settled.
//
// The host calls a handler and takes what it returns; no engine runs its own jobs meanwhile. So the
// layer has a promise of its own, whose jobs are in this queue, and `npm run build` writes every
// `async` function as a generator over it.

import { subscribeDuration } from "wasi:clocks/monotonic-clock@0.2.12";

const jobs = [];
let nextJob = 0;

const timers = new Map();
let nextTimer = 1;

/** Rejected promises that nothing has waited for yet; what callbacks threw has their form. */
export const unhandled = new Set();

/** Queues `callback` to run before anything that waits for time. */
export function queueMicrotask(callback) {
    jobs.push(callback);
}

export function setTimeout(callback, milliseconds = 0, ...args) {
    const due = Date.now() + Math.max(0, Number(milliseconds) || 0);
    timers.set(nextTimer, { due, call: () => callback(...args) });
    return nextTimer++;
}

export function clearTimeout(timer) {
    timers.delete(timer);
}

/**
 * Runs jobs, and timers where there are no jobs, until `value` is settled; returns or throws what
 * it is settled with. A value that is no promise is returned at once.
 */
export function run(value) {
    if (typeof value?.then !== "function") {
        return value;
    }
    let settle;
    value.then(
        (result) => (settle = () => result),
        (error) => {
            settle = () => {
                throw error;
            };
        },
    );
    while (settle === undefined) {
        if (!runJob() && !runTimer()) {
            throw new Error("the handler waits for a promise that nothing can settle");
        }
    }
    return settle();
}

/** Runs the jobs that are left behind an answer, but no timers, and reports lost errors. */
export function finishJobs(report) {
    // Each may add others; the host's limit of CPU time bounds them.
    while (runJob());
    for (const promise of unhandled) {
        report(promise.reason);
    }
    unhandled.clear();
}

/** Forgets timers: their connection is gone, and no call of the host is left to wait in. */
export function dropTimers() {
    timers.clear();
}

function runJob() {
    if (nextJob === jobs.length) {
        return false;
    }
    const job = jobs[nextJob];
    nextJob += 1;
    if (nextJob === jobs.length) {
        jobs.length = nextJob = 0;
    } else if (nextJob === 1024) {
        // A loop that always adds one more must not keep all that have run.
        jobs.splice(0, nextJob);
        nextJob = 0;
    }
    attempt(job);
    return true;
}

function runTimer() {
    let first;
    for (const [id, timer] of timers) {
        if (first === undefined || timer.due < timers.get(first).due) {
            first = id;
        }
    }
    if (first === undefined) {
        return false;
    }
    const { due, call } = timers.get(first);
    timers.delete(first);
    sleep(due - Date.now());
    attempt(call);
    return true;
}

/** Runs a callback. What it throws is no failure of what is awaited meanwhile: that may belong to
 * another request. */
function attempt(callback) {
    try {
        callback();
    } catch (reason) {
        unhandled.add({ reason });
    }
}

function sleep(milliseconds) {
    if (milliseconds > 0) {
        const pollable = subscribeDuration(Math.ceil(milliseconds * 1e6));
        try {
            pollable.block();
        } finally {
            pollable[Symbol.dispose]();
        }
    }
}
