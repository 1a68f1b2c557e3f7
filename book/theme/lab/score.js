// The score: one clock, and for each server a stave of three levels: you, the style, the kernel. A stem is a
// call to the kernel, and starts at its caller; a dot on top is a call of the style to your handler. Below, when
// the server watches the client, and how many bytes it holds for it.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill, named } = lab.page;
    const { EMPTY, countCalls, describeCall } = lab.model;
    const { HEIGHT: STAVE, Y } = lab.Stave;

    const TOP = 34; // Pixels above the first stave, for the numbers of the steps.
    const UNITS = { least: 7, most: 22 }; // Pixels from one call to the next.
    const BEYOND = 400; // Pixels that are drawn beyond what is visible.

    class Score {
        constructor(view, root) {
            this.view = view;
            root.innerHTML = '<div class="lab-names" aria-hidden="true"></div><div class="lab-roll" tabindex="-1"><div class="lab-paper"><svg role="img"><g></g><g></g></svg></div></div>';
            [this.names, this.roll] = root.children;
            this.paper = this.roll.firstElementChild;
            this.svg = this.paper.firstElementChild;
            [this.staves, this.pointer] = this.svg.children;
            // All are kept, since to read them in the middle of a change would lay out the page again.
            [this.width, this.left, this.scrolled] = [this.roll.clientWidth || 800, 0, 0];
            this.roll.addEventListener('scroll', () => {
                this.left = this.scrolled = this.roll.scrollLeft;
                if (this.view.run && !this.covers()) this.draw();
            });
            this.roll.addEventListener('click', (event) => this.view.run && this.view.go(this.momentAt(event)));
            this.roll.addEventListener('mousemove', (event) => (this.roll.title = this.callAt(event)));
            new ResizeObserver(() => {
                if (this.width === this.roll.clientWidth) return;
                this.width = this.roll.clientWidth;
                if (this.view.run && this.width) this.draw();
            }).observe(this.roll);
        }

        // Where each measure starts, in pixels. It is computed once for a run and a width.
        layOut() {
            const { run, shown } = this.view;
            const { width } = this;
            const calls = run.lengths.slice(0, shown + 1).reduce((sum, length) => sum + length + 1.5, 0);
            this.unit = Math.max(UNITS.least, Math.min(UNITS.most, (width - 30 * (run.last - shown) - 20) / calls));
            let x = 6;
            this.starts = run.lengths.map((length, step) => {
                const start = x;
                x += step > shown ? 30 : Math.max(24, (length + 1.5) * this.unit);
                return start;
            });
            this.end = Math.max(x, width - 2);
            this.starts.push(this.end);
        }

        xOf({ step, call }) {
            return this.starts[step] + (call + 0.6) * this.unit;
        }

        covers() {
            const [from, to] = this.drawn;
            return this.left >= from && Math.min(this.left + this.width, this.end) <= to;
        }

        /** Draws the moment. The staves are written only when they change; a move from call to call moves the pointer. */
        draw({ follows = false } = {}) {
            const { run, shown, client } = this.view;
            const subject = [run, shown, client, this.width];
            const isNew = subject.some((part, index) => part !== this.subject?.[index]);
            if (isNew) {
                this.subject = subject;
                this.layOut();
                this.left = Math.min(this.left, Math.max(0, this.end - this.width));
            }
            if (follows) this.follow();
            if (isNew || !this.covers()) this.drawStaves();
            this.point();
            this.svg.setAttribute('aria-label', this.inWords());
            fill(this.names, run.servers.map((server) => this.name(server)).join(''));
        }

        drawStaves() {
            const { run, shown } = this.view;
            const from = Math.max(0, this.left - BEYOND);
            const to = Math.min(this.end, this.left + this.width + BEYOND);
            this.drawn = [from, to];
            const first = Math.max(0, this.starts.findLastIndex((start) => start <= from));
            let last = first;
            while (last < run.last && this.starts[last + 1] < to) last++;
            const height = this.height = TOP + STAVE * run.servers.length;
            Object.assign(this.paper.style, { inlineSize: `${this.end}px`, blockSize: `${height}px` });
            this.svg.style.insetInlineStart = `${from}px`;
            for (const [name, value] of Object.entries({ width: to - from, height, viewBox: `${from} 0 ${to - from} ${height}` })) {
                this.svg.setAttribute(name, value);
            }
            const staves = run.servers.map((server, index) => new lab.Stave(this, server, TOP + index * STAVE).svg(first, Math.min(last, shown)));
            this.staves.innerHTML = this.measures(first, last, height) + staves.join('') + this.veil(height);
        }

        name(server) {
            const { all, yours, handlers } = countCalls(server, this.view.moment.step);
            const count = all === 0 ? 'no call' : `<b>${yours} of ${all}</b> yours`;
            const called = handlers ? `<br>handlers: <b>${handlers}×</b>` : '';
            const levels = Object.entries({ you: 'you', style: 'style', kernel: 'kernel', reads: 'watched', high: 'holds' });
            return `<div style="block-size:${STAVE}px"><strong>${named(server)}</strong><small>${count}${called}</small>${levels.map(([level, text]) =>
                `<i style="inset-block-start:${Y[level] + (level === 'reads' ? 3 : level === 'high' ? 11 : 0)}px">${text}</i>`).join('')}</div>`;
        }

        measures(first, last, height) {
            const { run, shown } = this.view;
            let svg = '';
            for (let step = first; step <= last; step++) {
                const x = this.starts[step], width = this.starts[step + 1] - x;
                svg += `<path class="bar" d="M${x} ${step ? 8 : TOP}V${height}"/>`;
                if (step === 0) continue;
                const isBroken = run.servers.some(({ violation }) => violation?.step === step && step <= shown);
                svg += this.number(step, isBroken ? 'broken' : '');
                const says = run.steps[step - 1].says;
                if (says.length * 6.4 < width - 34 && step <= shown) svg += `<text class="says" x="${x + 22 + 6 * String(step).length}" y="20">${escape(says)}</text>`;
            }
            return svg;
        }

        number(step, kind) {
            const x = this.starts[step], digits = String(step).length;
            return `<g class="number ${kind}"><rect x="${x + 3}" y="7" width="${12 + 6 * digits}" height="18" rx="9"/><text x="${x + 9 + 3 * digits}" y="20">${step}</text></g>`;
        }

        // The moment: what comes later is pale.
        point() {
            const { run, moment, shown } = this.view;
            const x = this.xOf(moment), after = x + this.unit / 2, height = this.height - TOP + 6;
            const isBroken = run.servers.some(({ violation }) => violation?.step === moment.step);
            const current = moment.step ? this.number(moment.step, isBroken ? 'current broken' : 'current') : '';
            const until = this.starts[shown + 1] ?? this.end;
            this.pointer.innerHTML = `<rect class="later" x="${after}" y="${TOP - 6}" width="${Math.max(0, until - after)}" height="${height}"/>
                <rect class="cursor" x="${x - this.unit / 2}" y="${TOP - 6}" width="${this.unit}" height="${height}" rx="3"/><path class="pointer" d="M${x - 5} ${TOP - 8}h10l-5 6z"/>${current}`;
        }

        veil(height) {
            const { run, shown } = this.view;
            if (shown >= run.last) return '';
            const x = this.starts[shown + 1];
            return `<rect class="veil" x="${x + 2}" y="${TOP - 4}" width="${this.end - x}" height="${height - TOP}" rx="4"/><text class="question" x="${x + 14}" y="${TOP + 20}">?</text>`;
        }

        // The bytes at the top of the lowest part: most of the pending output, and the high-water mark if it isn't
        // far above that.
        scaleOf() {
            const { run, client } = this.view;
            if (this.scaledFor === run && this.scaledClient === client) return this.scale;
            let most = 0, part = 0;
            for (const server of run.servers) {
                for (const { calls } of server.measures) {
                    for (const { state } of calls) {
                        const { pending, partial } = run.held(server, state.clients[client] ?? EMPTY, client);
                        [most, part] = [Math.max(most, pending), Math.max(part, partial)];
                    }
                }
            }
            const high = this.view.waterMarks()[0] * 1.2;
            if (most === 0) most = part;
            [this.scaledFor, this.scaledClient, this.scale] = [run, client, high < 6 * most || most === 0 ? Math.max(most, high) : most * 1.1];
            return this.scale;
        }

        inWords() {
            const { run, moment } = this.view;
            const counts = run.servers.map((server) => {
                const { all, yours, handlers } = countCalls(server, moment.step);
                return `${server.name}: ${all} calls to the kernel, ${yours} of them yours, and ${handlers} calls to your handlers`;
            });
            return `Step ${moment.step}. ${counts.join('; ')}`;
        }

        // Chooses what is visible so that the moment is.
        follow() {
            const x = this.xOf(this.view.moment);
            if (x >= this.left + 40 && x <= this.left + this.width - 40) return;
            if (this.end <= this.width) return;
            this.left = Math.max(0, Math.min(x - this.width * 0.6, this.end - this.width));
        }

        /** Scrolls to what was drawn. */
        scroll() {
            if (this.scrolled !== this.left) this.roll.scrollLeft = this.scrolled = this.left;
        }

        /** The moment below the pointer. */
        momentAt(event) {
            const { run, shown } = this.view;
            const x = event.clientX - this.paper.getBoundingClientRect().left;
            const step = Math.min(shown, Math.max(0, this.starts.findLastIndex((start) => start <= x)));
            const call = Math.round((x - this.starts[step]) / this.unit - 0.6);
            return { step, call: Math.max(0, Math.min(run.lengths[step], call)) };
        }

        // The call below the pointer, in words.
        callAt(event) {
            const { run } = this.view;
            const y = event.clientY - this.paper.getBoundingClientRect().top - TOP;
            const server = run?.servers[Math.floor(y / STAVE)];
            if (!server) return '';
            const { step, call } = this.momentAt(event);
            const made = server.measures[step].calls[call - 1];
            return made ? `${server.name}: ${describeCall(made)}` : '';
        }
    }

    lab.Score = Score;
})();
