// Runs the engine as WebAssembly in a worker, so that a long run doesn't stop the page. A page from a folder can
// load neither workers nor modules: the worker's source is made from functions, and the module comes as text.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});

    // The whole program of the worker, besides `runWasi`.
    function answerRuns() {
        let module;
        self.onmessage = ({ data }) => {
            if (data.module) return void (module = data.module);
            const { status, output, errors } = runWasi(module, data.args, data.input);
            self.postMessage({ status, output, errors }, [output.buffer]);
        };
    }

    let compiled;

    /** Starts a worker with the module from this base64. It is compiled only once. */
    async function startWorker(base64) {
        compiled ??= WebAssembly.compile(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
        const module = await compiled;
        const source = URL.createObjectURL(new Blob([`${runWasi}\n(${answerRuns})();`], { type: 'text/javascript' }));
        const worker = new Worker(source);
        URL.revokeObjectURL(source);
        worker.postMessage({ module });
        return worker;
    }

    lab.startWorker = startWorker;
})();
