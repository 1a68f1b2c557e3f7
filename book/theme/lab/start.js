// Starts every lab of a page, and leads to it from the page's questions and bugs.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape } = lab.page;
    const { firstTelling, split } = lab.script;

    function start(root) {
        const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
        for (const one of [data, ...data.starts ?? []]) {
            one.script = split(one.script);
            one.room = lab.run.roomOf(one.descriptors);
        }
        data.result = lab.run.joined(data.results, data.servers);
        if (root.matches('.lab-whole')) {
            data.script.forEach((step) => (step.comment = null)); // Those are for the table.
            root.lab = new lab.Lab(root, data);
            return;
        }
        root.lab = new lab.View(root, data);
        root.insertAdjacentHTML('beforeend', '<p class="lab-open"><a>Open in the lab</a>, and be the client yourself.</p>');
        root.lab.show(data.result, { step: firstTelling(data.script), call: Infinity });
        root.lab.loadSources();
    }

    // Calls `then` when an element comes near.
    function near(element, then) {
        const observer = new IntersectionObserver((entries) => {
            if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
            observer.disconnect();
            then(element);
        }, { rootMargin: '1000px' });
        observer.observe(element);
    }

    // A question before the first run of its page leads to it.
    function offerRun(question) {
        const view = document.querySelector('.lab.trace');
        if (!view || !(question.compareDocumentPosition(view) & Node.DOCUMENT_POSITION_FOLLOWING)) return;
        view.id ||= 'run';
        question.querySelector('details')?.insertAdjacentHTML('beforeend', `<p class="lab-watch"><a href="#${view.id}">Watch it in a run</a></p>`);
    }

    // Each bug of the catalogue can be run in the lab.
    function offerBug(script) {
        let heading = script;
        while (heading && !heading.matches('h2')) heading = heading.previousElementSibling;
        const link = heading && `${lab.run.toRoot()}lab.html#bug=${heading.id}`;
        if (link) script.insertAdjacentHTML('beforebegin', `<p><a href="${escape(link)}">Run it in the lab</a></p>`);
    }

    const views = [...document.querySelectorAll('.lab')];
    const MOST = 3; // The page of the whole book has dozens of views.
    for (const view of views) {
        view.classList.add('live');
        if (views.length <= MOST) start(view);
        else near(view, start);
    }
    if (views.length <= MOST) document.querySelectorAll('.predict').forEach(offerRun);
    document.querySelectorAll('.bug-script').forEach(offerBug);
})();
