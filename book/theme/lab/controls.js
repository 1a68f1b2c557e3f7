// The controls of the lab's page: what a client can do, the conditions, and the choice of the servers. They are
// built once and then only updated, so that the focus stays where it is.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill, named } = lab.page;
    const { amount, identify } = lab.model;
    const { quote } = lab.script;

    const SIZES = [8, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 4096, 16384, 65536, 131072, 262144];
    const BUFFERS = ['client-send-buffer', 'server-receive-buffer', 'server-send-buffer', 'client-receive-buffer'];
    const CONDITIONS = [
        { name: 'high-water', says: 'high-water mark', sets: ['high-water'] },
        { name: 'recv-size', says: 'read size', sets: ['recv-size'] },
        { name: 'kernel', says: 'kernel buffers', sets: BUFFERS },
    ];
    const KNOWN = new Set([...CONDITIONS.flatMap(({ sets }) => sets), 'faults']);
    const SERVERS = ['select', 'dispatcher', 'chat', 'reactor', 'reactor-select',
        'step-1', 'step-2', 'step-3', 'step-4', 'step-5', 'step-6', 'step-7', 'step-8',
        'first-dispatcher', 'first-chat', 'first-reactor'];
    const MOST_SERVERS = 8;
    const BLOCKS = [64, 320, 1024, 4096, 65536];

    const key = (name) => `<kbd aria-hidden="true">${name.replace('Shift+', '⇧').replace('Enter', '↵')}</kbd>`;
    const act = (name, text, shortcut, more = '') =>
        `<button type="button" data-act="${name}" aria-keyshortcuts="${shortcut}" ${more}><span>${text}</span> ${key(shortcut)}</button>`;

    const ACTS = `
        <div class="lab-group lab-clients" role="group" aria-label="Client that acts"></div>
        <div class="lab-group">
            <label class="visually-hidden" for="lab-text">Text to send</label>
            <input id="lab-text" type="text" value="lo" size="9" autocomplete="off" spellcheck="false" maxlength="400" aria-keyshortcuts="T">
            ${act('type', 'Send', 'Shift+Enter', 'title="Sends the text as it is"')}
            ${act('line', 'Send line', 'Enter', 'title="Sends the text and the end of the line"')}
        </div>
        <div class="lab-group">
            <label class="visually-hidden" for="lab-block">Size of a block</label>
            <select id="lab-block">${BLOCKS.map((size) => `<option value="${size}" ${size === 320 ? 'selected' : ''}>${amount(size)}</option>`).join('')}</select>
            ${act('block', 'Send block', 'B')}
        </div>
        <div class="lab-group">${act('reading', 'Stop reading', 'R')}${act('half-close', 'Half-close', 'H')}${act('reset', 'Reset', 'X')}</div>
        <div class="lab-group">${act('wait', 'Wait 1 s', 'W')}${act('stop', 'Stop servers', 'Q')}</div>
        <div class="lab-group">${act('undo', 'Undo', 'Z')}</div>
        <p class="lab-why"></p>`;

    const range = ({ name, says }) => `<label class="lab-condition"><span>${says} <b data-for="${name}"></b></span>
        <input type="range" data-condition="${name}" min="0" max="${SIZES.length - 1}" step="1"></label>`;
    const CONDITIONS_HTML = `${CONDITIONS.map(range).join('')}
        <label class="lab-condition"><span>faults <b data-for="seed"></b></span><input type="range" data-condition="seed" min="0" max="20" step="1"></label>
        <label class="lab-condition"><span>descriptors</span><select data-condition="room"><option value="">enough</option>${[1, 2, 3].map((count) =>
            `<option value="${count}">room for ${count} client${count > 1 ? 's' : ''}</option>`).join('')}</select></label>
        <details class="lab-condition lab-choose"><summary>servers</summary><div role="group" aria-label="Servers to compare"></div></details>`;

    class Controls {
        constructor(view, acts, conditions) {
            [this.view, this.acts, this.conditions] = [view, acts, conditions];
            acts.innerHTML = ACTS;
            conditions.innerHTML = CONDITIONS_HTML;
            this.text = acts.querySelector('#lab-text');
            this.clients = acts.querySelector('.lab-clients');
            this.choose = conditions.querySelector('.lab-choose div');
            this.choose.innerHTML = SERVERS.map((server) =>
                `<label><input type="checkbox" data-server="${server}"> ${named(identify(server))}</label>`).join('');
            acts.addEventListener('click', ({ target }) => {
                const { act, client } = target.closest('button')?.dataset ?? {};
                if (act) this.do(act);
                if (client) this.choosesClient(+client);
            });
            // What has been sent is selected, so that typing replaces it.
            this.sent = this.text.value;
            this.text.addEventListener('click', () => this.text.value === this.sent && this.text.select());
            this.text.addEventListener('keydown', (event) => {
                if (event.key !== 'Enter' || event.isComposing) return;
                event.preventDefault();
                this.do(event.shiftKey ? 'type' : 'line');
                this.text.select();
            });
            conditions.addEventListener('input', ({ target }) => this.sets(target));
        }

        /** Handles a key of the lab, and returns whether it did. */
        press({ key }) {
            if (/^[1-9]$/.test(key)) return this.choosesClient(+key);
            const name = { b: 'block', n: 'client', r: 'reading', h: 'half-close', x: 'reset', w: 'wait', q: 'stop', z: 'undo', t: 'text' }[key.toLowerCase()];
            if (!name) return false;
            if (name === 'text') this.text.select();
            else this.do(name);
            return true;
        }

        choosesClient(client) {
            if (!this.view.state.clients[client]) return false;
            this.view.client = client;
            this.view.draw();
            return true;
        }

        // Adds the step of an action to the script, if the client can do it.
        do(name) {
            const { view } = this, { client, state } = view;
            if (name === 'undo') return view.undo();
            if (name === 'client') return this.connect();
            const own = state.clients[client];
            if (!this.can(name)) return;
            const step = {
                type: () => `send ${client} ${quote(this.text.value)}`,
                line: () => `send ${client} ${quote(`${this.text.value}\n`)}`,
                block: () => `send ${client} ${this.acts.querySelector('#lab-block').value}`,
                reading: () => `${own.reads ? 'stop' : 'resume'}-reading ${client}`,
                'half-close': () => `half-close ${client}`,
                reset: () => `reset ${client}`,
                wait: () => 'wait 1s',
                stop: () => 'stop',
            }[name]();
            this.sent = this.text.value;
            view.add(step);
        }

        connect() {
            const next = Math.max(0, ...Object.keys(this.view.state.clients).map(Number)) + 1;
            if (next > 9 || this.view.state.stopped) return;
            this.view.client = next;
            this.view.add(`connect ${next}`);
        }

        can(name) {
            const { clients, stopped } = this.view.state;
            const own = clients[this.view.client];
            if (name === 'wait') return true;
            if (name === 'stop') return !stopped;
            if (name === 'undo') return this.view.latest.script.length > 0;
            if (!own || own.closed) return false;
            return !['type', 'line', 'block', 'half-close'].includes(name) || !own.ended;
        }

        // A condition has changed.
        sets({ dataset: { condition, server }, value }) {
            const { view } = this;
            if (server) return this.setServers();
            const options = { ...view.latest.options };
            let { room } = view.latest;
            if (condition === 'seed') {
                delete options.faults;
                if (+value) options.faults = value;
            } else if (condition === 'room') {
                room = value === '' ? undefined : +value;
            } else {
                for (const name of CONDITIONS.find(({ name }) => name === condition).sets) options[name] = String(SIZES[value]);
            }
            view.change({ options, room });
        }

        setServers() {
            const boxes = [...this.choose.querySelectorAll('input')];
            const servers = boxes.filter(({ checked }) => checked).map(({ dataset }) => dataset.server);
            if (servers.length > 0 && servers.length <= MOST_SERVERS) this.view.change({ servers, bug: '' });
            else {
                this.view.say(`The lab compares 1 to ${MOST_SERVERS} servers.`, false);
                this.draw();
            }
        }

        draw() {
            const { view } = this, { clients, stopped } = view.state;
            const numbers = Object.keys(clients);
            fill(this.clients, `${numbers.map((number) => `<button type="button" data-key="client-${number}" data-client="${number}" aria-pressed="${+number === view.client}">client ${number}</button>`).join('')}
                <button type="button" data-key="client-more" data-act="client" aria-keyshortcuts="N" ${stopped ? 'aria-disabled="true"' : ''}><span>+ client</span> ${key('N')}</button>`);
            for (const button of this.acts.querySelectorAll('[data-act]')) {
                if (button.dataset.act !== 'client') button.setAttribute('aria-disabled', String(!this.can(button.dataset.act)));
            }
            const own = clients[view.client];
            const why = stopped ? 'This script stops the servers. Undo takes back its last step.'
                : own?.closed ? `Client ${view.client} has closed its connection. Connect another one, or undo the last step.` : '';
            fill(this.acts.querySelector('.lab-why'), why);
            this.acts.querySelector('[data-act="reading"] span').textContent = own && !own.reads ? 'Read again' : 'Stop reading';
            for (const { name, sets } of CONDITIONS) {
                const values = new Set(sets.map((option) => view.option(option)));
                const slider = this.conditions.querySelector(`[data-condition="${name}"]`);
                const value = Math.min(...values);
                if (document.activeElement !== slider || SIZES[slider.value] !== value) slider.value = nearest(value);
                const text = values.size > 1 ? `${amount(value)} to ${amount(Math.max(...values))}` : amount(value);
                this.conditions.querySelector(`[data-for="${name}"]`).textContent = text;
                slider.setAttribute('aria-valuetext', text);
            }
            const summary = CONDITIONS.map(({ name, says }) => `${says} ${this.conditions.querySelector(`[data-for="${name}"]`).textContent}`);
            const others = Object.entries(view.config.options).filter(([name]) => !KNOWN.has(name)).map(([name, value]) => `<b>${escape(`--${name}=${value}`)}</b>`);
            fill(view.find('.lab-setup small'), `${[...summary, ...others].join(' · ')} · faults · servers · Break it`);
            const seed = view.config.options.faults ?? '0';
            const slider = this.conditions.querySelector('[data-condition="seed"]');
            slider.value = parseInt(seed, 10) || 0;
            const text = seed === '0' ? 'none' : `seed ${seed}`;
            this.conditions.querySelector('[data-for="seed"]').textContent = text;
            slider.setAttribute('aria-valuetext', text);
            this.conditions.querySelector('[data-condition="room"]').value = view.config.room ?? '';
            for (const box of this.choose.querySelectorAll('input')) box.checked = view.config.servers.includes(box.dataset.server);
        }
    }

    const nearest = (value) => SIZES.reduce((best, size, index) => (Math.abs(size - value) < Math.abs(SIZES[best] - value) ? index : best), 0);

    lab.Controls = Controls;
})();
