// Where the four styles don't fit side by side, this shows one at a time. Without this script they
// are one below the other.

(() => {
    'use strict';

    const STYLES = ['select', 'dispatcher', 'chat', 'reactor'];
    const KEY = 'four-echoes-style';

    function remembered() {
        try {
            const style = localStorage.getItem(KEY);
            return STYLES.includes(style) ? style : STYLES[0];
        } catch {
            return STYLES[0];
        }
    }

    function remember(style) {
        try {
            localStorage.setItem(KEY, style);
        } catch {
            // Then the next page starts with the default again.
        }
    }

    // Shows this style in all comparisons of the page.
    function show(style) {
        for (const pane of document.querySelectorAll('.compare .pane')) {
            pane.classList.toggle('shown', pane.dataset.style === style);
        }
        for (const tab of document.querySelectorAll('.compare-tabs button')) {
            tab.setAttribute('aria-pressed', String(tab.dataset.style === style));
        }
    }

    function tabs() {
        const row = document.createElement('div');
        row.className = 'compare-tabs';
        row.setAttribute('role', 'group');
        row.setAttribute('aria-label', 'Style');
        for (const style of STYLES) {
            const tab = document.createElement('button');
            tab.type = 'button';
            tab.dataset.style = style;
            tab.textContent = style;
            tab.addEventListener('click', () => {
                const top = row.getBoundingClientRect().top;
                show(style);
                remember(style);
                // Comparisons further up can have grown: this keeps what was clicked where it was.
                window.scrollBy(0, row.getBoundingClientRect().top - top);
            });
            row.append(tab);
        }
        return row;
    }

    // A link to a pane shows that pane.
    function showLinked() {
        const target = document.getElementById(location.hash.slice(1));
        if (target?.matches('.compare .pane')) {
            show(target.dataset.style);
            target.scrollIntoView();
        }
    }

    for (const compare of document.querySelectorAll('.compare')) {
        compare.prepend(tabs());
    }
    show(remembered());
    showLinked();
    addEventListener('hashchange', showLinked);
})();
