// All calls of one step as a table: for those who can't see the score, or want the exact order.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, fill, named } = lab.page;
    const { describeCall } = lab.model;

    // A server's call in one cell.
    function cell(event) {
        if (!event) return '';
        const whose = event.call === 'enter' ? 'the style calls you' : event.yours ? 'your call' : 'the style’s call';
        return `<code>${escape(describeCall(event))}</code>${event.client ? ` ${escape(event.client)}` : ''} <small>${whose}, ${escape(event.place)}</small>`;
    }

    /** Writes the table of the moment's step. */
    function writeCalls(element, { run, moment }) {
        const rows = Array.from({ length: run.lengths[moment.step] }, (_, index) => {
            const cells = run.servers.map(({ measures }) => `<td>${cell(measures[moment.step].calls[index])}</td>`);
            return `<tr ${index + 1 === moment.call ? 'aria-current="true"' : ''}><th scope="row">${index + 1}</th>${cells.join('')}</tr>`;
        });
        const says = moment.step ? run.steps[moment.step - 1].says : 'the servers start';
        fill(element, `<table><caption>Step ${moment.step}: ${escape(says)}</caption>
            <thead><tr><th scope="col">call</th>${run.servers.map((server) => `<th scope="col">${named(server)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`);
    }

    lab.writeCalls = writeCalls;
})();
