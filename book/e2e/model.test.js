// What the lab's page makes of scripts and results, without a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';

// The scripts are classic ones: each adds its part to one global object.
for (const name of ['script', 'model', 'page', 'stave', 'score', 'matrix', 'source', 'says', 'run', 'share', 'predict', 'real', 'problem']) {
    await import(`../theme/lab/${name}.js`);
}
const { script, model, run, share, compared, decides, withBug, difference, question, problem } = globalThis.echoLab;
const ROOT = resolve(import.meta.dirname, '../..');

const steps = (text) => script.split(text).map(({ text }) => script.parse(text));

test('a script is split at semicolons and line ends, and a comment belongs to the last step on its line', () => {
    assert.deepEqual(script.split('connect 1; send 1 "a;#\\"b\\n"  # it sends\n# alone\ntogether {\n close 1; close 2 }; stop'), [
        { text: 'connect 1', comment: null },
        { text: 'send 1 "a;#\\"b\\n"', comment: 'it sends' },
        { text: 'together {  close 1; close 2 }', comment: null },
        { text: 'stop', comment: null },
    ]);
    assert.deepEqual(script.split('\n # nothing \n;;'), []);
});

test('a text is quoted so that a step means the same bytes', () => {
    for (const [text, bytes] of [['hel', 'hel'], ['a"\\n', 'a"\\n'], ['x\n', 'x\n'], ['é', '\xc3\xa9'], ['\t', '\t']]) {
        assert.equal(script.parse(`send 1 ${script.quote(text)}`).text, bytes);
    }
    assert.equal(script.parse('send 1 "\\x00\\xffz\\r"').text, '\x00\xffz\r');
});

test('steps are described in words', () => {
    for (const [text, says] of [
        ['send 1 "lo\\n"', 'client 1 sends “lo↵”'],
        ['send 2 320', 'client 2 sends 320 B'],
        ['wait 1s', '1 s passes'],
        ['together { reset 1; connect 2 }', 'at the same time, client 1 resets the connection (RST) and client 2 connects'],
        ['descriptors 8', 'descriptors must be below 8'],
        ['no-such-step 1', 'no-such-step'],
    ]) assert.equal(script.describe(script.parse(text)), says);
});

test('a client\'s stream is all that it sends, and blocks continue the alphabet', () => {
    const { 1: stream } = script.streams(steps('connect 1; send 1 "hi"; send 1 25; together { send 1 3; stop }'));
    assert.equal(stream.bytes, 'hiabcdefghijklmnopqrstuvwxyzab');
    assert.deepEqual(stream.lengths.slice(1), [0, 2, 27, 30]);
});

test('what a client can do follows from the script', () => {
    const clients = script.clientsAfter(steps('connect 1; stop-reading 1; half-close 1; connect 2; reset 2'));
    assert.deepEqual(clients, {
        1: { reads: false, ended: true, closed: false },
        2: { reads: true, ended: true, closed: true },
    });
});

