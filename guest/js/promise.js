// The promise that takes the place of the engine's; its jobs are in `jobs.js`.

import { queueMicrotask, unhandled } from "./jobs.js";

const PENDING = 0;
const FULFILLED = 1;
const REJECTED = 2;

/** A promise as ECMA-262 has it, but for subclasses. */
export class BlockingPromise {
    #state = PENDING;
    #value = undefined;
    #reactions = [];

    constructor(executor) {
        const { resolve, reject } = this.#resolvers();
        try {
            executor(resolve, reject);
        } catch (error) {
            reject(error);
        }
    }

    /** What it was rejected with. */
    get reason() {
        return this.#value;
    }

    then(onFulfilled, onRejected) {
        unhandled.delete(this);
        const { promise, resolve, reject } = BlockingPromise.withResolvers();
        const react = () => {
            const handle = this.#state === FULFILLED ? onFulfilled : onRejected;
            if (typeof handle !== "function") {
                (this.#state === FULFILLED ? resolve : reject)(this.#value);
                return;
            }
            try {
                resolve(handle(this.#value));
            } catch (error) {
                reject(error);
            }
        };
        if (this.#state === PENDING) {
            this.#reactions.push(react);
        } else {
            queueMicrotask(react);
        }
        return promise;
    }

    catch(onRejected) {
        return this.then(undefined, onRejected);
    }

    finally(onFinally) {
        if (typeof onFinally !== "function") {
            return this.then();
        }
        return this.then(
            (value) => BlockingPromise.resolve(onFinally()).then(() => value),
            (error) =>
                BlockingPromise.resolve(onFinally()).then(() => {
                    throw error;
                }),
        );
    }

    get [Symbol.toStringTag]() {
        return "Promise";
    }

    static resolve(value) {
        return value instanceof BlockingPromise
            ? value
            : new BlockingPromise((resolve) => resolve(value));
    }

    static reject(error) {
        return new BlockingPromise((_, reject) => reject(error));
    }

    static withResolvers() {
        let resolvers;
        const promise = new BlockingPromise((resolve, reject) => (resolvers = { resolve, reject }));
        return { promise, ...resolvers };
    }

    static try(callback, ...args) {
        return new BlockingPromise((resolve) => resolve(callback(...args)));
    }

    static all(values) {
        return collect(values, (value) => value);
    }

    static allSettled(values) {
        return collect(
            values,
            (value) => ({ status: "fulfilled", value }),
            (reason) => ({ status: "rejected", reason }),
        );
    }

    static any(values) {
        // All that could fulfil it having failed is the only way in which `all` succeeds here.
        const { promise, resolve, reject } = BlockingPromise.withResolvers();
        const failures = [...values].map((value) =>
            BlockingPromise.resolve(value).then(resolve, (error) => error),
        );
        const all = (errors) => reject(new AggregateError(errors, "all promises were rejected"));
        BlockingPromise.all(failures).then(all);
        return promise;
    }

    static race(values) {
        return new BlockingPromise((resolve, reject) => {
            for (const value of values) {
                BlockingPromise.resolve(value).then(resolve, reject);
            }
        });
    }

    /** Makes the two functions of which the first call decides. */
    #resolvers() {
        let isDecided = false;
        const once = (decide) => (value) => {
            if (!isDecided) {
                isDecided = true;
                decide(value);
            }
        };
        return {
            resolve: once((value) => this.#resolve(value)),
            reject: once((error) => this.#settle(REJECTED, error)),
        };
    }

    #resolve(value) {
        if (value === this) {
            this.#settle(REJECTED, new TypeError("a promise cannot be its own result"));
            return;
        }
        let then;
        try {
            then = Object(value) === value ? value.then : undefined;
        } catch (error) {
            this.#settle(REJECTED, error);
            return;
        }
        if (typeof then !== "function") {
            this.#settle(FULFILLED, value);
            return;
        }
        queueMicrotask(() => {
            const { resolve, reject } = this.#resolvers();
            try {
                then.call(value, resolve, reject);
            } catch (error) {
                reject(error);
            }
        });
    }

    #settle(state, value) {
        this.#state = state;
        this.#value = value;
        if (state === REJECTED && this.#reactions.length === 0) {
            unhandled.add(this);
        }
        this.#reactions.forEach(queueMicrotask);
        this.#reactions = [];
    }
}

/** Gathers what becomes of all `values`, in their order. */
function collect(values, fulfilled, rejected) {
    return new BlockingPromise((resolve, reject) => {
        const all = [...values];
        const results = Array(all.length);
        let left = all.length;
        if (left === 0) {
            resolve(results);
        }
        all.forEach((value, at) => {
            const settle = (make) => (value) => {
                results[at] = make(value);
                left -= 1;
                if (left === 0) {
                    resolve(results);
                }
            };
            const failed = rejected === undefined ? reject : settle(rejected);
            BlockingPromise.resolve(value).then(settle(fulfilled), failed);
        });
    });
}
