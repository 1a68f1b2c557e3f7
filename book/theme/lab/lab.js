// The lab's page: a view of a run, and all that it takes to be the client. It starts every lab of a page.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill, named, withCode } = lab.page;
    const { STYLES, describeCall, withPauses } = lab.model;
    const { clientsAfter, firstTelling, hasStopped, parse, split, withoutEnd } = lab.script;

    const PARTS = `
        <section class="lab-script" aria-label="Script">
            <div class="lab-head"><button type="button" class="lab-to-keys">All keys <kbd aria-hidden="true">?</kbd></button> <label>Start from <select class="lab-starts"></select></label></div>
            <p class="lab-about"></p>
            <div class="lab-acts"></div>
            <p class="lab-problem" role="alert" hidden></p>
        </section>
        <details class="lab-setup"><summary>Conditions <small></small></summary>
            <section class="lab-conditions" aria-label="Conditions"></section>
            <section class="lab-break" aria-label="Break it" hidden></section>
        </details>`;
    const PREDICT = '<label class="lab-predicting"><input type="checkbox" role="switch"> Predict first <kbd aria-hidden="true">P</kbd></label>';
    const MORE = `
        <section class="lab-real" aria-label="On real sockets" hidden></section>
        <section class="lab-grade" aria-label="Grade your own server" hidden></section>
        <details class="lab-table"><summary>All calls of this step as a table</summary><div></div></details>
        <details class="lab-edit"><summary>The script as text</summary>
            <p>One step per line. <code>#</code> starts a comment, which is shown as the step’s name.</p>
            <textarea rows="8" spellcheck="false" aria-label="Script" aria-describedby="lab-edit-problem"></textarea>
            <p class="lab-problem" id="lab-edit-problem" role="alert" hidden></p>
        </details>
        <details class="lab-keys"><summary>Keys</summary><dl>
            <dt><kbd>←</kbd> <kbd>→</kbd></dt><dd>one call back, or on</dd>
            <dt><kbd>↑</kbd> <kbd>↓</kbd></dt><dd>one step back, or on (also with <kbd>⇧</kbd> and <kbd>←</kbd> <kbd>→</kbd>)</dd>
            <dt><kbd>Home</kbd> <kbd>End</kbd></dt><dd>the start, or the end</dd>
            <dt><kbd>T</kbd></dt><dd>type a text: <kbd>Enter</kbd> sends it as a line, <kbd>⇧</kbd> <kbd>Enter</kbd> as it is, and <kbd>Esc</kbd> leaves the field</dd>
            <dt><kbd>1</kbd> to <kbd>9</kbd></dt><dd>choose the client that acts</dd>
            <dt><kbd>N</kbd></dt><dd>another client connects</dd>
            <dt><kbd>B</kbd> <kbd>R</kbd> <kbd>H</kbd> <kbd>X</kbd></dt><dd>send a block, stop reading or read again, half-close, reset</dd>
            <dt><kbd>W</kbd> <kbd>Q</kbd></dt><dd>wait for a second, stop the servers</dd>
            <dt><kbd>Z</kbd></dt><dd>undo</dd>
            <dt><kbd>P</kbd></dt><dd>predict first</dd></dl></details>
        <p class="lab-share"><button type="button" class="lab-copy">Copy link</button> <a href="#"></a></p>`;

    const EDIT_DELAY = 300; // Milliseconds without a key until an edited script runs.

    class Lab extends lab.View {
        constructor(root, data) {
            super(root, data);
            this.starts = data.starts;
            this.fillStarts();
            this.bugs.load();
            this.loadSources();
            // The run in the page is shown at once; what a link says needs a run of its own.
            this.show(data.result);
            addEventListener('hashchange', () => this.openLink());
            this.openLink();
        }

        openLink() {
            const linked = lab.share.fromHash(location.hash);
            if (!linked) return;
            const { moment, ...config } = linked;
            this.change(config, { moment }).then(() => this.bugs.adopt());
            this.unfold(config);
        }

        // Shows the conditions if they make these servers do what they don't do otherwise.
        unfold({ bug, room, options, servers }) {
            this.find('.lab-setup').open ||= Boolean(bug || options.faults) || room !== undefined || servers.join() !== STYLES.join();
        }

        build() {
            this.root.insertAdjacentHTML('beforeend', PARTS);
            super.build();
            this.find('.lab-transport').insertAdjacentHTML('beforeend', PREDICT);
            const prediction = document.createElement('section');
            prediction.className = 'lab-predict';
            prediction.setAttribute('aria-label', 'Prediction');
            this.find('.lab-says').after(prediction);
            this.root.insertAdjacentHTML('beforeend', MORE);
            // The script is where the client acts.
            this.find('.lab-acts').before(this.find('.lab-steps'));
            this.prediction = new lab.Prediction(this, prediction);
            this.controls = new lab.Controls(this, this.find('.lab-acts'), this.find('.lab-conditions'));
            this.bugs = new lab.Bugs(this, this.find('.lab-break'));
            new lab.Grade(this.find('.lab-grade'));
            this.real = new lab.RealRun(this, this.find('.lab-real'));
            this.state = this.stateOf(this.config);
            this.listen();
        }

        listen() {
            this.find('.lab-predicting input').addEventListener('change', ({ target }) => this.prediction.toggle(target.checked));
            this.find('.lab-starts').addEventListener('change', ({ target }) => this.startFrom(target.value));
            const text = this.find('textarea');
            text.addEventListener('input', () => {
                clearTimeout(this.editing);
                this.editing = setTimeout(() => this.change({ script: split(text.value) }, { isEdit: true }), EDIT_DELAY);
            });
            this.find('.lab-to-keys').addEventListener('click', () => this.showKeys());
            this.find('.lab-table').addEventListener('toggle', () => this.drawTable());
            this.find('.lab-copy').addEventListener('click', async ({ target }) => {
                await navigator.clipboard?.writeText(this.find('.lab-share a').href).catch(() => {});
                target.textContent = 'Copied';
                setTimeout(() => (target.textContent = 'Copy link'), 2000);
            });
        }

        showKeys() {
            const keys = this.find('.lab-keys');
            keys.open = true;
            keys.firstElementChild.focus();
        }

        get shown() {
            return this.prediction?.isOn ? this.prediction.open : this.run.last;
        }

        select(step) {
            if (this.prediction.isOn) this.prediction.select(step);
            else super.select(step);
        }

        fillStarts() {
            const options = this.starts.map(({ name }, index) => `<option value="${index}">${escape(name.replaceAll('-', ' '))}</option>`);
            fill(this.find('.lab-starts'), `<option value="">…</option><option value="nothing">an empty script</option>${options.join('')}`);
        }

        startFrom(value) {
            if (value === '') return;
            const { script, options, room, about } = value === 'nothing' ? { script: [], options: this.config.options } : this.starts[value];
            fill(this.find('.lab-about'), escape(about ?? ''));
            this.client = 1;
            const servers = this.config.bug ? STYLES : this.config.servers;
            this.change({ script: withoutEnd(script), options, room, bug: '', servers }, { moment: { step: firstTelling(script), call: Infinity } });
            this.unfold(this.latest);
        }

        stateOf({ script }) {
            const steps = script.map(({ text }) => parse(text));
            return { clients: clientsAfter(steps), stopped: hasStopped(steps) };
        }

        /** Adds a step to the script. */
        add(text) {
            this.change({ script: [...this.latest.script, { text, comment: null }] });
        }

        undo() {
            if (this.latest.script.length > 0) this.change({ script: this.latest.script.slice(0, -1) });
        }

        /** What the reader wants to see. Its run can be under way still, and `config` is that of the run in the page. */
        get latest() {
            return this.wanted ?? this.config;
        }

        /** Changes the script or its conditions, and runs it. The page shows the old run until the new one is there. */
        async change(changes, { moment, isEdit = false } = {}) {
            const config = (this.wanted = { ...this.latest, ...changes });
            this.state = this.stateOf(config);
            const script = config.script;
            let result;
            try {
                result = await this.engine.run(config, script.length ? withPauses(script.map(({ text }) => text)) : '');
            } catch (error) {
                if (error.name === 'AbortError') return;
                if (!(error instanceof lab.run.RunError)) throw error;
                this.refuse(error, isEdit);
                return;
            }
            this.say('', isEdit);
            const stays = this.run && !changes.script; // Other conditions, the same moment.
            this.config = config;
            if (changes.script) this.prediction.restart(script.length);
            const at = this.prediction.isOn ? { step: this.prediction.open, call: Infinity } : moment ?? (stays ? this.moment : undefined);
            this.show(result, at);
            history.replaceState(null, '', lab.share.toHash(config, this.moment)); // A reload, or a way back, shows this again.
            this.root.dispatchEvent(new CustomEvent('lab-shown'));
        }

        // The script can't be run: what is shown stays, and so does what was typed.
        refuse(error, isEdit) {
            this.wanted = this.config;
            this.state = this.stateOf(this.config);
            this.say(withPlaces(error.message), isEdit);
            this.controls.draw();
        }

        say(problem, isEdit) {
            for (const place of this.root.querySelectorAll('.lab-problem')) {
                const isHere = Boolean(problem) && isEdit === (place.id !== '');
                place.hidden = !isHere;
                fill(place, isHere ? withCode(problem) : '');
            }
        }

        show(result, moment) {
            this.state = this.stateOf(this.config);
            super.show(result, moment);
            this.writeScript();
        }

        writeScript() {
            const text = this.find('textarea');
            if (document.activeElement !== text) {
                text.value = this.config.script.map(({ text, comment }) => (comment ? `${text}  # ${comment}` : text)).join('\n');
            }
        }

        write() {
            super.write();
            this.prediction.draw();
            this.find('.lab-predicting input').checked = this.prediction.isOn;
            this.controls.draw();
            this.bugs.draw();
            this.real.draw();
            this.drawTable();
            const link = this.find('.lab-share a');
            link.href = lab.share.toHash(this.config, this.moment);
            fill(link, escape(link.hash.length > 120 ? `${link.hash.slice(0, 119)}…` : link.hash));
        }

        // The calls of one step, for those who can't see the score.
        drawTable() {
            const details = this.find('.lab-table');
            if (!details.open || !this.run) return;
            const { run, moment } = this;
            const cell = (server, index) => {
                const event = server.measures[moment.step].calls[index];
                if (!event) return '';
                const whose = event.call === 'enter' ? 'the style calls you' : event.yours ? 'your call' : 'the style’s call';
                return `<code>${escape(describeCall(event))}</code>${event.client ? ` ${escape(event.client)}` : ''} <small>${whose}, ${escape(event.place)}</small>`;
            };
            const rows = Array.from({ length: run.lengths[moment.step] }, (_, index) =>
                `<tr ${index + 1 === moment.call ? 'aria-current="true"' : ''}><th scope="row">${index + 1}</th>${run.servers.map((server) => `<td>${cell(server, index)}</td>`).join('')}</tr>`);
            fill(details.querySelector('div'), `<table><caption>Step ${moment.step}: ${moment.step ? escape(run.steps[moment.step - 1].says) : 'the servers start'}</caption>
                <thead><tr><th scope="col">call</th>${run.servers.map((server) => `<th scope="col">${named(server)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`);
        }

        keydown(event) {
            if (event.key === 'Escape' && event.target.matches('input[type=text], textarea')) {
                this.find('[data-to="on"]').focus();
                return;
            }
            super.keydown(event);
        }

        press(event) {
            if (event.shiftKey && event.key.length > 1) return false;
            if (event.key.toLowerCase() === 'p') {
                this.prediction.toggle(!this.prediction.isOn);
                return true;
            }
            if (event.key === '?') {
                this.showKeys();
                return true;
            }
            return this.controls.press(event);
        }
    }

    // The engine's script has a line for each step of the page's, so a line's number is a step's.
    const withPlaces = (message) => message.replace(/\bline (\d+)/, 'step $1');

    function start(root) {
        const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
        for (const one of [data, ...data.starts ?? []]) {
            one.script = split(one.script);
            one.room = lab.run.roomOf(one.descriptors);
        }
        data.result = lab.run.joined(data.results, data.servers);
        if (root.matches('.lab-whole')) {
            data.script.forEach((step) => (step.comment = null)); // Those are for the table.
            root.lab = new Lab(root, data);
            return;
        }
        root.lab = new lab.View(root, data);
        root.insertAdjacentHTML('beforeend', '<p class="lab-open"><a>Open in the lab</a>, and be the client yourself.</p>');
        root.lab.show(data.result, { step: firstTelling(data.script), call: Infinity });
        root.lab.loadSources();
    }

    // Calls `then` when an element comes near.
    function near(element, then) {
        const observer = new IntersectionObserver((entries) => {
            if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
            observer.disconnect();
            then(element);
        }, { rootMargin: '1000px' });
        observer.observe(element);
    }

    // A question before the first run of its page leads to it.
    function offerRun(question) {
        const view = document.querySelector('.lab.trace');
        if (!view || !(question.compareDocumentPosition(view) & Node.DOCUMENT_POSITION_FOLLOWING)) return;
        view.id ||= 'run';
        question.querySelector('details')?.insertAdjacentHTML('beforeend', `<p class="lab-watch"><a href="#${view.id}">Watch it in a run</a></p>`);
    }

    // Each bug of the catalogue can be run in the lab.
    function offerBug(script) {
        let heading = script;
        while (heading && !heading.matches('h2')) heading = heading.previousElementSibling;
        const link = heading && `${lab.run.toRoot()}lab.html#bug=${heading.id}`;
        if (link) script.insertAdjacentHTML('beforebegin', `<p><a href="${escape(link)}">Run it in the lab</a></p>`);
    }

    const views = [...document.querySelectorAll('.lab')];
    const MOST = 3; // The page of the whole book has dozens of views.
    for (const view of views) {
        view.classList.add('live');
        if (views.length <= MOST) start(view);
        else near(view, start);
    }
    if (views.length <= MOST) document.querySelectorAll('.predict').forEach(offerRun);
    document.querySelectorAll('.bug-script').forEach(offerBug);
})();
