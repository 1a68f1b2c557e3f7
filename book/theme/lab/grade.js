// Grades a server of the reader's own: the checker runs its cases against a command or an address. Only a served copy
// that was started with `--grade` does that, since it runs commands on this machine.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill } = lab.page;

    const [START, STOP] = ['Grade it', 'Stop'];
    const FORM = `<form><p><b>Grade your own server.</b> The checker starts it with a command, or connects to it. A
        server that it starts has to print <code>listening on HOST:PORT</code>.</p>
        <div class="lab-grade-fields"><label>Command <input type="text" name="command" size="40" placeholder="path/to/your-server --port 0" spellcheck="false"></label>
        <label>or address <input type="text" name="address" size="16" placeholder="127.0.0.1:8881" spellcheck="false"></label>
        <label>It echoes <select name="kind"><option value="stream">a stream of bytes</option><option value="line">whole lines</option></select></label>
        <button type="submit">${START}</button></div></form><p class="lab-graded" role="status"></p><div></div>`;
    const MARKS = { pass: '✓', fail: '✗', skip: '–' };

    /** The request for what is in the form; null if nothing is. */
    function requestOf({ command, address, kind }) {
        const words = command.trim().split(/\s+/).filter(Boolean);
        if (words.length) return { command: words, kind };
        return address.trim() ? { address: address.trim(), kind } : null;
    }

    const count = (cases, outcome) => cases.filter((one) => one.outcome === outcome).length;
    const counted = (cases) => `${count(cases, 'pass')} passed, ${count(cases, 'fail')} failed, ${count(cases, 'skip')} skipped`;

    class Grade {
        constructor(root) {
            [this.root, this.stopper] = [root, null];
            root.hidden = !lab.run.canGrade();
            root.innerHTML = FORM;
            [this.form, this.status, this.result] = root.children;
            this.button = this.form.querySelector('button');
            this.form.addEventListener('submit', (event) => {
                event.preventDefault();
                if (this.stopper) this.stopper.abort();
                else this.grade(requestOf(Object.fromEntries(new FormData(this.form))));
            });
        }

        // Runs the checker. A second click stops it.
        async grade(request) {
            const show = (html) => fill(this.status, html);
            if (!request) return show('Name a command or an address.');
            this.stopper = new AbortController();
            this.button.textContent = STOP;
            fill(this.result, '');
            const cases = [];
            try {
                await lab.run.build(this.stopper.signal, show);
                show('The checker starts …');
                await lab.run.lines('lab/grade', request, this.stopper.signal, (line) => {
                    if (line.case !== undefined) cases.push(line);
                    fill(this.result, this.table(cases));
                    show(line.case === undefined ? `${counted(cases)}.` : `The checker runs: ${counted(cases)} so far. Its slow cases come last; it takes about half a minute.`);
                });
            } catch (error) {
                if (error.name === 'AbortError') show(`Stopped: ${counted(cases)}. The other cases haven’t run.`);
                else if (error instanceof lab.run.RunError) show(`<span class="lab-problem">${escape(error.message)}</span>`);
                else throw error;
            } finally {
                this.stopper = null;
                this.button.textContent = START;
            }
        }

        table(cases) {
            // What failed comes first.
            const sorted = [...cases].sort((one, other) => (other.outcome === 'fail') - (one.outcome === 'fail'));
            const rows = sorted.map(({ case: name, outcome, saw, rule, about, page }) => {
                const isFailed = outcome === 'fail';
                const why = isFailed ? `<br><small>${escape(rule)}</small> <a href="${escape(lab.run.toRoot() + page)}">Why it matters</a>` : '';
                return `<tr class="lab-${escape(outcome)}"><td>${MARKS[outcome] ?? '?'}<span class="visually-hidden">${escape(outcome)}</span></td>
                    <th scope="row"><a href="${escape(lab.run.toRoot() + about)}"><code>${escape(name)}</code></a></th><td>${escape(saw)}${why}</td></tr>`;
            });
            return `<table><thead><tr><th scope="col">outcome</th><th scope="col">case</th><th scope="col">what the checker saw</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
        }
    }

    lab.Grade = Grade;
    lab.gradeRequest = requestOf;
})();
