// What is wrong with a script, and where: with the line, in which the place is marked.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const { escape, withCode } = lab.page;

    /**
     * Where the engine found an error, as an index in what the reader typed; null if that isn't known. The engine
     * got one line for each step.
     */
    function indexOf({ line, column }, typed) {
        const step = lab.script.splitWithPlaces(typed)[line - 1];
        return step ? step.from + Math.min(column - 1, step.text.length) : null;
    }

    /** An index as a line and a column, both from 1, and the line's text. */
    function placeOf(index, typed) {
        const before = typed.slice(0, index).split('\n');
        const line = before.length;
        return { line, column: [...before.at(-1)].length + 1, text: typed.split('\n')[line - 1] };
    }

    /** The error as HTML. `typed` is the text of the script. */
    function describe({ message, place }, typed) {
        const index = place && indexOf(place, typed);
        if (index === null) return withCode(message);
        const { line, column, text } = placeOf(index, typed);
        const from = [...text].slice(0, column - 1).join('').length;
        const wrong = /^[\w-]+|^./.exec(text.slice(from))?.[0] ?? ' ';
        const marked = `${escape(text.slice(0, from))}<mark>${escape(wrong)}</mark>${escape(text.slice(from + wrong.length))}`;
        return `Line ${line}, column ${column}: ${withCode(message)}<code class="lab-line">${marked}</code>`;
    }

    lab.problem = { describe, indexOf, placeOf };
})();
