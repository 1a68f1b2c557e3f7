// Runs scripts: natively over HTTP where the book is served, and otherwise as WebAssembly in a worker.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});

    // How many descriptors a server has open before its first client, the next one included: with one
    // more, it has room for one client.
    const OWN_DESCRIPTORS = { select: 5, dispatcher: 7, chat: 7, reactor: 6 };

    /** For how many clients limits of descriptors leave room, by style; undefined if there are none. */
    function roomOf(descriptors) {
        const [limited] = Object.entries(descriptors ?? {});
        return limited && limited[1] - OWN_DESCRIPTORS[limited[0]];
    }

    // The folder of all pages, seen from this one.
    const toRoot = () => (typeof path_to_root === 'string' ? path_to_root : ''); // mdBook's.
    const served = () => document.querySelector('meta[name="four-echoes-served"]');
    const isServed = () => served() !== null;
    const canGrade = () => served()?.content.includes('grade') ?? false;

    /** Loads a script of the site once. Returns whether it is there. */
    const loads = new Map();
    function load(name) {
        if (!loads.has(name)) {
            loads.set(name, new Promise((resolve) => {
                const script = Object.assign(document.createElement('script'), { src: `${toRoot()}${name}` });
                script.onload = () => resolve(true);
                script.onerror = () => resolve(false);
                document.head.append(script);
            }));
        }
        return loads.get(name);
    }

    /** The arguments for each of the engine's runs: servers with equal options share one. */
    function commands({ servers, options, room, bug }) {
        const groups = new Map();
        for (const server of servers) {
            const limit = room === undefined ? [] : [`--descriptors=${OWN_DESCRIPTORS[lab.model.identify(server).style] + room}`];
            const key = limit.join();
            if (!groups.has(key)) groups.set(key, { servers: [], limit });
            groups.get(key).servers.push(server);
        }
        const given = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
        return [...groups.values()].map(({ servers, limit }) => ({
            servers,
            args: [...servers.flatMap((server) => ['--server', server]), ...given, ...limit,
                ...(bug && servers.some((server) => server.endsWith('!')) ? ['--bug', bug] : [])],
        }));
    }

    // One result of several, with the servers in the order that was asked for.
    function joined(results, order) {
        const places = [];
        const servers = results.flatMap((result) => {
            const moved = result.places.map((place) => {
                if (!places.includes(place)) places.push(place);
                return places.indexOf(place);
            });
            return result.servers.map((server) => ({
                ...server,
                records: server.records.map((record) => record.place === undefined ? record : { ...record, place: moved[record.place] }),
            }));
        });
        servers.sort((one, other) => order.indexOf(one.server) - order.indexOf(other.server));
        return { ...results[0], places, servers };
    }

    /** A script that the engine refuses, or an engine that isn't there. */
    class RunError extends Error {
        /** `place` is where the script is wrong, as `{ line, column }` from 1, if that is what it is. */
        constructor(message, place = null) {
            super(message);
            this.place = place;
        }

        /** An error as the engine prints it: a text, which can begin with its place. */
        static parse(text) {
            const [, line, column, reason] = /^script:(\d+):(\d+): ([^]*)$/.exec(text) ?? [];
            return line ? new RunError(reason, { line: +line, column: +column }) : new RunError(text);
        }
    }

    // An error of the network, unless the reader has ended the request.
    function lost(error) {
        if (error.name === 'AbortError') throw error;
        throw new RunError('The book is no longer served.');
    }

    /** Sends a request to the program that serves the book. */
    async function send(path, body, signal) {
        const response = await fetch(`${toRoot()}${path}`, {
            method: 'POST', signal, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
        }).catch(lost);
        if (response.ok) return response;
        const { error } = await response.json().catch(() => ({}));
        throw RunError.parse(error ?? `The request failed with status ${response.status}.`);
    }

    const post = (...request) => send(...request).then((response) => response.json());

    /** Sends a request, and calls `then` with each line of JSON of the response, as it comes. */
    async function lines(path, body, signal, then) {
        const response = await send(path, body, signal);
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = '';
        for (;;) {
            const { value, done } = await reader.read().catch(lost);
            const lines = (rest + (value ?? '')).split('\n');
            rest = done ? '' : lines.pop();
            lines.filter((line) => line.trim()).forEach((line) => then(JSON.parse(line)));
            if (done) return;
        }
    }

    /** Builds the real programs, unless they are there. `show` gets how far that is, as HTML. */
    async function build(signal, show) {
        let count = 0;
        show('Building the servers …');
        await lines('lab/build', {}, signal, ({ built, error }) => {
            if (error) throw new RunError(error);
            // A screen reader doesn't read every crate.
            if (built) show(`Building the servers, which takes up to a minute the first time<span aria-hidden="true">: ${lab.page.escape(built)} is done, ${++count} in all</span> …`);
        });
    }

    const MISSING = 'This copy of the book was built without the engine, so it shows the runs of its pages only. '
        + 'In a clone of the repository, “cargo run --release -p book” serves the book with it.';

    class Engine {
        /** Runs a script on the servers, and returns the result. A newer run cancels this one: then it never returns. */
        async run(config, script) {
            this.aborter?.abort();
            this.aborter = new AbortController();
            const { signal } = this.aborter;
            const results = [];
            for (const { args } of commands(config)) {
                results.push(await (isServed() ? post('lab/run', { args, script }, signal) : this.runInWorker(args, script, signal)));
            }
            return results.length === 1 ? results[0] : joined(results, config.servers);
        }

        async runInWorker(args, script, signal) {
            if (!(await load('lab-wasm.js')) || !globalThis.labWasm) throw new RunError(MISSING);
            const starting = (this.worker ??= lab.startWorker(globalThis.labWasm));
            const worker = await starting;
            signal.throwIfAborted();
            return new Promise((resolve, reject) => {
                // A run can't be interrupted otherwise.
                const stop = () => {
                    worker.terminate();
                    if (this.worker === starting) this.worker = null;
                    reject(signal.reason);
                };
                signal.addEventListener('abort', stop);
                worker.onmessage = ({ data: { status, output, errors } }) => {
                    signal.removeEventListener('abort', stop);
                    if (status === 0) resolve(JSON.parse(new TextDecoder().decode(output)));
                    else reject(RunError.parse(errors.trim().replace(/^error: /, '')));
                };
                worker.onerror = (event) => reject(new RunError(event.message));
                worker.postMessage({ args: ['lab', 'run', ...args], input: script });
            });
        }
    }

    lab.run = { Engine, RunError, OWN_DESCRIPTORS, roomOf, commands, joined, load, post, lines, build, isServed, canGrade, toRoot };
})();
