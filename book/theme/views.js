// Switches comparisons between Rust and their sketches. Without this script the sketches are folded
// below the Rust.

(() => {
    'use strict';

    const VIEWS = { rust: 'Rust', python: 'Python', pseudocode: 'Pseudocode' };
    const KEY = 'four-echoes-view';

    function remembered() {
        try {
            const view = localStorage.getItem(KEY);
            return view in VIEWS ? view : 'rust';
        } catch {
            return 'rust';
        }
    }

    function remember(view) {
        try {
            localStorage.setItem(KEY, view);
        } catch {
            // Then it has to be chosen again on the next page.
        }
    }

    const has = (part, view) => part.querySelector(`.view[data-view="${view}"]`) !== null;
    const compares = [...document.querySelectorAll('.compare')].filter((compare) => has(compare, 'rust'));

    // Shows this view in all comparisons of the page: in each pane that has it. The others show Rust.
    function show(view) {
        for (const compare of compares) {
            for (const pane of compare.querySelectorAll('.pane')) {
                const shown = has(pane, view) ? view : 'rust';
                for (const part of pane.querySelectorAll('.view')) part.hidden = part.dataset.view !== shown;
            }
            const checked = has(compare, view) ? view : 'rust';
            compare.querySelector(`.compare-views [value="${checked}"]`).checked = true;
        }
    }

    function choice(view, name, row) {
        const label = document.createElement('label');
        const radio = document.createElement('input');
        Object.assign(radio, { type: 'radio', name, value: view });
        radio.addEventListener('change', () => {
            const top = row.getBoundingClientRect().top;
            show(view);
            remember(view);
            // Comparisons further up can have another height now: what was clicked stays where it was.
            window.scrollBy(0, row.getBoundingClientRect().top - top);
        });
        label.append(radio, VIEWS[view]);
        return label;
    }

    compares.forEach((compare, index) => {
        const row = document.createElement('div');
        row.className = 'compare-views';
        row.setAttribute('role', 'radiogroup');
        row.setAttribute('aria-label', 'Language');
        const views = Object.keys(VIEWS).filter((view) => has(compare, view));
        row.append(...views.map((view) => choice(view, `view-${index}`, row)));
        for (const sketch of compare.querySelectorAll('details.view')) sketch.open = true;
        compare.classList.add('switched');
        compare.prepend(row);
    });
    show(remembered());
})();
