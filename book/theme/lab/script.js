// Scripts: what clients do to a server, step by step. The engine runs them; this reads what the page
// shows of them. Each script of the lab is a classic one, since a page from a folder can't load modules.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';
    const ESCAPES = { n: '\n', r: '\r', t: '\t' };

    // A quoted text, a comment, a brace, the end of a step, or any other character.
    const TOKEN = /"(?:\\[\s\S]|[^"\\])*"?|#[^\n]*|[\s\S]/g;

    /** The steps of a script as `{ text, comment }`. A comment belongs to the last step on its line. */
    const split = (script) => splitWithPlaces(script).map(({ text, comment }) => ({ text, comment }));

    /** The same, each with its place: `from` is the index of its first character. */
    function splitWithPlaces(script) {
        const steps = [];
        let [text, from, depth, isNewLine] = ['', 0, 0, true];
        function end() {
            if (text.trim()) {
                steps.push({ text: text.trim(), comment: null, from });
                isNewLine = false;
            }
            text = '';
        }
        for (const { 0: token, index } of script.matchAll(TOKEN)) {
            const isEnd = depth === 0 && (token === ';' || token === '\n' || token[0] === '#');
            if (isEnd) end();
            if (token[0] === '#' && depth === 0 && !isNewLine) steps.at(-1).comment = token.slice(1).trim();
            if (token === '\n' && depth === 0) isNewLine = true;
            if (isEnd || token[0] === '#') continue;
            if (token === '{') depth++;
            if (token === '}') depth--;
            if (!text.trim()) from = index;
            text += token === '\n' ? ' ' : token;
        }
        end();
        return steps;
    }

    /** What a step says, as far as the page needs it. The engine is the judge of what is wrong with it. */
    function parse(text) {
        const [, op, rest] = /^([a-z-]*)\s*([\s\S]*)$/.exec(text.trim());
        if (op === 'together') {
            return { op, steps: split(rest.replace(/^\{|\}$/g, '')).map((step) => parse(step.text)) };
        }
        if (op === 'wait' || op === 'stop' || op === 'signal') return { op, time: rest };
        const [, number, more] = /^(\d*)\s*([\s\S]*)$/.exec(rest);
        if (op === 'descriptors' || op === 'ignore-port') return { op, count: +number };
        if (more[0] === '"') return { op, client: +number, text: unescape(more.slice(1, -1)) };
        return { op, client: +number, count: Number(more) || 0 };
    }

    // The bytes of a quoted text: one character for each, from \0 to \xff.
    function unescape(text) {
        const bytes = text.replace(/\\(x([0-9a-f]{2})|[\s\S])/gi, (_, name, hex) =>
            hex ? `\0${hex}` : ESCAPES[name] ?? name);
        return utf8(bytes).replace(/\0([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    }

    const utf8 = (text) => String.fromCharCode(...new TextEncoder().encode(text));

    /** A text as a step quotes it. */
    function quote(text) {
        const escaped = [...utf8(text)].map((byte) => {
            if (byte === '"' || byte === '\\') return `\\${byte}`;
            if (byte === '\n') return '\\n';
            return byte >= ' ' && byte <= '~' ? byte : `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
        });
        return `"${escaped.join('')}"`;
    }

    const LONGEST = 24;

    /** Bytes as readers see them: `↵` is a line's end, and `·` a byte without a sign of its own. */
    function visible(bytes) {
        return bytes.replace(/\n/g, '↵').replace(/[^ -~↵]/g, '·');
    }

    function payload({ text, count }) {
        if (text === undefined) return `${count} B`;
        return text.length <= LONGEST ? `“${visible(text)}”` : `“${visible(text.slice(0, LONGEST - 4))}…” (${text.length} B)`;
    }

    const SAYS = {
        connect: () => 'connects',
        listen: () => 'listens',
        send: (step) => `sends ${payload(step)}`,
        urgent: (step) => `sends ${payload(step)} urgently`,
        'stop-reading': () => 'stops reading',
        'resume-reading': () => 'reads again',
        read: (step) => `reads ${step.count} B`,
        'half-close': () => 'ends its stream (FIN)',
        close: () => 'closes',
        reset: () => 'resets the connection (RST)',
    };

    /** A step in words. */
    function describe(step) {
        if (SAYS[step.op]) return `client ${step.client} ${SAYS[step.op](step)}`;
        if (step.op === 'together') return `at the same time, ${step.steps.map(describe).join(' and ')}`;
        if (step.op === 'wait') return `${step.time.replace(/([\d.]+)([a-z]+)/, '$1 $2')} pass${step.time === '1s' ? 'es' : ''}`;
        if (step.op === 'stop') return 'the servers get SIGTERM';
        if (step.op === 'signal') return 'a signal interrupts';
        if (step.op === 'descriptors') return `descriptors must be below ${step.count}`;
        return step.op;
    }

    const flat = (step) => step.steps ? step.steps.flatMap(flat) : [step];

    /**
     * What each client sends: `{ bytes, lengths }` by client, where `lengths[n]` is how much that is after
     * the first n steps.
     */
    function streams(steps) {
        const all = {};
        steps.forEach((step, index) => {
            for (const { op, client, text, count } of flat(step)) {
                if (client === undefined) continue;
                const stream = (all[client] ??= { parts: [], length: 0, alphabet: 0, lengths: [] });
                let sent = '';
                if (op === 'send' && text === undefined) {
                    sent = repeated(stream.alphabet, count);
                    stream.alphabet += count;
                } else if (op === 'send') sent = text;
                else if (op === 'urgent') sent = text.slice(0, -1); // The urgent byte isn't in the stream.
                stream.parts.push(sent);
                stream.length += sent.length;
            }
            for (const stream of Object.values(all)) stream.lengths[index + 1] = stream.length;
        });
        return Object.fromEntries(Object.entries(all).map(([client, { parts, lengths }]) =>
            [client, { bytes: parts.join(''), lengths }]));
    }

    function repeated(from, count) {
        const start = from % ALPHABET.length;
        return ALPHABET.repeat(Math.ceil((start + count) / ALPHABET.length)).slice(start, start + count);
    }

    /** What is true of the clients after all steps: `{ connected, reads, ended, closed }` by client. */
    function clientsAfter(steps) {
        const clients = {};
        for (const { op, client } of steps.flatMap(flat)) {
            if (!client) continue;
            const state = (clients[client] ??= { reads: true, ended: false, closed: false });
            if (op === 'stop-reading' || op === 'read') state.reads = false;
            if (op === 'resume-reading') state.reads = true;
            if (op === 'half-close') state.ended = true;
            if (op === 'close' || op === 'reset') state.ended = state.closed = true;
        }
        return clients;
    }

    /** A script without the steps at its end that only close and stop: a reader goes on from there. */
    const withoutEnd = (script) => script.slice(0, script.findLastIndex(({ text }) => !/^(close\b|stop$)/.test(text)) + 1);

    /** The first step that does more than connect. */
    function firstTelling(script) {
        const tells = ({ op }) => op !== 'connect' && op !== 'stop-reading';
        return script.findIndex(({ text }) => flat(parse(text)).some(tells)) + 1 || script.length;
    }

    const hasStopped = (steps) => steps.flatMap(flat).some(({ op }) => op === 'stop');

    lab.script = { split, splitWithPlaces, parse, quote, visible, describe, streams, clientsAfter, hasStopped, withoutEnd, firstTelling };
})();
