// The lab's page: a view of a run, and all that it takes to be the client.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill } = lab.page;
    const { STYLES, withPauses } = lab.model;
    const { PARTS, PREDICT, MORE } = lab.parts;
    const { clientsAfter, firstTelling, hasStopped, parse, split, withoutEnd } = lab.script;

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
            // This page's keys are the lab's, wherever the reader has clicked; mdBook's listener comes after this one.
            addEventListener('keydown', (event) => event.target === document.body && this.keydown(event), true);
            this.openLink();
        }

        openLink() {
            const linked = lab.share.fromHash(location.hash);
            if (!linked) return;
            const { moment, predict, ...config } = linked;
            this.change(config, { moment, predict });
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
            this.find('.lab-about').before(this.find('.lab-steps'));
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
            this.find('.lab-table').addEventListener('toggle', () => this.writeCalls());
            for (const button of this.root.querySelectorAll('.lab-share button')) {
                const name = button.textContent, shown = button.nextElementSibling;
                button.addEventListener('click', async () => {
                    await navigator.clipboard?.writeText(shown.href ?? shown.textContent).catch(() => {});
                    button.textContent = 'Copied';
                    setTimeout(() => (button.textContent = name), 2000);
                });
            }
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
            fill(this.find('.lab-starts'), `<option value="">choose a run …</option><option value="nothing">an empty script</option>${options.join('')}`);
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
        async change(changes, { moment, predict, isEdit = false } = {}) {
            const config = (this.wanted = { ...this.latest, ...changes });
            this.state = this.stateOf(config);
            const script = config.script;
            let result;
            try {
                result = await this.engine.run(config, script.length ? withPauses(script.map(({ text }) => text)) : '');
            } catch (error) {
                if (error.name === 'AbortError') return;
                if (!(error instanceof lab.run.RunError)) throw error;
                this.refuse(error, isEdit ? this.find('textarea').value : textOf(script), isEdit);
                return;
            }
            this.say('', isEdit);
            const stays = this.run && !changes.script; // Other conditions, the same moment.
            this.config = config;
            this.bugs.adopt();
            if (predict !== undefined) this.prediction.isOn = predict !== null;
            if (predict) this.prediction.startAt(Math.min(predict, script.length));
            else if (changes.script) this.prediction.restart(script.length);
            const at = this.prediction.isOn ? { step: this.prediction.open, call: Infinity } : moment ?? (stays ? this.moment : undefined);
            this.show(result, at);
            history.replaceState(null, '', this.link()); // A reload, or a way back, shows this again.
            this.root.dispatchEvent(new CustomEvent('lab-shown'));
        }

        // The script can't be run: what is shown stays, and so does what was typed.
        refuse(error, typed, isEdit) {
            this.wanted = this.config;
            this.state = this.stateOf(this.config);
            this.say(lab.problem.describe(error, typed), isEdit);
            this.controls.draw();
        }

        say(problem, isEdit) {
            for (const place of this.root.querySelectorAll('.lab-problem[role=alert]')) {
                const isHere = Boolean(problem) && isEdit === (place.id !== '');
                place.hidden = !isHere;
                fill(place, isHere ? problem : '');
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
                text.value = textOf(this.config.script);
            }
        }

        write() {
            super.write();
            this.prediction.draw();
            this.find('.lab-predicting input').checked = this.prediction.isOn;
            this.controls.draw();
            this.bugs.draw();
            this.real.draw();
            this.writeCalls();
            const link = this.find('.lab-share a');
            link.href = this.link();
            const { step, call } = this.moment;
            fill(this.find('.lab-share code'), escape(lab.share.toCommand(this.config)));
            fill(link, `This script at step ${step}, call ${call}${this.prediction.isOn ? ', to be predicted first' : ''}`);
        }

        link() {
            return lab.share.toHash(this.config, this.moment, this.prediction.asked);
        }

        writeCalls() {
            const table = this.find('.lab-table');
            if (table.open && this.run) lab.writeCalls(table.lastElementChild, this);
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

    // A script as the reader can edit it: a step on each line.
    const textOf = (script) => script.map(({ text, comment }) => (comment ? `${text}  # ${comment}` : text)).join('\n');

    lab.Lab = Lab;
})();
