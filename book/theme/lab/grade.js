// Grades a server of the reader's own: the checker runs its cases against a command or an address. Only a served copy
// that was started with `--grade` does that, since it runs commands on this machine.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill } = lab.page;

    const FORM = `<form><p><b>Grade your own server.</b> The checker starts it with a command, or connects to it.</p>
        <div class="lab-grade-fields"><label>Command <input type="text" name="command" size="40" placeholder="path/to/your-server" spellcheck="false"></label>
        <label>or address <input type="text" name="address" size="16" placeholder="127.0.0.1:8881" spellcheck="false"></label>
        <label>It echoes <select name="kind"><option value="stream">a stream of bytes</option><option value="line">whole lines</option></select></label>
        <button type="submit">Grade it</button></div></form><p class="lab-graded" role="status"></p><div></div>`;
    const MARKS = { pass: '✓', fail: '✗', skip: '–' };

    /** The request for what is in the form; null if nothing is. */
    function requestOf({ command, address, kind }) {
        const words = command.trim().split(/\s+/).filter(Boolean);
        if (words.length) return { command: words, kind };
        return address.trim() ? { address: address.trim(), kind } : null;
    }

    /** Calls `then` with each line of a response, as it comes. */
    async function eachLine(response, then) {
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = '';
        for (;;) {
            const { value, done } = await reader.read();
            const lines = (rest + (value ?? '')).split('\n');
            rest = done ? '' : lines.pop();
            lines.filter((line) => line.trim()).forEach((line) => then(JSON.parse(line)));
            if (done) return;
        }
    }

    class Grade {
        constructor(root) {
            this.root = root;
            root.hidden = !lab.run.canGrade();
            root.innerHTML = FORM;
            [this.form, this.status, this.result] = root.children;
            this.form.addEventListener('submit', (event) => {
                event.preventDefault();
                this.grade(requestOf(Object.fromEntries(new FormData(this.form))));
            });
        }

        async grade(request) {
            if (this.isRunning) return;
            if (!request) return fill(this.status, 'Name a command or an address.');
            this.isRunning = true;
            const cases = [];
            fill(this.status, 'The checker runs. Its slow cases come last, and it takes about half a minute.');
            fill(this.result, '');
            try {
                const response = await lab.run.send('lab/grade', request);
                await eachLine(response, (line) => {
                    if (line.case === undefined) {
                        fill(this.status, `${line.passed} passed, ${line.failed} failed, ${line.skipped} skipped.`);
                        return;
                    }
                    cases.push(line);
                    fill(this.result, this.table(cases));
                });
            } catch (error) {
                fill(this.status, `<span class="lab-problem">${escape(error.message)}</span>`);
            } finally {
                this.isRunning = false;
            }
        }

        table(cases) {
            const rows = cases.map(({ case: name, outcome, saw, rule, page }) => {
                const why = outcome === 'fail' ? `${escape(saw ?? '')}${rule ? `<br><small>${escape(rule)}</small>` : ''}` : escape(outcome === 'skip' ? saw ?? '' : '');
                const more = outcome === 'fail' && page ? ` <a href="${escape(lab.run.toRoot() + page)}">Why it matters</a>` : '';
                return `<tr class="lab-${escape(outcome)}"><td>${MARKS[outcome] ?? '?'}<span class="visually-hidden">${escape(outcome)}</span></td><th scope="row"><code>${escape(name)}</code></th><td>${why}${more}</td></tr>`;
            });
            return `<table><thead><tr><th scope="col">outcome</th><th scope="col">case</th><th scope="col">what the checker saw</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
        }
    }

    lab.Grade = Grade;
    lab.gradeRequest = requestOf;
})();
