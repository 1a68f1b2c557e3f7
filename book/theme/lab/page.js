// What all parts of the lab need to write HTML.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});

    const escape = (text) => String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');

    /** A text with each “quotation” and each `name` as code. */
    const withCode = (text) => escape(text).replace(/“(.*?)”|`(.*?)`/g, (_, quoted, name) => `<code>${quoted ?? name}</code>`);

    /**
     * Replaces the content of an element if it changes. What had the focus is found again by its `data-key`. If it is
     * gone, the lab gets the focus, so that its keys still work. Returns whether the content has changed.
     */
    function fill(element, html) {
        if (element.written === html) return false;
        const focused = document.activeElement;
        const hadFocus = focused !== element && element.contains(focused);
        element.innerHTML = element.written = html;
        if (!hadFocus) return true;
        const same = focused.dataset.key && element.querySelector(`[data-key="${CSS.escape(focused.dataset.key)}"]`);
        (same || element.closest('.lab')).focus({ preventScroll: true });
        return true;
    }

    /** A server's name with its marker, in its colour. */
    const named = ({ style, marker, name }) =>
        `<span class="style-name" data-style="${style}"><span aria-hidden="true">${marker}</span> ${escape(name)}</span>`;

    /** `a, b and c`. */
    const list = (texts) => texts.join(', ').replace(/, ([^,]*)$/, ' and $1');

    lab.page = { escape, withCode, fill, named, list };
})();
