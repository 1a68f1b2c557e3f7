// Break it: published bugs, built into the lab's servers. One is chosen with the server that has it; then the
// right server and the wrong one run side by side.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill, named } = lab.page;
    const { identify } = lab.model;

    class Bugs {
        constructor(view, root) {
            [this.view, this.root, this.bugs, this.chosen] = [view, root, [], null];
            root.addEventListener('change', ({ target }) => {
                if (target.matches('[data-bug]')) this.choose(target.value);
                else if (target.matches('[data-bug-style]')) this.choose(this.chosen.name, target.value);
            });
            root.addEventListener('click', ({ target }) => {
                const { shows, reaches } = target.closest('button')?.dataset ?? {};
                if (shows !== undefined) this.choose(this.chosen.name, this.style, true);
                if (reaches === undefined) return;
                const { run, source } = this.view;
                source.shown = run.servers.indexOf(run.violation.server); // Where there is space for one only.
                this.view.go(run.violation);
                this.view.find('.lab-score').scrollIntoView({ block: 'center' });
            });
        }

        async load() {
            await lab.run.load('lab-bugs.js');
            this.bugs = globalThis.labBugs ?? [];
            this.adopt();
            if (this.view.run) this.view.write();
            // A link can name a bug only.
            const linked = new URLSearchParams(location.hash.slice(1));
            if (!this.bugs.some(({ name }) => name === linked.get('bug')) || linked.has('script')) return;
            this.choose(linked.get('bug'));
            this.view.unfold(this.view.latest);
        }

        /** Chooses the bug of the run that is shown: a link can bring one. */
        adopt() {
            const { bug, servers } = this.view.config;
            this.chosen = this.bugs.find(({ name }) => name === bug) ?? null;
            this.style = servers.find((server) => server.endsWith('!'))?.replace('!', '');
        }

        /** Builds a bug into a server. Its own script comes with it, and the reader's comes back when it goes. */
        choose(name, style) {
            this.chosen = this.bugs.find((bug) => bug.name === name) ?? null;
            if (!this.chosen) {
                this.style = null;
                return this.view.change(this.own ?? { servers: lab.model.STYLES, bug: '' });
            }
            if (!this.view.latest.bug) this.own = this.view.latest;
            const possible = this.possible();
            this.style = possible.includes(style) ? style : possible[0];
            const { script, options = [] } = this.chosen.styles[this.style];
            this.view.change({
                script: lab.script.split(script), servers: [this.style, `${this.style}!`], bug: name,
                options: Object.fromEntries(options.map((option) => /^--([^=]*)=?(.*)$/.exec(option).slice(1))), room: undefined,
            });
        }

        /** The lines of the chosen bug, if they are in this file. */
        inFile(file) {
            return this.how?.file === file ? this.how : null;
        }

        /** The chosen bug in the chosen style. */
        get how() {
            return this.chosen?.styles[this.style] ?? null;
        }

        possible() {
            return Object.entries(this.chosen.styles).filter(([, how]) => !how.impossible).map(([style]) => style);
        }

        draw() {
            this.root.hidden = this.bugs.length === 0;
            if (this.root.hidden) return;
            const options = this.bugs.map(({ name, title }) => `<option value="${name}" ${name === this.chosen?.name ? 'selected' : ''}>${escape(title)}</option>`);
            fill(this.root, `<label>Break it <select data-key="bug" data-bug><option value="">no bug</option>${options.join('')}</select></label>${this.chosen ? this.details() : ''}`);
        }

        details() {
            const { title, summary, source, source_title, styles } = this.chosen;
            const possible = this.possible();
            const which = possible.map((style) => `<option ${style === this.style ? 'selected' : ''}>${style}</option>`).join('');
            const { file, line, right, wrong } = styles[this.style] ?? {};
            const impossible = Object.entries(styles).filter(([, how]) => how.impossible).map(([style, how]) =>
                `<li>${named(identify(style))} can’t have it: ${escape(how.impossible)}</li>`);
            const code = (mark, kind, text) => `<pre class="${kind}"><code>${(text || '(no line)').split('\n').map((line) => `<span>${mark} ${escape(line)}\n</span>`).join('')}</code></pre>`;
            return `<label>in <select data-key="bug-style" data-bug-style>${which}</select></label>
                <p><b>${escape(title)}.</b> ${lab.page.withCode(summary)} <a href="${escape(source)}">${escape(source_title)}</a></p>
                ${this.own ? '<p>This is the bug’s own script. Yours comes back with “no bug”.</p>' : ''}
                <p class="where"><code>${escape(file)}:${line}</code></p>${code('✓', 'lab-right', right)}${code('✗', 'lab-wrong', wrong)}
                ${impossible.length ? `<ul>${impossible.join('')}</ul>` : ''}${this.verdict()}`;
        }

        verdict() {
            const { run, prediction } = this.view;
            if (!run || this.view.config.bug !== this.chosen.name) return '';
            const { violation } = run;
            if (this.how.harmless) return `<p role="status">In this style the mistake is harmless. ${lab.page.withCode(this.how.harmless)}</p>`;
            if (!violation) {
                return '<p role="status">This script doesn’t show the bug. A test is only as good as its script. <button type="button" data-key="bug-shows" data-shows>Use one that does</button></p>';
            }
            if (prediction.isOn && violation.step > prediction.open) return '<p role="status">There is something to find in a step that is still hidden.</p>';
            return `<p class="lab-verdict" role="status"><b>Step ${violation.step}, call ${violation.call}</b>: ${named(violation.server)} breaks the rule <i>${escape(violation.rule.replaceAll('_', ' '))}</i>: ${lab.page.withCode(violation.text)}.${this.chosen.case ? ` The checker’s case is <code>${escape(this.chosen.case)}</code>.` : ''}
                <button type="button" data-key="bug-reaches" data-reaches>Go to that call</button></p>`;
        }
    }

    lab.Bugs = Bugs;
})();
