// The matrix: the same places in the same rows for all servers. Bytes go down: from the client through two
// kernels to the server, and back through two kernels to the client. A row in which the servers differ has a ≠.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill, named } = lab.page;
    const { EMPTY, amount, describeCall } = lab.model;
    const LETTERS = 14; // Up to this many bytes are shown as letters.

    const letters = ({ count, bytes }, dash = '–') => {
        if (count === 0) return `<span class="none">${dash}</span>`;
        return count <= LETTERS && bytes.length === count ? `<code>${escape(lab.script.visible(bytes))}</code>` : amount(count);
    };

    // A bar, filled as far as the bytes fill the whole, with a text over it.
    function bar(whole, parts, text, marks = []) {
        let at = 0;
        const fills = parts.filter(({ count }) => count > 0).map(({ count, kind }) => {
            const [from, size] = [at, Math.min(100 - at, (100 * count) / whole)];
            at += size;
            return `<i class="${kind ?? ''}" style="inset-inline-start:${from}%;inline-size:${Math.max(size, 1.5)}%"></i>`;
        });
        const lines = marks.filter((mark) => mark <= whole).map((mark, index) => `<u class="${index ? 'low' : ''}" style="inset-inline-start:${(100 * mark) / whole}%"></u>`);
        return `<div class="lab-bar">${fills.join('')}${lines.join('')}<span>${text}</span></div>`;
    }

    const ENDS = { end_of_stream: 'end of stream', reset: 'reset', not_connected: 'not connected' };

    class Matrix {
        constructor(view, root) {
            this.view = view;
            root.innerHTML = '<table><caption></caption><thead></thead><tbody></tbody></table>';
            this.table = root.firstElementChild;
        }

        draw() {
            const { run, moment } = this.view;
            const lanes = this.view.lanes();
            const heads = lanes.map(({ server }) => `<th scope="col" data-style="${server.style}">${named(server)}</th>`).join('');
            this.table.style.setProperty('--servers', lanes.length);
            const { caption, tHead, tBodies: [body] } = this.table;
            fill(caption, `Step ${moment.step}, call ${moment.call} of ${run.lengths[moment.step]}: what each server does, and where the bytes of client ${this.view.client} are`);
            fill(tHead, `<tr><td></td>${heads}</tr>`);
            const rows = this.rows(lanes);
            while (body.rows.length > rows.length) body.deleteRow(-1);
            // From one moment to the next, most rows stay as they are.
            rows.forEach((row, index) => this.drawRow(body.rows[index] ?? body.insertRow(), row, lanes));
        }

        drawRow(element, { name, kind = '', note = '', key, cell }, lanes) {
            const keys = lanes.map(key);
            const differs = new Set(keys).size > 1;
            const sign = differs ? '<b class="differs" aria-hidden="true">≠</b><span class="visually-hidden"> (they differ)</span>' : '';
            const cells = lanes.map((lane) => `<td data-style="${lane.server.style}">${cell(lane)}</td>`).join('');
            element.className = `${kind} ${differs ? 'different' : ''}`;
            fill(element, `<th scope="row">${name}${sign}${note ? `<small>${note}</small>` : ''}</th>${cells}`);
        }

        rows(lanes) {
            const { client, run, moment } = this.view;
            const places = new Map(lanes.map((lane) => [lane, run.bytes(lane, client, moment.step)]));
            const one = (lane) => lane.state.clients[client] ?? EMPTY;
            const buffers = this.view.buffers();
            const buffer = (name, place, whole) => ({
                name, kind: 'place',
                key: (lane) => places.get(lane)[place].count,
                cell: (lane) => bar(Math.max(whole, places.get(lane)[place].count), [places.get(lane)[place]], letters(places.get(lane)[place])),
            });
            const remembers = lanes.some(({ server, state }) => Object.entries(state.clients).some(([number, one]) => this.remembered(server, one, number)));
            const rows = [
                { name: 'does now', kind: 'does', key: (lane) => this.doing(lane).key, cell: (lane) => this.doing(lane).html },
                { name: 'watches', kind: 'watches', note: `r: reading, w: writing${remembers ? '; remembers: was reported already' : ''}`, key: (lane) => this.watched(lane), cell: (lane) => this.watched(lane) },
            ];
            if (!run.clients.includes(client)) return rows;
            const most = Math.max(buffers.client_send * 2, ...lanes.map((lane) => places.get(lane).toSend.count));
            return [...rows,
                buffer(`client ${client} can’t send yet`, 'toSend', most),
                buffer('client’s kernel, to send', 'clientOut', buffers.client_send),
                buffer('server’s kernel, to read', 'serverIn', buffers.server_receive),
                this.held(lanes, places, one),
                buffer('server’s kernel, to send', 'serverOut', buffers.server_send),
                buffer('client’s kernel, to read', 'clientIn', buffers.client_receive),
                {
                    name: `client ${client} has back`, kind: 'place back',
                    key: (lane) => `${one(lane).client_received} ${one(lane).client_ended}`,
                    cell: (lane) => {
                        const { back, handed } = places.get(lane), end = one(lane).client_ended;
                        return bar(Math.max(1, handed), [back], `${letters(back)} <small>of ${amount(handed)}${end ? ` · ${ENDS[end]}` : ''}</small>`);
                    },
                }];
        }

        held(lanes, places, one) {
            const marks = this.view.waterMarks();
            const whole = this.view.score.scaleOf(); // One for the whole run, so that the marks don't move.
            const text = (lane) => {
                const { pending, partial } = places.get(lane), { state, fd, is_reading_paused } = one(lane);
                if (state === 'waiting') return '<small>not accepted yet</small>';
                if (fd === null) return state ? '<small>closed</small>' : '<span class="none">–</span>';
                const parts = [pending.count || !partial.count ? letters(pending) : '', partial.count ? `${letters(partial)} <small>no line yet</small>` : ''];
                return `${parts.filter(Boolean).join(' + ')}${is_reading_paused ? ' <b class="paused">reading paused</b>' : ''}`;
            };
            return {
                name: 'server holds', kind: 'place held', note: '┊ low, │ high-water mark', key: text,
                cell: (lane) => bar(whole, [places.get(lane).pending, { ...places.get(lane).partial, kind: 'partial' }], text(lane), marks),
            };
        }

        doing({ event, isNow, isOver, isWaiting, server }) {
            if (isOver) {
                const { ending, cut } = server;
                const words = cut ? 'was cut off' : ending === 'returned' ? 'has returned' : ending.panicked ? `panicked: ${ending.panicked}` : `failed: ${ending.failed ?? ''}`;
                return { key: words, html: `<b>${escape(words)}</b>` };
            }
            if (!event) return { key: '', html: '<span class="none">–</span>' };
            const words = isWaiting && !isNow ? 'wait' : describeCall(event);
            const whose = event.call === 'enter' || event.yours ? 'yours' : 'the style’s';
            const place = escape(event.place.split('/').pop()).replace(':', '<wbr>:');
            return {
                key: words,
                html: `<b class="call">${escape(words).replace(/_/g, '_<wbr>')}</b> <span class="whose ${whose === 'yours' ? 'yours' : ''}">${whose}</span><small class="where">${place}</small>`,
            };
        }

        /** What an edge-triggered style remembers of a client: `r`, `w`, both, or nothing. */
        remembered(server, one, number) {
            if (one.fd === null) return '';
            const writes = one.remembered_for_writing && this.view.run.held(server, one, number).pending > 0;
            return `${one.remembered_for_reading ? 'r' : ''}${writes ? 'w' : ''}`;
        }

        watched({ server, state, isOver }) {
            if (isOver) return '<span class="none">–</span>';
            const sign = (isWatched, text, title) => `<span class="${isWatched ? 'on' : 'off'}" title="${isWatched ? 'watched' : 'not watched'} for ${title}">${isWatched ? '' : '<span class="visually-hidden">not </span>'}${text}</span>`;
            const note = (remembered) => (remembered ? ` <small>remembers ${remembered}</small>` : '');
            const clients = Object.entries(state.clients).filter(([, { fd }]) => fd !== null).map(([number, one]) =>
                `<span class="pair">${sign(one.watched_for_reading, `${number} r`, 'reading')}${sign(one.watched_for_writing, 'w', 'writing')}${note(this.remembered(server, one, number))}</span>`);
            return `<div class="lab-watched">${sign(state.listening, 'listener', 'new clients')}${clients.join('')}</div>`;
        }
    }

    lab.Matrix = Matrix;
})();
