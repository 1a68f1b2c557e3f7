// Shows what a term means at a link to the glossary: where the pointer is, or the focus. On a touch screen
// the first tap shows it, and the second one follows the link. Without this script it is a link.

(() => {
    'use strict';

    const MARGIN = 8; // Pixels from the edges of the window.
    const GAP = 4; // Pixels between the link and the text.
    const PATIENCE = 200; // Milliseconds for the pointer's way from the link to the text.

    const data = document.querySelector('script.terms');
    if (!data) return;

    const texts = JSON.parse(data.textContent);
    const tips = new Map();
    let shown = null; // The link whose text is shown.
    let timer;

    function show(link) {
        clearTimeout(timer);
        if (shown === link) return;
        hide();
        shown = link;
        const tip = tips.get(link);
        tip.hidden = false;
        const [line] = link.getClientRects(); // The link can be broken into two lines.
        const { width, height } = tip.getBoundingClientRect();
        const { clientWidth, clientHeight } = document.documentElement;
        const left = Math.max(MARGIN, Math.min(line.left, clientWidth - width - MARGIN));
        const below = link.getBoundingClientRect().bottom + GAP;
        const top = below + height + MARGIN <= clientHeight ? below : line.top - GAP - height;
        tip.style.left = `${left + scrollX}px`;
        tip.style.top = `${top + scrollY}px`;
    }

    function hide() {
        clearTimeout(timer);
        if (shown) tips.get(shown).hidden = true;
        shown = null;
    }

    function hideSoon() {
        clearTimeout(timer);
        timer = setTimeout(hide, PATIENCE);
    }

    // The element with a term's text: one for all links to it.
    function tipOf(term) {
        const id = `term-${term}`;
        const known = document.getElementById(id);
        if (known) return known;
        const tip = document.createElement('div');
        Object.assign(tip, { id, className: 'term', hidden: true, textContent: texts[term] });
        tip.setAttribute('role', 'tooltip');
        tip.addEventListener('pointerenter', () => clearTimeout(timer));
        tip.addEventListener('pointerleave', hideSoon);
        document.body.append(tip);
        return tip;
    }

    function prepare(link, term) {
        const tip = tipOf(term);
        tips.set(link, tip);
        link.setAttribute('aria-describedby', tip.id);
        let follows = true; // Whether a click opens the glossary.
        link.addEventListener('pointerdown', ({ pointerType }) => {
            follows = pointerType !== 'touch' || shown === link;
        });
        link.addEventListener('click', (event) => {
            if (!follows) event.preventDefault();
            show(link);
            follows = true;
        });
        link.addEventListener('pointerenter', ({ pointerType }) => pointerType !== 'touch' && show(link));
        link.addEventListener('pointerleave', ({ pointerType }) => pointerType !== 'touch' && hideSoon());
        link.addEventListener('focus', () => show(link));
        link.addEventListener('blur', hide);
    }

    for (const link of document.querySelectorAll('main a[href*="glossary.html#"]')) {
        const term = decodeURIComponent(link.hash.slice(1));
        if (term in texts) prepare(link, term);
    }

    addEventListener('keydown', ({ key }) => key === 'Escape' && hide());
    addEventListener('resize', hide);
    addEventListener('pointerdown', ({ target }) => {
        if (shown && !shown.contains(target) && !tips.get(shown).contains(target)) hide();
    });
})();
