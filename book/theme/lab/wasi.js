// The system calls that the lab's program makes as WebAssembly: WASI, as far as the program uses it.
//
// `runWasi` uses nothing outside itself, so that its source can be a part of a worker's:
//   new Worker(URL.createObjectURL(new Blob([`${runWasi}`, …])))

/**
 * Runs a program to its end. `module` is a WebAssembly.Module, `args` are the words of the command line, and
 * `input` is the text on standard input. Returns the exit status, what it printed to standard output as
 * bytes, and what it printed to standard error as text. If the program breaks off, the status is 134.
 */
function runWasi(module, args, input) { // eslint-disable-line no-unused-vars
    const [SUCCESS, BAD_DESCRIPTOR] = [0, 8];
    const encoder = new TextEncoder();
    const words = args.map((word) => encoder.encode(`${word}\0`));
    const printed = { 1: [], 2: [] };
    let unread = encoder.encode(input);
    let memory;

    // The memory moves when it grows, so a view is good for one call.
    const bytes = (address, length) => new Uint8Array(memory.buffer, address, length);
    const setNumber = (address, number) => new DataView(memory.buffer).setUint32(address, number, true);
    const setLong = (address, number) => new DataView(memory.buffer).setBigUint64(address, number, true);

    /** The parts of memory that a list of addresses and lengths names. */
    const parts = (list, count) => {
        const view = new DataView(memory.buffer);
        const number = (place) => view.getUint32(list + 4 * place, true);
        return Array.from({ length: count }, (_, part) => bytes(number(2 * part), number(2 * part + 1)));
    };

    const wasi = {
        args_sizes_get(countAt, sizeAt) {
            setNumber(countAt, words.length);
            setNumber(sizeAt, words.reduce((size, word) => size + word.length, 0));
            return SUCCESS;
        },
        args_get(list, text) {
            for (const [index, word] of words.entries()) {
                setNumber(list + 4 * index, text);
                bytes(text, word.length).set(word);
                text += word.length;
            }
            return SUCCESS;
        },
        environ_sizes_get(countAt, sizeAt) {
            setNumber(countAt, 0);
            setNumber(sizeAt, 0);
            return SUCCESS;
        },
        environ_get() {
            return SUCCESS;
        },
        clock_time_get(clock, precision, timeAt) {
            setLong(timeAt, BigInt(Date.now()) * 1_000_000n);
            return SUCCESS;
        },
        random_get(address, length) {
            crypto.getRandomValues(bytes(address, length));
            return SUCCESS;
        },
        /** No descriptor is a terminal or can do anything special: all zeros. */
        fd_fdstat_get(fd, statAt) {
            if (fd > 2) {
                return BAD_DESCRIPTOR;
            }
            bytes(statAt, 24).fill(0);
            return SUCCESS;
        },
        fd_read(fd, list, count, readAt) {
            if (fd !== 0) {
                return BAD_DESCRIPTOR;
            }
            let read = 0;
            for (const part of parts(list, count)) {
                const next = unread.subarray(0, part.length);
                part.set(next);
                unread = unread.subarray(next.length);
                read += next.length;
            }
            setNumber(readAt, read);
            return SUCCESS;
        },
        fd_write(fd, list, count, writtenAt) {
            if (!printed[fd]) {
                return BAD_DESCRIPTOR;
            }
            const written = parts(list, count).map((part) => part.slice());
            printed[fd].push(...written);
            setNumber(writtenAt, written.reduce((size, part) => size + part.length, 0));
            return SUCCESS;
        },
        proc_exit(status) {
            throw { status };
        },
    };

    const joined = (pieces) => {
        const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
        let end = 0;
        for (const piece of pieces) {
            whole.set(piece, end);
            end += piece.length;
        }
        return whole;
    };
    const end = (status, error = '') => {
        const errors = new TextDecoder().decode(joined(printed[2])) + error;
        return { status, output: joined(printed[1]), errors };
    };

    const program = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi }).exports;
    memory = program.memory;
    try {
        program._start();
        return end(0);
    } catch (thrown) {
        return thrown.status === undefined ? end(134, `${thrown}\n`) : end(thrown.status);
    }
}
