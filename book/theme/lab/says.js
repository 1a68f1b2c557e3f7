// One sentence on what differs between the servers at a moment.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { list, named, withCode } = lab.page;
    const { EMPTY, amount, countCalls } = lab.model;

    // A server can stop reading for other reasons, too, such as its own stop.
    const isPaused = (view, one, { pending }) => one.is_reading_paused && pending.count > view.waterMarks()[1];

    const names = (lanes) => list(lanes.map(({ server }) => named(server)));
    const have = (lanes, one, many) => (lanes.length === 1 ? one : many);

    /** The sentence, as HTML. */
    function difference(view) {
        const { run, client, moment } = view;
        const lanes = view.lanes();
        if (run.last === 0) return 'The servers wait. Be the client: connect, and send something.';
        const broken = lanes.filter(({ server: { violation } }) => violation && reached(violation, moment));
        if (broken.length) return broken.map((lane) => breaks(lane, moment)).join(' ');
        const ended = lanes.filter(({ isOver }) => isOver);
        if (ended.length && ended.length < lanes.length) return `${names(ended)} ${have(ended, 'has', 'have')} returned. The others are still at work.`;
        const changes = lanes.flatMap((lane) => pausesOrResumes(view, lane));
        if (changes.length) return changes.join(' ');
        const one = (lane) => lane.state.clients[client] ?? EMPTY;
        const bytes = (lane) => run.bytes(lane, client, moment.step);
        for (const [is, say] of rules(view)) {
            const those = lanes.filter((lane) => is(one(lane), bytes(lane), lane));
            if (those.length && those.length < lanes.length) return say(those, lanes.filter((lane) => !those.includes(lane)));
        }
        const paused = lanes.filter((lane) => isPaused(view, one(lane), bytes(lane)));
        if (paused.length && paused.length === lanes.length) {
            return `All of them have paused reading from client ${client}: each holds more than the high-water mark, ${amount(view.waterMarks()[0])}.`;
        }
        const counts = lanes.map(({ server }) => countCalls(server, moment.step));
        if (new Set(counts.map(({ yours }) => yours)).size > 1) {
            const each = lanes.map(({ server }, index) => `<b>${counts[index].yours} of ${counts[index].all}</b> in ${named(server)}`);
            return `The bytes are in the same places, but not the same code makes the calls. In this step, your own code makes ${list(each)}.`;
        }
        return 'All of them are in the same state. Look at the stems: they differ in how they came here.';
    }

    const reached = ({ step, call }, moment) => moment.step > step || (moment.step === step && moment.call >= call);

    function breaks({ server }, moment) {
        const { step, call, text } = server.violation;
        const when = step === moment.step && call === moment.call ? 'breaks the contract with this call' : `broke the contract at step ${step}, call ${call}`;
        return `${named(server)} ${when}: ${withCode(text)}.`;
    }

    // What a server's last call does to its reading, if it was made just now.
    function pausesOrResumes(view, { server, state, isNow }) {
        const { run, client, moment } = view;
        const before = run.at(server, { step: moment.step, call: moment.call - 1 }).state.clients[client] ?? EMPTY;
        const one = state.clients[client] ?? EMPTY;
        if (!isNow || one.fd === null || one.is_reading_paused === before.is_reading_paused) return [];
        const [high, low] = view.waterMarks().map(amount);
        const { pending } = run.held(server, one, client), holds = amount(pending);
        const [most, least] = view.waterMarks();
        if (one.is_reading_paused ? pending <= most : pending > least) return [];
        return one.is_reading_paused
            ? [`${named(server)} stops reading from client ${client}: it holds ${holds}, more than the high-water mark, ${high}.`]
            : [`${named(server)} reads from client ${client} again: it holds only ${holds}, and the low-water mark is ${low}.`];
    }

    // What one server can show that another doesn't, the most telling first.
    function rules(view) {
        const { client } = view;
        const high = amount(view.waterMarks()[0]);
        return [
            [(one) => one.client_ended === 'reset', (those) => `Client ${client} has got a reset from ${names(those)}.`],
            [(one, bytes) => isPaused(view, one, bytes), (those, others) => {
                const part = others.filter((lane) => view.run.bytes(lane, client, view.moment.step).partial.count > 0);
                const reads = part.length ? `${names(part)} ${have(part, 'reads', 'read')} on: a line without its end isn’t pending output.` : 'The others still read from it.';
                return `${names(those)} ${have(those, 'has', 'have')} paused reading from client ${client}, since more than ${high} were pending. ${reads}`;
            }],
            [(one, { partial }) => partial.count > 0, (those, others) => `${names(those)} ${have(those, 'holds', 'hold')} what isn’t a line yet, and ${have(those, 'sends', 'send')} nothing of it back. ${names(others)} ${have(others, 'echoes', 'echo')} bytes, whatever they are.`],
            [(one) => one.state === 'waiting', (those) => `${names(those)} ${have(those, 'hasn’t', 'haven’t')} accepted client ${client}, who waits in the kernel’s queue.`],
            [(one) => one.fd === null && one.state, (those) => `${names(those)} ${have(those, 'has', 'have')} closed the connection of client ${client}. The others haven’t.`],
            [(one, { pending }) => one.remembered_for_writing && pending.count > 0, (those) => `${names(those)} ${have(those, 'holds', 'hold')} bytes for client ${client} and ${have(those, 'doesn’t', 'don’t')} watch for writing: ${have(those, 'it remembers', 'they remember')} that the socket is writable, and ${have(those, 'needs', 'need')} no event to send again.`],
            [(one) => one.remembered_for_reading, (those) => `Bytes of client ${client} are in the kernel of ${names(those)}, and no event is outstanding: the edge was reported already, and the style remembers it.`],
            [(one) => one.watched_for_writing, (those) => `${names(those)} ${have(those, 'waits', 'wait')} until client ${client} can take more: only ${have(those, 'it watches', 'they watch')} for writing.`],
            [(one, { pending }) => pending.count > 0, (those) => `${names(those)} ${have(those, 'holds', 'hold')} bytes for client ${client} that the kernel hasn’t taken yet.`],
            [(one, { back, handed }) => back.count < handed, (those, others) => `Client ${client} has everything back from ${names(others)}, but not from ${names(those)}.`],
            [(one, bytes, { isWaiting }) => isWaiting, (those, others) => `${names(those)} ${have(those, 'waits', 'wait')} already. ${names(others)} ${have(others, 'is', 'are')} still at work.`],
        ];
    }

    lab.difference = difference;
})();
