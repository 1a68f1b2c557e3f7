// Predict first: later steps are hidden until the reader has said what each server will do in the next one.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { fill, named, withCode } = lab.page;
    const { EMPTY } = lab.model;

    // What comes back to the client in a step.
    const BACK = { nothing: 'nothing', part: 'a part of what it sent', all: 'all that it sent', end: 'the end of the stream', reset: 'a reset' };
    // What the server watches the client for after a step.
    const WATCHES = { r: 'reading', w: 'writing', rw: 'reading and writing', none: 'neither', closed: 'it has closed' };

    const stateAt = (run, server, step, client) => run.at(server, run.endOf(step)).state.clients[client] ?? EMPTY;

    function comesBack(run, server, step, client) {
        const [before, after] = [step - 1, step].map((step) => stateAt(run, server, step, client));
        if (after.client_ended !== before.client_ended) return after.client_ended === 'end_of_stream' ? 'end' : 'reset';
        if (after.client_received === before.client_received) return 'nothing';
        return after.client_received === run.streams[client]?.lengths[step] ? 'all' : 'part';
    }

    function watches(run, server, step, client) {
        const { fd, watched_for_reading, watched_for_writing } = stateAt(run, server, step, client);
        if (fd === null) return 'closed';
        return `${watched_for_reading ? 'r' : ''}${watched_for_writing ? 'w' : ''}` || 'none';
    }

    /** What there is to guess in a step: `{ asks, answers, options }`; null if there is nothing. */
    function question(run, step, client) {
        const ask = (outcome) => run.servers.map((server) => outcome(run, server, step, client));
        const back = ask(comesBack);
        if (back.some((answer) => answer !== 'nothing')) {
            return { asks: `What does client ${client} get back?`, answers: back, options: BACK };
        }
        const after = ask(watches);
        const before = run.servers.map((server) => watches(run, server, step - 1, client));
        if (after.some((answer, index) => answer !== before[index])) {
            return { asks: `What does each server watch client ${client} for in the end?`, answers: after, options: WATCHES };
        }
        return null;
    }

    class Prediction {
        constructor(view, root) {
            [this.view, this.root, this.isOn, this.open, this.verdict] = [view, root, false, 0, ''];
            root.addEventListener('submit', (event) => {
                event.preventDefault();
                this.reveal(event.submitter?.value !== 'skip');
            });
        }

        toggle(isOn) {
            this.isOn = isOn;
            const { run, client, moment } = this.view;
            if (!isOn) return this.view.go(moment);
            const steps = Array.from({ length: run.last }, (_, before) => before);
            this.ask(Math.max(0, steps.findIndex((before) => question(run, before + 1, client))));
        }

        /** Hides all after a step. One that is hidden becomes the question. */
        select(step) {
            this.ask(step > this.open ? step - 1 : step);
        }

        ask(open) {
            this.open = open;
            this.verdict = '';
            this.view.go(this.view.run.endOf(open));
        }

        /** Another script: what was open can be no longer there. */
        restart(last) {
            this.startAt(Math.min(this.open + 1, last));
        }

        /** Asks for this step when the next run is shown. */
        startAt(step) {
            this.open = Math.max(0, step - 1);
            this.verdict = '';
        }

        /** The step for a link, so that someone who opens it predicts the same: the question, or the one just answered. */
        get asked() {
            return this.isOn ? this.open + (this.verdict ? 0 : 1) : null;
        }

        reveal(isGuess) {
            const { run } = this.view, step = this.open + 1;
            const asked = question(run, step, this.view.client);
            const guesses = [...this.root.querySelectorAll('select')].map(({ value }) => value);
            this.open = step;
            this.verdict = '';
            if (isGuess && asked) {
                const right = guesses.filter((guess, index) => guess === asked.answers[index]).length;
                const each = run.servers.map((server, index) => {
                    const isRight = guesses[index] === asked.answers[index];
                    return `<li class="${isRight ? 'lab-right' : 'lab-wrong'}">${named(server)}: ${asked.options[asked.answers[index]]} ${isRight ? '✓' : `✗ <small>you said: ${asked.options[guesses[index]]}</small>`}</li>`;
                });
                this.verdict = `<p tabindex="-1" data-key="verdict"><b>${right} of ${guesses.length} as you said.</b></p><ul>${each.join('')}</ul>`;
            }
            this.view.go(run.endOf(step));
            this.root.querySelector('select, button, [tabindex]')?.focus({ preventScroll: true });
        }

        draw() {
            const { run } = this.view;
            this.root.hidden = !this.isOn;
            if (!this.isOn) return;
            const step = this.open + 1;
            if (step > run.last) return fill(this.root, `${this.verdict}<p>That was the last step. Add one to predict it.</p>`);
            const asked = question(run, step, this.view.client);
            const says = `<p><b>Step ${step}</b>: ${withCode(run.steps[step - 1].says)}. ${asked?.asks ?? 'There is nothing to guess in this step.'}</p>`;
            const options = asked && '<option value="">choose…</option>' + Object.entries(asked.options).map(([value, text]) => `<option value="${value}">${text}</option>`).join('');
            const guesses = asked ? run.servers.map((server, index) => `<label>${named(server)} <select required data-key="guess-${step}-${index}">${options}</select></label>`).join('') : '';
            fill(this.root, `${this.verdict}${says}<form><div class="lab-guesses">${guesses}</div>
                ${asked ? '<button type="submit" value="commit" data-key="commit">That’s my prediction</button>' : ''}
                <button type="submit" value="skip" formnovalidate data-key="skip">${asked ? 'Just show me' : `Show step ${step}`}</button></form>`);
        }
    }

    lab.Prediction = Prediction;
    lab.question = question;
})();
