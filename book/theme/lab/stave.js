// One server's stave, as SVG: its calls on three levels, when it watches the client, and how many bytes it holds
// for it. All shapes of one kind are one path: a browser draws a long path much faster than hundreds of elements.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { EMPTY } = lab.model;

    const HEIGHT = 98; // Pixels.
    const Y = { you: 12, style: 27, kernel: 43, reads: 52, writes: 57, high: 66, base: 86 };

    // The kinds of shapes, from the lowest to the one on top.
    const KINDS = ['band', 'level', 'rest', 'reads', 'writes', 'pending', 'partial', 'mark', 'mark low', 'note', 'note refused',
        'note waits', 'note dots', 'violation'];

    const rectangle = (x, y, width, height) => `M${x} ${y}h${width}v${height}h${-width}z`;
    const circle = (x, y, radius) => `M${x - radius} ${y}a${radius} ${radius} 0 1 1 ${2 * radius} 0a${radius} ${radius} 0 1 1 ${-2 * radius} 0z`;

    class Stave {
        /** Draws a server of a score. `top` is where the stave begins. */
        constructor(score, server, top) {
            [this.score, this.server, this.top] = [score, server, top];
            this.paths = new Map(KINDS.map((kind) => [kind, []]));
            this.ends = {}; // Where the last line of a kind ends.
            this.texts = '';
        }

        y(level) {
            return this.top + Y[level];
        }

        add(kind, shape) {
            this.paths.get(kind).push(shape);
        }

        // A level line. It continues the last one of its kind if that ends where it begins.
        line(kind, y, from, to) {
            const continues = Math.abs(from - this.ends[kind]) < 0.5;
            this.add(kind, `${continues ? '' : `M${from} ${y}`}H${to}`);
            this.ends[kind] = to;
        }

        /** The measures from `first` to `last`. */
        svg(first, last) {
            const { score, server } = this;
            const from = score.starts[first], to = score.starts[last + 1] ?? score.end;
            this.add('band', rectangle(from, this.y('you') - 8, to - from, 16));
            for (const level of ['style', 'kernel', 'base']) this.add('level', `M${from} ${this.y(level)}H${to}`);
            score.view.waterMarks().forEach((count, index) => {
                if (count <= score.scaleOf()) this.add(index ? 'mark low' : 'mark', `M${from} ${this.yOf(count)}H${to}`);
            });
            this.waitsFrom = null;
            for (let step = first; step <= last; step++) this.measure(step, step === first ? from : null);
            if (this.waitsFrom !== null) this.line('rest', this.y('kernel'), this.waitsFrom, to);
            const paths = [...this.paths].filter(([, shapes]) => shapes.length).map(([kind, shapes]) => `<path class="${kind}" d="${shapes.join('')}"/>`);
            return `<g data-style="${server.style}">${paths.join('')}${this.texts}</g>`;
        }

        // One step. `from` is where the stave begins if this is its first measure.
        measure(step, from) {
            const { score, server } = this;
            const { before, calls } = server.measures[step];
            // A measure can have thousands of calls: those that can be seen are drawn.
            const callAt = (x) => Math.max(0, Math.min(calls.length, Math.floor((x - score.starts[step]) / score.unit)));
            const [begin, until] = [Math.max(0, callAt(score.drawn[0]) - 2), callAt(score.drawn[1]) + 1];
            if (from !== null && this.waits(step, begin)) this.waitsFrom = from;
            if (begin === 0) this.stretch(score.starts[step], calls.length ? score.xOf({ step, call: 1 }) : score.starts[step + 1], before);
            for (let index = begin; index < Math.min(until, calls.length); index++) {
                const event = calls[index], x = score.xOf({ step, call: index + 1 });
                this.stretch(x, index + 1 < calls.length ? x + score.unit : score.starts[step + 1], event.state);
                if (event.call === 'wait') this.waitsFrom = x;
                if (event.call === 'wake' && this.waitsFrom !== null) {
                    this.line('rest', this.y('kernel'), this.waitsFrom, x);
                    this.waitsFrom = null;
                }
                this.note(event, x);
            }
            this.ending(step);
        }

        // What is special about a step: the call that breaks the contract, and a server that goes on for ever.
        ending(step) {
            const { score, server } = this, { run, shown } = score.view;
            if (server.violation?.step === step) {
                const { call } = server.violation, x = score.xOf({ step, call });
                this.add('violation', call ? circle(x, (this.y('you') + this.y('kernel')) / 2, (Y.kernel - Y.you) / 2 + 6) : circle(x, this.y('kernel'), 9));
            }
            if (step === shown && step === run.last && (server.ending === 'spinning' || server.cut)) {
                this.texts += `<text class="spins" x="${score.starts[step + 1] - 8}" y="${this.y('you') + 4}">${server.cut ? '… and so on' : '… for ever'}</text>`;
            }
        }

        // The stretch from one call to the next: what the server watches, and what it holds.
        stretch(x, until, state) {
            const { score, server } = this, { run, client } = score.view;
            const one = state.clients[client] ?? EMPTY;
            if (one.watched_for_reading) this.line('reads', this.y('reads'), x, until);
            if (one.watched_for_writing) this.line('writes', this.y('writes'), x, until);
            if (one.server_holds <= 0 || one.fd === null) return;
            const { pending, partial } = run.held(server, one, client);
            const area = (kind, from, to) => to > from && this.add(kind, rectangle(x, this.yOf(to), until - x + 0.4, this.yOf(from) - this.yOf(to)));
            area('pending', 0, pending);
            area('partial', pending, Math.min(pending + partial, score.scaleOf()));
        }

        yOf(count) {
            return this.y('base') - (count / this.score.scaleOf()) * (Y.base - Y.high);
        }

        // Whether the server waits before one of its calls.
        waits(step, index) {
            const { measures } = this.server;
            if (index > 0) return measures[step].calls[index - 1].call === 'wait';
            const before = measures.slice(0, step).findLast(({ calls }) => calls.length > 0);
            return before?.calls.at(-1).call === 'wait';
        }

        // One call: a stem from its caller to the kernel, or a dot.
        note({ call, yours, error, ready }, x) {
            const { unit } = this.score;
            const top = this.y(yours ? 'you' : 'style'), ground = this.y('kernel');
            const wing = Math.min(3.6, unit * 0.36);
            if (call === 'wake') return this.add('note dots', circle(x, ground, ready ? 3 : 1.8));
            if (call === 'enter') {
                this.add('note', `M${x} ${this.y('style')}V${this.y('you')}`);
                return this.add('note dots', circle(x, this.y('you'), Math.min(4.6, unit * 0.42)));
            }
            const stem = {
                recv: `M${x} ${ground}V${top}m${-wing} ${wing}l${wing} ${-wing}l${wing} ${wing}`,
                send: `M${x} ${top}V${ground}m${-wing} ${-wing}l${wing} ${wing}l${wing} ${-wing}`,
                accept: `M${x} ${ground}V${top}m${-wing} 0h${2 * wing}`,
                wait: `M${x} ${top}V${ground}`,
                shutdown: `M${x} ${top}V${ground}m${-wing} 0h${2 * wing}`,
            }[call] ?? `M${x} ${top}V${ground}m${-wing} ${-wing}l${2 * wing} ${2 * wing}m0 ${-2 * wing}l${-2 * wing} ${2 * wing}`;
            return this.add(error ? 'note refused' : call === 'wait' ? 'note waits' : 'note', stem);
        }
    }

    lab.Stave = Stave;
    Object.assign(Stave, { HEIGHT, Y });
})();