// One client, "hel", on a select loop and on chat, as the engine prints it.
const PLACES = ['select-echo/src/echo.rs:121', 'chat-echo/src/chat.rs:95', 'book/steps/src/step1.rs:9'];
const ZERO = {
    fd: null, state: 'waiting', watched_for_reading: false, watched_for_writing: false, is_reading_paused: false,
    client_to_send: 0, client_send_buffer: 0, server_receive_buffer: 0, server_holds: 0, server_send_buffer: 0,
    client_receive_buffer: 0, client_received: 0, client_ended: null,
};
const SCRIPT = script.split('connect 1; send 1 "hel"');
const state = (changes) => ({ 'client 1': changes });
const begin = [
    { t: 1, call: 'register', place: 0, by: 'style', fd: 4 },
    { t: 2, call: 'wait', place: 0, by: 'user', listening: true },
    { t: 3, step: 0 },
    { t: 3, call: 'wake', place: 0, by: 'user', ready: 1, state: state(ZERO) },
    { t: 4, call: 'accept', place: 0, by: 'user', fd: 5, client: 'client 1', state: state({ fd: 5, state: 'open' }) },
    { t: 5, call: 'wait', place: 0, by: 'user' },
    { t: 6, step: 1, state: state({ watched_for_reading: true }) },
    { t: 7, step: 2, state: state({ client_to_send: 3 }) },
    { t: 7, call: 'wake', place: 0, by: 'user', ready: 1, state: state({ client_to_send: 0, server_receive_buffer: 3 }) },
    { t: 8, call: 'recv', place: 1, by: 'style', fd: 5, client: 'client 1', bytes: 3, state: state({ server_receive_buffer: 0, server_holds: 3 }) },
];
const sends = [
    { t: 9, call: 'send', place: 2, by: 'style', fd: 5, client: 'client 1', bytes: 3, state: state({ server_holds: 0, server_send_buffer: 3 }) },
    { t: 9, call: 'wait', place: 0, by: 'user' },
    { t: 10, step: 3, state: state({ server_send_buffer: 0, client_received: 3 }) },
];
const holds = [{ t: 9, call: 'wait', place: 0, by: 'user' }, { t: 10, step: 3 }];
const result = (changes = {}) => ({
    script: [], places: PLACES,
    servers: [
        { server: 'select', records: [...begin, ...sends], ending: 'waiting', clients: [{ client: 1, sent: 3, received: 'hel', ended: 'end_of_stream' }], violation: null, ...changes },
        { server: 'chat', records: [...begin, ...holds], ending: 'waiting', clients: [{ client: 1, sent: 3, received: '', ended: null }], violation: null },
    ],
});
const opened = (changes) => new model.Run(result(changes), SCRIPT);
const at = (run, index, moment) => run.at(run.servers[index], moment);

test('a run has a measure for the start and for each step, without registrations', () => {
    const run = opened();
    assert.deepEqual(run.lengths, [1, 3, 4]);
    assert.deepEqual(run.servers[0].measures[2].calls.map(({ call }) => call), ['wake', 'recv', 'send', 'wait']);
    assert.deepEqual(run.servers[1].measures[2].calls.map(({ call }) => call), ['wake', 'recv', 'wait']);
    assert.equal(run.endOf(2).call, 4);
});

test('a wait shows what it waits for, and the servers at rest', () => {
    const run = opened();
    const rest = at(run, 0, { step: 1, call: 3 });
    assert.equal(rest.state.clients[1].watched_for_reading, true);
    assert.equal(rest.state.listening, true);
    assert.equal(at(run, 0, { step: 1, call: 2 }).state.clients[1].watched_for_reading, false);
    assert.equal(at(run, 0, run.endOf(2)).state.clients[1].client_received, 3);
    assert.ok(at(run, 1, run.endOf(2)).isWaiting);
    assert.equal(at(run, 0, run.endOf(2)).isOver, false);
});

test('before its first call in a step, a server shows what the client has done', () => {
    const before = at(opened(), 0, { step: 2, call: 0 });
    assert.equal(before.state.clients[1].client_to_send, 3);
    assert.equal(before.event.call, 'wait');
    assert.equal(before.isNow, false);
});

test('the letters of the bytes are where the bytes are', () => {
    const run = opened();
    const bytes = (index, call) => {
        const lane = at(run, index, { step: 2, call });
        return Object.fromEntries(Object.entries(run.bytes(lane, 1, 2)).filter(([, { count }]) => count).map(([place, { bytes }]) => [place, bytes]));
    };
    assert.deepEqual(bytes(0, 0), { toSend: 'hel' });
    assert.deepEqual(bytes(0, 1), { serverIn: 'hel' });
    assert.deepEqual(bytes(0, 2), { pending: 'hel' });
    assert.deepEqual(bytes(0, 3), { serverOut: 'hel' });
    assert.deepEqual(bytes(0, 4), { back: 'hel' });
    assert.deepEqual(bytes(1, 4), { partial: 'hel' }, 'chat holds what is no line yet');
});

test('moments go on over the ends of steps, and back', () => {
    const run = opened();
    assert.deepEqual(run.move({ step: 1, call: 3 }, 1), { step: 2, call: 0 });
    assert.deepEqual(run.move({ step: 2, call: 0 }, -1), { step: 1, call: 3 });
    assert.deepEqual(run.move({ step: 2, call: 4 }, 1), { step: 2, call: 4 });
    assert.deepEqual(run.move({ step: 1, call: 3 }, 1, 1), { step: 1, call: 3 }, 'not into what is hidden');
    assert.deepEqual(run.move({ step: 0, call: 0 }, -1), { step: 0, call: 0 });
});

