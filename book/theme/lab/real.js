// The same script on real sockets, in a served copy: the real programs, over the kernel of this machine. What each
// client gets there is compared with what it gets in the simulation.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill, named } = lab.page;
    const { amount, unescape } = lab.model;
    const MOST = 40; // Longer texts are shown as a number of bytes.
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
            [this.view, this.root, this.rows, this.for] = [view, root, null, null];
            root.hidden = !lab.run.isServed();
            root.innerHTML = `<p><button type="button">Run it on real sockets</button> <span>The real programs play your script over this machine’s kernel.
                Its buffers are large, and its clock doesn’t wait, so the calls can differ. What each client gets shouldn’t.</span></p><div role="status"></div>`;
            [this.button, this.result] = root.querySelectorAll('button, div');
            this.button.addEventListener('click', () => this.play());
        }

        async play() {
            const { run, config } = this.view;
            const servers = run.servers.filter(({ hasBug }) => !hasBug); // Nobody has built those into a program.
            this.for = run;
            this.button.setAttribute('aria-disabled', 'true');
            const script = config.script.map(({ text }) => text).join('\n');
            const args = Object.entries(config.options).map(([name, value]) => `--${name}=${value}`);
            const rows = [];
            try {
                for (const server of servers) {
                    fill(this.result, `<p>${named(server)} is running. The first time, its program is built, which takes up to a minute.</p>`);
                    const { clients } = await lab.run.post('lab/play', { server: server.server, args, script });
                    rows.push(...compared(server, clients).map((row) => ({ server, ...row })));
                }
                if (this.for === this.view.run) fill(this.result, this.table(rows));
            } catch (error) {
                if (!(error instanceof lab.run.RunError)) throw error;
                fill(this.result, `<p class="lab-problem">${lab.page.withCode(error.message)}</p>`);
            } finally {
                this.button.removeAttribute('aria-disabled');
            }
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
            }
        }
    }

    lab.RealRun = RealRun;
    lab.compared = compared;
})();
