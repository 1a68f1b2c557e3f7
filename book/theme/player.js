// Plays a trace: its table of events, one step of the client at a time, and the line of
// source that runs in each of the four servers.
"use strict";

(() => {
    const STYLES = ["select", "dispatcher", "chat", "reactor"];
    const TICK = 900; // Milliseconds from one event to the next at normal speed.
    const PLAY = '<path d="M7 4v16l13-8z"/>', PAUSE = '<path d="M6 4h4v16H6zM14 4h4v16h-4z"/>';
    const icon = (path) => `<svg viewBox="0 0 24 24" aria-hidden="true">${path}</svg>`;
    const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");
    const rust = (text) =>
        window.hljs?.versionString.startsWith("10.") ? hljs.highlight("rust", text, true).value : escape(text);

    const controls = `<div class="trace-controls">
        <button data-to="start" title="To the start (Home)">${icon('<path d="M5 5h3v14H5zM20 5v14L9 12z"/>')}</button>
        <button data-to="back" title="One event back (←)">${icon('<path d="M17 4v16L4 12z"/>')}</button>
        <button data-to="play" title="Play (space)"></button>
        <button data-to="on" title="One event on (→)">${icon('<path d="M5 4h3v16H5zM10 4v16l11-8z"/>')}</button>
        <button data-to="step" title="Next step of the client (↓)">${icon('<path d="M3 5v14l8-7zM11 5v14l8-7zM19 5h3v14h-3z"/>')}</button>
        <input type="range" min="0" aria-label="Moment">
        <select aria-label="Speed"><option value="0.5">slow<option value="1" selected>normal<option value="3">fast</select>
        <button data-to="all" aria-pressed="false" title="Show all events">${icon('<path d="M3 5h18v2H3zM3 11h18v2H3zM3 17h18v2H3z"/>')}</button>
    </div>`;
    const chip = (name, step) => `<button data-step="${step}" title="${escape(name)}"><b>${step}</b> ${escape(name)}</button>`;
    const line = (running) => ([number, text]) =>
        `<span data-line="${number}" class="${number === running ? "running" : ""}">${rust(text)}\n</span>`;

    // Every moment of the trace: the client's step, and how many events of it have happened. In
    // each step but the first the client moves before the servers do.
    const moments = ({ steps, lanes }) => steps.flatMap((_, step) => {
        const most = Math.max(...STYLES.map((style) => lanes[style][step].length));
        const all = Array.from({ length: most + 1 }, (_, count) => ({ step, count, most }));
        return step === 0 ? all.slice(1) : all;
    });

    class Player {
        constructor(root) {
            this.root = root;
            this.data = JSON.parse(root.querySelector("script").textContent);
            this.moments = moments(this.data);
            this.table = root.querySelector(".trace-scroll");
            this.bodies = [...root.querySelectorAll("tbody")];
            this.build();
            this.pause();
            this.show(this.firstOf(1));
        }

        build() {
            const names = STYLES.map((style) => this.root.querySelector(`th[data-style="${style}"]`).innerHTML);
            const tab = (style, index) => `<button data-style="${style}">${names[index]} <small></small></button>`;
            const pane = (style, index) => `<figure data-style="${style}"><figcaption>${names[index]}
                <span class="trace-doing"></span><code></code></figcaption><pre><code class="hljs" tabindex="0" role="group" aria-label="Source in ${style}"></code></pre></figure>`;
            this.table.insertAdjacentHTML("beforebegin", `${controls}
                <div class="trace-chips" role="group" aria-label="Steps of the client">${this.data.steps.map(chip).join("")}</div>
                <p class="trace-headline" aria-live="polite"></p>
                <div class="trace-tabs" role="group" aria-label="Server shown">${STYLES.map(tab).join("")}</div>`);
            this.table.insertAdjacentHTML("afterend", `<div class="trace-panes">${STYLES.map(pane).join("")}</div>`);
            const all = (selector) => [...this.root.querySelectorAll(selector)];
            [this.chips, this.tabs, this.panes] = [all(".trace-chips button"), all(".trace-tabs button"), all("figure")];
            [this.range, this.speed, this.headline] = all("input, .trace-controls select, .trace-headline");
            this.range.max = this.moments.length - 1;
            this.chips.forEach((chip, step) => (chip.style.flexGrow = this.moments.filter((at) => at.step === step).length));
            const busiest = Math.max(...this.bodies.map((body) => body.rows.length));
            this.root.style.setProperty("--rows", Math.min(busiest, 13));
            this.root.classList.add("live");
            this.root.addEventListener("click", (event) => this.click(event.target.closest("button")));
            this.root.addEventListener("keydown", (event) => this.key(event));
            this.range.addEventListener("input", () => this.go(+this.range.value));
            this.speed.addEventListener("change", () => this.timer && this.play());
            this.choose("select");
        }

        click(button) {
            const { to, step, style } = button?.dataset ?? {};
            if (to === "play") this.timer ? this.pause() : this.play();
            else if (to === "all") button.setAttribute("aria-pressed", this.root.classList.toggle("all"));
            else if (to) this.go(this.moment(to));
            else if (step) this.go(this.firstOf(+step));
            else if (style) this.choose(style);
        }

        // None of this may reach mdBook, which turns pages with the arrows.
        key(event) {
            if (event.ctrlKey || event.metaKey || event.altKey) return;
            if (event.target.matches("select, code")) return event.stopPropagation(); // They have their own arrows.
            const to = { ArrowLeft: "back", ArrowRight: "on", ArrowUp: "stepBack", ArrowDown: "step", Home: "start", End: "end" }[event.key];
            if (to) this.go(this.moment(to));
            else if (event.key === " " && event.target.tagName !== "BUTTON") this.timer ? this.pause() : this.play();
            else return;
            event.preventDefault();
            event.stopPropagation();
        }

        moment(to) {
            const { step, count } = this.moments[this.now];
            const end = this.moments.length - 1;
            return {
                start: 0, end, back: this.now - 1, on: this.now + 1,
                step: step + 1 < this.chips.length ? this.firstOf(step + 1) : end,
                stepBack: this.firstOf(count > 0 ? step : Math.max(step - 1, 0)),
            }[to];
        }

        firstOf(step) {
            return this.moments.findIndex((moment) => moment.step === step);
        }

        go(moment) {
            this.pause();
            this.show(moment);
        }

        play() {
            clearInterval(this.timer);
            if (this.now === this.moments.length - 1) this.show(0);
            this.timer = setInterval(() => {
                this.show(this.now + 1);
                if (this.now === this.moments.length - 1) this.pause();
            }, TICK / this.speed.value);
            this.sayPlaying("Pause (space)", PAUSE);
        }

        pause() {
            this.timer = clearInterval(this.timer);
            this.sayPlaying("Play (space)", PLAY);
        }

        sayPlaying(title, path) {
            const button = this.root.querySelector('[data-to="play"]');
            [button.title, button.innerHTML] = [title, icon(path)];
        }

        // Where only one server fits, its name chooses it.
        choose(style) {
            this.root.dataset.shown = style;
            this.tabs.forEach((tab) => tab.setAttribute("aria-pressed", tab.dataset.style === style));
        }

        show(now) {
            this.now = Math.max(0, Math.min(now, this.moments.length - 1));
            const moment = this.moments[this.now];
            const name = this.data.steps[moment.step];
            const headline = `<b>${moment.step}/${this.chips.length - 1}</b> ${escape(name)}`;
            if (this.headline.innerHTML !== headline) this.headline.innerHTML = headline;
            this.chips.forEach((chip, step) => {
                const done = step < moment.step ? 1 : step > moment.step ? 0 : moment.count / (moment.most || 1);
                chip.setAttribute("aria-current", step === moment.step ? "step" : "false");
                chip.style.setProperty("--done", `${100 * done}%`);
                this.bodies[step].classList.toggle("now", step === moment.step);
            });
            const doing = STYLES.map((style, lane) => `${style}: ${this.showLane(style, lane, moment)}`);
            this.range.value = this.now;
            this.range.setAttribute("aria-valuetext", `${name}; ${doing.join("; ")}`);
            this.follow(moment);
        }

        // Marks the lane's events, shows its line of source, and returns what it is doing: its last
        // event so far, which can be the wait that ended an earlier step.
        showLane(style, lane, { step, count }) {
            const events = this.data.lanes[style];
            const last = Math.min(count, events[step].length) - 1;
            let [atStep, at] = [step, last];
            while (at < 0) at = events[--atStep].length - 1;
            const cells = this.bodies.map((body) => [...body.querySelectorAll(`td[data-style="${style}"]`)]);
            cells.forEach((cells, step) => cells.forEach((cell, index) => {
                const isReply = cell.parentNode.className === "trace-replies";
                const order = step - atStep || index - at - (isReply && count >= events[step].length ? cells.length : 0);
                cell.className = order < 0 ? "past" : order > 0 ? "future" : "now";
            }));
            const doing = cells[atStep][at].cloneNode(true);
            doing.querySelector("small").remove();
            const place = events[atStep][at];
            const [caption, where, code] = this.panes[lane].querySelectorAll(".trace-doing, code");
            caption.innerHTML = doing.innerHTML;
            where.textContent = where.title = place;
            code.innerHTML = this.data.sources[place].map(line(+place.split(":")[1])).join("");
            this.panes[lane].classList.toggle("resting", last < 0 || count > last + 1);
            this.tabs[lane].lastChild.textContent = doing.querySelector("b").textContent;
            return doing.textContent.trim();
        }

        // Keeps the running row visible.
        follow({ step, count, most }) {
            const rows = this.bodies[step].rows;
            const row = rows[count < most ? count + 1 : rows.length - 1].getBoundingClientRect();
            const box = this.table.getBoundingClientRect();
            const top = box.top + this.root.querySelector("thead").offsetHeight;
            if (row.top < top) this.table.scrollTop -= top - row.top;
            else if (row.bottom > box.bottom) this.table.scrollTop += row.bottom - box.bottom;
        }
    }

    document.querySelectorAll(".trace").forEach((root) => new Player(root));
})();