test('calls are counted by who makes them; all code of the small servers is yours', () => {
    const run = opened();
    assert.deepEqual(model.countCalls(run.servers[0], 2), { all: 3, yours: 2, handlers: 0 });
});

test('a violation is a moment', () => {
    const violation = { record: 9, rule: 'half_close_flushes', text: 'a byte is lost' };
    const run = opened({ violation });
    assert.equal(run.violation.step, 2);
    assert.equal(run.violation.call, 2);
    assert.equal(run.violation.server.name, 'select');
});

test('one sentence says what differs', () => {
    const run = opened();
    const view = { run, client: 1, moment: run.endOf(2), lanes: () => run.servers.map((server) => run.at(server, run.endOf(2))), waterMarks: () => [64, 16] };
    assert.match(difference(view), /chat<\/span> holds what isn’t a line yet/);
});

test('the sentence says what an edge-triggered style remembers', () => {
    const run = opened();
    const lanes = run.servers.map((server) => run.at(server, run.endOf(1)));
    const [first] = lanes;
    const clients = { ...first.state.clients, 1: { ...first.state.clients[1], remembered_for_reading: true } };
    const view = { run, client: 1, moment: run.endOf(1), lanes: () => [{ ...first, state: { ...first.state, clients } }, ...lanes.slice(1)], waterMarks: () => [64, 16] };
    assert.match(difference(view), /no event is outstanding: the edge was reported already/);
});

test('a prediction asks what comes back, and knows the answers', () => {
    const { asks, answers } = question(opened(), 2, 1);
    assert.match(asks, /get back/);
    assert.deepEqual(answers, ['all', 'nothing']);
    assert.deepEqual(question(opened(), 1, 1).answers, ['r', 'r']);
});

test('a link holds the script, the options, and the moment', () => {
    const config = {
        script: script.split('connect 1; send 1 "a&#\\n" # it sends & waits\nstop'), servers: ['select', 'select!'],
        options: { 'recv-size': '32' }, room: 1, bug: 'tail-lost',
    };
    const moment = { step: 2, call: 5 };
    assert.deepEqual(share.fromHash(share.toHash(config, moment)), { ...config, moment, predict: null });
    assert.deepEqual(share.fromHash(share.toHash(config, moment, 2)), { ...config, moment, predict: 2 });
    assert.equal(share.fromHash('#what-to-notice-first'), null);
});

test('an error is shown where it is in the text, whose lines aren\'t those that the engine got', () => {
    const typed = '# first\nconnect 1; send 1 "é"; sed <1>\nstop';
    const place = { line: 3, column: 1 }; // One line for each step.
    assert.deepEqual(problem.placeOf(problem.indexOf(place, typed), typed), { line: 2, column: 24, text: 'connect 1; send 1 "é"; sed <1>' });
    const shown = problem.describe({ message: 'found `sed`', place }, typed);
    assert.match(shown, /^Line 2, column 24: found <code>sed<\/code>/);
    assert.match(shown, /send 1 &quot;é&quot;; <mark>sed<\/mark> &lt;1>/);
    assert.match(problem.describe({ message: 'found `}`', place: { line: 2, column: 99 } }, 'together {\nstop\n}; stop }'), /^Line 3, column 10/);
    assert.equal(problem.describe({ message: 'too long', place: { line: 9, column: 1 } }, typed), 'too long');
    assert.equal(problem.describe({ message: 'too slow', place: null }, typed), 'too slow');
});

test('a command names the program, its options, and the script in quotation marks of the shell', () => {
    const steps = [{ text: 'connect 1' }, { text: 'send 1 "it\'s"' }];
    const command = (server, options = {}) => share.toCommand({ script: steps, servers: [server, 'chat'], options });
    const play = `echo-client play 'connect 1; send 1 "it'\\''s"' --`;
    assert.equal(command('select'), `${play} select-echo`);
    assert.equal(command('chat!', { 'high-water': 100, 'client-send-buffer': 5 }), `${play} chat-echo --high-water=100`);
    assert.equal(command('reactor-select'), `${play} reactor-echo --reactor=select`);
    assert.equal(command('step-3', { 'high-water': 100 }), `${play} steps 3`);
    assert.equal(command('first-chat'), `${play} steps first-chat`);
});

