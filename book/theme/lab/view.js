// A view of a run: the score, the matrix, one sentence, and the source, all at one moment. The pages of the
// book contain such views, and the lab's page adds what it takes to be the client.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill, fillItems, named, withCode } = lab.page;
    const { amount, describeCall, STYLES } = lab.model;

    // The defaults of the servers and of the simulated kernel.
    const DEFAULTS = {
        'high-water': 65536, 'recv-size': 65536, 'client-send-buffer': 262144, 'server-receive-buffer': 131072,
        'server-send-buffer': 262144, 'client-receive-buffer': 131072,
    };

    const ICONS = { start: 'M5 5h3v14H5zM20 5v14L9 12z', back: 'M17 4v16L4 12z', on: 'M7 4v16l13-8z', end: 'M4 5v14l11-7zM16 5h3v14h-3z' };
    const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
    const button = (to, title) => `<button type="button" data-to="${to}" title="${title}" aria-label="${title}">${icon(to)}</button>`;

    const LEGEND = [
        ['M8 2V16', 'you call the kernel'], ['M8 10V16', 'the style does'],
        ['M8 16V5', 'the style calls you', '<circle cx="8" cy="4" r="3"/>'],
        ['M8 16V3m-3.5 3.5l3.5 -3.5l3.5 3.5', 'recv'], ['M8 2V15m-3.5 -3.5l3.5 3.5l3.5 -3.5', 'send'],
        ['M8 16V3m-3.5 0h7', 'accept'], ['M8 2V14m-3 -3l6 6m0 -6l-6 6', 'close'], ['M8 2V16', 'would block', '', 'refused'],
        ['M0 10H16', 'waits', '', 'rest'], ['M0 10H16', 'watched for reading', '', 'reads'], ['M0 10H16', 'for writing', '', 'writes'],
    ];
    const legend = LEGEND.map(([path, text, more = '', kind = '']) =>
        `<li><svg viewBox="0 0 16 18" class="note" aria-hidden="true"><path class="${kind}" d="${path}"/>${more}</svg> ${text}</li>`).join('');

    const DESK = `
        <div class="lab-transport">
            <div class="lab-group" role="group" aria-label="Moment">${button('start', 'To the start (Home)')}${button('back', 'One call back (←)')}${button('on', 'One call on (→)')}${button('end', 'To the end (End)')}</div>
            <p class="lab-moment"></p>
        </div>
        <p class="lab-says"></p>
        <ol class="lab-steps" aria-label="Steps of the clients"></ol>
        <p class="lab-key"><small>Here, <b>you</b> are the server’s code that you would write, <b>style</b> is the library code that comes with it, and the <b>kernel</b> is the operating system below. “3 of 7 yours”: in a step, your code makes 3 of the 7 calls to the kernel.</small></p>
        <div class="lab-score"></div>
        <ul class="lab-legend">${legend}</ul>
        <div class="lab-matrix" role="region" tabindex="0"></div>
        <p class="lab-live visually-hidden" aria-live="polite"></p>`;

    class View {
        /** `config` is a script and how to run it: `{ script, servers, options, room, bug }`. */
        constructor(root, config) {
            this.root = root;
            const { script, servers = STYLES, options = {}, room, bug = '' } = config;
            this.config = { script, servers, options, room, bug };
            // A page can have several views.
            this.label = root.matches('.lab-whole') ? '' : `: ${config.name.replaceAll('-', ' ')}`;
            this.sources = globalThis.labSources ?? {};
            this.moment = { step: 0, call: 0 };
            this.client = config.client ?? 1; // Whose bytes are shown.
            this.engine = new lab.run.Engine();
            this.build();
            root.tabIndex = -1; // A click on nothing gives the lab its keys, not mdBook.
            root.addEventListener('click', (event) => this.click(event));
            root.addEventListener('keydown', (event) => this.keydown(event));
        }

        build() {
            const desk = document.createElement('section');
            desk.className = 'lab-desk';
            desk.setAttribute('aria-label', `What the servers do${this.label}`);
            desk.innerHTML = DESK;
            const source = document.createElement('section');
            source.className = 'lab-source';
            source.setAttribute('aria-label', `Source${this.label}`);
            desk.querySelector('.lab-matrix').setAttribute('aria-label', `State of the servers${this.label}`);
            this.root.append(desk, source);
            this.find = (selector) => this.root.querySelector(selector);
            this.score = new lab.Score(this, this.find('.lab-score'));
            this.matrix = new lab.Matrix(this, this.find('.lab-matrix'));
            this.source = new lab.Source(this, source);
        }

        /** The last step that is shown: a prediction hides those after it. */
        get shown() {
            return this.run.last;
        }

        lanes() {
            return this.run.servers.map((server) => this.run.at(server, this.moment));
        }

        option(name) {
            return Number(this.config.options[name] ?? DEFAULTS[name]);
        }

        /** The high-water mark, and the low one. */
        waterMarks() {
            const high = this.option('high-water');
            return [high, Math.floor(high / 4)];
        }

        buffers() {
            const size = (name) => this.option(`${name}-buffer`);
            return {
                client_send: size('client-send'), server_receive: size('server-receive'),
                server_send: size('server-send'), client_receive: size('client-receive'),
            };
        }

        /** Shows a result. */
        show(result, moment) {
            this.run = new lab.model.Run(result, this.config.script);
            if (!this.run.clients.includes(this.client)) this.client = this.run.clients[0] ?? 1;
            this.go(moment ?? this.run.endOf(this.run.last));
        }

        go(moment) {
            if (!this.run) return;
            const step = Math.max(0, Math.min(moment.step, this.shown));
            this.moment = { step, call: Math.max(0, Math.min(moment.call, this.run.lengths[step])) };
            this.draw();
        }

        draw() {
            this.write();
            // To scroll, the page has to be laid out. In the next frame, that happens anyway.
            requestAnimationFrame(() => {
                this.score.scroll();
                if (this.hasNewSteps) this.scrollToStep();
            });
        }

        // Many chips scroll within their list.
        scrollToStep() {
            const list = this.find('.lab-steps'), chip = list.querySelector('[aria-current]')?.parentElement;
            if (!chip || list.scrollHeight <= list.clientHeight) return;
            const top = chip.offsetTop - list.offsetTop;
            if (top < list.scrollTop || top + chip.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight / 3;
        }

        /** Writes what all parts show at the moment. */
        write() {
            const { run, moment } = this;
            const says = moment.step ? withCode(run.steps[moment.step - 1].says) : 'the servers start';
            fill(this.find('.lab-moment'), `<b>Step ${moment.step} of ${run.last}</b> · ${says}<small>${moment.call ? `call ${moment.call} of ${run.lengths[moment.step]}` : 'before the first call'}</small>`);
            this.drawSteps();
            this.score.draw({ follows: true });
            this.matrix.draw();
            this.source.draw();
            const sentence = lab.difference(this);
            fill(this.find('.lab-says'), sentence);
            this.find('.lab-live').textContent = this.inWords();
            this.drawLink();
        }

        // The link opens the lab at this moment.
        drawLink() {
            const link = this.find('.lab-open a');
            if (!link) return;
            link.href = `${lab.run.toRoot()}lab.html${lab.share.toHash(this.config, this.moment)}`;
        }

        // The chips of the steps. With hundreds of them, only those around the moment are written.
        drawSteps() {
            const { run, moment } = this;
            const AROUND = 30;
            const [from, to] = run.last <= 2 * AROUND ? [1, run.last] : [Math.max(1, moment.step - AROUND), Math.min(run.last, moment.step + AROUND)];
            const chips = [];
            for (let step = from; step <= to; step++) {
                const isBroken = step <= this.shown && run.servers.some(({ violation }) => violation?.step === step);
                chips.push(`<button type="button" data-key="step-${step}" data-step="${step}" ${step === moment.step ? 'aria-current="step"' : ''} class="${isBroken ? 'broken' : ''} ${step > this.shown ? 'veiled' : ''}"><b>${step}</b> ${withCode(run.steps[step - 1].says)}</button>`);
            }
            if (from > 1) chips.unshift(`… ${from - 1} before`);
            if (to < run.last) chips.push(`… ${run.last - to} more`);
            this.hasNewSteps = fillItems(this.find('.lab-steps'), chips);
        }

        inWords() {
            const { run, moment: { step, call } } = this;
            const calls = this.lanes().filter(({ isNow }) => isNow).map(({ server, event }) => `${server.name}: ${describeCall(event)}`);
            const sentence = this.find('.lab-says').textContent;
            const news = sentence === this.spoken ? '' : sentence;
            this.spoken = sentence;
            return `Step ${step}, call ${call} of ${run.lengths[step]}. ${calls.join('; ')}. ${news}`;
        }

        click({ target }) {
            const { to, step } = target.closest('button')?.dataset ?? {};
            if (to) this.move(to);
            else if (step) this.select(+step);
        }

        /** Shows a step that the reader chose. */
        select(step) {
            this.go(this.run.endOf(step));
        }

        move(to) {
            if (!this.run) return;
            const { run, moment } = this;
            const next = {
                start: () => ({ step: 0, call: 0 }),
                end: () => run.endOf(this.shown),
                back: () => run.move(moment, -1, this.shown),
                on: () => run.move(moment, 1, this.shown),
                stepBack: () => run.endOf(Math.max(0, moment.step - 1)),
                stepOn: () => run.endOf(Math.min(this.shown, moment.step + 1)),
            }[to];
            this.go(next());
        }

        // mdBook turns pages with the arrows: none of these keys may reach it.
        keydown(event) {
            const { key, shiftKey, target } = event;
            if (event.ctrlKey || event.metaKey || event.altKey) return;
            if (key.startsWith('Arrow')) event.stopPropagation();
            if (target.matches('input, select, textarea, pre code, .lab-matrix')) return;
            const to = {
                ArrowLeft: shiftKey ? 'stepBack' : 'back', ArrowRight: shiftKey ? 'stepOn' : 'on',
                ArrowUp: 'stepBack', ArrowDown: 'stepOn', Home: 'start', End: 'end',
            }[key];
            if (to) this.move(to);
            else if (!this.press(event)) return;
            event.preventDefault();
            event.stopPropagation();
        }

        /** Handles another key, and returns whether it did. */
        press() {
            return false;
        }

        /** Loads the sources, which are in a file of their own. */
        async loadSources() {
            await lab.run.load('lab-sources.js');
            this.sources = globalThis.labSources ?? {};
            if (this.run) this.source.draw();
        }
    }

    lab.View = View;
    View.DEFAULTS = DEFAULTS;
})();
