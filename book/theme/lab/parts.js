// The parts of the lab's page that a view of a run doesn't have, as HTML.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});

    const PARTS = `
        <section class="lab-script" aria-label="Script">
            <div class="lab-head"><label>Start from <select class="lab-starts"></select></label> <button type="button" class="lab-to-keys">Keys <kbd aria-hidden="true">?</kbd></button></div>
            <p class="lab-about"></p>
            <div class="lab-acts"></div>
            <p class="lab-problem" role="alert" hidden></p>
        </section>
        <details class="lab-setup"><summary>Conditions <small></small></summary>
            <section class="lab-conditions" aria-label="Conditions"></section>
            <section class="lab-break" aria-label="Break it" hidden></section>
        </details>`;
    const PREDICT = '<label class="lab-predicting"><input type="checkbox" role="switch"> Predict first <kbd aria-hidden="true">P</kbd></label>';
    const MORE = `
        <section class="lab-real" aria-label="On real sockets" hidden></section>
        <section class="lab-grade" aria-label="Grade your own server" hidden></section>
        <details class="lab-table"><summary>All calls of this step as a table</summary><div></div></details>
        <details class="lab-edit"><summary>The script as text</summary>
            <p>One step per line. <code>#</code> starts a comment, which is shown as the step’s name.</p>
            <textarea rows="8" spellcheck="false" aria-label="Script" aria-describedby="lab-edit-problem"></textarea>
            <p class="lab-problem" id="lab-edit-problem" role="alert" hidden></p>
        </details>
        <details class="lab-keys"><summary>Keys</summary><dl>
            <dt><kbd>←</kbd> <kbd>→</kbd></dt><dd>one call back, or on</dd>
            <dt><kbd>↑</kbd> <kbd>↓</kbd></dt><dd>one step back, or on (also with <kbd>⇧</kbd> and <kbd>←</kbd> <kbd>→</kbd>)</dd>
            <dt><kbd>Home</kbd> <kbd>End</kbd></dt><dd>the start, or the end</dd>
            <dt><kbd>T</kbd></dt><dd>type a text: <kbd>Enter</kbd> sends it as a line, <kbd>⇧</kbd> <kbd>Enter</kbd> as it is, and <kbd>Esc</kbd> leaves the field</dd>
            <dt><kbd>1</kbd> to <kbd>9</kbd></dt><dd>choose the client that acts</dd>
            <dt><kbd>N</kbd></dt><dd>another client connects</dd>
            <dt><kbd>B</kbd> <kbd>R</kbd> <kbd>H</kbd> <kbd>X</kbd></dt><dd>send a block, stop reading or read again, half-close, reset</dd>
            <dt><kbd>W</kbd> <kbd>Q</kbd></dt><dd>wait for a second, stop the servers</dd>
            <dt><kbd>Z</kbd></dt><dd>undo</dd>
            <dt><kbd>P</kbd></dt><dd>predict first</dd></dl></details>
        <p class="lab-share"><button type="button">Copy link</button> <a href="#"></a></p>
        <p class="lab-share"><button type="button">Copy command</button> <code></code></p>`;

    lab.parts = { PARTS, PREDICT, MORE };
})();
