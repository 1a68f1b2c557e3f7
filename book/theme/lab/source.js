// The source of each server: the line of its call. A server that waits shows the line that decides what it
// watches, since all waits look the same.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill, named } = lab.page;
    const { describeCall } = lab.model;
    const AROUND = 4; // Lines before the line of the call, and after it.

    // Where each style decides what it watches: a file, and the beginning of the function, without its
    // indentation. The function's first line in the body is shown.
    const DECIDES = {
        select: ['select-echo/src/echo.rs', 'fn readable(&self)'],
        dispatcher: ['dispatcher-echo/src/echo.rs', 'fn readable(&self)', 2],
        chat: ['chat-echo/src/chat.rs', 'fn readable(&self)'],
        reactor: ['reactor-echo/src/connection.rs', 'fn wanted(&self)'],
    };

    /** The place that decides what a server watches, as `file:line`; null if it can't be known. */
    function decides(server, sources) {
        const small = server.server.match(/^step-(\d)/);
        const [file, text, which = 1] = small ? [`book/steps/src/step${small[1]}.rs`, 'fn readable(&self)'] : DECIDES[server.server.replace('!', '')] ?? [];
        const lines = sources[file]?.split('\n') ?? [];
        let seen = 0;
        const index = lines.findIndex((line) => line.includes(text) && ++seen === which);
        return index < 0 ? null : `${file}:${index + 2}`;
    }

    const coloured = (text) => window.hljs?.versionString?.startsWith('10.') ? hljs.highlight('rust', text, true).value : escape(text);

    // A line as HTML. Where it is too long, it wraps at the parts of an expression.
    const rust = (text) => coloured(text).replace(/::|\((?!\))/g, '$&<wbr>').replace(/\.(?=\w)/g, '<wbr>.');

    // The lines around a place, without the indentation that they share and without the tags of concepts.
    function around(text, line) {
        const lines = text.split('\n').map((text, index) => ({ number: index + 1, text }))
            .filter(({ text, number }) => number === line || !text.trimStart().startsWith('// CONCEPT:'));
        const middle = lines.findIndex(({ number }) => number === line);
        const shown = lines.slice(Math.max(0, middle - AROUND), middle + AROUND + 1);
        const indents = shown.filter(({ text }) => text.trim()).map(({ text }) => text.length - text.trimStart().length);
        const shared = Math.min(...indents);
        return shown.map(({ number, text }) => ({ number, text: text.slice(shared) }));
    }

    const linesIn = (text) => text.split('\n').length;

    // A file as a server has it, with the lines of its bug, and the number that a line has there.
    function withBug({ right, wrong }, text, line) {
        const before = text.indexOf(right);
        if (before < 0) return { text, line, from: 0, to: 0 };
        const from = linesIn(text.slice(0, before)), more = linesIn(wrong) - linesIn(right);
        return {
            text: text.slice(0, before) + wrong + text.slice(before + right.length),
            line: line >= from + linesIn(right) ? line + more : line, from, to: from + linesIn(wrong.trimEnd()) - 1,
        };
    }

    class Source {
        constructor(view, root) {
            this.view = view;
            root.innerHTML = '<div class="lab-tabs" role="group" aria-label="Source shown"></div><div class="lab-panes"></div>';
            [this.tabs, this.panes] = root.children;
            this.shown = 0;
            this.cache = new Map();
            this.tabs.addEventListener('click', ({ target }) => {
                const tab = target.closest('button');
                if (!tab) return;
                this.shown = +tab.dataset.index;
                this.draw();
            });
        }

        draw() {
            const lanes = this.view.lanes();
            this.shown = Math.min(this.shown, lanes.length - 1);
            fill(this.tabs, lanes.map(({ server }, index) => `<button type="button" data-key="source-${index}" data-index="${index}" data-style="${server.style}" aria-pressed="${index === this.shown}">${named(server)}</button>`).join(''));
            while (this.panes.children.length > lanes.length) this.panes.lastChild.remove();
            while (this.panes.children.length < lanes.length) this.panes.append(document.createElement('figure'));
            lanes.forEach((lane, index) => {
                const pane = this.panes.children[index];
                pane.dataset.style = lane.server.style;
                pane.classList.toggle('shown', index === this.shown);
                fill(pane, this.pane(lane));
            });
        }

        pane({ server, event, isNow, isWaiting, isOver }) {
            const sources = this.view.sources;
            const waits = isWaiting || isOver;
            const buggy = this.bugAt(server);
            const decided = waits && !isOver ? decides(server, sources) : null;
            const place = buggy ?? decided ?? event?.place;
            const doing = buggy ? `breaks the contract with ${describeCall(event)}; its bug is in` : isOver ? 'is over; its last call is' : decided ? 'waits; what it watches is decided in' : waits ? 'waits in' : `${describeCall(event)}, in`;
            const caption = `<figcaption>${named(server)} ${event ? `${escape(doing)} <code>${escape(place)}</code>` : 'has not made a call'}</figcaption>`;
            if (!event) return caption;
            const [file, line] = place.split(':');
            const isTheNow = isNow && !waits;
            return `${caption}<pre><code class="hljs" data-key="code" tabindex="0" role="group" aria-label="Source of ${escape(server.name)}">${this.lines(server, file, +line, isTheNow ? 'running' : 'resting')}</code></pre>`;
        }

        // Where the bug is, at the call that shows it.
        bugAt(server) {
            const { bugs, moment } = this.view, { violation } = server;
            const how = server.hasBug && bugs?.how;
            if (!how || violation?.step !== moment.step || violation.call !== moment.call) return null;
            return `${how.file}:${how.line}`;
        }

        lines(server, file, at, kind) {
            const source = this.view.sources[file];
            if (source === undefined) return '<span>The source isn’t part of this copy.</span>';
            const bug = server.hasBug && this.view.bugs?.inFile(file);
            const { text, line, from = 0, to = 0 } = bug ? withBug(bug, source, at) : { text: source, line: at };
            const key = `${bug ? this.view.config.bug : ''} ${file}:${line} ${kind}`;
            if (this.cache.has(key)) return this.cache.get(key);
            const html = around(text, line).map(({ number, text }) => {
                const indent = text.length - text.trimStart().length;
                const kinds = `${number === line ? kind : ''} ${number >= from && number <= to ? 'buggy' : ''}`.trim();
                return `<span data-line="${number}" class="${kinds}" style="--indent:${indent}">${rust(text)}\n</span>`;
            }).join('');
            this.cache.set(key, html);
            return html;
        }
    }

    lab.Source = Source;
    lab.decides = decides;
    lab.withBug = withBug;
})();