test('servers with equal options share a run, and their results are joined', () => {
    const config = { servers: ['select', 'chat', 'step-6'], options: { 'recv-size': '32' }, room: 1, bug: '' };
    const commands = run.commands(config);
    assert.deepEqual(commands.map(({ servers }) => servers), [['select', 'step-6'], ['chat']]);
    assert.ok(commands[0].args.includes('--descriptors=6') && commands[0].args.includes('--recv-size=32'));
    const part = (server, place) => ({ script: [], places: [place], servers: [{ server, records: [{ call: 'wait', place: 0 }, { step: 0 }] }] });
    const joined = run.joined([part('select', 'a.rs:1'), part('chat', 'b.rs:2')], ['chat', 'select']);
    assert.deepEqual(joined.places, ['a.rs:1', 'b.rs:2']);
    assert.deepEqual(joined.servers.map(({ server, records }) => [server, records[0].place]), [['chat', 1], ['select', 0]]);
});

test('the descriptors that a server needs for itself are those of the book\'s runs', () => {
    const [, limits] = readFileSync(resolve(ROOT, 'book/scenarios.toml'), 'utf8').match(/^descriptors = \{(.*)\}$/m);
    for (const [, style, limit] of limits.matchAll(/(\w+) = (\d+)/g)) assert.equal(run.roomOf({ [style]: +limit }), 1, style);
});

test('what decides what a server watches is in its source', () => {
    const files = ['select-echo/src/echo.rs', 'dispatcher-echo/src/echo.rs', 'chat-echo/src/chat.rs', 'reactor-echo/src/connection.rs', 'book/steps/src/step3.rs'];
    const sources = Object.fromEntries(files.map((file) => [file, readFileSync(resolve(ROOT, file), 'utf8')]));
    for (const [server, says] of [['select', /lifecycle/], ['dispatcher', /reading_paused/], ['chat', /is_reading_paused/], ['reactor', /is_pulled/], ['step-3', /./]]) {
        const [file, line] = decides(model.identify(server), sources).split(':');
        assert.match(sources[file].split('\n')[line - 1], says, server);
    }
    assert.equal(decides(model.identify('step-1'), sources), null);
});

test('what clients get on real sockets is compared with what they get in the simulation', () => {
    const [select, chat] = opened().servers;
    const real = [{ client: 1, sent: 3, received: 'hel', ended: 'end_of_stream' }];
    assert.equal(compared(select, real)[0].differs, false);
    assert.equal(compared(chat, real)[0].differs, true);
});

test('a buggy server shows the lines of its bug, and its later lines have moved', () => {
    const text = 'a\nright\nlines\nb\nc';
    const bug = { right: 'right\nlines', wrong: 'wrong' };
    assert.deepEqual(withBug(bug, text, 1), { text: 'a\nwrong\nb\nc', line: 1, from: 2, to: 2 });
    assert.equal(withBug(bug, text, 4).line, 3);
    assert.equal(withBug({ right: 'x', wrong: 'y' }, text, 4).text, text);
});

test('a pause after each step shows the servers at rest; before a stop, the stop itself does', () => {
    assert.equal(model.withPauses(['connect 1', 'wait 100s', 'stop']), 'connect 1; wait 1us\nwait 100s\nstop; wait 1us');
    const stopped = { ...result(), servers: result().servers.map((server) => ({ ...server, records: [
        ...begin.slice(0, 6), { t: 6, step: 1, state: state({ watched_for_reading: true }) }, { t: 7, call: 'close', place: 0, by: 'user' },
    ] })) };
    const run = new model.Run(stopped, script.split('connect 1; stop'));
    assert.deepEqual(run.lengths, [1, 3, 1]);
    assert.equal(at(run, 0, run.endOf(1)).state.clients[1].watched_for_reading, true);
});
