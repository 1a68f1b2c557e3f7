// What all parts of the lab need to write HTML.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});

    const escape = (text) => String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');

    /** A text with each “quotation” and each `name` as code. */
    const withCode = (text) => escape(text).replace(/“(.*?)”|`(.*?)`/g, (_, quoted, name) => `<code>${quoted ?? name}</code>`);

    // Changes an element's content. What had the focus is found again by its `data-key`. If it is gone, the lab gets
    // the focus, so that its keys still work.
    function keepingFocus(element, change) {
        const focused = document.activeElement;
        const hadFocus = focused !== element && element.contains(focused);
        change();
        if (!hadFocus || focused.isConnected) return;
        const same = focused.dataset.key && element.querySelector(`[data-key="${CSS.escape(focused.dataset.key)}"]`);
        (same || element.closest('.lab')).focus({ preventScroll: true });
    }

    /** Replaces the content of an element if it changes. Returns whether it has. */
    function fill(element, html) {
        if (element.written === html) return false;
        keepingFocus(element, () => (element.innerHTML = element.written = html));
        return true;
    }

    /** Replaces those items of a list that change. Returns whether any has. */
    function fillItems(list, items) {
        let isNew = list.children.length > items.length;
        keepingFocus(list, () => {
            while (list.children.length > items.length) list.lastElementChild.remove();
            items.forEach((html, index) => {
                const item = list.children[index] ?? list.appendChild(document.createElement('li'));
                isNew = fill(item, html) || isNew;
            });
        });
        return isNew;
    }

    /** A server's name with its marker, in its colour. */
    const named = ({ style, marker, name }) =>
        `<span class="style-name" data-style="${style}"><span aria-hidden="true">${marker}</span> ${escape(name)}</span>`;

    /** `a, b and c`. */
    const list = (texts) => texts.join(', ').replace(/, ([^,]*)$/, ' and $1');

    lab.page = { escape, withCode, fill, fillItems, named, list };
})();
