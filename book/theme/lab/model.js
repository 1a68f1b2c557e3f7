// The model: a run's result as the engine prints it, made into what the page shows at each moment.
//
// A moment is `{ step, call }`. Step 0 is the start; call 0 is when the clients have acted and no server
// has made a call. Time in the page is counted in steps and calls, so that all servers share one clock.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});

    // The engine records states at calls and steps only, so the page lets a microsecond pass after each step: the
    // record of that shows the servers at rest. A stop changes nothing by itself, so its own record shows that.
    const PAUSE = 'wait 1us';
    const hasPause = (steps, index) => steps[index + 1] !== 'stop';
    const withPauses = (steps) => steps.map((step, index) => (hasPause(steps, index) ? `${step}; ${PAUSE}` : step)).join('\n');

    // For each step of a script with pauses, whether it is one of the page's.
    const withoutPauses = (steps) => steps.flatMap((step, index) => (hasPause(steps, index) ? [true, false] : [true]));

    // A style that waits with epoll makes one or two of these for each connection. They are no events of
    // their own: the page shows their effect at the call before.
    const HIDDEN = new Set(['listen', 'register', 'reregister', 'deregister']);

    const STYLES = ['select', 'dispatcher', 'chat', 'reactor'];
    const MARKERS = { select: '●', dispatcher: '■', chat: '▲', reactor: '◆' };

    /** A server's style, marker, and whether it has the bug, from its name such as `chat`, `step-3` or `chat!`. */
    function identify(server) {
        const hasBug = server.endsWith('!');
        const name = server.replace('!', '');
        const small = /^step-(\d)$/.exec(name);
        const style = STYLES.find((style) => name.includes(style)) ?? 'select';
        // The steps have circled digits.
        const marker = hasBug ? '✗' : small ? String.fromCodePoint(0x245f + +small[1]) : name === style ? MARKERS[style] : '○';
        const ofLines = style === 'chat' || name === 'step-8';
        return { server, name: `${hasBug ? 'buggy ' : ''}${name.replace('-', ' ')}`, style, marker, hasBug, ofLines };
    }

    const EMPTY = {
        fd: null, state: null, watched_for_reading: false, watched_for_writing: false, is_reading_paused: false,
        client_to_send: 0, client_send_buffer: 0, server_receive_buffer: 0, server_holds: 0,
        server_send_buffer: 0, client_receive_buffer: 0, client_received: 0, client_ended: null,
        read: 0, written: 0, was_watched: false, // These are the page's own.
    };
    const NOBODY = { clients: {}, listening: false };

    // Adds a record's changes to a state. The states share what didn't change.
    function after(state, record) {
        if (!record.state && record.listening === undefined) return state;
        const clients = { ...state.clients };
        for (const [name, changes] of Object.entries(record.state ?? {})) {
            const number = name.replace('client ', '');
            if (changes) clients[number] = withPause({ ...(clients[number] ?? EMPTY), ...changes });
            else clients[number] = { ...clients[number], state: 'gone', fd: null };
        }
        return { clients, listening: record.listening ?? state.listening };
    }

    // A loop has paused reading only if it was reading before.
    function withPause(one) {
        one.was_watched ||= one.watched_for_reading;
        one.is_reading_paused &&= one.was_watched;
        return one;
    }

    // Counts what a call has moved.
    function moved(state, { call, client, bytes, error }) {
        const number = client?.replace('client ', '');
        if (!bytes || error || (call !== 'recv' && call !== 'send') || !state.clients[number]) return state;
        const one = { ...state.clients[number] };
        one[call === 'recv' ? 'read' : 'written'] += bytes;
        return { ...state, clients: { ...state.clients, [number]: one } };
    }

    // A select's lists are known when it waits: they are in the record after the wait.
    function watchedAs(state, later) {
        const clients = { ...state.clients };
        let changed = state.listening !== later.listening;
        for (const [number, client] of Object.entries(clients)) {
            const next = later.clients[number];
            if (!next || next.fd !== client.fd || client.fd === null) continue;
            const { watched_for_reading, watched_for_writing } = next;
            if (watched_for_reading === client.watched_for_reading && watched_for_writing === client.watched_for_writing) continue;
            changed = true;
            const is_reading_paused = client.state === 'open' && !watched_for_reading;
            clients[number] = withPause({ ...client, watched_for_reading, watched_for_writing, is_reading_paused });
        }
        return changed ? { clients, listening: later.listening } : state;
    }

    // Whose code makes a call: a small server of the book is all the user's.
    const isYours = (record, place) => record.by === 'user' || (place?.startsWith('book/steps/src/step') ?? false);

    // A server's run as its measures, one for each step and one for the start: the state before its first call,
    // and the calls, each with the state after it.
    function open(server, places, steps) {
        const measures = [{ before: NOBODY, calls: [] }];
        const isStep = withoutPauses(steps);
        let [state, previous, registered] = [NOBODY, null, null];
        let violation = null;
        server.records.forEach((record, index) => {
            state = moved(after(state, record), record);
            const measure = measures.at(-1);
            const last = measure.calls.at(-1);
            if (previous?.call === 'wait') previous.state = watchedAs(previous.state, state);
            if (record.step !== undefined) {
                previous = null;
                const isAtRest = !isStep[record.step] || isStep[record.step - 1];
                if (isAtRest && last) last.state = state;
                else if (isAtRest) measure.before = state;
                if (isStep[record.step]) measures.push({ before: state, calls: [] });
            } else if (HIDDEN.has(record.call)) {
                registered = { place: places[record.place], client: record.client };
                if (last) last.state = state;
                else measure.before = state;
            } else {
                const place = places[record.place];
                previous = { ...record, place, yours: isYours(record, place), state, registered };
                measure.calls.push(previous);
            }
            if (server.violation?.record === index) {
                violation = { ...server.violation, step: measures.length - 1, call: measures.at(-1).calls.length };
            }
        });
        // What arrives after the last record, and a rule that only the end shows to be broken.
        const final = measures.at(-1).calls.at(-1);
        state = after(state, { state: server.last });
        if (final) final.state = state;
        if (server.violation && !violation) violation = { ...server.violation, step: measures.length - 1, call: measures.at(-1).calls.length };
        while (measures.length <= steps.length) measures.push({ before: state, calls: [] });
        const received = Object.fromEntries(server.clients.map(({ client, received, ended }) =>
            [client, { bytes: unescape(received), ended }]));
        return { ...identify(server.server), measures, violation, received, ending: server.ending, cut: server.cut };
    }

    // The engine's escapes are Rust's `escape_ascii`.
    function unescape(text) {
        return text.replace(/\\(x([0-9a-f]{2})|.)/g, (_, name, hex) =>
            hex ? String.fromCharCode(parseInt(hex, 16)) : { n: '\n', r: '\r', t: '\t' }[name] ?? name);
    }

    /** A run: what all servers do in all steps. */
    class Run {
        /** `steps` are those of the script that the engine got, without the pauses: `{ text, comment }`. */
        constructor(result, steps) {
            const parsed = steps.map(({ text }) => lab.script.parse(text));
            this.steps = steps.map(({ text, comment }, index) => ({ text, says: comment ?? lab.script.describe(parsed[index]) }));
            this.streams = lab.script.streams(parsed);
            this.servers = result.servers.map((server) => open(server, result.places, steps.map(({ text }) => text)));
            this.lengths = Array.from({ length: steps.length + 1 }, (_, step) =>
                Math.max(...this.servers.map(({ measures }) => measures[step].calls.length)));
            this.clients = Object.keys(this.streams).map(Number);
            const broken = this.servers.filter(({ violation }) => violation);
            this.violation = broken.map((server) => ({ ...server.violation, server })).sort(byMoment)[0] ?? null;
        }

        get last() {
            return this.steps.length;
        }

        /** The last moment of a step. */
        endOf(step) {
            return { step, call: this.lengths[step] };
        }

        /** What a server is doing at a moment: its last call, whether it made it just now, and the state. */
        at(server, { step, call }) {
            const measure = server.measures[step];
            const made = Math.min(call, measure.calls.length);
            const state = made > 0 ? measure.calls[made - 1].state : measure.before;
            let event = measure.calls[made - 1];
            for (let before = step - 1; !event && before >= 0; before--) event = server.measures[before].calls.at(-1);
            const isNow = made > 0 && made === call;
            const isOver = server.ending !== 'waiting' && server.ending !== 'spinning' && made === measure.calls.length
                && server.measures.slice(step + 1).every(({ calls }) => calls.length === 0);
            return { server, state, event, isNow, isWaiting: event?.call === 'wait', isOver, made };
        }

        /** The moment `by` calls later or earlier, over the ends of steps; `most` is the last step allowed. */
        move({ step, call }, by, most = this.last) {
            const next = call + by;
            if (next < 0) return step === 0 ? { step, call: 0 } : this.endOf(step - 1);
            if (next > this.lengths[step]) return step >= most ? this.endOf(most) : { step: step + 1, call: 0 };
            return { step, call: next };
        }

        /** How many bytes a server holds for a client: as pending output, and as a part of a line. */
        held(server, one, client) {
            const all = one.fd === null ? 0 : Math.max(0, one.server_holds); // What is closed holds nothing.
            if (!server.ofLines || one.read === 0) return { pending: all, partial: 0 };
            const complete = (this.streams[client]?.bytes ?? '').lastIndexOf('\n', one.read - 1) + 1;
            const partial = Math.min(all, one.read - Math.max(complete, one.written));
            return { pending: all - partial, partial };
        }

        /**
         * Where the bytes of a client are: for each place their number, and the bytes themselves. An echo's bytes
         * are windows of the stream that the client sends, until they come back: then they are known.
         */
        bytes({ server, state }, client, step) {
            const one = state.clients[client] ?? EMPTY;
            const stream = this.streams[client]?.bytes ?? '';
            const handed = this.streams[client]?.lengths[step] ?? 0;
            const back = server.received[client]?.bytes ?? '';
            const sent = (from, to) => stream.slice(Math.max(0, from), Math.max(0, to));
            const echoed = (from, to) => back.slice(from, to) + stream.slice(Math.max(from, back.length), Math.max(to, back.length));
            const arrived = one.read + one.server_receive_buffer;
            const place = (count, bytes) => ({ count, bytes: bytes.slice(0, MOST) });
            const { pending, partial } = this.held(server, one, client);
            return {
                toSend: place(one.client_to_send, sent(handed - one.client_to_send, handed)),
                clientOut: place(one.client_send_buffer, sent(arrived, arrived + one.client_send_buffer)),
                serverIn: place(one.server_receive_buffer, sent(one.read, arrived)),
                pending: place(pending, echoed(one.written, one.written + pending)),
                partial: place(partial, sent(one.read - partial, one.read)),
                serverOut: place(one.server_send_buffer, echoed(one.written - one.server_send_buffer, one.written)),
                clientIn: place(one.client_receive_buffer, echoed(one.client_received, one.client_received + one.client_receive_buffer)),
                back: place(one.client_received, back.slice(0, one.client_received)),
                handed,
            };
        }
    }

    const MOST = 64; // No more bytes of a place are shown.
    const byMoment = (one, other) => one.step - other.step || one.call - other.call;

    /** What a call is called, with what it moved. */
    function describeCall(event) {
        if (!event) return '–';
        const { call, handler, bytes, ready, error, milliseconds } = event;
        if (call === 'enter') return handler;
        const words = [call === 'dropped' ? 'close' : call];
        if (call === 'recv' && bytes === 0 && !error) words.push('end of stream');
        else if ((call === 'recv' || call === 'send') && !error) words.push(amount(bytes ?? 0));
        if (call === 'wake' && !error) words.push(ready ? `${ready} ready` : 'time is over');
        if (call === 'wait' && milliseconds !== undefined) words.push(milliseconds === 0 ? 'for no time' : `≤ ${milliseconds} ms`);
        // Rust has no name of its own for the error of a server that is out of descriptors.
        if (error) words.push(call === 'accept' && error === 'Uncategorized' ? 'EMFILE' : error);
        return words.join(' ');
    }

    const amount = (count) => `${String(count).replace(/\B(?=(\d{3})+$)/g, ',')} B`;

    /** The calls that a server makes to the kernel in a step, those of them that are yours, and calls to your handlers. */
    function countCalls({ measures }, step) {
        const calls = measures[step].calls.filter(({ call }) => call !== 'wake');
        const toKernel = calls.filter(({ call }) => call !== 'enter');
        return { all: toKernel.length, yours: toKernel.filter(({ yours }) => yours).length, handlers: calls.length - toKernel.length };
    }

    lab.model = { Run, STYLES, EMPTY, PAUSE, withPauses, identify, describeCall, countCalls, amount, unescape };
})();
