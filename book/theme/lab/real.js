// The same script on real sockets, in a served copy: the real programs, over the kernel of this machine. What each
// client gets there is compared with what it gets in the simulation.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill, named } = lab.page;
    const { amount, unescape } = lab.model;
    const MOST = 40; // Longer texts are shown as a number of bytes.
    const [START, STOP] = ['Run it on real sockets', 'Stop'];
    const ENDS = { end_of_stream: 'then the end of the stream', reset: 'then a reset', not_connected: 'no connection' };

    /** What a client got, in words. */
    function says({ bytes, ended }) {
        const text = bytes.length === 0 ? 'nothing' : bytes.length > MOST ? amount(bytes.length) : `<code>${escape(lab.script.visible(bytes))}</code>`;
        return ended ? `${text}, ${ENDS[ended]}` : text;
    }

    /** The clients of both runs of a server: what each got, and whether that differs. */
    function compared(server, real) {
        return real.map(({ client, received, ended }) => {
            const simulated = server.received[client] ?? { bytes: '', ended: null };
            const own = { bytes: unescape(received), ended };
            return { client, simulated, real: own, differs: simulated.bytes !== own.bytes || simulated.ended !== own.ended };
        });
    }

    class RealRun {
        constructor(view, root) {
            [this.view, this.root, this.for, this.stopper] = [view, root, null, null];
            root.hidden = !lab.run.isServed();
            root.innerHTML = `<p><button type="button">${START}</button> <span>The real programs play your script over this machine’s kernel.
                Its buffers are large, and its clock doesn’t wait, so the calls can differ. What each client gets shouldn’t.</span></p><div role="status"></div>`;
            [this.button, this.result] = root.querySelectorAll('button, div');
            this.button.addEventListener('click', () => (this.stopper ? this.stopper.abort() : this.play()));
        }

        // Builds the programs, and plays the script on one after the other. A second click stops that.
        async play() {
            const { run, config } = this.view;
            const script = config.script.map(({ text }) => text).join('\n');
            this.for = run;
            this.stopper = new AbortController();
            this.button.textContent = STOP;
            const show = (html) => fill(this.result, `<p>${html}</p>`);
            try {
                await lab.run.build(this.stopper.signal, show);
                const rows = await this.playAll(run, script, show);
                const left = run.servers.filter(({ hasBug }) => hasBug).map((server) => named(server));
                fill(this.result, `${left.length ? `<p>Without ${left.join(' and ')}: no real program contains the bug.</p>` : ''}${this.table(rows)}`);
            } catch (error) {
                if (error.name === 'AbortError') show('Stopped.');
                else if (error instanceof lab.run.RunError) fill(this.result, `<p class="lab-problem">${lab.problem.describe(error, script)}</p>`);
                else throw error;
            } finally {
                this.stopper = null;
                this.button.textContent = START;
            }
        }

        async playAll({ servers }, script, show) {
            const args = Object.entries(this.view.config.options).map(([name, value]) => `--${name}=${value}`);
            const rows = [];
            // No program contains a bug.
            for (const server of servers.filter(({ hasBug }) => !hasBug)) {
                show(`${named(server)} plays your script …`);
                const { clients } = await lab.run.post('lab/play', { server: server.server, args, script }, this.stopper.signal);
                rows.push(...compared(server, clients).map((row) => ({ server, ...row })));
            }
            return rows;
        }

        table(rows) {
            const count = rows.filter(({ differs }) => differs).length;
            const lines = rows.map(({ server, client, simulated, real, differs }) => `<tr class="${differs ? 'different' : ''}"><th scope="row">${named(server)}, client ${client}</th>
                <td>${says(simulated)}</td><td>${says(real)}${differs ? ' <b class="differs" aria-hidden="true">≠</b><span class="visually-hidden"> (they differ)</span>' : ''}</td></tr>`);
            return `<p>${count ? `${count} of ${rows.length} clients get something else.` : 'Every client gets the same.'}</p>
                <table><thead><tr><th scope="col">client</th><th scope="col">in the simulation</th><th scope="col">on real sockets</th></tr></thead><tbody>${lines.join('')}</tbody></table>`;
        }

        draw() {
            // A result belongs to its script.
            if (this.for && this.for !== this.view.run) {
                this.for = null;
                fill(this.result, '');
                this.stopper?.abort();
            }
        }
    }

    lab.RealRun = RealRun;
    lab.compared = compared;
})();
